"""What a recipe may say of questions that are of none of the model's classes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from journeyman.evaluation.scope import ScopeMethod
from journeyman.registry import switch


class ScopeOptions(BaseModel):
    """What a recipe may say of what is out of scope (recipe field `finetune.scope`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: ScopeMethod = Field(
        "auto",
        description="What a row's score is made of: `output`, how far its largest output is below "
        "what rows of that class usually get; `auto`, that and how like the row is to the nearest "
        "row learned from, where the head keeps rows; `probability`, its best label's alone.",
    )
    recall: float = Field(
        0.95,
        ge=0.5,
        lt=1,
        description="Share of the rows of known classes that should still be answered.",
    )


ScopeChoice = Annotated[ScopeOptions | None, switch(ScopeOptions)]
