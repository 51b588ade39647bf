"""What a search tries in one field: numbers of a range, or any of some values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, evenly or by their logarithm; whole ones where `whole`."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False


@dataclass(frozen=True)
class Choices:
    """Any of these values."""

    values: tuple[Any, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Each value as JSON, which is how storages know it."""
        return tuple(json.dumps(value, sort_keys=True) for value in self.values)


Domain = Range | Choices
Space = Mapping[str, Domain]


def domain(said: Any, *, whole: bool) -> Domain:
    """A domain out of what a recipe says, which has been checked; `whole` where its field is."""
    if isinstance(said, list):
        return Choices(tuple(said))
    if "choices" in said:
        return Choices(tuple(said["choices"]))
    low, high, step = (number(said.get(name)) for name in ("low", "high", "step"))
    if low is None or high is None:
        raise ValueError(f"no range: {said}")
    if step:
        high = low + (high - low) // step * step
    return Range(low, high, bool(said.get("log")), step, whole)


def number(said: Any) -> float | None:
    """A finite number, also one that YAML takes for text (`1e-4`, without a point); else None."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        value = float(said) if isinstance(said, str) else said
    except ValueError:
        return None
    return value if math.isfinite(value) else None
