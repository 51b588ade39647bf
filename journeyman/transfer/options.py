"""What a recipe says of transfer: the new data, the models to start from, and what is learned."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from journeyman.data.options import DataOptions


class CurveOptions(BaseModel):
    """The learning curve with and without the warm start (recipe field `transfer.curve`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    draws: int = Field(
        5, ge=0, le=100, description="Draws of labelled rows at each size; 0 draws no curve."
    )
    smallest: int = Field(
        8, ge=2, description="Labelled rows of the first point; each next one has twice as many."
    )
    largest: int | None = Field(
        None, ge=2, description="Labelled rows of the last point; all there are when absent."
    )
    tuned: bool = Field(
        False,
        description="Also tune the layers at each point, from the pretrained weights and from the "
        "source's, as `finetune` says: many times slower.",
    )


class DistilOptions(BaseModel):
    """A student that learns from a teacher's answers (recipe field `transfer.distil`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: str | None = Field(
        None,
        min_length=1,
        description="A model folder or run folder; the model of this run when absent.",
        examples=["runs/large"],
    )
    into: str | None = Field(
        None,
        min_length=1,
        description="Backbone of the student: a catalogue name, a hub id or a folder; the "
        "recipe's backbone when absent.",
        examples=["minilm-l6"],
    )
    temperature: float = Field(
        2.0,
        gt=0,
        le=100,
        description="What the teacher's logits are divided by: the higher, the more its second "
        "choices show.",
    )
    weight: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Share of the teacher in the target of a labelled row; the rest is its label.",
    )
    unlabelled: str | None = Field(
        None,
        min_length=1,
        description="More rows for the teacher to answer, without labels: a file with the same "
        "text column.",
        examples=["unlabelled.csv"],
    )


class TransferOptions(BaseModel):
    """Learning new data from models already made (recipe field `transfer`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: DataOptions | None = Field(
        None,
        description="The new data, written like `data`; the recipe's own when absent.",
        examples=[{"dataset": "snippets", "where": {"domain": "amazon"}}],
    )
    labels: int | None = Field(
        None,
        ge=4,
        description="How many labelled rows of the new data the model may learn from, those that "
        "it chooses by included: a seeded sample with every class in it. All when absent.",
        examples=[64],
    )
    candidates: tuple[str, ...] = Field(
        (),
        description="Models that may be the best start: model folders or run folders. The plain "
        "backbone always is one, and this run's model where `transfer.data` is given.",
        examples=[["runs/tweets", "runs/reviews"]],
    )
    start: Literal["auto", "plain", "model"] = Field(
        "auto",
        description="`auto` starts from the first of the ranking, `model` from its first model, "
        "`plain` from the pretrained backbone.",
    )
    tune: Literal["auto", "head", "layers"] = Field(
        "auto",
        description="`head` solves the head alone on the layers as they are, `layers` goes on "
        "tuning them as `finetune` says; `auto` tries both from 500 labelled rows on.",
    )
    curve: CurveOptions = Field(
        default_factory=lambda: CurveOptions(draws=5, smallest=8, tuned=False),
        description="The learning curve with and without the warm start.",
        examples=[{"draws": 5}],
    )
    distil: DistilOptions | None = Field(
        None,
        description="Learn from a teacher's answers instead of a warm start.",
        examples=[{"teacher": "runs/large", "into": "minilm-l6"}],
    )

    @model_validator(mode="after")
    def _one_way(self) -> TransferOptions:
        if self.distil is not None and (self.candidates or self.start != "auto"):
            raise ValueError("`distil` starts from no model: give it, or `candidates` and `start`")
        if self.distil is None and self.data is None and not self.candidates:
            raise ValueError("give `data`, `candidates` or `distil`: what to learn, and from what")
        if self.distil is not None and not (
            self.distil.teacher or self.distil.into or self.data is not None
        ):
            raise ValueError("give `distil` a `teacher` or `into`: else nothing would change")
        return self
