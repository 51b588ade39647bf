"""What a recipe may say of pretraining: which text, which method, and how it trains."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from journeyman.backbones.precision import Precision
from journeyman.pretraining.methods.base import METHODS
from journeyman.registry import choice
from journeyman.training.options import LoopOptions

MethodChoice = choice(METHODS)


class PretrainLoop(LoopOptions):
    """Options of the loop where it pretrains."""

    field = "pretrain"


class PretrainOptions(BaseModel):
    """Options of pretraining (recipe field `pretrain`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: MethodChoice = Field(  # type: ignore[valid-type]
        description="What the backbone is to foretell from text: `mlm` hidden tokens, `contrast` "
        "which of two views made by dropout belong together; a name, or a name and its options.",
        examples=["mlm", {"name": "contrast", "temperature": 0.05}],
    )
    data: tuple[str, ...] = Field(
        default=(),
        description="Files of text without labels: a .txt file with a text a line, or CSV, TSV, "
        "JSON Lines or Parquet with the text column; the texts of the training rows when absent.",
        examples=[["forum.txt", "tickets.jsonl"]],
    )
    text: str | tuple[str, ...] | None = Field(
        default=None,
        description="Column of those files that holds the text; the column of `data.text` when "
        "absent.",
        examples=["message"],
    )
    limit: int | None = Field(
        default=None,
        ge=10,
        description="Use a seeded sample of at most this many texts.",
        examples=[20_000],
    )
    held_out: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Share of the texts that are kept back to choose the epoch by.",
    )
    cut: int | Literal["auto"] = Field(
        default="auto",
        description="Layers below stay as they are; 0 trains the whole backbone, embeddings too. A "
        "third of the depth when `auto`.",
    )
    epochs: int = Field(default=1, ge=1, le=10_000, description="Passes over the texts.")
    batch_size: int = Field(
        default=32, ge=2, description="Texts of one step; of `contrast`, those told apart."
    )
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        description="Peak rate of the layers; the method's own when absent.",
        examples=[5e-5],
    )
    head_learning_rate: float = Field(
        default=5e-4, gt=0, description="Peak rate of the head that foretells hidden tokens."
    )
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's weight decay.")
    warmup: float = Field(
        default=0.06, ge=0, le=1, description="Share of the steps the rate rises over."
    )
    precision: Precision = Field(
        default="auto", description="Arithmetic of training, as in `finetune`."
    )
    interpolation: Annotated[float, Field(gt=0, le=1)] | Literal["auto"] = Field(
        default="auto",
        description="How far the weights go, in a straight line, from what they were to what "
        "pretraining made of them: 1 is all of the way. `auto` measures a tenth, a quarter, half "
        "and all of it on the validation rows, and stays where it was if none helps.",
    )

    @field_validator("data", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @property
    def method_name(self) -> str:
        """The method by name."""
        return str(getattr(self.method, "name", ""))

    def loop(self) -> LoopOptions:
        """The same as options of the one training loop; every epoch is trained."""
        return PretrainLoop(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate or METHODS[self.method_name].learning_rate,
            head_learning_rate=self.head_learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            precision=self.precision,
            patience=0,
        )
