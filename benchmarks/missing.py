"""What is lost where words, one of two texts, or labels are missing, and what remedies give back.

`python -m benchmarks.missing [PART ...]`, of which the beginning of a name will do: words
(banking77 and snippets, 4,000 training rows), fields (creak, 2,500), labels (banking77 with 8, 16
and 32 labels a class, all other training rows without; snippets with 5 % of 8,000), five draws of
the labels. One thread, MiniLM, all frozen; from a filled cache. Test rows choose nothing: what a
remedy is kept by are validation rows. Intervals are of paired differences, over test rows or over
draws.
"""

from __future__ import annotations

import gzip
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.semi_supervised import LabelSpreading

from benchmarks.runs import RESULTS, keep
from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text, load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.catalogue.home import data_folder
from journeyman.data.options import DataOptions
from journeyman.tasks.base import Schema
from journeyman.tasks.text_classification import LabelTarget, TextClassification
from journeyman.training.agreed_answers import vectors_of
from journeyman.training.augmentations.missing import joined
from journeyman.training.augmentations.word_dropout import WordDropout
from journeyman.training.cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.missing_options import MissingOptions
from journeyman.training.missing_parts import harden
from journeyman.training.options import FinetuneOptions
from journeyman.training.pseudo_labels import (
    Confident,
    SelfTrainingOptions,
    label_counts,
    taken,
    threshold_of,
    with_pseudo_labels,
)
from journeyman.training.self_training import Course, self_train
from journeyman.training.trainer import Trained, finetune, refit
from journeyman.unlabelled import Unlabelled

SHARE = 0.3
ROWS = 4000
DRAWS = 5
HEAD = {"name": "ridge", "kernel": True, "features": 1024, "exact_rows": 1024}
LAYERS = {"banking77": [5, 6], "snippets": [3, 4, 5, 6], "creak": [4, 5, 6]}
"""As recipes choose them on training rows; fixed, so that methods differ in nothing else."""
COLUMNS = DataOptions(train="rows", text="text", label="label")


@dataclass(frozen=True)
class Rows:
    """Texts and their labels."""

    texts: Sequence[Text]
    labels: Sequence[str]

    def select(self, which: Sequence[int] | NDArray[np.int64]) -> Rows:
        """The rows at these positions."""
        return Rows([self.texts[i] for i in which], [self.labels[i] for i in which])

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class Bench:
    """One data set under one head: everything is trained and asked through it."""

    name: str
    backbone: Backbone
    cache: FeatureCache
    metric: str = "accuracy"

    def __post_init__(self) -> None:
        self.task = TextClassification()

    def options(self) -> FinetuneOptions:
        """Frozen layers, a kernel on fixed layers; validation rows are taken in later."""
        head = {**HEAD, "layers": LAYERS[self.name]}
        said = {"tuner": "none", "head": head, "metric": self.metric, "refit": False}
        return FinetuneOptions.model_validate(said)

    def schema(self, rows: Rows) -> Schema:
        """Of the training labels."""
        return self.task.schema([LabelTarget(label) for label in rows.labels])

    def examples(self, rows: Rows, schema: Schema) -> Examples:
        """Prepared and encoded."""
        inputs = self.backbone.prepare(rows.texts)
        targets = [LabelTarget(label) for label in rows.labels]
        encoded = self.task.encode(targets, schema, inputs, rows.texts)
        return Examples(rows.texts, inputs, targets, encoded)

    def course(self, train: Rows, validation: Rows, seed: int) -> Course:
        """What training goes on from."""
        schema = self.schema(train)
        parts = self.examples(train, schema), self.examples(validation, schema)
        return Course(self.task, self.backbone, schema, *parts, self.options(), seed, self.cache)

    def begun(self, course: Course) -> Trained:
        """The model of the labelled rows alone, validation rows not taken in."""
        return finetune(
            self.task, self.backbone, course.schema, course.train, course.validation,
            course.options, seed=course.seed, cache=self.cache,
        )  # fmt: skip

    def taken_in(self, course: Course, trained: Trained) -> Trained:
        """With the validation rows learned too, as a recipe has it."""
        refit(trained, course.schema, course.validation, self.cache)
        return trained

    def right(self, trained: Trained, schema: Schema, rows: Rows) -> NDArray[np.float64]:
        """1 for each row that is answered right."""
        return self.hits(self.outputs(trained, schema, rows), schema, rows)

    def outputs(self, trained: Trained, schema: Schema, rows: Rows) -> NDArray[np.float32]:
        """[N, C] of the rows."""
        asked = self.examples(rows, schema)
        source = feature_source(trained.learner, asked, self.cache)
        return np.stack(trained.learner.outputs(asked, source))

    def hits(self, outputs: NDArray[np.float32], schema: Schema, rows: Rows) -> NDArray[np.float64]:
        """1 for each row whose largest output is its label's."""
        said = [schema.labels[at] for at in outputs.argmax(1)]
        return np.array([one == other for one, other in zip(said, rows.labels, strict=True)], float)


