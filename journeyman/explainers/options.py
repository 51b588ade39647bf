"""What a recipe may say of explanations."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExplainOptions(BaseModel):
    """Options of the explain step (recipe field `explain`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str | None = Field(
        None,
        description="How words of a text or cells of a picture are weighed: an explainer by name; "
        "integrated-gradients of texts and occlusion of pictures when absent.",
        examples=["occlusion"],
    )
    samples: int = Field(
        24, ge=0, le=10_000, description="Test rows explained, spread over classes and errors."
    )
    steps: int = Field(
        50, ge=1, le=1000, description="Points on the way from the baseline to the text."
    )
