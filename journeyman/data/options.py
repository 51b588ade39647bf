"""What a recipe says about its data: where the rows are, and how they are checked and split."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


Values = Annotated[
    tuple[Annotated[str | int, Field(union_mode="left_to_right")], ...],
    BeforeValidator(_listed, json_schema_input_type=str | int | list[str | int]),
    Field(min_length=1),
]
Files = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
Where = Annotated[dict[str, Values], Field(min_length=1)]

_OTHER_TARGETS = (
    "text", "tokens", "tags", "label", "soft_label", "label_separator", "label_names", "ratings",
)  # fmt: skip
"""What no row with boxes has."""

ROLES = ("train", "validation", "exam", "test")
"""The four splits, in the order they are read and reported."""


class DataOptions(BaseModel):
    """Where the rows are and which columns mean what (recipe field `data`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: str | None = Field(
        default=None,
        description="Training rows: a CSV, TSV, JSON Lines, Parquet or CoNLL file (text formats "
        "also gzipped), the folder of a saved `datasets` dataset (`FOLDER#split`), a folder with "
        "a subfolder of pictures for each class, boxes in pictures (the JSON file of COCO, or the "
        "folder of a VOC or YOLO dataset, `FOLDER#split`), or a hub dataset "
        "(`hub:owner/name#split`; a part of it and a commit as in "
        "`hub:owner/name:config@commit#split`). Either this or "
        "`dataset`.",
    )
    validation: str | None = Field(
        default=None,
        description="Rows that choose between settings; taken from the training rows when absent.",
    )
    exam: str | None = Field(
        default=None,
        description="Rows every later update of the model is examined on; taken from the training "
        "rows when absent.",
    )
    test: str | None = Field(
        default=None,
        description="Rows the final figures are measured on, which choose nothing; taken from the "
        "training rows when absent.",
    )
    extra: Files = Field(
        default=(),
        description="Rows that are only learned from: files like `train`, or datasets of the "
        "catalogue by name (`./NAME` for a file called like one), of which the training split is "
        "read. With the columns of the other rows; slices and `group` may be missing. They join "
        "the training rows after the split, are never judged by, and `where` does not choose "
        "among them.",
        examples=["lexicon.csv", ["vader-words", "more.jsonl"]],
    )
    unlabelled: Files = Field(
        default=(),
        description="Files of more rows without labels, for `finetune.self_training`: a .txt file "
        "with a text or the path of a picture a line, a folder of pictures, or CSV, TSV, JSON "
        "Lines or Parquet with the column that the task reads.",
        examples=["more.txt", ["forum.csv", "tickets.jsonl"]],
    )
    dataset: str | None = Field(
        default=None, description="A dataset of the catalogue by name. Either this or `train`."
    )
    format: str | None = Field(
        default=None,
        description="csv, jsonl, parquet, conll, saved, picture-folder, coco, voc, yolo, "
        "label-studio or hub; "
        "recognised from name and content when absent.",
    )
    text: str | tuple[str, ...] | None = Field(
        default=None,
        description="Column that holds the text, or a list of two for a pair; guessed when absent.",
    )
    image: str | None = Field(
        default=None,
        description="Column that holds the path of an image file, relative to the file that names "
        "it, or absolute; guessed when absent. In place of `text`.",
    )
    label: str | None = Field(
        default=None,
        description="Column that holds the label or the number to predict; guessed if absent.",
    )
    soft_label: str | None = Field(
        default=None,
        description="Column that holds a weight for each label, as an object or as JSON text: "
        '{"positive": 0.7, "neutral": 0.3}. Without `label`, the label that weighs most is the '
        "row's own.",
    )
    ratings: str | None = Field(
        None,
        description="Column that holds the list of individual raters' numbers: one rater drawn at "
        "random is then measured beside the model.",
    )
    rating_labels: tuple[str, str, str] | None = Field(
        None, description="Labels of low, middle and high ratings."
    )
    rating_thresholds: tuple[float, float] = Field(
        (-0.5, 0.5),
        description="A mean rating at or below the first is low, at or above the second high.",
    )
    label_names: bool | dict[str, str] | None = Field(
        default=None,
        description="What labels mean, learned from as one more row of each: true for the labels "
        "as they are spelled (`card_arrival` as `card arrival`), or a description of some or all.",
        examples=[{"card_arrival": "When will my new card arrive?"}],
    )
    label_template: str = Field(
        default="{}",
        pattern=r"^[^{}]*\{\}[^{}]*$",
        description="How a label's description is put to the backbone; `{}` is where it stands.",
    )
    label_separator: str | None = Field(
        default=None,
        min_length=1,
        description="What separates several labels in one cell, such as `|`; makes the task "
        "multi-label. A cell that holds a list needs none.",
    )
    tokens: str | None = Field(
        default=None, description="Column that holds a list of tokens (token classification)."
    )
    tags: str | None = Field(
        default=None,
        description="Column that holds one BIO tag for each token (token classification).",
    )
    boxes: str | None = Field(
        default=None,
        description="Column that holds the boxes in a picture, as a list or its JSON text: "
        '[{"box": [x, y, width, height], "label": "cat"}], in pixels after EXIF '
        "rotation. With `image`. The formats coco, voc and yolo make both; guessed when absent.",
    )
    group: str | None = Field(
        default=None,
        description="Column whose rows stay together: no group is in two splits (the sentences of "
        "one review, the messages of one customer).",
    )
    corrections: str | None = Field(
        default=None,
        description="A CSV file with the columns `id` and `correct`: labels that people corrected, "
        "such as the `suspects.csv` of an audit; they stand in place of those in the data.",
        examples=["suspects.csv"],
    )
    id: str | None = Field(
        default=None,
        description="Column that identifies a row; a hash of the row's inputs when absent.",
    )
    slices: tuple[str, ...] = Field(
        default=(), description="Columns whose values are reported on separately, such as a domain."
    )
    delimiter: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="What separates the cells of a CSV file; detected when absent.",
    )
    header: bool | None = Field(
        default=None,
        description="Whether the first line of a CSV file names its columns; detected when absent. "
        "Columns without a name are called column_1, column_2 and so on.",
    )
    encoding: str | None = Field(
        default=None,
        description="Encoding of text files, such as utf-8 or gb18030; detected when absent.",
    )
    where: Where | None = Field(
        default=None,
        description="Rows that are read: a column and the value, or list of values, it must hold; "
        "of several columns, each must. Values are compared as text. All rows when absent.",
        examples=[{"domain": ["tweets", "movie"]}],
    )
    limit: int | None = Field(
        default=None,
        ge=10,
        description="Use a seeded sample of at most this many rows of each file.",
    )

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that say what is to be learned, which an id never depends on."""
        named = (self.label, self.soft_label, self.tags, self.boxes, self.ratings)
        return tuple(name for name in named if name is not None)

    @property
    def texts(self) -> tuple[str, ...]:
        """The input columns: one for a text or a picture, two for a pair, none when unknown."""
        if self.image is not None:
            return (self.image,)
        if self.text is None:
            return ()
        return (self.text,) if isinstance(self.text, str) else self.text

    @property
    def noun(self) -> str:
        """What the input of a row is called."""
        return "text" if self.image is None else "picture"

    @property
    def is_tagged(self) -> bool:
        """Whether rows are tokens with one tag each."""
        return self.tags is not None

    @model_validator(mode="after")
    def _consistent(self) -> DataOptions:
        if self.dataset and self.train:
            raise ValueError("give either `train` or `dataset`, not both")
        if not self.dataset and not self.train:
            raise ValueError("give `train` (a file) or `dataset` (a name of the catalogue)")
        if isinstance(self.text, tuple) and not 1 <= len(self.text) <= 2:
            raise ValueError("`text` takes one column, or two for a pair")
        if len(set(self.texts)) < len(self.texts):
            raise ValueError("`text` names the same column twice")
        for name in ("text", "tokens", "tags"):
            if self.image is not None and getattr(self, name) is not None:
                raise ValueError(f"give either `image` or `{name}`: a row is a picture or a text")
        self._check_boxes()
        if self.corrections and (self.tags or self.boxes or self.rating_labels):
            raise ValueError("`corrections` are of labels or numbers, in the column `label`")
        for name in ("label", "soft_label", "tags", "boxes"):
            column = getattr(self, name)
            if column is not None and column in self.texts:
                field = "text" if self.image is None else "image"
                raise ValueError(f"`{name}` and `{field}` name the same column {column!r}")
        if self.tokens and self.tokens == self.tags:
            raise ValueError(f"`tokens` and `tags` name the same column {self.tags!r}")
        return self

    def _check_boxes(self) -> None:
        """Boxes stand in a picture, and are all that is learned of it."""
        if self.boxes is None:
            return
        for name in _OTHER_TARGETS:
            if getattr(self, name) not in (None, False):
                raise ValueError(f"give either `boxes` or `{name}`: a row has one kind of target")
        if self.image is None:
            raise ValueError("`boxes` needs `image`, the column of the picture they stand in")


class Fractions(BaseModel):
    """The share of the training rows each split gets when it has no file of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    validation: float = Field(
        default=0.1, ge=0, lt=1, description="Share that chooses between settings."
    )
    exam: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share that examines later updates; 0 of pictures with boxes if absent.",
    )
    test: float = Field(
        default=0.2, ge=0, lt=1, description="Share the final figures are measured on."
    )

    @model_validator(mode="after")
    def _leave_training_rows(self) -> Fractions:
        total = self.validation + self.exam + self.test
        if total > 0.9:
            raise ValueError(f"the fractions leave fewer than a tenth to train on (sum {total:g})")
        return self


