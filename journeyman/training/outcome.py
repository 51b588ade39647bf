"""What came of one trial of a search: the values tried, and the score they reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Outcome:
    """Trial `number` (0 is the recipe as it stands) with `values` by field.

    `score` is on validation rows, None where the trial failed; of a pruned one it is that of the
    epoch it was given up at. `history` is (epoch, score). `rows_computed` of the `rows_asked` of
    the feature cache went through frozen layers.
    """

    number: int
    values: Mapping[str, Any]
    state: Literal["complete", "pruned", "failed"]
    score: float | None = None
    history: tuple[tuple[int, float], ...] = ()
    why: str = ""
    seconds: float = 0.0
    rows_asked: int = 0
    rows_computed: int = 0


@dataclass(frozen=True)
class Searched:
    """A finished search: every outcome by number, the best, and what mattered.

    `importance` is each field's share of what scores varied by; `clock` says what time decided,
    `exhausted` whether every setting of its space was tried.
    """

    outcomes: tuple[Outcome, ...]
    best: Outcome
    metric: str
    importance: Mapping[str, float] = field(default_factory=dict)
    clock: str = ""
    seconds: float = 0.0
    resumed: int = 0
    exhausted: bool = False
