"""The contract of a place where traces of rows are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from journeyman.data.removals import Removals
from journeyman.registry import Registry
from journeyman.traces.removed import Removed
from journeyman.training.cache.feature_cache import FeatureCache


@dataclass(frozen=True)
class Request:
    """What is to be cleared: the rows, the folder of the `run`, and the feature cache.

    `model` is a model folder that no longer knows the rows: it is left alone. `removals` hold the
    rows, and those of earlier requests, salted.
    """

    run: Path
    removed: Removed
    removals: Removals
    cache: FeatureCache
    model: Path | None = None


class Place(ABC):
    """One kind of thing that keeps traces of rows."""

    name: ClassVar[str]
    rank: ClassVar[int]
    """Places are cleared in this order: the tables, which tell what an id reads, after those that
    are searched by it, and what is told anew from other places last."""

    @abstractmethod
    def clear(self, request: Request) -> int:
        """Take every trace away, and count them. Doing it twice is the same as once."""


PLACES: Registry[type[Place]] = Registry("place", "journeyman.traces.places")


def in_order() -> list[Place]:
    """Every place, in the order in which they are cleared."""
    return sorted((PLACES[name]() for name in PLACES), key=lambda place: (place.rank, place.name))