class CollectOptions(BaseModel):
    """How rows are checked and split (recipe field `collect`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fractions: Fractions = Field(
        default_factory=Fractions,
        description="Share of the training rows for each split that has no file of its own.",
    )
    stratify: tuple[str, ...] | None = Field(
        default=None,
        description="Columns each split has the same mix of, besides the label; `data.slices` when "
        "absent, [] for the label alone.",
    )
    duplicates: Literal["remove", "keep"] = Field(
        default="remove",
        description="What happens to training rows with the same text (or picture, byte for byte) "
        "and the same label as an earlier one.",
    )
    overlap: Literal["remove", "keep", "error"] = Field(
        default="remove",
        description="What happens to training rows whose text or picture is also in another split: "
        "removed from training, kept, or an error.",
    )
    near_duplicates: Literal["off", "report", "remove"] = Field(
        default="report",
        description="What happens to training rows that nearly repeat a test row (texts by "
        "MinHash, pictures by difference hash).",
    )
    near_threshold: float = Field(
        default=0.8,
        ge=0.5,
        le=1,
        description="Jaccard similarity from which two texts nearly repeat.",
    )
    near_limit: int = Field(
        default=20_000,
        ge=0,
        description="Rows compared for near repeats at most; of more, a seeded sample.",
    )
    min_class_rows: int = Field(
        default=5, ge=1, description="Classes with fewer rows than this are kept in training whole."
    )
    imbalance_ratio: float = Field(
        default=20.0,
        gt=1,
        description="Reported when the largest class has this many times the rows of the smallest.",
    )
    max_text_characters: int = Field(
        default=20_000,
        ge=1,
        description="Texts longer than this are reported; a model reads their start.",
    )
    max_refused: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of a file's rows that may be refused before it fails.",
    )
