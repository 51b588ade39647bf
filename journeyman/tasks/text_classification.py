"""One label for each text, learned from hard labels or from a weight for each label."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.scratch import scratch
from journeyman.backbones.text_encoder import Text
from journeyman.data.options import DataOptions
from journeyman.data.target import soft_weights
from journeyman.evaluation.calibration import calibration_error, fit_temperature, probabilities
from journeyman.evaluation.classification import (
    accuracy_score,
    classification_metrics,
    evaluate_classification,
    macro_f1_score,
)
from journeyman.evaluation.coverage import coverage_curve, threshold_for_accuracy
from journeyman.evaluation.intervals import Groups
from journeyman.evaluation.scope import scope_metrics
from journeyman.evaluation.significance import compare_classification
from journeyman.tasks.base import TASKS, Calibration, Encoded, Evaluated, Outputs, Schema, Task
from journeyman.types import LabelPrediction, Metric, Prediction, Row, TargetKind


@dataclass(frozen=True, slots=True)
class LabelTarget:
    """A row's label, and how much each label weighs where the data says so."""

    label: str
    weights: Mapping[str, float] | None = None


@TASKS.register("text-classification")
class TextClassification(Task):
    """Outputs are logits (or solved scores); probabilities are their tempered softmax."""

    name = "text-classification"
    kind: ClassVar[TargetKind] = "label"
    usual = True
    primary_metric = "macro_f1"
    metric_names: ClassVar[tuple[str, ...]] = ("macro_f1", "accuracy")
    needs: ClassVar[tuple[str, ...]] = ("text", "label")
    reads: ClassVar[tuple[str, ...]] = ("label", "soft_label", "ratings", "label_names")
    weighs_classes = True

    def target(self, row: Row, data: DataOptions) -> LabelTarget:
        """The label, and the weights of the soft-label column when there is one."""
        said = None if data.soft_label is None else row.get(data.soft_label)
        weights = None if said is None else soft_weights(said)
        if data.label is not None:
            return LabelTarget(sys.intern(str(row[data.label])), weights or None)
        if not weights:
            raise ValueError("a row has neither a label nor weights for labels")
        return LabelTarget(max(sorted(weights), key=lambda name: weights[name]), weights)

    def schema(self, targets: Sequence[LabelTarget]) -> Schema:
        """The labels, sorted, and how often each occurs."""
        counts = Counter(target.label for target in targets)
        labels = tuple(sorted(counts))
        return Schema(labels, tuple(counts[label] for label in labels))

    def encode(
        self, targets: Sequence[LabelTarget], schema: Schema, inputs: Inputs, texts: Sequence[Text]
    ) -> Encoded:
        """[N, C]: one-hot rows, or the weights of each label, summing to 1.

        A label that the training rows lack leaves its row empty.
        """
        place = {label: at for at, label in enumerate(schema.labels)}
        rows = scratch(len(targets), len(place)).zero_()
        for line, target in zip(rows.numpy(), targets, strict=True):
            for label, weight in (target.weights or {target.label: 1.0}).items():
                if label in place:
                    line[place[label]] = max(weight, 0.0)
            if not line.sum() and target.label in place:
                line[place[target.label]] = 1.0
            line /= line.sum() or 1.0
        return Encoded(rows)

    def raw(self, encoded: Tensor, schema: Schema) -> LabelTarget:
        """The label of most weight."""
        return LabelTarget(schema.labels[int(encoded.argmax())])

    def loss(self, outputs: Tensor, encoded: Tensor, weights: Tensor | None) -> Tensor:
        """Cross-entropy against the label distribution."""
        return torch.nn.functional.cross_entropy(outputs, encoded, weight=weights)

    def score(
        self, outputs: Outputs, targets: Sequence[LabelTarget], schema: Schema, metric: str
    ) -> float:
        """Macro-F1 or accuracy of the largest output."""
        if not len(outputs):
            return 0.0
        measure = accuracy_score if metric == "accuracy" else macro_f1_score
        return measure([target.label for target in targets], _best(outputs, schema))

    def change(
        self,
        targets: Sequence[LabelTarget],
        before: tuple[Outputs, Schema],
        after: tuple[Outputs, Schema],
    ) -> Metric:
        """As `Task.change`, from counts of hits and misses."""
        truths = [target.label for target in targets]
        later, sooner = _best(*after), _best(*before)
        if later == sooner:  # As mostly where few rows came or went.
            return Metric(0.0, 0.0, 0.0, len(targets))
        return compare_classification(truths, later, sooner)[self.primary_metric]

    def calibrate(
        self,
        outputs: Outputs,
        targets: Sequence[LabelTarget],
        schema: Schema,
        target_accuracy: float | None,
    ) -> dict[str, Any]:
        """A temperature, the error it mends, and the score to abstain below when asked."""
        place = {label: at for at, label in enumerate(schema.labels)}
        known = [i for i, target in enumerate(targets) if target.label in place]
        if not known:
            return {"temperature": 1.0, "rows": 0}
        scores = np.stack([outputs[i] for i in known]).astype(np.float64)
        truths = np.array([place[targets[i].label] for i in known])
        temperature = fit_temperature(scores, truths)
        calibration: dict[str, Any] = {"temperature": temperature, "rows": len(known)}
        if target_accuracy is not None:
            confidence, right = _judged(probabilities(scores, temperature), truths)
            calibration["target_accuracy"] = target_accuracy
            calibration["abstain_below"] = threshold_for_accuracy(
                confidence, right, target_accuracy
            )
        return calibration

    def decode(
        self,
        outputs: Outputs,
        schema: Schema,
        calibration: Calibration,
        ids: Sequence[str],
        texts: Sequence[Text],
    ) -> list[Prediction]:
        """The most probable label of each row, with every label's probability."""
        if not len(outputs):
            return []
        chances = probabilities(
            np.stack(outputs).astype(np.float64), float(calibration.get("temperature", 1.0))
        )
        floor = calibration.get("abstain_below") or 0.0
        answers: list[Prediction] = []
        for row_id, row in zip(ids, chances, strict=True):
            best = int(row.argmax())
            low = float(row[best]) < floor
            answers.append(
                LabelPrediction(
                    row_id,
                    schema.labels[best],
                    float(row[best]),
                    {label: float(p) for label, p in zip(schema.labels, row, strict=True)},
                    abstained=low,
                    reason="low_confidence" if low else None,
                )
            )
        return answers

    def evaluate(
        self,
        predictions: Sequence[Prediction],
        targets: Sequence[LabelTarget],
        schema: Schema,
        *,
        texts: Sequence[Text],
        groups: Groups | None = None,
    ) -> Evaluated:
        """Accuracy, macro-F1, calibration error, each class, confusion and coverage."""
        answers = cast(Sequence[LabelPrediction], predictions)
        truths = [target.label for target in targets]
        guesses = [answer.label for answer in answers]
        measured = evaluate_classification(truths, guesses, labels=None, groups=groups)
        confidence = np.array([answer.score for answer in answers])
        right = np.array([t == g for t, g in zip(truths, guesses, strict=True)])
        ece = calibration_error(confidence, right, groups=groups)
        scores = [answer.scope for answer in answers if answer.scope is not None]
        scope: dict[str, Metric] = {}
        if scores and len(scores) == len(answers):
            known = [truth in schema.labels for truth in truths]
            scope = scope_metrics(scores, known, groups=groups)
        return Evaluated(
            {**measured.metrics, "ece": ece, **scope},
            measured.classes,
            measured.confusion,
            coverage_curve(confidence, right),
        )

    def plain(self, texts: Sequence[Text], targets: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Texts and labels."""
        return super().plain(texts, [target.label for target in targets])

    def compare(
        self, targets: Sequence[Any], guesses: Sequence[Any], *, groups: Groups | None = None
    ) -> dict[str, Metric]:
        """Accuracy and macro-F1."""
        return classification_metrics(targets, guesses, groups=groups)

    def explained(self, prediction: Prediction, schema: Schema) -> tuple[int, str] | None:
        """The output of the predicted label."""
        label = cast(LabelPrediction, prediction).label
        return schema.labels.index(label), label


def _best(outputs: Outputs, schema: Schema) -> list[str]:
    """The label of each row's largest output."""
    if not len(outputs):
        return []
    return [schema.labels[at] for at in np.argmax(np.stack(outputs), axis=1)]


def _judged(
    chances: NDArray[np.float64], truths: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return chances.max(axis=1), chances.argmax(axis=1) == truths
