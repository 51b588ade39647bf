"""A number for each text, with an interval that keeps its promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.text_encoder import Text
from journeyman.data.options import DataOptions
from journeyman.evaluation.intervals import Groups
from journeyman.evaluation.regression import (
    conformal_half_width,
    evaluate_regression,
    interval_coverage,
)
from journeyman.tasks.base import TASKS, Calibration, Encoded, Evaluated, Outputs, Schema, Task
from journeyman.types import Metric, Prediction, Row, ValuePrediction

COVERAGE = 0.9


@TASKS.register("text-regression")
class TextRegression(Task):
    """Outputs are one number in units of the training range, 0 its least and 1 its greatest."""

    name = "text-regression"
    kind = "value"
    usual = True
    primary_metric = "pearson"
    metric_names: ClassVar[tuple[str, ...]] = ("pearson", "spearman", "r2")
    needs = ("text", "label")
    reads = ("label", "ratings")

    def target(self, row: Row, data: DataOptions) -> float:
        """The number."""
        return float(row[cast(str, data.label)])

    def schema(self, targets: Sequence[float]) -> Schema:
        """The least and the greatest number."""
        return Schema(range=(min(targets), max(targets)))

    def outputs(self, schema: Schema) -> int:
        """One."""
        return 1

    def encode(
        self, targets: Sequence[float], schema: Schema, inputs: Inputs, texts: Sequence[Text]
    ) -> Encoded:
        """[N, 1] in units of the training range."""
        low, width = _scale(schema)
        rows = (np.asarray(targets, dtype=np.float64) - low) / width
        return Encoded(torch.from_numpy(rows.astype(np.float32)[:, None]))

    def raw(self, encoded: Tensor, schema: Schema) -> float:
        """The number."""
        return float(self._values([encoded.numpy()], schema)[0])

    def loss(self, outputs: Tensor, encoded: Tensor, weights: Tensor | None) -> Tensor:
        """Squared error, times 10 so that its gradients are of the size of a classifier's."""
        return 10.0 * torch.nn.functional.mse_loss(outputs, encoded)

    def score(
        self, outputs: Outputs, targets: Sequence[float], schema: Schema, metric: str
    ) -> float:
        """The correlation with, or the share of variance of, the truth."""
        if not len(outputs):
            return 0.0
        guesses = self._values(outputs, schema)
        truths = np.asarray(targets, dtype=np.float64)
        if metric == "r2":
            spread = ((truths - truths.mean()) ** 2).sum()
            return float(1 - ((truths - guesses) ** 2).sum() / spread) if spread else 0.0
        if guesses.std() == 0 or truths.std() == 0:
            return 0.0
        if metric == "spearman":
            guesses, truths = _ranks(guesses), _ranks(truths)
        return float(np.corrcoef(truths, guesses)[0, 1])

    def calibrate(
        self,
        outputs: Outputs,
        targets: Sequence[float],
        schema: Schema,
        target_accuracy: float | None,
    ) -> dict[str, Any]:
        """Half the width of a split-conformal interval (Lei et al., 2018)."""
        residuals = np.asarray(targets, dtype=np.float64) - self._values(outputs, schema)
        return {"coverage": COVERAGE, "half_width": conformal_half_width(residuals, COVERAGE)}

    def opinions(
        self, outputs: Outputs, schema: Schema, calibration: Calibration
    ) -> list[NDArray[np.float64]]:
        """The number itself."""
        return list(self._values(outputs, schema).reshape(-1, 1))

    def of_opinions(
        self, opinions: Sequence[NDArray[np.float64]], schema: Schema
    ) -> list[NDArray[np.float64]]:
        """In units of the training range."""
        low, width = _scale(schema)
        return [(row - low) / width for row in opinions]

    def decode(
        self,
        outputs: Outputs,
        schema: Schema,
        calibration: Calibration,
        ids: Sequence[str],
        texts: Sequence[Text],
    ) -> list[Prediction]:
        """The number of each row and its interval."""
        half = calibration.get("half_width")
        return [
            ValuePrediction(
                row_id,
                value,
                None if half is None else value - half,
                None if half is None else value + half,
                float(calibration.get("coverage", COVERAGE)),
            )
            for row_id, value in zip(ids, self._values(outputs, schema).tolist(), strict=True)
        ]

    def evaluate(
        self,
        predictions: Sequence[Prediction],
        targets: Sequence[float],
        schema: Schema,
        *,
        texts: Sequence[Text],
        groups: Groups | None = None,
    ) -> Evaluated:
        """Correlations, errors, and how often the interval held the truth."""
        answers = cast(Sequence[ValuePrediction], predictions)
        guesses = [answer.value for answer in answers]
        metrics: dict[str, Metric] = evaluate_regression(targets, guesses, groups=groups)
        if answers and answers[0].high is not None:
            half = answers[0].high - answers[0].value
            metrics["interval_coverage"] = interval_coverage(
                targets, guesses, half + 1e-12, groups=groups
            )
        return Evaluated(metrics)

    def compare(
        self, targets: Sequence[Any], guesses: Sequence[Any], *, groups: Groups | None = None
    ) -> dict[str, Metric]:
        """Correlations and errors."""
        return evaluate_regression(targets, guesses, groups=groups)

    def explained(self, prediction: Prediction, schema: Schema) -> tuple[int, str]:
        """The one output."""
        return 0, "value"

    def _values(self, outputs: Outputs, schema: Schema) -> Any:
        low, width = _scale(schema)
        flat = np.concatenate(outputs) if len(outputs) else np.zeros(0)
        return flat.astype(np.float64) * width + low


def _scale(schema: Schema) -> tuple[float, float]:
    low, high = schema.range or (0.0, 1.0)
    return low, (high - low) if math.isfinite(high - low) and high > low else 1.0


def _ranks(values: Any) -> Any:
    from scipy.stats import rankdata

    return rankdata(values)
