"""The recipe as one validated object: what every field is, may be, and is when left out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from journeyman.audits.options import AuditChoice
from journeyman.backbones.precision import Precision
from journeyman.continual.adapt_options import AdaptOptions
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.explainers.options import ExplainOptions
from journeyman.pretraining.options import PretrainOptions
from journeyman.recipe.search import SearchOptions
from journeyman.tasks.base import TASKS
from journeyman.training.options import FinetuneOptions
from journeyman.training.trackers import TrackerName
from journeyman.transfer.options import TransferOptions

NAME = r"^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$"
"""Names of folders on any system; letters of any script."""

TaskName: Any = Literal[tuple(TASKS)]

Edge = Annotated[int, Field(ge=16, le=2048)]

USUAL_BACKBONE = {"text": "minilm-l6", "image": "efficientnet-lite0"}
"""The backbone of recipes that name none: the smallest of the catalogue for what is read."""


class BackboneOptions(BaseModel):
    """The pretrained network that is tuned: its name, or its name and options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        default=USUAL_BACKBONE["text"],
        min_length=1,
        description="A name of the catalogue (`journeyman backbones`), a hub id such as "
        "`owner/name` or `owner/name@revision`, or a folder with config.json and safetensors. "
        "`efficientnet-lite0` where pictures are read and no backbone is named.",
        examples=["minilm-l6", "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"],
    )
    image_size: Edge | tuple[Edge, Edge] | None = Field(
        default=None,
        description="Pixels along each side of a picture as the network sees it, or its height "
        "and its width; what it was pretrained on when absent, but 320 where boxes are looked for "
        "by a network that was not made for it. Fewer are faster.",
        examples=[160, [320, 416]],
    )
    resize: Literal["exact", "crop", "letterbox"] | None = Field(
        default=None,
        description="How a picture becomes a square: stretched whole (`exact`), the middle of it "
        "(`crop`), or whole in its own shape with a margin (`letterbox`); as the network was "
        "pretrained when absent, but `letterbox` where boxes are looked for by a network that was "
        "not made for it.",
        examples=["exact"],
    )
    max_tokens: int | None = Field(
        default=None,
        ge=8,
        le=8192,
        description="Tokens of a text that are read, the rest is cut off; the network's own "
        "limit when absent.",
        examples=[128],
    )
    pattern: str | None = Field(
        default=None,
        min_length=1,
        description="A sentence that each text is read within: `{text}` once, and `[MASK]` where a "
        "word is hidden, whose vector then stands for the text. The text alone, and the mean of "
        "its tokens, when absent.",
        examples=["{text} It was [MASK]."],
    )
    precision: Precision = Field(
        default="float32",
        description="Arithmetic of the frozen layers. `bfloat16` halves their time on processors "
        "that multiply it natively, and moves their output by about 1 %; `auto` is bfloat16 there, "
        "else float32.",
    )

    cells: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Cells along each side of a picture: a layer's vector has the mean of each of "
        "them, where 1 is the mean of the whole. For pictures that are aligned, such as faces; "
        "vectors are as many times longer.",
        examples=[4],
    )
    mirror: bool = Field(
        default=False,
        description="Whether the vectors of a picture are averaged with those of its mirror image, "
        "wherever it is seen. Takes twice the time, and every layer frozen.",
    )

    def options(self) -> dict[str, Any]:
        """What a backbone is loaded with."""
        own = {"pattern", "precision", "image_size", "resize", "cells", "mirror"}
        said = self.model_dump(mode="json", include=own, exclude_defaults=True)
        return {"max_tokens": self.max_tokens, **said}


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


BackboneChoice = Annotated[
    BackboneOptions, BeforeValidator(_named, json_schema_input_type=str | BackboneOptions)
]


class Recipe(BaseModel):
    """A whole run: the data, the pretrained backbone, the task, and options of each step."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Journeyman recipe")

    name: str = Field(
        default_factory=lambda: "journey",
        pattern=NAME,
        max_length=100,
        description="What the run is called; the name of the recipe's file when absent. Letters, "
        "digits, `_`, `-` and `.`.",
        examples=["bank-intents"],
    )
    task: TaskName | None = Field(
        default=None,
        description="What is learned; seen from the data when absent.",
        examples=["text-classification"],
    )
    backbone: BackboneChoice = Field(
        default_factory=BackboneOptions,
        description="The pretrained network: a catalogue name, a hub id or a folder; or an object "
        "with `name` and `max_tokens`.",
        examples=["minilm-l6", {"name": "minilm-l6", "max_tokens": 128}],
    )
    data: DataOptions = Field(
        description="Where the rows are and which columns mean what. Relative paths are looked "
        "for in the folder of the recipe first, then in the current folder.",
        examples=[{"train": "train.csv", "test": "test.csv", "text": "text", "label": "category"}],
    )
    collect: CollectOptions = Field(
        default_factory=CollectOptions, description="How rows are checked and split."
    )
    pretrain: PretrainOptions | None = Field(
        default=None,
        description="Pretrain the backbone further on text without labels; it is used as others "
        "left it when absent.",
        examples=[{"method": "mlm", "data": ["forum.txt"], "epochs": 2}],
    )
    audit: AuditChoice = Field(
        default=None,
        description="Look for labels that may be wrong among the rows learned and chosen by, and "
        "show them in the report; nothing is changed by it: true, or how. No audit when absent.",
        examples=[True],
    )
    finetune: FinetuneOptions = Field(
        default_factory=FinetuneOptions,
        description="What is trained above the frozen layers, and how.",
        examples=[{"tuner": "lora", "cut": 4, "head": "ridge", "epochs": 8}],
    )
    search: SearchOptions | None = Field(
        default=None,
        description="Try settings of this recipe's fields and go on with the best on validation "
        "rows; nothing is searched when absent.",
        examples=[{"trials": 30}],
    )
    transfer: TransferOptions | None = Field(
        default=None,
        description="Learn new data from models already made, or teach a smaller backbone; "
        "neither when absent.",
        examples=[{"data": {"train": "shop.csv"}, "labels": 64}],
    )
    adapt: AdaptOptions | None = Field(
        default=None,
        description="Teach the model rows that arrive after it was made, without forgetting, and "
        "forget rows on request; neither when absent.",
        examples=[{"retain": 0.99, "arrivals": [{"name": "may", "train": "may.csv"}]}],
    )
    explain: ExplainOptions = Field(
        default_factory=ExplainOptions,
        description="Which rows are explained, and how.",
        examples=[{"samples": 50}],
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=2**32 - 1,
        description="What every random choice starts from; the same seed gives the same model.",
    )
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)] = Field(
        default="auto",
        description="Processor threads; when `auto` one for each core that the process or its "
        "container may use, and at most OMP_NUM_THREADS. Results are the same byte for byte only "
        "with the same number.",
    )
    output: str | None = Field(
        default=None,
        min_length=1,
        description="Folder of the run; `runs/NAME` in the current folder when absent.",
        examples=["runs/bank-intents"],
    )
    trackers: tuple[TrackerName, ...] = Field(
        default=("tensorboard",), description="Where the curves of training are kept; [] for none."
    )

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return Path(self.output or f"runs/{self.name}").expanduser()
