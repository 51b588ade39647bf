"""A linear model on the pixels of a small copy: what colours and rough shapes alone tell."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from journeyman.evaluation.baselines.base import BASELINES, Baseline, Inputs, Targets
from journeyman.evaluation.classification import macro_f1_score

SIDE = 16
LEVELS = 8
"""Steps of each colour that are counted."""
PENALTIES = (10.0, 100.0, 1000.0, 10000.0)


@BASELINES.register("pixels_linear")
class PixelsLinear(Baseline):
    """Ridge on the pixels of a 16 by 16 copy and on how often each colour occurs in it."""

    name = "pixels_linear"
    purpose = "a linear model on the pixels of a small copy"
    kinds = ("label",)
    modality = "image"

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Choose the penalty by macro-F1 of the validation rows, where there are any."""
        read, held = _read(inputs), _read(validation[0])
        best = -1.0
        for penalty in PENALTIES:
            fitted = make_pipeline(StandardScaler(), RidgeClassifier(penalty)).fit(read, targets)
            guesses = fitted.predict(held) if len(held) else []
            score = macro_f1_score(list(validation[1]), list(guesses)) if len(held) else 0.0
            if score > best:
                best, self._fitted = score, fitted
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """A label for each picture."""
        fitted: Pipeline = self._fitted
        return [str(label) for label in fitted.predict(_read(inputs))] if len(inputs) else []


def _read(inputs: Inputs) -> NDArray[np.float32]:
    """[N, F]: pixels, and the square roots of the shares of colours."""
    rows = [_of(each.thumbnail(SIDE)) for each in inputs]
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def _of(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    levels = small // (256 // LEVELS)
    colours = [np.bincount(levels[..., at].ravel(), minlength=LEVELS) for at in range(3)]
    shares = np.sqrt(np.concatenate(colours) / small[..., 0].size)
    return np.concatenate([small.ravel() / 255, shares]).astype(np.float32)
