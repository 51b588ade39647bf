"""The contract of a strategy: which rows of a pool are worth a label next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from journeyman.errors import JourneymanError
from journeyman.labelling.view import Places, View, nearest
from journeyman.registry import Registry

NEAR = 0.95
"""Cosine of two rows' vectors from which they are as good as one question."""


class Strategy(ABC):
    """Chooses rows. It holds no state, and draws chance from what it is given alone."""

    name: ClassVar[str]
    purpose: ClassVar[str]
    """One phrase for who has to choose a strategy."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Fields of a `View` that must be there: `doubts`, `chances`, `committee`."""

    @abstractmethod
    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """Up to `count` places of the view, each once, the most wanted first; one at least."""


STRATEGIES: Registry[type[Strategy]] = Registry("strategy", "journeyman.labelling.strategies")


def choose(strategy: Strategy, view: View, count: int, seed: int) -> list[int]:
    """Up to `count` places of a pool, the most wanted first: the same rows in whatever order.

    A row that nearly repeats a labelled row, or one chosen before it, comes after all that do not.
    Raises JourneymanError where the model cannot give what the strategy needs.
    """
    for name in strategy.needs:
        if getattr(view, name) is None:
            raise _unfit(strategy, name)
    order = np.array(sorted(range(len(view)), key=view.keys.__getitem__), dtype=np.int64)
    random = np.random.default_rng(seed)
    apart = nearest(view.vectors[order], view.known) < NEAR
    left, late, chosen = order[apart], order[~apart], list[int]()
    while len(chosen) < count and len(left):
        seen = view.knowing(view.vectors[chosen])
        wanted = count - len(chosen)
        picked = left[strategy.pick(seen.select(left), wanted, random)]
        fresh = _first_of_each(picked, view)
        chosen += fresh.tolist()
        near = nearest(view.vectors[left], view.vectors[chosen]) >= NEAR
        mine = np.isin(left, fresh)
        late = np.concatenate([late, left[near & ~mine]])
        left = left[~near & ~mine]
    doubts = np.zeros(len(view)) if view.doubts is None else view.doubts
    rest = sorted(late.tolist(), key=lambda at: (-doubts[at], view.keys[at]))
    return (chosen + rest)[:count]


def _first_of_each(picked: Places, view: View) -> Places:
    """Those of the picked rows that repeat none picked before them."""
    kept: list[int] = []
    for at in picked.tolist():
        if not kept or float((view.vectors[kept] @ view.vectors[at]).max()) < NEAR:
            kept.append(at)
    return np.array(kept, dtype=np.int64)


def _unfit(strategy: Strategy, missing: str) -> JourneymanError:
    why = {
        "doubts": "a model that answers with labels, words or boxes",
        "chances": "a model that gives one label a row",
        "committee": "a model of one label a row, whose head is solved and keeps what it learned",
    }
    return JourneymanError(
        f"The strategy {strategy.name} does not fit this model.",
        place="--strategy",
        expected=why.get(missing, f"a model with {missing}"),
        found="a model of another task or head",
        remedy="choose coreset, typical or random, or leave the strategy out",
    )
