"""Rows of unlike length in one array: a million of them cost their numbers and little more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


class Ragged(Sequence[NDArray[Any]]):
    """N arrays that differ in their first dimension alone, end to end; a row is a view."""

    def __init__(self, values: NDArray[Any], starts: NDArray[np.int64]) -> None:
        """Row i is `values[starts[i] : starts[i + 1]]`."""
        self.values = values
        self.starts = starts

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]], empty: NDArray[Any]) -> Ragged:
        """These rows; `empty` says the kind of number and of row where there are none."""
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return cls(np.concatenate([empty, *rows]), starts)

    @classmethod
    def joined(cls, parts: Iterable[Ragged], empty: NDArray[Any]) -> Ragged:
        """The rows of all parts in turn."""
        held = list(parts)
        lengths = np.concatenate([np.zeros(1, np.int64), *(part.lengths for part in held)])
        return cls(np.concatenate([empty, *(part.values for part in held)]), np.cumsum(lengths))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Of each row."""
        return np.diff(self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[NDArray[Any]]: ...

    def __getitem__(self, index: int | slice) -> NDArray[Any] | Sequence[NDArray[Any]]:
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        at = range(len(self))[index]
        return self.values[self.starts[at] : self.starts[at + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[at] for at in range(len(self)))

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> Ragged:
        """The rows at `indices`, in that order, in memory of their own."""
        return Ragged.of([self[int(at)] for at in indices], self.values[:0])
