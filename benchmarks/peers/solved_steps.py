"""The ridge head as classes arrive: it takes in the new rows and is solved again.

Each way gives, after each step, outputs [N, C] of the rows it is asked for and of the classes
known so far. Of old rows only what the head holds is used: sums, or vectors and their classes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.steps import Steps, take
from journeyman.evaluation.classification import accuracy_score
from journeyman.heads.base import HeadShape, Layers
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions, Score
from journeyman.heads.statistics import RidgeStatistics

Asked = Callable[[range], Layers]
"""Vectors of the rows that are asked about, of these classes."""
WIDENED = frozenset({"cross", "target_sum", "target_square", "targets"})
"""Statistics whose last dimension has an entry for each class."""


def by_additions(steps: Steps, asked: Asked, seed: int, *, kernel: bool) -> Iterator[Tensor]:
    """Map and penalty are chosen in the first step; afterwards rows are only added."""
    head = first(steps, seed, kernel=kernel)
    for step, end in enumerate(steps.ends):
        if step:
            head = widened(head, end)
            which = learned(steps, steps.span(step))
            head.add(take(steps.layers, which), targets(steps, which, end))
            head.resolve()
        yield head.outputs(asked(range(end)))


def chosen_anew(steps: Steps, asked: Asked, seed: int) -> Iterator[Tensor]:
    """Map and penalty are chosen again in each step, which takes the vectors of every layer."""
    for end in steps.ends:
        head = RidgeHead(RidgeOptions(), shape(steps, end), seed)
        settle(head, steps, range(end))
        yield head.outputs(asked(range(end)))


def first(steps: Steps, seed: int, *, kernel: bool) -> RidgeHead:
    """The head after the first step."""
    head = RidgeHead(RidgeOptions(kernel=kernel), shape(steps, steps.ends[0]), seed)
    settle(head, steps, range(steps.ends[0]))
    return head


def settle(head: RidgeHead, steps: Steps, classes: range, order: Tensor | None = None) -> None:
    """Choose by the held rows of these classes and learn all of them, given in this order."""
    which, held = (steps.rows(classes, held=held) for held in (False, True))
    which = which if order is None else which[order]
    wanted = [targets(steps, each, head.shape.outputs) for each in (which, held)]
    head.solve_with(
        take(steps.layers, which),
        wanted[0],
        take(steps.layers, held),
        wanted[1],
        scored(steps.labels[held]),
        leave_one_out=True,
    )


def at_once(steps: Steps, like: RidgeHead, seed: int) -> RidgeHead:
    """All rows at once, shuffled, by the map and the penalty of a head that learned few."""
    classes = range(steps.outputs)
    which = learned(steps, classes)
    which = which[torch.randperm(len(which), generator=torch.Generator().manual_seed(seed))]
    layers, wanted = take(steps.layers, which), targets(steps, which, steps.outputs)
    head = twin(like, steps.outputs)
    if head.map is None:
        raise ValueError("the head has not been solved")
    if head.choices["kernel"]:
        head.map.place(head.map.stacked(layers))
        head.load_statistics({"targets": wanted.double()})
    else:
        sums = RidgeStatistics(head.map.features, steps.outputs)
        for span, part in head.map.chunks(layers):
            sums.add(part, wanted[span])
        head.load_statistics(sums.tensors())
    head.resolve()
    return head


def widened(head: RidgeHead, outputs: int) -> RidgeHead:
    """The head with room for more classes, of which the rows so far have none."""
    found = twin(head, outputs)
    more = outputs - head.shape.outputs
    found.load_statistics(
        {
            name: nn.functional.pad(held, (0, more)) if name in WIDENED else held
            for name, held in head.statistics().items()
        }
    )
    return found


def twin(head: RidgeHead, outputs: int) -> RidgeHead:
    """A head with the same map and choices and no rows."""
    found = RidgeHead(head.options, replace(head.shape, outputs=outputs), head.seed)
    found.map, found.choices = copy.deepcopy(head.map), dict[str, Any](head.choices)
    return found


def shape(steps: Steps, outputs: int) -> HeadShape:
    """A head on every layer of the backbone."""
    spec = steps.backbone.spec
    return HeadShape(spec.width, tuple(range(1, spec.depth + 1)), outputs, "row")


def learned(steps: Steps, classes: range) -> Tensor:
    """Every row of these classes, those held included."""
    return torch.cat([steps.rows(classes, held=held) for held in (False, True)])


def targets(steps: Steps, which: Tensor, outputs: int) -> Tensor:
    """[N, C], one in the column of each row's class."""
    return nn.functional.one_hot(steps.labels[which], outputs).float()


def scored(labels: Tensor) -> Score:
    """Accuracy on rows with these labels."""
    truth = labels.tolist()
    return lambda outputs: accuracy_score(truth, outputs.argmax(1).tolist())
