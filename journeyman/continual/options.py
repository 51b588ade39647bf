"""What a user may say of updates: how much of old skill must stay, and what is examined."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class UpdateOptions(BaseModel):
    """How a model takes in rows, and by what an update is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    retain: float | None = Field(
        0.99,
        gt=0,
        le=1,
        description="Share of its metric that each old slice of the exam must keep; an update that "
        "keeps less, by more than chance would, is refused. null: nothing is refused.",
    )
    strict: bool = Field(
        False,
        description="Whether an update is refused for a loss that may be chance too: of few exam "
        "rows one row more that is missed.",
    )
    exam: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of new rows that are not learned but examine this update and later "
        "ones; which ones follows from their ids alone.",
    )
    new_classes: bool = Field(
        True, description="Whether labels the model does not know become classes of it."
    )
    least: int = Field(
        20,
        ge=1,
        description="Exam rows of a slice from which it can refuse an update on its own.",
    )
