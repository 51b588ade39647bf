"""Which rows are near each other on frozen layers: near duplicates, neighbours, outliers.

Nearness is the cosine of pooled vectors, each column less its mean over the rows, so that what all
rows share does not count. Shapes: N rows, D width, K neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.audits.base import DUPLICATE, OUTLIER, Neighbour, Subject
from journeyman.evaluation.intervals import Array
from journeyman.heads.base import Layers
from journeyman.training.parts import Indices

TILE = 1024
"""Rows that are compared with all others at once."""
COMPARED = 5
"""Nearest rows that are looked at for near duplicates and outliers."""
ALIKE = 0.95
"""The cosine from which two rows read nearly the same."""
FAR = 4.0
"""Robust deviations below the median nearness from which a row is an outlier."""
SHARE = 0.02
"""The share of rows that are outliers at most: far is far from the others, not a kind of row."""
NORMAL = 1.4826
"""Median absolute deviations in a standard deviation of normal numbers."""


@dataclass(frozen=True)
class Nearness:
    """The K nearest other rows of each, the nearest first: their places [N, K], and cosines."""

    places: Indices
    cosines: Array

    def outliers(self) -> NDArray[np.bool_]:
        """[N] the rows whose nearest ones are unusually far: by the mean cosine of all K, against
        its median and median absolute deviation over the rows."""
        if not self.cosines.size:
            return np.zeros(len(self.cosines), dtype=bool)
        mean = self.cosines.mean(axis=1)
        median = float(np.median(mean))
        spread = NORMAL * float(np.median(np.abs(mean - median)))
        edge = min(median - FAR * spread, float(np.quantile(mean, SHARE)))
        return np.asarray(mean < edge) if spread > 0 else np.zeros(len(mean), dtype=bool)


@dataclass(frozen=True)
class Near:
    """The rows of a subject by what is near each, and how near; `given` [N] are their labels."""

    subject: Subject
    given: Sequence[Any]
    found: Nearness
    outliers: NDArray[np.bool_]
    shown: int
    apart: float | None
    """By how much numbers differ that are not the same; None of labels."""

    def neighbours(self, at: int) -> tuple[Neighbour, ...]:
        """The nearest rows of one."""
        pairs = zip(self.found.places[at], self.found.cosines[at], strict=True)
        return tuple(
            Neighbour(
                self.subject.examples.ids[other],
                self.given[other],
                self.subject.text(other),
                float(cosine),
            )
            for other, cosine in list(pairs)[: self.shown]
        )

    def told(self, at: int) -> list[tuple[str, str]]:
        """The kinds of trouble that nearness tells of one row, each with its reason."""
        said = []
        for other, cosine in zip(self.found.places[at], self.found.cosines[at], strict=True):
            if cosine >= ALIKE and self._differ(at, int(other)):
                same = self.subject.text(other) == self.subject.text(at)
                how = "the same" if same else "nearly the same"
                who = f"row {self.subject.examples.ids[other]}"
                said.append(
                    (DUPLICATE, f"{who} reads {how} and is given {_said(self.given[other])}")
                )
                break
        if self.outliers[at]:
            said.append((OUTLIER, "it is far from every other row"))
        return said

    def _differ(self, at: int, other: int) -> bool:
        one, two = self.given[at], self.given[other]
        return bool(one != two if self.apart is None else abs(one - two) > self.apart)


def _said(given: Any) -> str:
    if isinstance(given, float):
        return f"{given:.4g}"
    return (", ".join(given) or "no label") if isinstance(given, list) else str(given)


def near_rows(
    layers: Layers,
    subject: Subject,
    given: Sequence[Any],
    shown: int,
    apart: float | None = None,
) -> Near:
    """What is near each row, by the last of the `layers`; numbers differ where they are `apart`."""
    found = nearness(layers[max(layers)], max(shown, COMPARED))
    return Near(subject, given, found, found.outliers(), shown, apart)


def nearness(vectors: Tensor, count: int) -> Nearness:
    """The `count` nearest rows of each row of `vectors` [N, D]; fewer where there are fewer."""
    rows = vectors.float()
    rows = torch.nn.functional.normalize(rows - rows.mean(0), dim=1)
    wanted = min(count, len(rows) - 1)
    places = torch.zeros(len(rows), wanted, dtype=torch.int64)
    cosines = torch.zeros(len(rows), wanted)
    for first in range(0, len(rows), TILE):
        span = slice(first, min(first + TILE, len(rows)))
        found = rows[span] @ rows.T
        own = torch.arange(span.start, span.stop)
        found[own - first, own] = -2.0
        cosines[span], places[span] = found.topk(wanted, dim=1)
    return Nearness(places.numpy(), cosines.double().numpy())
