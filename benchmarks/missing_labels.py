"""What rows without labels are worth, labelled in several ways, for `benchmarks.missing`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.semi_supervised import LabelSpreading

from benchmarks.missing_bench import VIEWS, Bench, Rows, difference, lacking, modality
from benchmarks.neighbours import Graph
from journeyman.evaluation.calibration import probabilities
from journeyman.training.augmentations.missing import joined
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.loop import Split
from journeyman.training.pseudo_labels import (
    Confident,
    SelfTrainingOptions,
    label_counts,
    taken,
    threshold_of,
    with_pseudo_labels,
)
from journeyman.training.self_training import Course, self_train
from journeyman.training.solving import solver_rows
from journeyman.training.trainer import Trained, finetune
from journeyman.training.unlabelled import Unlabelled


def labels(
    bench: Bench,
    pool: Rows,
    test: Rows,
    drawn: Sequence[NDArray[np.int64]],
    *,
    others: bool = False,
    crossed: bool = False,
) -> Any:
    """Labelled rows alone and with all others unlabelled, for each draw of labelled positions; with
    `others`, ways that the product does not have too. Judged by a quarter of the labelled rows, or,
    `crossed`, by all of them in turn."""
    scores: dict[str, list[float]] = {}
    ways = {
        "self-training": SelfTrainingOptions(),
        "self-training, consistency": SelfTrainingOptions(consistency=VIEWS[modality(bench.name)]),
    }
    kept = dict.fromkeys(ways, 0)
    for seed, chosen in enumerate(drawn):
        rest = np.setdiff1d(np.arange(len(pool)), chosen)
        order = np.random.default_rng([seed, 5]).permutation(chosen)
        course = bench.course(*_parts(pool, order, crossed=crossed), seed)
        texts = pool.select(rest).texts
        start = bench.begun(course)
        for name, said in ways.items():
            found = self_train(course, start, Unlabelled(texts), said)
            kept[name] += int(found.rows > 0)
            model = found.trained if found.rows else bench.begun(course)
            _note(scores, name, bench, course, model, test)
        for name, how in OTHERS.items() if others else ():
            model = once(bench, course, start, pool.select(rest), **how)
            _note(scores, name, bench, course, model, test)
        if others:
            spread = _peer(bench, course, start, pool.select(rest), test)
            scores.setdefault("label spreading (scikit-learn)", []).append(spread)
        _note(scores, "labels alone", bench, course, start, test)
    alone, own = np.array(scores["labels alone"]), np.array(scores["self-training"])
    more = [name for name in scores if name not in ("labels alone", "self-training")]
    return {
        "accuracy": {name: round(statistics.mean(s), 4) for name, s in scores.items()},
        "kept": kept,
        "draws": len(drawn),
        "against labels alone": {
            n: difference(np.array(s), alone) for n, s in scores.items() if n != "labels alone"
        },
        "against self-training": {n: difference(np.array(scores[n]), own) for n in more},
        "runs": {name: [round(v, 4) for v in s] for name, s in scores.items()},
    }


def _parts(pool: Rows, order: NDArray[np.int64], *, crossed: bool) -> tuple[Rows, Rows]:
    """What is learned from, and what it is judged by."""
    if crossed:
        every = pool.select(order)
        return every, every
    held = _spread_over(order, pool)
    return pool.select(order[~held]), pool.select(order[held])


def _spread_over(order: NDArray[np.int64], pool: Rows) -> NDArray[np.bool_]:
    """Which labelled rows are held out: every fourth of each label."""
    seen: dict[str, int] = {}
    held = []
    for at in order:
        number = seen[pool.labels[at]] = seen.get(pool.labels[at], 0) + 1
        held.append(number % 4 == 0)
    return np.array(held)


def _note(
    scores: dict[str, list[float]],
    name: str,
    bench: Bench,
    course: Course,
    trained: Trained,
    test: Rows,
) -> None:
    bench.taken_in(course, trained)
    right = bench.right(trained, course.schema, test)
    scores.setdefault(name, []).append(float(right.mean()))


OTHERS: dict[str, dict[str, bool]] = {
    "one round": {},
    "one round, views without words": {"thin": True},
    "one round, neighbours agree": {"agree": True},
    "one round, neighbours agree, every row": {"agree": True, "every": True},
}
"""Ways of labelling that are tried, each in one round that nothing is judged by."""


def once(
    bench: Bench,
    course: Course,
    start: Trained,
    rest: Rows,
    *,
    thin: bool = False,
    agree: bool = False,
    every: bool = False,
) -> Trained:
    """A model that learned sure answers to unlabelled rows too, or `every` answer.

    With `thin`, rows that lack words are learned with the answers to whole ones (Sohn et al. 2020,
    FixMatch); where neighbours `agree`, answers are spread over near rows before any is taken.
    """
    asked = bench.examples(rest, course.schema)
    temperature = float(start.calibration.get("temperature", 1.0))
    source = feature_source(start.learner, asked, bench.cache)
    told = [start.outputs, start.learner.outputs(asked, source)]
    if agree:
        chances = [probabilities(np.stack(part), temperature) for part in told]
        told, temperature = _agreed(bench, course, start, asked, chances), 1.0
    held, answers = (Confident.of(part, temperature) for part in told)
    truths = [course.schema.labels.index(t.label) for t in course.validation.targets]
    threshold = threshold_of(held.scores, held.labels == np.array(truths), 0.9)
    if threshold is None:
        return bench.begun(course)
    rows = taken(answers, threshold.score, label_counts(course.train))
    rows = np.arange(len(rest)) if every else rows
    found = answers.labels[rows]
    lesson = with_pseudo_labels(
        bench.task, bench.backbone, course.schema, course.train, asked.select(rows), found
    )
    if thin:
        names = [course.schema.labels[at] for at in found.tolist()]
        views = lacking(Rows([rest.texts[at] for at in rows], names), 1)
        lesson = joined(bench.backbone, [lesson, bench.examples(views, course.schema)])
    return finetune(
        bench.task, bench.backbone, course.schema, lesson, course.validation, course.options,
        seed=course.seed, cache=bench.cache,
    )  # fmt: skip


def _agreed(
    bench: Bench,
    course: Course,
    start: Trained,
    asked: Examples,
    chances: Sequence[NDArray[np.float64]],
) -> list[Sequence[Any]]:
    """Logarithms of what validation rows and unlabelled rows hold once answers are spread."""
    if course.train.encoded is None:
        raise ValueError("spreading answers needs encoded targets")
    starts = [course.train.encoded.rows.numpy(), *chances]
    parts = [course.train, course.validation, asked]
    vectors = np.concatenate([vectors_of(bench, start, part) for part in parts])
    shares = Graph.of(vectors).spread(np.concatenate(starts).astype(np.float32))
    held = np.log(np.maximum(shares, 1e-12))
    ends = np.cumsum([len(part) for part in parts])
    return [list(held[first:last]) for first, last in pairwise(ends)]


def vectors_of(bench: Bench, trained: Trained, part: Examples) -> NDArray[np.float32]:
    """[N, D]: the last layer's vectors."""
    source = feature_source(trained.learner, part, bench.cache)
    layers = solver_rows(trained.learner, Split(part, source))
    found: NDArray[np.float32] = layers[max(layers)].numpy()
    return found


