"""Any number of labels for each text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logit
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.scratch import scratch
from journeyman.backbones.text_encoder import Text
from journeyman.data.options import DataOptions
from journeyman.evaluation.calibration import Platt, fit_platt
from journeyman.evaluation.intervals import Groups
from journeyman.evaluation.multilabel import evaluate_multilabel, indicators
from journeyman.tasks.base import (
    LEAST,
    TASKS,
    Calibration,
    Encoded,
    Evaluated,
    Outputs,
    Schema,
    Task,
)
from journeyman.types import Metric, MultiLabelPrediction, Prediction, Row, ScoredLabel

Labels = frozenset[str]
ROWS = 8192
"""Rows whose targets are made at once."""


@TASKS.register("multi-label-classification")
class MultiLabelClassification(Task):
    """Outputs are one score a label; Platt scaling makes each a probability, 0.5 decides."""

    name = "multi-label-classification"
    kind = "labels"
    usual = True
    primary_metric = "micro_f1"
    metric_names: ClassVar[tuple[str, ...]] = ("micro_f1", "macro_f1", "subset_accuracy")
    needs: ClassVar[tuple[str, ...]] = ("text", "label")
    reads: ClassVar[tuple[str, ...]] = ("label", "label_separator", "label_names")

    def target(self, row: Row, data: DataOptions) -> Labels:
        """The labels of a cell that holds a list, or is split at the separator."""
        value = row[cast(str, data.label)]
        if value is None:
            return frozenset()
        parts = value.split(data.label_separator) if isinstance(value, str) else value
        return frozenset(text for part in parts if (text := str(part).strip()))

    def schema(self, targets: Sequence[Labels]) -> Schema:
        """The labels, sorted, and how many rows have each."""
        counts = Counter(label for target in targets for label in target)
        labels = tuple(sorted(counts))
        return Schema(labels, tuple(counts[label] for label in labels))

    def encode(
        self, targets: Sequence[Labels], schema: Schema, inputs: Inputs, texts: Sequence[Text]
    ) -> Encoded:
        """[N, C] of zeros and ones."""
        rows = scratch(len(targets), len(schema.labels))
        for first in range(0, len(targets), ROWS):
            part = indicators(targets[first : first + ROWS], schema.labels)
            rows[first : first + ROWS] = torch.from_numpy(part)
        return Encoded(rows)

    def raw(self, encoded: Tensor, schema: Schema) -> Labels:
        """The labels that are set."""
        places = torch.nonzero(encoded > 0.5).flatten().tolist()
        return frozenset(schema.labels[at] for at in places)

    def loss(self, outputs: Tensor, encoded: Tensor, weights: Tensor | None) -> Tensor:
        """Binary cross-entropy, each label alike."""
        return torch.nn.functional.binary_cross_entropy_with_logits(
            outputs, encoded, pos_weight=weights
        )

    def class_weights(self, schema: Schema) -> Tensor | None:
        """None: labels are not exclusive, so their counts do not say what a miss costs."""
        return None

    def score(
        self, outputs: Outputs, targets: Sequence[Labels], schema: Schema, metric: str
    ) -> float:
        """The F1 that per-label thresholds fitted to these very outputs would reach."""
        if not len(outputs):
            return 0.0
        scores = np.stack(outputs).astype(np.float64)
        truths = indicators(targets, schema.labels)
        chosen = fit_platt(scores, truths).probabilities(scores) >= 0.5
        if metric == "subset_accuracy":
            return float((chosen == truths).all(axis=1).mean())
        hits, sizes = (chosen * truths).sum(0), (chosen + truths).sum(0)
        if metric == "micro_f1":
            return float(2 * hits.sum() / max(sizes.sum(), 1))
        present = sizes > 0
        return float((2 * hits[present] / sizes[present]).mean()) if present.any() else 0.0

    def calibrate(
        self,
        outputs: Outputs,
        targets: Sequence[Labels],
        schema: Schema,
        target_accuracy: float | None,
    ) -> dict[str, Any]:
        """Platt scaling of each label; nothing to fit it by, without rows."""
        if not len(outputs):
            return {}
        fitted = fit_platt(np.stack(outputs).astype(np.float64), indicators(targets, schema.labels))
        return {"slopes": list(fitted.slopes), "intercepts": list(fitted.intercepts)}

    def opinions(
        self, outputs: Outputs, schema: Schema, calibration: Calibration
    ) -> list[NDArray[np.float64]]:
        """Each label's probability."""
        return list(self._chances(outputs, schema, calibration))

    def of_opinions(
        self, opinions: Sequence[NDArray[np.float64]], schema: Schema
    ) -> list[NDArray[np.float64]]:
        """Each label's log-odds."""
        return [logit(np.clip(row, LEAST, 1 - LEAST)) for row in opinions]

    def decode(
        self,
        outputs: Outputs,
        schema: Schema,
        calibration: Calibration,
        ids: Sequence[str],
        texts: Sequence[Text],
    ) -> list[Prediction]:
        """Labels more probable than not, the most probable first."""
        return [
            MultiLabelPrediction(
                row_id,
                tuple(
                    ScoredLabel(schema.labels[i], float(row[i]))
                    for i in np.argsort(-row, kind="stable")
                    if row[i] >= 0.5
                ),
                {label: float(p) for label, p in zip(schema.labels, row, strict=True)},
            )
            for row_id, row in zip(ids, self._chances(outputs, schema, calibration), strict=True)
        ]

    def evaluate(
        self,
        predictions: Sequence[Prediction],
        targets: Sequence[Labels],
        schema: Schema,
        *,
        texts: Sequence[Text],
        groups: Groups | None = None,
    ) -> Evaluated:
        """Micro and macro F1, whole sets, each label."""
        answers = cast(Sequence[MultiLabelPrediction], predictions)
        guesses = [{scored.label for scored in answer.labels} for answer in answers]
        measured = evaluate_multilabel(targets, guesses, groups=groups)
        return Evaluated(measured.metrics, measured.classes)

    def compare(
        self, targets: Sequence[Any], guesses: Sequence[Any], *, groups: Groups | None = None
    ) -> dict[str, Metric]:
        """Micro and macro F1, and whole sets."""
        return evaluate_multilabel(targets, guesses, groups=groups).metrics

    def explained(self, prediction: Prediction, schema: Schema) -> tuple[int, str]:
        """The output of the most probable label."""
        scores = cast(MultiLabelPrediction, prediction).scores
        label = max(scores, key=lambda name: scores[name])
        return schema.labels.index(label), label

    def _chances(
        self, outputs: Outputs, schema: Schema, calibration: Calibration
    ) -> NDArray[np.float64]:
        if not len(outputs):
            return np.zeros((0, len(schema.labels)))
        count = len(schema.labels)
        scaling = Platt(
            tuple(calibration.get("slopes", [1.0] * count)),
            tuple(calibration.get("intercepts", [0.0] * count)),
        )
        return scaling.probabilities(np.stack(outputs).astype(np.float64))
