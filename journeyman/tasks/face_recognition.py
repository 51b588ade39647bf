"""Whether two pictures show one person: learned from some people, asked about others.

Shapes: N rows, E numbers a vector. A head maps each picture to a vector; pictures of one person are
to be alike, by the cosine of their vectors. People are enrolled in a gallery beside the model
(`journeyman/people/gallery.py`), which needs no training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.text_encoder import Text
from journeyman.data.options import DataOptions
from journeyman.evaluation.acceptance import USUAL, Acceptance
from journeyman.evaluation.intervals import Groups
from journeyman.evaluation.verification import (
    Pairs,
    pairs_of,
    roc_points,
    unit_rows,
    verification_metrics,
    verification_score,
)
from journeyman.tasks.base import TASKS, Calibration, Evaluated, Outputs, Schema, Task
from journeyman.tasks.image_classification import picture_of
from journeyman.tasks.text_classification import LabelTarget, TextClassification
from journeyman.types import EmbeddingPrediction, Metric, Prediction, Row, TargetKind


@TASKS.register("face-recognition")
class FaceRecognition(TextClassification):
    """Vectors of faces; validation and test rows are of people that training rows do not have."""

    name = "face-recognition"
    kind: ClassVar[TargetKind] = "identity"
    modality = "image"
    usual = True
    primary_metric = "true_accept_at_1e-2"
    metric_names: ClassVar[tuple[str, ...]] = (
        "true_accept_at_1e-2",
        "true_accept_at_1e-3",
        "auc",
        "rank_1",
    )
    default_head = "whitening"
    needs = ("image", "label")
    reads = ("label",)
    averages = False
    pipeline = "image-feature-extraction"

    def text(self, row: Row, data: DataOptions) -> Picture:
        """The picture's path."""
        return picture_of(row, data)

    def score(
        self, outputs: Outputs, targets: Sequence[LabelTarget], schema: Schema, metric: str
    ) -> float:
        """By all pairs of rows, or of `rank_1` by each person's first rows and the others."""
        if not len(outputs):
            return 0.0
        return verification_score(np.stack(outputs), _names(targets), metric)

    def change(
        self,
        targets: Sequence[LabelTarget],
        before: tuple[Outputs, Schema],
        after: tuple[Outputs, Schema],
    ) -> Metric:
        """As `Task.change`: rows are judged in pairs, not one by one."""
        return Task.change(self, targets, before, after)

    def calibrate(
        self,
        outputs: Outputs,
        targets: Sequence[LabelTarget],
        schema: Schema,
        target_accuracy: float | None,
    ) -> dict[str, Any]:
        """As `calibrate_pairs`, of the pairs of validation rows."""
        if not len(outputs):
            return {"people": 0}
        return self.calibrate_pairs(pairs_of(np.stack(outputs), _names(targets)))

    def calibrate_pairs(self, pairs: Pairs) -> dict[str, Any]:
        """The cosine from which two pictures count as one person's, at 1 % false accepts.

        And what other rates need; nothing where there are too few pairs. A head that leaves
        people out in turn compares more people than validation rows have.
        """
        found = Acceptance.of(pairs.genuine, pairs.impostors)
        if found is None:
            return {"people": pairs.people}
        return {
            "people": pairs.people,
            "false_accepts": USUAL,
            "threshold": found.threshold(USUAL),
            "acceptance": found.to_json(),
        }

    def decode(
        self,
        outputs: Outputs,
        schema: Schema,
        calibration: Calibration,
        ids: Sequence[str],
        texts: Sequence[Text],
    ) -> list[Prediction]:
        """The vectors, each of length 1."""
        threshold = calibration.get("threshold")
        return [
            EmbeddingPrediction(row_id, tuple(unit_rows(vector).tolist()), threshold)
            for row_id, vector in zip(ids, outputs, strict=True)
        ]

    def evaluate(
        self,
        predictions: Sequence[Prediction],
        targets: Sequence[LabelTarget],
        schema: Schema,
        *,
        texts: Sequence[Text],
        groups: Groups | None = None,
    ) -> Evaluated:
        """Errors of verification and of identification, intervals over people; `groups` play no
        part."""
        answers = cast(Sequence[EmbeddingPrediction], predictions)
        vectors = np.array([answer.vector for answer in answers])
        threshold = answers[0].threshold if answers else None
        people = _names(targets)
        metrics = verification_metrics(vectors, people, threshold=threshold)
        return Evaluated(metrics, roc=roc_points(pairs_of(vectors, people)))

    def compare(
        self, targets: Sequence[Any], guesses: Sequence[Any], *, groups: Groups | None = None
    ) -> dict[str, Metric]:
        """A baseline's vectors, by the same pairs."""
        return verification_metrics(np.array(guesses), targets)

    def opinions(
        self, outputs: Outputs, schema: Schema, calibration: Calibration
    ) -> list[NDArray[np.float64]]:
        """Vectors of length 1: of heads that share no space, a mean of them means nothing."""
        return [unit_rows(row) for row in outputs]

    def of_opinions(
        self, opinions: Sequence[NDArray[np.float64]], schema: Schema
    ) -> list[NDArray[np.float64]]:
        """The vectors themselves."""
        return list(opinions)

    def explained(self, prediction: Prediction, schema: Schema) -> tuple[int, str] | None:
        """None: an explanation is about the whole vector."""
        return None


def _names(targets: Sequence[LabelTarget]) -> list[str]:
    return [target.label for target in targets]
