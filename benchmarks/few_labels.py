"""banking77 with 8 labelled rows a class: ours beside SetFit, same backbone, rows and threads.

Ten draws of rows from the training split, all test rows. `python -m benchmarks few_labels` runs
everything; `python -m benchmarks.few_labels NAME ... --seeds 0 1` only some contenders and draws.
Seconds are from the texts to a model that answers, an empty feature cache included, the loading of
libraries and backbone and the answers to test rows excluded, for both sides alike. Draws that were
measured with as many threads are kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.drawn import Draw, draw
from benchmarks.runs import RESULTS, keep
from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.data.label_names import name_rows
from journeyman.data.options import DataOptions
from journeyman.evaluation.classification import accuracy_score
from journeyman.tasks.text_classification import TextClassification
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune

SHOTS = 8
SEEDS = 10
BACKBONE = "minilm-l6"
COLUMNS = DataOptions(train="rows", text="text", label="label", label_names=True)
FROZEN = {"tuner": "none", "metric": "accuracy"}
CONTRAST = {
    "tuner": "full",
    "cut": 4,
    "head": "prototype",
    "objective": "contrast",
    "epochs": 8,
    "batch_size": 64,
    "learning_rate": 2e-4,
    "metric": "accuracy",
}
"""Chosen on training rows that were not drawn. `contrast, ridge, names`, which puts another head on
it, was added after the first draw's test figures of the others had been seen."""

Answers = tuple[float, Sequence[str]]
"""Seconds to a model that answers, and its answers to the test rows."""


def ours(
    backbone: Backbone, drawn: Draw, options: Mapping[str, Any], *, rows: bool = True, names: bool
) -> Answers:
    """Through the trainer a recipe runs, without validation rows."""
    task = TextClassification()
    started = time.perf_counter()
    said = [*(drawn.train if rows else []), *(_names(drawn) if names else [])]
    schema = task.schema([task.target(row, COLUMNS) for row in said])
    train = make_examples(task, backbone, said, COLUMNS, schema)
    nothing = make_examples(task, backbone, [], COLUMNS, schema)
    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder))
        chosen = FinetuneOptions.model_validate(options)
        made = finetune(
            task, backbone, schema, train, nothing, chosen, seed=drawn.seed, cache=cache
        )
        seconds = time.perf_counter() - started
        test = make_examples(task, backbone, drawn.test, COLUMNS, schema)
        outputs = made.learner.outputs(test, made.learner.uncached(test))
        cache.close()
    return seconds, [schema.labels[int(row.argmax())] for row in outputs]


def _names(drawn: Draw) -> list[dict[str, Any]]:
    return [dict(row) for row in name_rows(drawn.labels, COLUMNS, "label")]


def tfidf(drawn: Draw) -> Answers:
    """TF-IDF of words and pairs of words, logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    started = time.perf_counter()
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1000),
    )
    model.fit([row["text"] for row in drawn.train], [row["label"] for row in drawn.train])
    seconds = time.perf_counter() - started
    return seconds, list(model.predict([row["text"] for row in drawn.test]))


def logistic(folder: str, drawn: Draw) -> Answers:
    """sentence-transformers' vectors and logistic regression."""
    from sklearn.linear_model import LogisticRegression

    model = _sentences(folder)
    started = time.perf_counter()
    vectors = model.encode([row["text"] for row in drawn.train], normalize_embeddings=True)
    head = LogisticRegression(C=10.0, max_iter=1000)
    head.fit(vectors, [row["label"] for row in drawn.train])
    seconds = time.perf_counter() - started
    asked = model.encode([row["text"] for row in drawn.test], normalize_embeddings=True)
    return seconds, list(head.predict(asked))


