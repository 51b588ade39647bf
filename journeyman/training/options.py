"""What a recipe may say of fine-tuning: tuner, head, cut, and how the loop trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from journeyman.backbones.precision import Precision
from journeyman.heads.base import HEADS
from journeyman.registry import choice
from journeyman.training.augmentations.base import AugmentOptions
from journeyman.training.balance import BalanceChoice
from journeyman.training.duration import Duration
from journeyman.training.label_cleaning import LabelCleaningChoice
from journeyman.training.missing_options import MissingOptions
from journeyman.training.objectives.base import OBJECTIVES
from journeyman.training.pseudo_labels import SelfTrainingChoice
from journeyman.training.scope_options import ScopeChoice
from journeyman.tuners.base import TUNERS

TunerChoice = choice(TUNERS)
HeadChoice = choice(HEADS)
ObjectiveChoice: TypeAlias = Any
if not TYPE_CHECKING:
    ObjectiveChoice = choice(OBJECTIVES)


class LoopOptions(BaseModel):
    """Options of the one training loop."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    field: ClassVar[str] = "finetune"
    """The recipe's field that they come from."""

    epochs: int = Field(4, ge=1, le=10_000, description="Passes over the training rows at most.")
    batch_size: int = Field(32, ge=1, description="Rows that are computed at once.")
    accumulate: int = Field(
        1,
        ge=1,
        description="Batches whose gradients make one step: as one batch of so many times the "
        "rows, in the memory of one.",
    )
    processes: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes of this machine that share the rows of each step; the result is "
        "that of one, but for rounding and for what dropout draws.",
    )
    learning_rate: float | None = Field(
        None, gt=0, description="Peak rate of the tuned layers; the tuner's own when absent."
    )
    head_learning_rate: float = Field(2e-3, gt=0, description="Peak rate of the head.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay.")
    warmup: float = Field(0.06, ge=0, le=1, description="Share of the steps the rate rises over.")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="How the rate falls after warm-up."
    )
    clip: float | None = Field(1.0, gt=0, description="Largest norm of a step's gradient.")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="Dropout in the tuned layers; the backbone's own when absent."
    )
    patience: int = Field(
        2, ge=0, description="Epochs without a better validation score before stopping; 0: never."
    )
    class_weights: bool = Field(
        False, description="Weigh classes so that rare ones count as much as common ones."
    )
    balance: BalanceChoice | None = Field(
        None,
        description="Raises rare classes of whole texts in what is learned, also by solved heads: "
        "a power from 0 to 1, or that and the column within which classes are balanced.",
    )
    objective: ObjectiveChoice | None = Field(
        None,
        description="What the layers are trained for: the `labels`, or `contrast` between rows of "
        "one class and others, after which a head that is solved follows. A name, or a name and "
        "its options; the labels when absent.",
    )
    augment: AugmentOptions | None = Field(
        None,
        description="Changed copies of training rows for what is trained by gradient; a solved "
        "head learns from the rows themselves. None when absent.",
    )
    precision: Precision = Field(
        "auto",
        description="Arithmetic of the tuned layers during training; `auto` is bfloat16 where the "
        "processor multiplies it natively, else float32. For answers they are always float32.",
    )

    @property
    def balanced_within(self) -> str | None:
        """The column that rows must have beside text and label; None where none is asked for."""
        return None if self.balance is None else self.balance.within


class FinetuneOptions(LoopOptions):
    """Options of fine-tuning (recipe field `finetune`)."""

    tuner: TunerChoice | Literal["auto"] | None = Field(  # type: ignore[valid-type]
        None,
        description="How the layers above the cut bend: a name, or a name and its options; "
        "what suits the task when absent (`none` for whole texts). `auto` tries more and more "
        "tuning as long as it pays on validation rows.",
    )
    budget: Duration | None = Field(
        None,
        description="Time that `tuner: auto` may take for training, such as `5m`; none when "
        "absent, and then the same recipe gives the same bytes.",
    )
    head: HeadChoice | None = Field(  # type: ignore[valid-type]
        None,
        description="The last layer: a name, or a name and its options; what suits the task when "
        "absent (`ridge` for whole texts).",
    )
    cut: int | Literal["auto"] = Field(
        "auto",
        description="Layers below are frozen and computed once. 0 freezes nothing; the depth of "
        "the backbone freezes all.",
    )
    metric: str | None = Field(
        None, description="What choices are made by; the task's own when absent."
    )
    target_accuracy: float | None = Field(
        None,
        gt=0,
        le=1,
        description="The model abstains where, by validation, it would be right less often.",
    )
    scope: ScopeChoice = Field(
        None,
        description="Say where a question is of none of the classes: true, or how. Nothing is "
        "called out of scope when absent.",
        examples=[{"recall": 0.99}],
    )
    folds: Literal["auto"] | Annotated[int, Field(ge=0, le=20)] = Field(
        "auto",
        description="Choices are made by answers to all labelled rows, each by a model that has "
        "not seen it, in so many turns, in place of validation rows; 0: never. `auto` does so for "
        "`tuner: auto` where a label has fewer than 64 rows on average.",
    )
    self_training: SelfTrainingChoice = Field(
        None,
        description="Learn from rows without labels too (training rows that lack one, and those "
        "of `data.unlabelled`), by the model's own answers "
        "where held-out answers as confident are right often enough: true, or how. When absent, "
        "`tuner: auto` tries it where there are such rows; false: never.",
    )
    missing: MissingOptions | None = Field(
        None,
        description="What questions are expected to lack. Training rows are then learned from with "
        "such parts left out too, where held-out rows that lack them are answered better by it.",
        examples=[{"words": 0.3}, {"fields": 0.2}],
    )
    label_cleaning: LabelCleaningChoice = Field(
        False,
        description="Doubt the labels of training and validation rows by held-out answers to them, "
        "and learn without those that are likely wrong, unless held-out rows lose by it: true, or "
        "how.",
    )
    refit: bool = Field(
        True,
        description="Add the validation rows to a solved head once everything is chosen on them.",
    )