def lacking(rows: Rows, turn: int, share: float = SHARE) -> Rows:
    """The rows with about `share` of their words missing: a text always loses the same ones."""

    def shortened(text: str) -> str:
        digest = blake2b(f"{turn} {text}".encode(), digest_size=8).digest()
        random = np.random.default_rng(int.from_bytes(digest, "big"))
        return WordDropout().change(text, share, random)

    return Rows([shortened(str(text)) for text in rows.texts], rows.labels)


def one_of_two(rows: Rows, seed: int, share: float = SHARE) -> tuple[Rows, NDArray[np.bool_]]:
    """The rows, of which a share lack one of their two texts, and which do."""
    random = np.random.default_rng([seed, len(rows)])
    gone, side = random.random(len(rows)) < share, random.integers(2, size=len(rows))
    texts: list[Text] = []
    for (first, second), missing, which in zip(rows.texts, gone, side, strict=True):
        texts.append(((first, second), ("", second), (first, ""))[int(missing) * (1 + which)])
    return Rows(texts, rows.labels), gone


def difference(new: NDArray[np.float64], old: NDArray[np.float64]) -> dict[str, float]:
    """The mean of paired differences, with its interval at level 0.95."""
    gaps = np.asarray(new) - np.asarray(old)
    count = len(gaps)
    half = float(student.ppf(0.975, count - 1) * gaps.std(ddof=1) / np.sqrt(count))
    mean = float(gaps.mean())
    return {"value": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def split(rows: Rows, held: int, seed: int) -> tuple[Rows, Rows]:
    """Training rows and `held` validation rows."""
    order = np.random.default_rng([seed, 7]).permutation(len(rows))
    return rows.select(order[held:]), rows.select(order[:held])


def words(bench: Bench, train: Rows, test: Rows) -> dict[str, Any]:
    """Whole test rows and ones that lack words: plain, with views, and by averaging over views."""
    learned, chosen = split(train, len(train) // 10, 0)
    course = bench.course(learned, chosen, 0)
    asked = {"whole": test, "words missing": lacking(test, 0)}
    found: dict[str, Any] = {"rows": {"train": len(learned), "test": len(test)}}
    hits: dict[str, dict[str, NDArray[np.float64]]] = {}
    start = bench.begun(course)
    hard, _ = harden(course, start, MissingOptions(words=SHARE))
    found["views"] = {"kept": hard.kept, "held-out gain": round(hard.missing.value, 4),
                      "its error": round(hard.missing.error, 4)}  # fmt: skip
    lost = bench.course(lacking(learned, 1), lacking(chosen, 1), 0)
    models = {"plain": (start, course), "views": (hard.made, course),
              "words missing in training": (bench.begun(lost), lost)}  # fmt: skip
    for name, (trained, own) in models.items():
        bench.taken_in(own, trained)
        hits[name] = {said: bench.right(trained, own.schema, rows) for said, rows in asked.items()}
    for name in ("plain", "views"):
        hits[f"{name}, averaged"] = _averaged(bench, models[name][0], course.schema, asked)
    found["accuracy"] = {n: {s: round(float(h.mean()), 4) for s, h in by.items()}
                         for n, by in hits.items()}  # fmt: skip
    found["against plain"] = {
        n: {s: difference(h, hits["plain"][s]) for s, h in by.items()}
        for n, by in hits.items() if n != "plain"
    }  # fmt: skip
    found["lost"] = difference(hits["plain"]["words missing"], hits["plain"]["whole"])
    return found


def _averaged(
    bench: Bench, trained: Trained, schema: Schema, asked: Mapping[str, Rows]
) -> dict[str, NDArray[np.float64]]:
    """Outputs of each question that lacks words, and of two views that lack a tenth of the rest."""
    hits = {}
    for said, rows in list(asked.items())[1:]:
        parts = [rows, *(lacking(rows, turn, 0.1) for turn in (11, 12))]
        total = sum(bench.outputs(trained, schema, part) for part in parts)
        hits[said] = bench.hits(np.asarray(total), schema, rows)
    return hits


def fields(bench: Bench, train: Rows, test: Rows) -> dict[str, Any]:
    """A third of the rows lack one of two texts, in training, in test, in both."""
    learned, chosen = split(train, len(train) // 8, 0)
    thinned, gone = one_of_two(learned, 1)
    held, _ = one_of_two(chosen, 2)
    lost, _ = one_of_two(test, 3)
    asked = {"whole": test, "fields missing": lost}
    whole_course = bench.course(learned, chosen, 0)
    kept_course = bench.course(thinned, held, 0)
    dropped_course = bench.course(thinned.select(np.flatnonzero(~gone)), held, 0)
    said = MissingOptions(fields=SHARE)
    starts = {
        "whole in training": (bench.begun(whole_course), whole_course),
        "missing in training, rows dropped": (bench.begun(dropped_course), dropped_course),
        "missing in training, rows kept": (bench.begun(kept_course), kept_course),
    }
    found: dict[str, Any] = {"views": {}}
    models = dict(starts)
    for name in ("whole in training", "missing in training, rows kept"):
        start, course = starts[name]
        hard, _ = harden(course, start, said)
        found["views"][name] = {
            "kept": hard.kept,
            "held-out gain": round(hard.missing.value, 4),
            "its error": round(hard.missing.error, 4),
        }
        models[f"{name}, views"] = (hard.made, course)
    hits = {
        name: {s: bench.right(bench.taken_in(own, m), own.schema, rows) for s, rows in
               asked.items()}
        for name, (m, own) in models.items()
    }  # fmt: skip
    found["accuracy"] = {n: {s: round(float(h.mean()), 4) for s, h in by.items()}
                         for n, by in hits.items()}  # fmt: skip
    pairs = {
        "kept against dropped": ("missing in training, rows kept",
                                 "missing in training, rows dropped"),
        "views, whole in training": ("whole in training, views", "whole in training"),
        "views, missing in training": ("missing in training, rows kept, views",
                                       "missing in training, rows kept"),
    }  # fmt: skip
    found["differences"] = {
        name: {s: difference(hits[new][s], hits[old][s]) for s in asked}
        for name, (new, old) in pairs.items()
    }
    plain = hits["whole in training"]
    found["lost"] = difference(plain["fields missing"], plain["whole"])
    return found


def labels(
    bench: Bench,
    pool: Rows,
    test: Rows,
    drawn: Sequence[NDArray[np.int64]],
    *,
    others: bool = False,
) -> Any:
    """Labelled rows alone and with all others unlabelled, for each draw of labelled positions; with
    `others`, ways that the product does not have too."""
    scores: dict[str, list[float]] = {}
    kept: dict[str, int] = {}
    for seed, chosen in enumerate(drawn):
        rest = np.setdiff1d(np.arange(len(pool)), chosen)
        order = np.random.default_rng([seed, 5]).permutation(chosen)
        held = _spread_over(order, pool)
        course = bench.course(pool.select(order[~held]), pool.select(order[held]), seed)
        texts = pool.select(rest).texts
        start = bench.begun(course)
        for method in ("answers", "neighbours"):
            said = SelfTrainingOptions(method=method, rounds=2)  # type: ignore[arg-type]
            found = self_train(course, start, Unlabelled(texts), said)
            kept[method] = kept.get(method, 0) + int(found.rows > 0)
            model = found.trained if found.rows else bench.begun(course)
            _note(scores, f"self-training, {method}", bench, course, model, test)
        if others:
            more = consistent(bench, course, start, pool.select(rest))
            _note(scores, "consistency of views", bench, course, more, test)
            spread = _peer(bench, course, start, pool.select(rest), test)
            scores.setdefault("label spreading (scikit-learn)", []).append(spread)
        _note(scores, "labels alone", bench, course, start, test)
    alone = np.array(scores["labels alone"])
    return {
        "accuracy": {name: round(statistics.mean(s), 4) for name, s in scores.items()},
        "kept": kept,
        "draws": len(drawn),
        "gain": {n: difference(np.array(s), alone) for n, s in scores.items()
                 if n != "labels alone"},
        "neighbours against answers": difference(
            np.array(scores["self-training, neighbours"]),
            np.array(scores["self-training, answers"]),
        ),
        "runs": {name: [round(v, 4) for v in s] for name, s in scores.items()},
    }  # fmt: skip


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


def consistent(bench: Bench, course: Course, start: Trained, rest: Rows) -> Trained:
    """Sure answers to whole rows, learned for the rows and for ones that lack words (Sohn et al.
    2020, FixMatch)."""
    asked = bench.examples(rest, course.schema)
    temperature = float(start.calibration.get("temperature", 1.0))
    held = Confident.of(start.outputs, temperature)
    truths = [course.schema.labels.index(t.label) for t in course.validation.targets]
    threshold = threshold_of(held.scores, held.labels == np.array(truths), 0.9)
    if threshold is None:
        return bench.begun(course)
    source = feature_source(start.learner, asked, bench.cache)
    answers = Confident.of(start.learner.outputs(asked, source), temperature)
    rows = taken(answers, threshold.score, label_counts(course.train))
    found = answers.labels[rows]
    lesson = with_pseudo_labels(
        bench.task, bench.backbone, course.schema, course.train, asked.select(rows), found
    )
    names = [course.schema.labels[at] for at in found.tolist()]
    thin = lacking(Rows([rest.texts[at] for at in rows], names), 1)
    more = joined(bench.backbone, [lesson, bench.examples(thin, course.schema)])
    return finetune(
        bench.task, bench.backbone, course.schema, more, course.validation, course.options,
        seed=course.seed, cache=bench.cache,
    )  # fmt: skip


def _peer(bench: Bench, course: Course, start: Trained, rest: Rows, test: Rows) -> float:
    """scikit-learn's label spreading on the same vectors, as many neighbours, the same share."""
    parts = [course.train, course.validation, bench.examples(rest, course.schema)]
    vectors = [vectors_of(start.learner, part, bench.cache) for part in parts]
    vectors = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in vectors]
    known = [course.schema.labels.index(t.label) for p in parts[:2] for t in p.targets]
    targets = np.array([*known, *[-1] * len(rest)])
    model = LabelSpreading(kernel="knn", n_neighbors=10, alpha=0.8, max_iter=50, tol=1e-4)
    model.fit(np.concatenate(vectors), targets)
    asked = vectors_of(start.learner, bench.examples(test, course.schema), bench.cache)
    said = model.predict(asked / np.linalg.norm(asked, axis=1, keepdims=True))
    return float(np.mean([course.schema.labels[a] == b
                          for a, b in zip(said, test.labels, strict=True)]))  # fmt: skip


def banking() -> tuple[Rows, Rows]:
    """Training rows and test rows."""
    parts = {}
    for name, path in resolve_dataset("banking77").files.items():
        said = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
        parts[name] = Rows([row["text"] for row in said], [row["label"] for row in said])
    return parts["train"], parts["test"]


def snippets(most: int = 8000, asked: int = 2000) -> tuple[Rows, Rows]:
    """A sample of training rows and of test rows, no text in both."""
    from benchmarks.robustness import snippets as every

    data, known = every()
    task = TextClassification()
    unique = {str(row[data.texts[0]]): task.target(row, data).label for row in known}
    order = np.random.default_rng(0).permutation(len(unique))[: most + asked]
    whole = Rows(list(unique), list(unique.values()))
    return whole.select(order[:most]), whole.select(order[most:])


def creak(most: int = 2500) -> tuple[Rows, Rows]:
    """Claims and explanations of them, true or false: training rows, and the development rows."""
    folder = (data_folder() or Path()) / "creak"
    with gzip.open(folder / "train.json.gz", "rt", encoding="utf-8") as file:
        train = [json.loads(line) for line in file]
    test = [json.loads(line) for line in (folder / "dev.json").read_text("utf-8").splitlines()]
    return tuple(  # type: ignore[return-value]
        Rows([(r["sentence"], r["explanation"]) for r in part], [r["label"] for r in part])
        for part in (train[:most], test)
    )


def few(pool: Rows, shots: int, seed: int) -> NDArray[np.int64]:
    """`shots` positions of each label."""
    random, labels = np.random.default_rng([seed, shots]), np.array(pool.labels)
    drawn = [random.permutation(np.flatnonzero(labels == label))[:shots]
             for label in sorted(set(pool.labels))]  # fmt: skip
    return np.concatenate(drawn)


def money_words(bench: Bench) -> dict[str, Any]:
    """Words missing on banking77."""
    train, test = banking()
    return words(bench, split(train, ROWS, 1)[1], test)


def mood_words(bench: Bench) -> dict[str, Any]:
    """Words missing on snippets."""
    train, test = snippets()
    return words(bench, split(train, ROWS, 1)[1], test)


def money_labels(bench: Bench, shots: int) -> Any:
    """Labels missing on banking77."""
    pool, test = banking()
    drawn = [few(pool, shots, seed) for seed in range(DRAWS)]
    return labels(bench, pool, test, drawn, others=shots == 8)


def mood_labels(bench: Bench) -> Any:
    """Labels missing on snippets, all but 5 %."""
    pool, test = snippets()
    orders = [np.random.default_rng([seed, 3]).permutation(len(pool)) for seed in range(DRAWS)]
    return labels(bench, pool, test, [order[: len(pool) // 20] for order in orders])


PARTS: dict[str, tuple[str, Callable[[Bench], Any]]] = {
    "words, banking77": ("banking77", money_words),
    "words, snippets": ("snippets", mood_words),
    "fields, creak": ("creak", lambda bench: fields(bench, *creak())),
    "labels, banking77, 8 a class": ("banking77", lambda bench: money_labels(bench, 8)),
    "labels, banking77, 16 a class": ("banking77", lambda bench: money_labels(bench, 16)),
    "labels, banking77, 32 a class": ("banking77", lambda bench: money_labels(bench, 32)),
    "labels, snippets, 5 %": ("snippets", mood_labels),
}
"""What is measured, and the data set whose layers it reads."""


def measure(names: Sequence[str] = ()) -> None:
    """Measure the parts that begin with one of these names, or all, and keep their figures beside
    those of the others."""
    torch.set_num_threads(1)
    found = resolve("minilm-l6")
    spec = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    backbone = load_backbone(Path(found.folder), spec, {"max_tokens": 64})
    cache, path = FeatureCache(), RESULTS / "missing.json"
    for name, (data, part) in PARTS.items():
        if names and not name.startswith(tuple(names)):
            continue
        figures = part(Bench(data, backbone, cache))
        kept = json.loads(path.read_text("utf-8"))["figures"] if path.is_file() else {}
        keep("missing", {**kept, "share missing": SHARE, name: figures})


if __name__ == "__main__":
    measure(sys.argv[1:])
