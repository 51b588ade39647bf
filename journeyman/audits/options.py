"""What a recipe may say of a label audit (recipe field `audit`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from journeyman.registry import switch


class AuditOptions(BaseModel):
    """How labels are audited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folds: int = Field(5, ge=3, le=20, description="Parts of the rows that are answered in turn.")
    threshold: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="A label is suspect from this score on: of one label a row, the estimated "
        "probability that it is wrong.",
    )
    neighbours: int = Field(
        3, ge=0, le=20, description="Nearest rows that are shown beside a row in trouble."
    )
    limit: int | None = Field(
        None,
        ge=10,
        description="Audit a seeded sample of at most so many rows; all of them when absent.",
    )


AuditChoice = Annotated[AuditOptions | None, switch(AuditOptions)]
