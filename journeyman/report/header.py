"""What the first screen of the report says, and what is needed to run the recipe again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from journeyman.section import Chart, Figure

VERBS = ("collect", "pretrain", "finetune", "transfer", "adapt", "reason", "explain")
"""The seven steps, in the order of the journey."""


class ReportHeader(BaseModel):
    """The head of a report: how good, compared with what, what was wrong, the cost, what next.

    `headline` holds the main figure first. `findings` are sentences on what was wrong with the
    data, `cost` figures of time and size, `saved` the sentence on seconds saved by the cache,
    `advice` what to do next. `steps` are the verbs that ran. Empty parts are not drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    task: str
    backbone: str
    summary: str = ""
    headline: tuple[Figure, ...] = ()
    baselines: Chart | None = None
    findings: tuple[str, ...] = ()
    cost: tuple[Figure, ...] = ()
    saved: str = ""
    advice: tuple[str, ...] = ()
    versions: Mapping[str, str] = Field(default_factory=dict)
    seed: int | None = None
    threads: int | None = None
    recipe: str = ""
    steps: tuple[str, ...] = ()

    def model_post_init(self, context: Any, /) -> None:
        """Order the versions by name, so that the same input gives the same page."""
        object.__setattr__(self, "versions", dict(sorted(self.versions.items())))