def setfit(folder: str, drawn: Draw, iterations: int) -> Answers:
    """SetFit by its own package, with the defaults of its paper (Tunstall et al. 2022).

    One epoch over `iterations` (20 in the paper) positive and as many negative pairs a row, 16
    pairs a step at a rate of 2e-5, then logistic regression. The package itself would go over every
    pair of rows, 15 times as long as with 20.
    """
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments
    from sklearn.linear_model import LogisticRegression

    model = SetFitModel(model_body=_sentences(folder), model_head=LogisticRegression())
    place = {label: i for i, label in enumerate(drawn.labels)}
    rows = Dataset.from_dict(
        {
            "text": [row["text"] for row in drawn.train],
            "label": [place[row["label"]] for row in drawn.train],
        }
    )
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as output:
        said = TrainingArguments(
            output_dir=output,
            batch_size=16,
            num_epochs=1,
            num_iterations=iterations,
            body_learning_rate=2e-5,
            seed=drawn.seed,
            report_to="none",
            logging_strategy="no",
            save_strategy="no",
            show_progress_bar=False,
        )
        Trainer(model=model, args=said, train_dataset=rows).train()
    seconds = time.perf_counter() - started
    guesses = model.predict([row["text"] for row in drawn.test], show_progress_bar=False)
    return seconds, [drawn.labels[int(guess)] for guess in guesses]


def _sentences(folder: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    word = modules.Transformer(folder, max_seq_length=256)
    pooling = modules.Pooling(word.get_embedding_dimension(), pooling_mode="mean")
    return SentenceTransformer(modules=[word, pooling], device="cpu")


def contenders() -> dict[str, Callable[[Draw], Answers]]:
    """Everyone by name, on one backbone that is loaded before the clock starts."""
    found = resolve(BACKBONE)
    spec = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    backbone = load_backbone(found.folder, spec)
    folder = str(found.folder)

    def own(options: Mapping[str, Any], **how: bool) -> Callable[[Draw], Answers]:
        return lambda drawn: ours(backbone, drawn, options, **{"names": False, **how})

    prototype = {**FROZEN, "head": "prototype"}
    names_alone = {**FROZEN, "head": {"name": "prototype", "metric": "cosine"}}
    return {
        "tfidf_linear": tfidf,
        "sentence_logistic": lambda drawn: logistic(folder, drawn),
        "names alone": own(names_alone, rows=False, names=True),
        "ridge": own({**FROZEN, "head": "ridge"}),
        "ridge, names": own({**FROZEN, "head": "ridge"}, names=True),
        "prototype": own(prototype),
        "prototype, names": own(prototype, names=True),
        "contrast, ridge, names": own({**CONTRAST, "head": "ridge"}, names=True),
        "contrast": own(CONTRAST),
        "contrast, names": own(CONTRAST, names=True),
        "setfit": lambda drawn: setfit(folder, drawn, 20),
        "setfit, 5 pairs a row": lambda drawn: setfit(folder, drawn, 5),
    }


def measure(names: Sequence[str] = (), seeds: Sequence[int] = range(SEEDS)) -> None:
    """Test accuracy and seconds of each contender and draw; kept as each draw ends."""
    everyone = contenders()
    path, threads = RESULTS / "few_labels.json", torch.get_num_threads()
    runs: dict[str, dict[str, list[float]]] = {}
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))["figures"]
        runs = kept["runs"] if kept.get("threads") == threads else {}
    for seed in seeds:
        drawn = draw(seed)
        truth = [row["label"] for row in drawn.test]
        for name in names or everyone:
            seconds, answers = everyone[name](drawn)
            reached = accuracy_score(truth, list(answers))
            runs.setdefault(name, {})[str(seed)] = [round(reached, 4), round(seconds, 2)]
            figures = {"shots": SHOTS, "threads": threads, "mean": _means(runs), "runs": runs}
            keep("few_labels", figures)


def _means(runs: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "draws": len(by_seed),
            "accuracy": round(statistics.mean(run[0] for run in by_seed.values()), 4),
            "seconds": round(statistics.mean(run[1] for run in by_seed.values()), 2),
        }
        for name, by_seed in runs.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(SEEDS)))
    asked = parser.parse_args()
    measure(asked.names, asked.seeds)
