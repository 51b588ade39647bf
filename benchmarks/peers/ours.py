"""Journeyman's rungs: ridge on frozen features, LoRA on top layers, full fine-tuning.

From texts to test predictions through the same parts a recipe runs, with a feature cache of their
own: empty, or filled by a pass beforehand that is not timed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers.piece import Answer, Piece
from benchmarks.peers.rows import Part
from benchmarks.runs import empty_cache
from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.data.options import DataOptions
from journeyman.tasks.base import TASKS, Schema, Task
from journeyman.training.assembly import make_learner
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, make_examples
from journeyman.training.feature_source import feature_source
from journeyman.training.ladder import climb
from journeyman.training.options import FinetuneOptions
from journeyman.training.trackers import Tracker
from journeyman.training.trainer import Trained, finetune
from journeyman.types import LabelPrediction

COLUMNS = DataOptions(train="rows", text="text", label="label")


def imports() -> None:
    """Load the libraries before the clock starts."""
    import peft  # noqa: F401
    import transformers

    transformers.utils.logging.set_verbosity_error()


@dataclass
class Curve(Tracker):
    """Validation accuracy of each epoch, with the seconds it was reached after."""

    piece: Piece
    points: list[dict[str, float]] = field(default_factory=list)

    def log(self, values: dict[str, float], step: int) -> None:
        """One point an epoch; a ladder tells of its rungs under names of their own."""
        seconds = round(self.piece.clock.seconds, 2)
        scores = {name: value for name, value in values.items() if "validation" in name}
        self.points += [
            {"epoch": step, "seconds": seconds, "validation": score} for score in scores.values()
        ]


@dataclass(frozen=True)
class Bench:
    """Task, backbone, schema and prepared rows of one piece."""

    task: Task
    backbone: Backbone
    schema: Schema
    parts: dict[str, Examples]
    classes: list[str]


def run(piece: Piece) -> Answer:
    """Train as a recipe with these `finetune` options would; score, or predict the test rows."""
    setting = dict(piece.setting)
    filled = setting.pop("cache") == "filled"
    precision = setting.pop("frozen", "float32")
    options = FinetuneOptions.model_validate({**setting, "metric": "accuracy"})
    with empty_cache():
        if filled:
            with piece.clock.pause():
                _fill(prepared(piece, precision), options, piece.seed)
        bench = prepared(piece, precision)
        curve = Curve(piece)
        cache = FeatureCache()
        trained = _trained(bench, options, piece.seed, cache, curve)
        tuner = trained.learner.tuner
        facts = {
            "parts": {name: round(value, 2) for name, value in trained.seconds.items()},
            "trainable": sum(p.numel() for p in tuner.parameters().values()),
            "tuner": f"{tuner.name} above {trained.learner.cut}",
        }
        if piece.stage == "choose":
            answer = Answer(_score(bench, trained), None, curve=curve.points, facts=facts)
        else:
            predictions = _predictions(bench, trained, cache)
            answer = Answer(predictions=predictions, curve=curve.points, facts=facts)
        cache.close()
    return answer


def prepared(piece: Piece, precision: str) -> Bench:
    """Load the backbone and prepare the rows: what every run begins with."""
    task = TASKS["text-classification"]()
    found = resolve(piece.backbone)
    about = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    backbone = load_backbone(found.folder, about, {"precision": precision})
    rows = {name: _rows(getattr(piece.rows, name), piece.rows.classes) for name in PARTS}
    schema = task.schema([task.target(row, COLUMNS) for row in rows["train"]])
    parts = {
        name: make_examples(task, backbone, each, COLUMNS, schema) for name, each in rows.items()
    }
    return Bench(task, backbone, schema, parts, piece.rows.classes)


PARTS = ("train", "validation", "test")


def _rows(part: Part, classes: list[str]) -> list[dict[str, Any]]:
    return [
        {"text": text, "label": classes[label]}
        for text, label in zip(part.texts, part.labels, strict=True)
    ]


def _trained(
    bench: Bench, options: FinetuneOptions, seed: int, cache: FeatureCache, curve: Curve
) -> Trained:
    """One rung, or for `tuner: auto` the rung that the ladder ends on."""
    parts = (bench.parts["train"], bench.parts["validation"])
    about = (bench.task, bench.backbone, bench.schema)
    if options.tuner == "auto":
        return climb(*about, *parts, options, seed=seed, cache=cache, tracker=curve).trained
    return finetune(*about, *parts, options, seed=seed, cache=cache, tracker=curve)


def _fill(bench: Bench, options: FinetuneOptions, seed: int) -> None:
    learner = make_learner(bench.task, bench.backbone, bench.schema, options, seed=seed)
    cache = FeatureCache()
    for examples in bench.parts.values():
        feature_source(learner, examples, cache)
    cache.close()


def _score(bench: Bench, trained: Trained) -> float:
    """Validation accuracy of the whole rung, before validation rows are learned."""
    targets = bench.parts["validation"].targets
    return bench.task.score(trained.outputs, targets, bench.schema, "accuracy")


def _predictions(bench: Bench, trained: Trained, cache: FeatureCache) -> list[int]:
    test = bench.parts["test"]
    outputs = trained.learner.outputs(test, feature_source(trained.learner, test, cache))
    names = [str(i) for i in range(len(test))]
    answers = bench.task.decode(outputs, bench.schema, trained.calibration, names, test.texts)
    at = {label: i for i, label in enumerate(bench.classes)}
    return [at[answer.label] for answer in answers if isinstance(answer, LabelPrediction)]
