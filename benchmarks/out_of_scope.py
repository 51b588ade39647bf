"""Rows of classes the model has never seen: are they found out, and are the others kept?

`python -m benchmarks.out_of_scope [PART ...]`, of the parts `choice`, `banking77` and `pictures`;
all of them when none is named. Figures of a part replace those before.

A draw holds 20 of banking77's 77 classes out. A model of the other 57 is made of nine tenths of
their training rows by `finetune` with the default head on frozen layers, the last tenth being
validation rows. Every method draws its line for a recall of 95 %: those of `finetune.scope` by
learned rows, each left out in turn, others by the validation rows. All test rows are
then scored once, and those of the 20 classes are the unknown ones. `chosen` is `finetune.scope` as
it stands. Beside it, of the same model and rows: `largest output` and `maximum softmax`, both
methods of `finetune.scope` too; `energy` (Liu et al. 2020) at the fitted temperature; `nearest row`
and `tenth nearest row` by cosine of the last layer (Sun et al. 2022); `Mahalanobis` of the last
layer (Lee et al. 2018), and `relative Mahalanobis` (Ren et al. 2021), their covariances shrunk by
1 %.

The method was chosen by the part `choice`: other draws of banking77's training rows alone, a fifth
of which are the test rows, and of bitext_customer_support, 7 of its 27 classes held out. The part
`pictures` is of cifar10n with its true labels, 3 of 10 classes held out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp

from benchmarks.audit import dataset
from benchmarks.robustness import network
from benchmarks.runs import RESULTS, keep
from journeyman.backbones.base import Backbone
from journeyman.data.options import DataOptions
from journeyman.evaluation.intervals import Array
from journeyman.evaluation.scope import Scope, line, scope_metrics
from journeyman.tasks.base import TASKS, Task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, make_examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Said
from journeyman.training.options import FinetuneOptions
from journeyman.training.scope_options import ScopeOptions
from journeyman.training.scoping import LeftOut, drawn
from journeyman.training.trainer import finetune

NAME = "out_of_scope"
RECALL = 0.95
DRAWS = 5
CHOSEN_BY = range(101, 104)
"""Seeds of the draws that the method was chosen by: none that is scored."""
OURS = {"chosen": "auto", "largest output": "output", "maximum softmax": "probability"}
SHRUNK = 0.01
TEXTS = DataOptions(train="rows", text="text", label="label", id="id")
Rows = list[dict[str, Any]]


class Draw:
    """A model of the known classes of one draw, and what was scored with it."""

    def __init__(
        self,
        task: Task,
        backbone: Backbone,
        columns: DataOptions,
        known: Rows,
        test: Rows,
        seed: int,
    ) -> None:
        order = np.random.default_rng([seed, 1]).permutation(len(known))
        held, learned = np.split(order, [len(known) // 10])
        self.cache, self.task = FeatureCache(), task
        self.schema = task.schema([task.target(row, columns) for row in known])
        self.train, self.validation, self.test = (
            make_examples(task, backbone, rows, columns, self.schema)
            for rows in ([known[i] for i in learned], [known[i] for i in held], test)
        )
        options = FinetuneOptions.model_validate({"tuner": "none", "metric": "accuracy"})
        about = task, backbone, self.schema, self.train, self.validation
        self.trained = finetune(*about, options, seed=seed, cache=self.cache)
        labels = task.plain([], self.test.targets)[1]
        self.inside = [label in self.schema.labels for label in labels]
        self.said = self._said(self.test)
        left_out = LeftOut.learned(self.trained.learner, self.schema)
        if left_out is None:
            raise RuntimeError("the head does not leave rows out")
        self.left_out = left_out
        right = [
            self.schema.labels[int(row.argmax())] == label
            for row, label, inside in zip(self.said.outputs, labels, self.inside, strict=True)
            if inside
        ]
        self.accuracy = float(np.mean(right))

    def _said(self, rows: Examples) -> Said:
        learner = self.trained.learner
        return learner.said(rows, feature_source(learner, rows, self.cache), nearest=True)

    def vectors(self, rows: Examples) -> Array:
        """[N, D] of the last layer."""
        backbone = self.trained.learner.backbone
        depth = backbone.spec.depth
        found = self.cache.features(backbone, rows.inputs, depth, keep_hidden=False).pooled()
        return np.asarray(found[depth].float().numpy(), dtype=np.float64)

    def ours(self, method: str) -> Array:
        """Scores of the test rows by a method of `finetune.scope`: below 0 is out of scope."""
        options = ScopeOptions.model_validate({"method": method, "recall": RECALL})
        said = drawn(options, self.left_out, self.schema, self.trained.calibration)
        scope = Scope.from_json(said["scope"])
        near = None if self.said.nearest is None else self.said.nearest.astype(np.float64)
        outputs = np.stack(self.said.outputs).astype(np.float64)
        found = scope.scores(outputs, self.schema.labels, near)
        if found is None:
            raise RuntimeError("no line was drawn")
        return found

    def rivals(self) -> dict[str, Array]:
        """Scores of the test rows by other methods, less the line that validation rows draw."""
        temperature = float(self.trained.calibration["temperature"])

        def energy(outputs: Sequence[NDArray[np.float32]]) -> Array:
            scaled = np.stack(outputs).astype(np.float64) / temperature
            found: Array = temperature * logsumexp(scaled, axis=1)
            return found

        pairs = {"energy": (energy(self.trained.outputs), energy(self.said.outputs))}
        learned, held, asked = map(self.vectors, (self.train, self.validation, self.test))
        classes = np.array(self.task.plain([], self.train.targets)[1])
        for name, score in {
            "nearest row": _nearest(learned, 1),
            "tenth nearest row": _nearest(learned, 10),
            "Mahalanobis": _mahalanobis(learned, classes, relative=False),
            "relative Mahalanobis": _mahalanobis(learned, classes, relative=True),
        }.items():
            pairs[name] = score(held), score(asked)
        return {name: test - (line(held, RECALL) or 0.0) for name, (held, test) in pairs.items()}

    def figures(self) -> dict[str, Any]:
        """Of each method the area under the curve and both recalls."""
        scores = {name: self.ours(method) for name, method in OURS.items()} | self.rivals()
        told: dict[str, Any] = {
            "accuracy": self.accuracy,
            "head": self.trained.learner.head.choices,
        }
        for name, score in scores.items():
            found = scope_metrics(score.tolist(), self.inside)
            told[name] = {metric: each.value for metric, each in found.items()}
            told[name]["unknown_recall at 95 % of test rows"] = _recall_at(score, self.inside)
        return told


def _recall_at(score: Array, inside: Sequence[bool]) -> float:
    """Share of the unknown below the score that 95 % of the known test rows reach."""
    known = np.array(inside)
    return float((score[~known] < np.quantile(score[known], 1 - RECALL)).mean())


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _nearest(learned: Array, place: int) -> Callable[[Array], Array]:
    """The cosine with the learned row that is nearest but so many."""
    unit = _unit(learned).T
    return lambda rows: np.partition(_unit(rows) @ unit, -place, axis=1)[:, -place]


def _mahalanobis(
    learned: Array, classes: NDArray[Any], *, relative: bool
) -> Callable[[Array], Array]:
    """Less the squared distance to the nearest class mean; relative to that to the mean of all."""
    rows = _unit(learned)
    means = np.stack([rows[classes == each].mean(0) for each in np.unique(classes)])
    within = rows - means[np.searchsorted(np.unique(classes), classes)]
    near = _distance(within, means)
    far = _distance(rows - rows.mean(0), rows.mean(0, keepdims=True))
    return lambda asked: (far(_unit(asked)) if relative else 0.0) - near(_unit(asked))


def _distance(centred: Array, means: Array) -> Callable[[Array], Array]:
    spread = centred.T @ centred / len(centred)
    spread += SHRUNK * np.trace(spread) / len(spread) * np.eye(len(spread))
    precision = np.linalg.inv(spread)
    left = means @ precision

    def least(rows: Array) -> Array:
        own = ((rows @ precision) * rows).sum(1)
        squares = own[:, None] - 2 * rows @ left.T + (left * means).sum(1)
        found: Array = squares.min(1)
        return found

    return least


def drawn_out(rows: Rows, held_out: int, seed: int) -> set[str]:
    """The classes that a draw holds out."""
    classes = sorted({str(row["label"]) for row in rows})
    return set(np.random.default_rng(seed).choice(classes, held_out, replace=False).tolist())


def texts(train: Rows, test: Rows, held_out: int, seed: int, backbone: Backbone) -> dict[str, Any]:
    """One draw of rows of texts."""
    out = drawn_out(train, held_out, seed)
    known = [row for row in train if row["label"] not in out]
    task = TASKS["text-classification"]()
    return {"seed": seed, **Draw(task, backbone, TEXTS, known, test, seed).figures()}


def banking77() -> None:
    """The draws that count: test rows are scored once."""
    train, test, backbone = dataset("banking77"), dataset("banking77", "test"), network()
    _each("banking77", (texts(train, test, 20, seed, backbone) for seed in range(DRAWS)))


def choice() -> None:
    """What the method was chosen by: no test row, and no draw that is scored."""
    backbone = network()
    for name, held_out in (("banking77", 20), ("bitext_customer_support", 7)):
        rows = [{**row, "label": str(row["label"])} for row in dataset(name)]
        runs = []
        for seed in CHOSEN_BY:
            order = np.random.default_rng([seed, 2]).permutation(len(rows))
            test, train = np.split(order, [len(rows) // 5])
            parts = [rows[i] for i in train], [rows[i] for i in test]
            runs.append(texts(*parts, held_out, seed, backbone))
            _keep(f"choice: {name}", runs)


def pictures() -> None:
    """cifar10n with its true labels, on frozen layers of a network for pictures."""
    from journeyman.catalogue.datasets import resolve_dataset
    from journeyman.outset import workspace_of
    from journeyman.progress import QUIET
    from journeyman.recipe.loading import load_recipe

    files = resolve_dataset("cifar10n").files
    parts = []
    for split in ("train", "test"):
        folder = Path(files[split]).parent
        parts.append(
            [{**row, "image": str(folder / row["image"])} for row in dataset("cifar10n", split)]
        )
    said = {"task": "image-classification", "data": {"dataset": "cifar10n"}, "output": "run"}
    said["backbone"] = {"name": "efficientnet-lite0", "image_size": 224, "resize": "exact"}  # type: ignore[assignment]
    backbone = workspace_of(load_recipe(said), QUIET).backbone
    columns = DataOptions(train="rows", image="image", label="label", id="id")
    runs = []
    for seed in range(DRAWS):
        out = drawn_out(parts[0], 3, seed)
        known = [row for row in parts[0] if row["label"] not in out]
        made = Draw(TASKS["image-classification"](), backbone, columns, known, parts[1], seed)
        runs.append({"seed": seed, **made.figures()})
        _keep("pictures", runs)


def _each(part: str, draws: Any) -> None:
    runs: list[dict[str, Any]] = []
    for found in draws:
        runs.append(found)
        _keep(part, runs)


def _mean(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over draws, and the interval of the mean of areas by Student's t."""
    from scipy.stats import t as student

    told: dict[str, Any] = {"accuracy": float(np.mean([run["accuracy"] for run in runs]))}
    for name in runs[0]:
        if not isinstance(runs[0][name], dict) or name == "head":
            continue
        told[name] = {}
        for metric in runs[0][name]:
            values = np.array([run[name][metric] for run in runs])
            half = 0.0
            if len(values) > 1:
                half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1))
                half /= len(values) ** 0.5
            mean = float(values.mean())
            told[name][metric] = {"mean": mean, "low": mean - half, "high": mean + half}
    return told


def _keep(part: str, runs: Sequence[dict[str, Any]]) -> None:
    path = RESULTS / f"{NAME}.json"
    kept = json.loads(path.read_text())["figures"] if path.is_file() else {}
    kept[part] = {"threads": torch.get_num_threads(), "mean": _mean(runs), "runs": list(runs)}
    keep(NAME, kept)


def measure(*parts: str) -> None:
    """The parts that are named, or all."""
    for part in parts or ("choice", "banking77", "pictures"):
        {"choice": choice, "banking77": banking77, "pictures": pictures}[part]()


if __name__ == "__main__":
    measure(*sys.argv[1:])
