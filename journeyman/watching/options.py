"""What a user may say of the watch over a model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from journeyman.drift.detectors.base import DETECTORS

Act = Literal["learn", "ask", "tell"]

ACTING = tuple(name for name in DETECTORS if DETECTORS[name].acts)


class WatchOptions(BaseModel):
    """Which detectors watch, and what an alarm leads to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detectors: tuple[str, ...] = Field(
        ACTING,
        min_length=1,
        description="Detectors whose alarms count: input-shift, answer-shift, confidence-shift and "
        "label-shift; and, to be compared with, adwin, page-hinkley, kswin and dummy.",
    )
    act: Act = Field(
        "learn",
        description="What an alarm leads to: labels are asked for and learned (`learn`), only "
        "asked for (`ask`), or it is only told (`tell`).",
    )
    ask: int = Field(
        200, ge=1, le=5_000, description="Rows that labels are asked for after an alarm."
    )
    confirm: int = Field(
        200,
        ge=1,
        description="Labelled rows on which a new version is compared with the one before, once it "
        "serves; it is rolled back where it is worse by more than chance.",
    )

    @field_validator("detectors")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            DETECTORS[name]
        return tuple(dict.fromkeys(names))
