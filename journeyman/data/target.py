"""What is to be predicted, as far as checking and splitting need to know it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.data.boxes import boxes_of
from journeyman.data.options import DataOptions
from journeyman.data.table import Indices, Table
from journeyman.types import TargetKind

_BINS = 10


@dataclass(frozen=True)
class Target:
    """How a row's target is read: one label, several, a number, a tag a token, or boxes."""

    kind: TargetKind
    data: DataOptions

    @property
    def column(self) -> str:
        """The column that holds it."""
        own = {"tags": self.data.tags, "boxes": self.data.boxes}
        name = own.get(self.kind) or self.data.label or self.data.soft_label
        return name or ""

    def classes(self, value: Any) -> tuple[str, ...]:
        """The classes in one cell: one, several, the entity types among its tags, or what its
        boxes show; difficult ones do not count."""
        if self.kind in ("label", "identity"):
            if self.data.label is None and (weights := soft_weights(value)):
                return (max(sorted(weights), key=lambda name: weights[name]),)
            return (str(value),)
        if self.kind == "labels":
            return several_labels(value, self.data.label_separator)
        if self.kind == "tags":
            return tuple(sorted({tag[2:] for tag in value if tag[1:2] == "-"}))
        if self.kind == "boxes":
            return tuple(sorted({box.label for box in boxes_of(value) if not box.difficult}))
        return ()

    def coded(self, table: Table) -> tuple[Indices, list[tuple[str, ...]]]:
        """Each row's code into the distinct sets of classes of the table."""
        codes, values = table.codes(self.column)
        sets: dict[tuple[str, ...], int] = {}
        renamed = [sets.setdefault(self.classes(value), len(sets)) for value in values]
        return np.array([*renamed, -1], dtype=np.int64)[codes], list(sets)

    def counts(self, table: Table) -> Counter[str]:
        """Rows of each class."""
        codes, sets = self.coded(table)
        rows = np.bincount(codes[codes >= 0], minlength=len(sets))
        counts: Counter[str] = Counter()
        for names, number in zip(sets, rows.tolist(), strict=True):
            counts.update(dict.fromkeys(names, number))
        return counts

    def strata(self, table: Table) -> Indices:
        """A code for each row; splits get the same mix of codes.

        The class; the rarest class of several; the tenth of the range a number falls into; of
        identities the same for all, since none of them is in two splits.
        """
        if self.kind == "identity":
            return np.zeros(len(table), dtype=np.int64)
        if self.kind == "value":
            return _bins(np.array([number(value) for value in table.column(self.column)]))
        codes, sets = self.coded(table)
        if self.kind == "label":
            return codes
        counts = self.counts(table)
        rarest = [min(names, key=lambda name: (counts[name], name), default="") for names in sets]
        names = sorted(set(rarest))
        return np.array([*(names.index(name) for name in rarest), -1], dtype=np.int64)[codes]


def target_of(data: DataOptions, kind: TargetKind | None, table: Table) -> Target:
    """The target: of the task's kind, else of what the columns and their content suggest."""
    if data.tags is not None:
        return Target("tags", data)
    if data.boxes is not None:
        return Target("boxes", data)
    if kind not in (None, "label"):
        return Target(kind, data)
    if data.label_separator is not None:
        return Target("labels", data)
    if data.label is None:
        return Target("label", data)
    if isinstance(_first(table, data.label), list):
        return Target("labels", data)
    if kind is None and looks_continuous(_some(table, data.label)):
        return Target("value", data)
    return Target("label", data)


def several_labels(value: Any, separator: str | None) -> tuple[str, ...]:
    """The labels of a multi-label cell, sorted: a list, JSON text of one, or separated text."""
    if isinstance(value, str) and separator is None and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            value = [value]
    if isinstance(value, str):
        value = value.split(separator) if separator else [value]
    if isinstance(value, Mapping):
        value = [name for name, on in value.items() if on]
    parts = {str(part).strip() for part in value or ()}
    return tuple(sorted(parts - {""}))


def soft_weights(value: Any) -> dict[str, float]:
    """Label weights from an object or its JSON text, zero ones left out; empty when unusable."""
    try:
        value = json.loads(value) if isinstance(value, str) else value
        weights = {str(name): float(weight) for name, weight in value.items() if weight}
    except (ValueError, TypeError, AttributeError):
        return {}
    usable = all(math.isfinite(weight) and weight >= 0 for weight in weights.values())
    return weights if usable else {}


def number(value: Any) -> float:
    """A finite number from a cell, else NaN."""
    try:
        read = float(value)
    except (TypeError, ValueError):
        return math.nan
    return read if math.isfinite(read) else math.nan


def ratings_of(value: Any) -> list[float] | None:
    """The numbers of one row's raters, from a list or its JSON text; None when it is neither.

    A row that nobody rated has an empty list.
    """
    if value is None or value == "":
        return []
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if not isinstance(value, list | tuple):
        return None
    found = [number(each) for each in value]
    return None if any(map(math.isnan, found)) else found


def looks_continuous(values: list[Any]) -> bool:
    """Whether labels are numbers to predict: all numeric, many, and not all whole."""
    numbers = [number(value) for value in values]
    if not numbers or any(math.isnan(value) for value in numbers):
        return False
    distinct = set(numbers)
    whole = all(value.is_integer() for value in distinct)
    return len(distinct) > 20 and (not whole or len(distinct) > len(numbers) / 2)


def _some(table: Table, name: str) -> list[Any]:
    step = max(1, len(table) // 2000)
    return table.select(range(0, len(table), step)).column(name)


def _first(table: Table, name: str) -> Any:
    return table.select([0]).column(name)[0] if len(table) else None


def _bins(values: NDArray[np.float64]) -> Indices:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right").astype(np.int64)
