"""The values that cross rooms: a row, a metric, and what a model answers.

Their JSON forms are fixed (schema 1): fields may be added, never renamed or removed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Row = Mapping[str, Any]
"""One example as the user gave it: column name to value."""

AbstainReason = Literal["low_confidence", "out_of_scope"]

Modality = Literal["text", "image"]
"""What a row's input is: a text (or a pair, or tokens), or a picture."""

TargetKind = Literal["label", "labels", "value", "tags", "boxes", "identity"]
"""What is learned of a row: one label, a set of labels, a number, a tag a token, boxes, or whom it
shows, where those judged by are others than those learned from."""


@dataclass(frozen=True)
class Metric:
    """A measured number: `value` with its 95 % interval [`low`, `high`] over `n` rows.

    A number that cannot be computed is None, never NaN.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0

    def to_json(self) -> dict[str, Any]:
        """The four fields, NaN and infinity as null."""
        return {
            name: None if isinstance(part, float) and not math.isfinite(part) else part
            for name, part in asdict(self).items()
        }


@dataclass(frozen=True)
class Prediction:
    """What every answer carries: the row's id, and the model and version that answered."""

    id: str
    model: str = field(default="", kw_only=True)
    version: str = field(default="", kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """The prediction as one JSON object, identification last."""
        fields = asdict(self)
        model, version = fields.pop("model"), fields.pop("version")
        return {**fields, "model": model, "version": version}


@dataclass(frozen=True)
class LabelPrediction(Prediction):
    """One label of several: `label` is the best guess even when `abstained`.

    `scope` is below 0 where the row seems to be of none of the labels, and None of a model that
    does not say.
    """

    label: str
    score: float
    scores: Mapping[str, float]
    abstained: bool = False
    reason: AbstainReason | None = None
    scope: float | None = None


@dataclass(frozen=True)
class ScoredLabel:
    """A label and its probability."""

    label: str
    score: float


@dataclass(frozen=True)
class MultiLabelPrediction(Prediction):
    """Any number of labels, most probable first; `scores` holds every label's probability."""

    labels: tuple[ScoredLabel, ...]
    scores: Mapping[str, float]


@dataclass(frozen=True)
class ValuePrediction(Prediction):
    """A number with a split-conformal interval that covers the truth at rate `coverage`."""

    value: float
    low: float | None
    high: float | None
    coverage: float = 0.9


@dataclass(frozen=True)
class Entity:
    """A labelled span: code points of the original text, `end` exclusive."""

    start: int
    end: int
    text: str
    label: str
    score: float


@dataclass(frozen=True)
class EntitiesPrediction(Prediction):
    """The labelled spans of one text, in order, never overlapping."""

    entities: tuple[Entity, ...]


BoxSides = tuple[float, float, float, float]
"""x and y of a box's top left corner, its width and height; pixels after EXIF rotation."""


@dataclass(frozen=True)
class LabelledBox:
    """What a row says stands in its picture. A `difficult` one is neither learned nor counted."""

    box: BoxSides
    label: str
    difficult: bool = False


@dataclass(frozen=True)
class ScoredBox:
    """A box that was found, its likeliest label and that label's score."""

    box: BoxSides
    label: str
    score: float


@dataclass(frozen=True)
class BoxesPrediction(Prediction):
    """What was found in a picture, the highest score first.

    `threshold` is the score from which a box is worth telling, by validation rows.
    """

    boxes: tuple[ScoredBox, ...]
    threshold: float = 0.0


@dataclass(frozen=True)
class EmbeddingPrediction(Prediction):
    """A vector [E] of length 1: the cosine of two of them says how alike their rows are.

    Two rows count as one person's from `threshold` on; None where it was not calibrated.
    """

    vector: tuple[float, ...]
    threshold: float | None = None


@dataclass(frozen=True)
class Verification:
    """Whether two pictures show one person: the cosine of their vectors, and the threshold at
    which so many pairs of two people (`false_accepts`) would pass."""

    same: bool
    score: float
    threshold: float
    false_accepts: float
    model: str = ""
    version: str = ""

    def to_json(self) -> dict[str, Any]:
        """The verification as one JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class FailedPrediction(Prediction):
    """A row that could not be answered: code, place, expected, found, remedy."""

    error: Mapping[str, str]


@dataclass(frozen=True)
class TokenWeight:
    """How much the word at [`start`, `end`) moved the explained score; signed."""

    start: int
    end: int
    text: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """Why a model answered `target`: word weights, and the method's convergence `gap`.

    `gap` is |sum of weights - (score at the input - score at the baseline)|, in the unit of the
    explained score (a logit).
    """

    id: str
    target: str
    method: str
    baseline: str
    tokens: tuple[TokenWeight, ...]
    heatmap: str | None
    gap: float
    model: str = ""
    version: str = ""

    @property
    def weights(self) -> list[float]:
        """The weight of each word or cell, in their order."""
        return [token.weight for token in self.tokens]

    def to_json(self) -> dict[str, Any]:
        """The explanation as one JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class PictureExplanation(Explanation):
    """Why a model answered `target` of a picture: weights of the cells of a grid over it.

    `heat` has the rows of the grid; it lies over the picture as the model sees it, resized and
    cropped. `tokens` are empty. `box` is what is explained of a picture with boxes, None for all of
    it; `heatmap` the path of a file that shows the weights, where one was asked for.
    """

    heat: tuple[tuple[float, ...], ...] = ()
    box: BoxSides | None = None

    @property
    def weights(self) -> list[float]:
        """The weight of each cell, row by row."""
        return [weight for row in self.heat for weight in row]
