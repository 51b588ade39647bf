"""What there is to tell of single decisions: rows with the words that moved them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from journeyman.explainers.base import EXPLAINERS
from journeyman.explainers.faithfulness import deletion_test
from journeyman.explainers.options import ExplainOptions
from journeyman.explainers.question import ask
from journeyman.explainers.selection import choose, example
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.section import Figure, Section
from journeyman.training.examples import Examples
from journeyman.types import Explanation, Prediction


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
    explainer = EXPLAINERS[options.method](options)
    started = time.perf_counter()
    explanations: list[Explanation] = []
    with reporter.bar("explaining", len(questions)) as advance:
        for question in questions:
            explanations.append(explainer.answer(question))
            advance(1)
    seconds = time.perf_counter() - started
    figures = deletion_test(questions, explanations, seed=seed).figures() if questions else ()
    gaps = sorted(explanation.gap for explanation in explanations)
    return Section(
        step="explain",
        title="Why it answers as it does",
        prose=_prose(options, len(chosen), of),
        figures=(
            Figure(name="rows explained", value=len(chosen)),
            Figure(name="median convergence gap", value=gaps[len(gaps) // 2] if gaps else None),
            Figure(name="largest convergence gap", value=gaps[-1] if gaps else None),
            *figures,
            Figure(
                name="seconds an explanation",
                value=round(seconds / len(chosen), 3) if chosen else None,
                unit="s",
                clock=True,
            ),
        ),
        examples=tuple(
            example(case, text, explanation)
            for case, text, explanation in zip(chosen, texts, explanations, strict=True)
        ),
    )


def _prose(options: ExplainOptions, count: int, of: str) -> tuple[str, ...]:
    if not count:
        return ("No test row was explained.",)
    return (
        f"{count} answers of {of} to test rows are explained by {options.method}: for each class "
        "the most and the least certain right answer, for each kind of error the most certain one.",
        "A word's weight is how much it moved the explained score, up or down; the convergence gap "
        "says how far the weights are from adding up to the whole change of the score.",
    )
