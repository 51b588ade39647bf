"""Which rows to show, so that every class and every kind of error has its turn."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from journeyman.backbones.text_encoder import Text
from journeyman.explainers.cases import Case, cases
from journeyman.explainers.question import Question
from journeyman.section import Example
from journeyman.tasks.base import Task
from journeyman.types import Explanation, Prediction


def choose(
    task: Task,
    predictions: Sequence[Prediction],
    targets: Sequence[Any],
    texts: Sequence[Text],
    samples: int,
) -> list[Case]:
    """At most `samples` cases: kinds that were answered rightly first, then errors by frequency.

    Of what was answered rightly, each kind gives its most and its least confident case; of what
    was not, its most confident one. A regression has three kinds (closest, too high, too low),
    which share the samples. When there is no room for all, right and wrong kinds take turns, so
    that neither pushes the other out.
    """
    found = cases(task, predictions, targets, texts)
    right = _groups([case for case in found if case.right])
    wrong = sorted(_groups([case for case in found if not case.right]), key=lambda g: -len(g))
    if task.kind == "value":
        share = math.ceil(samples / max(len(right) + len(wrong), 1))
        right, wrong = ([group[:share] for group in groups] for groups in (right, wrong))
    else:
        right, wrong = [_ends(group) for group in right], [group[:1] for group in wrong]
    turns = list(chain.from_iterable(zip_longest(right, wrong, fillvalue=[])))
    order = [case for turn in zip_longest(*turns) for case in turn if case is not None]
    kept = {id(case) for case in order[:samples]}
    return [case for group in (*right, *wrong) for case in group if id(case) in kept]


def example(case: Case, question: Question, explanation: Explanation) -> Example:
    """A chosen case with its weights, as the report shows it."""
    return Example(
        **question.shown(explanation),
        given=case.given,
        predicted=case.predicted,
        score=case.score,
        note=f"explained: {explanation.target}; convergence gap {explanation.gap:.2g}",
        group=case.group,
        id=explanation.id,
    )


def _groups(cases: Sequence[Case]) -> list[list[Case]]:
    """The cases of each group, the most telling first; groups by name."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.group].append(case)
    return [
        sorted(groups[name], key=lambda case: (-case.weight, case.row)) for name in sorted(groups)
    ]


def _ends(group: list[Case]) -> list[Case]:
    return group if len(group) < 2 else [group[0], group[-1]]
