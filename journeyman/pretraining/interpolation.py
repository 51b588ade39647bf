"""How far a backbone's weights go from what they were to what pretraining made of them.

Wortsman and others (2022), "Robust fine-tuning of zero-shot models": weights on the straight line
between two networks, of which one was trained from the other, often serve better than either end.
A sentence encoder that learns to foretell words forgets which sentences are near; part of the way
keeps most of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.pretraining.options import PretrainOptions

STEPS = (0.1, 0.25, 0.5, 1.0)
"""Parts of the way that `auto` tries."""

Worth = Mapping[float, float | None]
"""The score of a head on the backbone by part of the way; None where it cannot be measured."""


@dataclass(frozen=True)
class Outcome:
    """What each part of the way is `worth`, 0 among them, by `metric`, and which was `kept`."""

    worth: Worth
    kept: float
    metric: str


def between(base: Backbone, made: Backbone, share: float) -> dict[str, Tensor]:
    """The weights `share` of the way from `base` to `made`, two states of one network.

    1 gives `made`'s bit for bit; what is no floating-point number is `made`'s too.
    """
    first, last = base.module.state_dict(), made.module.state_dict()
    if share == 1:
        return dict(last)
    return {
        name: first[name].lerp(value, share) if value.is_floating_point() else value
        for name, value in last.items()
    }


def shares(options: PretrainOptions, before: float | None) -> tuple[float, ...]:
    """The parts of the way to measure; all of it alone where nothing can be measured."""
    if options.interpolation != "auto":
        return (options.interpolation,)
    return STEPS if before is not None else STEPS[-1:]


def kept(options: PretrainOptions, worth: Worth) -> float:
    """The part that was asked for, or else that is worth most: of equals the least, 0 included."""
    measured = {share: value for share, value in sorted(worth.items()) if value is not None}
    if options.interpolation != "auto" or not measured:
        return max(worth)
    return max(measured, key=lambda share: measured[share])
