"""What there is to tell of single decisions: rows with the words that moved them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from journeyman.explainers.asking import ask
from journeyman.explainers.base import explainer_for
from journeyman.explainers.faithfulness import deletion_test
from journeyman.explainers.options import ExplainOptions
from journeyman.explainers.selection import choose, example
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.section import Figure, Section
from journeyman.training.examples import Examples
from journeyman.types import Explanation, Prediction

TITLE = "Why it answers as it does"
UNITS = {"text": "words", "image": "cells"}
"""What weights are of."""
WEIGHT = {"text": "A word's weight is", "image": "A picture lies under a grid; a cell's weight is"}


def explained(
    model: Model,
    predictions: Sequence[Prediction],
    examples: Examples,
    options: ExplainOptions,
    *,
    of: str = "the model",
    seed: int,
    reporter: Reporter = QUIET,
) -> Section:
    """The chapter on why a model answers as it does, from answers to rows with targets; `of` says
    which model."""
    learner = model.learner
    chosen = choose(learner.task, predictions, examples.targets, examples.texts, options.samples)
    texts = [examples.texts[case.row] for case in chosen]
    ids = [predictions[case.row].id for case in chosen]
    asked = [case.asked for case in chosen]
    questions = ask(learner, model.schema, texts, ids, model.calibration, asked)
    explainer = explainer_for(learner.task.modality, options)
    started = time.perf_counter()
    explanations: list[Explanation] = []
    with reporter.bar("explaining", len(questions)) as advance:
        for question in questions:
            explanations.append(explainer.answer(question))
            advance(1)
    seconds = time.perf_counter() - started
    shown = tuple(
        example(case, question, explanation)
        for case, question, explanation in zip(chosen, questions, explanations, strict=True)
    )
    if not shown:
        return unexplained()
    tested = deletion_test(questions, explanations, seed=seed)
    gaps = sorted(explanation.gap for explanation in explanations)
    median, largest = gaps[len(gaps) // 2], gaps[-1]
    figures = _figures(len(shown), median, largest, round(seconds / len(shown), 3))
    return Section(
        step="explain",
        title=TITLE,
        prose=_prose(explainer.name, len(shown), of, learner.task.modality),
        figures=(*figures, *tested.figures(UNITS[learner.task.modality])),
        examples=shown,
    )


def unexplained() -> Section:
    """The chapter where no row is explained."""
    prose = ("No test row was explained.",)
    return Section(step="explain", title=TITLE, prose=prose, figures=_figures(0, None, None, None))


def _figures(
    rows: int, median: float | None, largest: float | None, seconds: float | None
) -> tuple[Figure, ...]:
    return (
        Figure(name="rows explained", value=rows),
        Figure(name="median convergence gap", value=median),
        Figure(name="largest convergence gap", value=largest),
        Figure(name="seconds an explanation", value=seconds, unit="s", clock=True),
    )


def _prose(method: str, count: int, of: str, modality: str) -> tuple[str, ...]:
    return (
        f"{count} answers of {of} to test rows are explained by {method}: for each class "
        "the most and the least certain right answer, for each kind of error the most certain one.",
        f"{WEIGHT[modality]} how much it moved the explained score, up or down; the convergence "
        "gap says how far the weights are from adding up to the whole change of the score.",
    )
