"""What is seen of rows: their answers, and each view that detectors watch, in one pass.

Shapes: B rows, D width of the features, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from journeyman.backbones.base import Features
from journeyman.backbones.text_encoder import Text
from journeyman.continual.holdings import exam_of
from journeyman.drift.detectors.base import View
from journeyman.drift.error_estimate import Threshold
from journeyman.heads.base import SolvedHead
from journeyman.labelling.doubt import chances_of
from journeyman.labelling.pool import side_by_side, vectors_of
from journeyman.model import Model
from journeyman.tasks.base import Array
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.exam import Exam
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.types import LabelPrediction, Prediction, Row

LEAST = 100
"""Exam rows from which they say what is usual; of fewer, the first rows that come do."""

Views = dict[View, NDArray[Any]]


@dataclass(frozen=True)
class Look:
    """Rows that were answered: `views` have an array [B, ...] each, of what the task has."""

    ids: Sequence[str]
    rows: Sequence[Row]
    texts: Sequence[Text]
    predictions: Sequence[Prediction]
    views: Views
    labels: Sequence[str | None] = ()
    """The label that a row came with, of a task that has one a row, if any."""
    targets: Sequence[bool] = ()
    """Whether a row came with what is to be learned of it."""

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, first: int, end: int) -> Look:
        """The rows from `first` to before `end`."""
        span = slice(first, end)
        views = {name: view[span] for name, view in self.views.items()}
        before, within = (
            sum(label is not None for label in self.labels[each])
            for each in (slice(0, first), span)
        )
        views["labels"] = self.views["labels"][before : before + within]
        ids, rows, texts = self.ids[span], self.rows[span], self.texts[span]
        answers, labels, targets = self.predictions[span], self.labels[span], self.targets[span]
        return Look(ids, rows, texts, answers, views, labels, targets)

    def wrong(self, at: int) -> bool | None:
        """Whether the answer to a row is wrong; None of a row without a label."""
        answer, label = self.predictions[at], self.labels[at]
        if label is None or not isinstance(answer, LabelPrediction):
            return None
        return answer.label != label


@dataclass(frozen=True)
class Usual:
    """What rows looked like before anything moved: views of exam rows, all and by what brought
    them; which of their answers were wrong."""

    views: Views = field(default_factory=dict)
    origins: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    wrong: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def threshold(self) -> Threshold:
        """How sure an answer is below which errors are estimated."""
        sure = self.views.get("confidence", np.zeros((0, 1)))
        return Threshold.of(sure[:, 0], self.wrong)


class Sight:
    """How a model sees rows, for detectors and for itself."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.exam = _comparable(model)
        self.layers = tuple(self.exam.layers) or (model.learner.backbone.spec.depth,)

    def look(
        self,
        texts: Sequence[Text],
        ids: Sequence[str],
        rows: Sequence[Row],
        cache: FeatureCache | None = None,
    ) -> Look:
        """Answer rows, and see them in every view; with a `cache`, by the features it has."""
        learner = self.model.learner
        examples = Examples(texts, learner.backbone.prepare(texts), ())
        plain = learner.uncached(examples)
        source = plain if cache is None else feature_source(learner, examples, cache)
        outputs: list[Array] = [np.zeros(0, dtype=np.float32)] * len(texts)
        features: NDArray[np.float32] | None = None
        for places, tuned, part in learner.answered(examples, source):
            vectors = vectors_of(tuned, self.layers)
            if features is None:
                features = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
            features[places] = vectors
            for at, row in zip(places, part, strict=True):
                outputs[at] = row
        answers = self.model.decoded(outputs, texts, ids=ids)
        labels = [self.label_of(row) for row in rows]
        views = self._answered(outputs)
        views["input"] = np.zeros((0, 1)) if features is None else features
        targets = [self.has_target(row) for row in rows]
        look = Look(ids, rows, texts, answers, views, labels, targets)
        views["labels"] = self._labelled(look)
        return look

    def usual(self) -> Usual:
        """What the model's exam says is usual; nothing where it carries none to compare with."""
        exam, model = self.exam, self.model
        if not len(exam):
            return Usual()
        outputs = _answers(model, exam)
        rows = [question.row for question in exam.questions]
        answers = model.decoded(outputs, [""] * len(rows))
        labels = [self.label_of(row) for row in rows]
        views = self._answered(outputs)
        views["input"] = side_by_side([exam.layers[layer] for layer in self.layers])
        look = Look([], rows, [], answers, views, labels)
        views["labels"] = self._labelled(look)
        brought = np.array([question.origin for question in exam.questions])
        origins = {name: views["input"][brought == name] for name in exam.origins}
        wrong = np.array([bool(look.wrong(at)) for at in range(len(rows))])
        return Usual(views, origins if len(origins) > 1 else {}, wrong)

    def has_target(self, row: Row) -> bool:
        """Whether a row says what is to be learned of it."""
        said = [row.get(name) for name in self.model.columns.targets]
        return any(value is not None and str(value).strip() != "" for value in said)

    def label_of(self, row: Row) -> str | None:
        """The label that a row came with, of a task that has one a row."""
        columns = self.model.columns
        if self.model.learner.task.kind != "label" or not columns.label:
            return None
        value = row.get(columns.label)
        return None if value is None or str(value).strip() == "" else str(value).strip()

    def _answered(self, outputs: Sequence[Array]) -> Views:
        """The views that need answers alone."""
        chances = chances_of(self.model, outputs)
        if chances is None:
            return {}
        sure = chances.max(axis=1, initial=0.0)
        return {"answers": chances, "confidence": sure[:, None]}

    def _labelled(self, look: Look) -> NDArray[Any]:
        """[M, 1 + C] of the rows that have a label: whether the answer is wrong, and the label."""
        names = {label: at for at, label in enumerate(self.model.schema.labels)}
        found = []
        for at, label in enumerate(look.labels):
            if label is None:
                continue
            seen = np.zeros(1 + len(names))
            seen[0] = bool(look.wrong(at))
            if label in names:
                seen[1 + names[label]] = 1.0
            found.append(seen)
        return np.stack(found) if found else np.zeros((0, 1 + len(names)))


def _answers(model: Model, exam: Exam) -> list[Array]:
    """The head's outputs [C] to each row of an exam of whole rows."""
    head = model.learner.head
    if isinstance(head, SolvedHead):
        return exam.answers(head)
    pooled = {layer: rows.float() for layer, rows in exam.layers.items()}
    mask = torch.ones(len(exam), 1, dtype=torch.bool)
    with torch.no_grad():
        return list(head(Features(mask, pooled=pooled)).numpy())


def _comparable(model: Model) -> Exam:
    """The exam, where it is of whole rows and large enough to compare with."""
    if model.learner.task.unit != "row":
        return Exam()
    exam = exam_of(model)
    return exam if len(exam) >= LEAST else Exam()
