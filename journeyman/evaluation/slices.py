"""The same metrics for each value of a column: where a model does well, and where it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.types import Metric

RowMeasure = Callable[[NDArray[np.intp]], Mapping[str, Metric]]
"""Row numbers to the metrics of those rows."""


def evaluate_slices(
    columns: Mapping[str, Sequence[Any]],
    measure: RowMeasure,
    *,
    minimum_rows: int = 20,
    maximum_values: int = 50,
) -> dict[str, dict[str, dict[str, Metric]]]:
    """{column: {value: {metric}}}, the most frequent values first.

    Values with fewer than `minimum_rows` rows say too little and are left out, as are those past
    the `maximum_values` most frequent. A missing value (None) is the slice "".
    """
    slices: dict[str, dict[str, dict[str, Metric]]] = {}
    for column, values in columns.items():
        names = ["" if value is None else str(value) for value in values]
        counts = sorted(Counter(names).items(), key=lambda entry: (-entry[1], entry[0]))
        slices[column] = {
            name: dict(measure(_rows(names, name)))
            for name, count in counts[:maximum_values]
            if count >= minimum_rows
        }
    return slices


def _rows(names: Sequence[str], wanted: str) -> NDArray[np.intp]:
    return np.array([row for row, name in enumerate(names) if name == wanted], dtype=np.intp)