def _peer(bench: Bench, course: Course, start: Trained, rest: Rows, test: Rows) -> float:
    """scikit-learn's label spreading on the same vectors, as many neighbours, the same share."""
    parts = [course.train, course.validation, bench.examples(rest, course.schema)]
    vectors = [vectors_of(bench, start, part) for part in parts]
    vectors = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in vectors]
    known = [course.schema.labels.index(t.label) for p in parts[:2] for t in p.targets]
    targets = np.array([*known, *[-1] * len(rest)])
    model = LabelSpreading(kernel="knn", n_neighbors=10, alpha=0.8, max_iter=50, tol=1e-4)
    model.fit(np.concatenate(vectors), targets)
    asked = vectors_of(bench, start, bench.examples(test, course.schema))
    said = model.predict(asked / np.linalg.norm(asked, axis=1, keepdims=True))
    return float(np.mean([course.schema.labels[a] == b
                          for a, b in zip(said, test.labels, strict=True)]))  # fmt: skip


def few(pool: Rows, shots: int, seed: int) -> NDArray[np.int64]:
    """`shots` positions of each label."""
    random, labels = np.random.default_rng([seed, shots]), np.array(pool.labels)
    drawn = [random.permutation(np.flatnonzero(labels == label))[:shots]
             for label in sorted(set(pool.labels))]  # fmt: skip
    return np.concatenate(drawn)
