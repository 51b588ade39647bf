"""What a recipe may say of questions that lack a part."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, lt=1)]


class MissingOptions(BaseModel):
    """What a recipe may say of questions that lack a part (recipe field `finetune.missing`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: Share = Field(
        0.0,
        description="Share of the words that questions are expected to lack.",
        examples=[0.3],
    )
    fields: Share = Field(
        0.0,
        description="Share of questions expected to lack one of the two texts of a pair.",
        examples=[0.2],
    )
    copies: int = Field(
        2, ge=1, le=16, description="Views with parts left out of each training row."
    )

    @model_validator(mode="after")
    def _something(self) -> MissingOptions:
        if not self.words and not self.fields:
            raise ValueError("say what share of `words` or of `fields` is expected to be missing")
        return self
