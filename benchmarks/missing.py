"""What is lost where words, one of two texts, or labels are missing, and what remedies give back.

`python -m benchmarks.missing [PART ...]`, of which the beginning of a name will do: words
(banking77 and snippets, 4,000 training rows), fields (creak, 2,500), labels (banking77 with 8, 16
and 32 labels a class, all other training rows without; snippets with 5 % of 8,000; cifar10n with 8
and 25 true labels a class), five draws of the labels. One thread, MiniLM or EfficientNet-Lite0, all
frozen; from a filled cache. Test rows choose nothing: what a remedy is kept by are validation rows.
Intervals are of paired differences, over test rows or over draws.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.missing_bench import SHARE, Bench, Rows, backbone_for, difference, lacking
from benchmarks.missing_labels import few, labels
from benchmarks.runs import RESULTS, keep
from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.text_encoder import Text
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.catalogue.home import data_folder
from journeyman.tasks.base import Schema
from journeyman.tasks.text_classification import TextClassification
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.missing_options import MissingOptions
from journeyman.training.missing_parts import harden
from journeyman.training.trainer import Trained

ROWS = 4000
DRAWS = 5


def one_of_two(rows: Rows, seed: int, share: float = SHARE) -> tuple[Rows, NDArray[np.bool_]]:
    """The rows, of which a share lack one of their two texts, and which do."""
    random = np.random.default_rng([seed, len(rows)])
    gone, side = random.random(len(rows)) < share, random.integers(2, size=len(rows))
    texts: list[Text] = []
    for (first, second), missing, which in zip(rows.texts, gone, side, strict=True):
        texts.append(((first, second), ("", second), (first, ""))[int(missing) * (1 + which)])
    return Rows(texts, rows.labels), gone


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


def banking() -> tuple[Rows, Rows]:
    """Training rows and test rows."""
    parts = {}
    for name, path in resolve_dataset("banking77").files.items():
        said = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
        parts[name] = Rows([row["text"] for row in said], [row["label"] for row in said])
    return parts["train"], parts["test"]


def pictures() -> tuple[Rows, Rows]:
    """Training pictures and test pictures, with their true labels."""
    parts = {}
    for name, path in resolve_dataset("cifar10n").files.items():
        said = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
        texts = [Picture(Path(path).parent / row["image"]) for row in said]
        parts[name] = Rows(texts, [row["label"] for row in said])
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


def picture_labels(bench: Bench, shots: int) -> Any:
    """Labels missing on cifar10n, by its true labels."""
    pool, test = pictures()
    drawn = [few(pool, shots, seed) for seed in range(DRAWS)]
    return labels(bench, pool, test, drawn, crossed=True)


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
    "labels, cifar10n, 8 a class": ("cifar10n", lambda bench: picture_labels(bench, 8)),
    "labels, cifar10n, 25 a class": ("cifar10n", lambda bench: picture_labels(bench, 25)),
}
"""What is measured, and the data set whose layers it reads."""


def measure(names: Sequence[str] = ()) -> None:
    """Measure the parts that begin with one of these names, or all, and keep their figures beside
    those of the others."""
    torch.set_num_threads(1)
    cache, path = FeatureCache(), RESULTS / "missing.json"
    for name, (data, part) in PARTS.items():
        if names and not name.startswith(tuple(names)):
            continue
        figures = part(Bench(data, backbone_for(data), cache))
        kept = json.loads(path.read_text("utf-8"))["figures"] if path.is_file() else {}
        keep("missing", {**kept, "share missing": SHARE, name: figures})


if __name__ == "__main__":
    measure(sys.argv[1:])
