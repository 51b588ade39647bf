"""Principal components of pixels: what a linear model without a network tells of faces.

Turk and Pentland (1991), "Eigenfaces for recognition".
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from journeyman.evaluation.baselines.base import BASELINES, Baseline, Inputs, Targets

SIDE = 48
COMPONENTS = 60


@BASELINES.register("eigenfaces")
class Eigenfaces(Baseline):
    """Each picture as its 60 largest principal components, of grey pixels 48 by 48."""

    name = "eigenfaces"
    purpose = "60 principal components of grey pixels, compared by angle"
    kinds = ("identity",)
    modality = "image"

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Find the components; nothing is chosen."""
        pixels = _grey(inputs)
        self._fitted = PCA(min(COMPONENTS, *pixels.shape), svd_solver="full").fit(pixels)
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """A vector for each picture."""
        return [tuple(row.tolist()) for row in self._fitted.transform(_grey(inputs))]


def _grey(inputs: Inputs) -> NDArray[np.float64]:
    """[N, 48 * 48], from 0 to 1."""
    rows = [each.thumbnail(SIDE).mean(axis=2).ravel() / 255 for each in inputs]
    return np.stack(rows) if rows else np.empty((0, SIDE * SIDE))
