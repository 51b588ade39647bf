"""Finding wrong labels: flipped ones of banking77, one rater's on snippets, people's on cifar10n.

`python -m benchmarks.audit [PART ...]`, of the parts `choice`, `banking77`, `recovery`, `snippets`
and `cifar10n`; all of them when none is named. Figures of a part replace those before.

Flips of banking77's training labels are *uniform* (any other class) or *toward* the class that a
model most confuses with the true one: the class other than its own to which out-of-fold kernel
ridge regression, learned from the labels as they are, gives the rows of a class most probability.
What is counted as wrong is what was flipped; labels that were wrong before count against precision.

The method and its constants were chosen by the part `choice`: bitext_customer_support and the 39
classes of banking77 that are first, third, fifth ... by name. Of the part `banking77` the figures
`by other classes` are of rows whose true class is one of the other 38. The threshold is the
default, 0.5, and no method knows how much noise there is. Beside it: `posterior alone`, without
what confident learning adds to it; `answered once`, the posterior without learning again from the
rows that are trusted; `confidence`, the probability of the given label, least first; and
`confident learning` (Northcutt et al. 2021), all from the same answers.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.runs import RESULTS, keep
from journeyman.audits.auditors.classes import judged
from journeyman.audits.held import answers, rows_of
from journeyman.audits.options import AuditOptions
from journeyman.evaluation.calibration import fit_temperature, probabilities
from journeyman.evaluation.label_doubts import LabelDoubts, classes_of
from journeyman.evaluation.rater import LABELS, THRESHOLDS, draw_raters
from journeyman.evaluation.true_labels import TrueLabels
from journeyman.outset import workspace_of
from journeyman.progress import QUIET
from journeyman.recipe.loading import load_recipe
from journeyman.training.frozen_rows import FrozenRows
from journeyman.training.label_cleaning import LEAST_WRONG

FIRST, OTHERS = 0.2, (0.05, 0.1, 0.3, 0.4)
"""The share of flips that is measured with every seed, and those measured with one."""
KINDS = ("toward", "uniform")
SEEDS = 3
DEFAULT = AuditOptions()
Classes = NDArray[np.intp]
Rows = list[dict[str, Any]]
Learn = Callable[..., float]
"""Test accuracy by the classes of all training rows, the rows that are learned from, and the
probabilities of each class in place of some rows' own."""


def frozen_of(
    rows: Rows, columns: Mapping[str, Any], **recipe: Any
) -> tuple[FrozenRows, list[str]]:
    """The rows on frozen layers as an audit sees them, and their labels by number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        said = {"data": {"train": str(path), **columns}, "output": folder, **recipe}
        said["collect"] = {
            "fractions": {"validation": 0, "exam": 0, "test": 0},
            "duplicates": "keep", "overlap": "keep", "near_duplicates": "off",
        }  # fmt: skip
        chosen = load_recipe(said)
        workspace = workspace_of(chosen, QUIET)
        workspace.collection = workspace.gather(chosen.data, workspace.data_folder)
        subject = workspace.subject(["train"])
        if list(subject.examples.ids) != [str(row["id"]) for row in rows]:
            raise RuntimeError("rows were lost or moved on the way")
        return rows_of(subject), list(subject.schema.labels)


def found_in(
    frozen: FrozenRows, wrong: NDArray[np.bool_], true: Classes, seed: int, some: Any = None
) -> dict[str, Any]:
    """What each method finds of the wrong labels of these rows."""
    given = classes_of(frozen.targets)
    began = time.process_time()
    audit = judged(frozen, given, DEFAULT.folds, seed)
    seconds, found = time.process_time() - began, audit.true
    outputs = answers(frozen, DEFAULT.folds, seed)
    once = TrueLabels.of(outputs, given)
    chances = probabilities(outputs, fit_temperature(outputs, given))
    own = 1.0 - chances[np.arange(len(given)), given]
    doubts = LabelDoubts.of(chances, given)
    suspect = audit.score >= DEFAULT.threshold
    told = {
        "noise": float(wrong.mean()),
        "estimated noise": found.noise,
        "audit": _scores(suspect, audit.score, wrong),
        "likely label right": float((audit.likely[suspect] == true[suspect]).mean()),
        "calibration": _calibration(found.wrong, wrong),
        "posterior alone": _scores(found.wrong >= DEFAULT.threshold, found.wrong, wrong),
        "answered once": _scores(once.wrong >= DEFAULT.threshold, once.wrong, wrong),
        "confidence": _scores(chances.argmax(1) != given, own, wrong),
        "confident learning": _scores(doubts.suspect, own, wrong),
        "processor seconds": seconds,
    }
    if some is not None:
        told["by other classes"] = _scores(suspect[some], audit.score[some], wrong[some])
    return told


def _scores(suspect: Any, score: Any, wrong: Any) -> dict[str, float]:
    hits = float((suspect & wrong).sum())
    return {
        "precision": hits / max(float(suspect.sum()), 1.0),
        "recall": hits / max(float(wrong.sum()), 1.0),
        "average precision": float(average_precision_score(wrong, score)),
    }


def _calibration(score: Any, wrong: Any) -> list[list[float]]:
    """Of five bins of the stated probability: its mean, the share that is wrong, and the rows."""
    bins = np.minimum((score * 5).astype(int), 4)
    return [
        [float(score[bins == at].mean()), float(wrong[bins == at].mean()), int((bins == at).sum())]
        for at in range(5)
        if (bins == at).any()
    ]


def flipped(true: Classes, kind: str, share: float, seed: int, toward: Classes) -> Classes:
    """The classes of rows of which this share were flipped."""
    draw, classes = np.random.default_rng([seed, int(100 * share)]), int(true.max()) + 1
    chosen = draw.permutation(len(true))[: round(share * len(true))]
    given = true.copy()
    moved = (true[chosen] + draw.integers(1, classes, len(chosen))) % classes
    given[chosen] = moved if kind == "uniform" else toward[true[chosen]]
    return given


def most_confused(frozen: FrozenRows) -> Classes:
    """[C] of each class the other that out-of-fold answers give its rows most probability of."""
    given = classes_of(frozen.targets)
    outputs = answers(frozen, DEFAULT.folds, 0)
    chances = probabilities(outputs, fit_temperature(outputs, given))
    sums = np.zeros((chances.shape[1],) * 2)
    np.add.at(sums, given, chances)
    np.fill_diagonal(sums, -1.0)
    return np.asarray(sums.argmax(1), dtype=np.intp)


def dataset(name: str, split: str = "train") -> Rows:
    """The rows of a dataset of the catalogue."""
    from journeyman.catalogue.datasets import resolve_dataset

    lines = Path(resolve_dataset(name).files[split]).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


HEAD = {"name": "ridge", "layers": [5, 6], "kernel": True, "features": 2048, "exact_rows": 0}
"""What learns from the labels: kernel ridge regression on the last two layers, whose penalty is
chosen by leave-one-out on the labels it is given."""
TEXTS = {"text": "text", "label": "label", "id": "id"}


class Flips:
    """Rows of a dataset with their labels flipped in any way."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        frozen, self.labels = frozen_of(rows, TEXTS)
        place = {label: at for at, label in enumerate(self.labels)}
        self.true = np.array([place[row["label"]] for row in rows], dtype=np.intp)
        self.toward = most_confused(frozen)

    def given(self, kind: str, share: float, seed: int) -> Classes:
        return flipped(self.true, kind, share, seed, self.toward)

    def frozen(self, given: Classes) -> FrozenRows:
        rows = [{**row, "label": self.labels[at]} for row, at in zip(self.rows, given, strict=True)]
        return frozen_of(rows, TEXTS)[0]


def flips(
    name: str,
    made: Flips,
    cases: Sequence[tuple[str, float, int]],
    some: Any = None,
) -> None:
    """Measure each (kind, share, seed), and keep the figures as each ends."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for kind, share, seed in cases:
        given = made.given(kind, share, seed)
        told = found_in(made.frozen(given), given != made.true, made.true, seed, some)
        kept.setdefault(f"{kind} {share:.0%}", []).append({"seed": seed, **told})
        _keep(name, {"mean": {case: _mean(runs) for case, runs in kept.items()}, "runs": kept})


def recovered(clean: float, given: Classes, found: TrueLabels, learn: Learn) -> dict[str, float]:
    """Test accuracy by noisy and audited labels, and the share of what was lost that came back.

    Suspects are replaced or softened; rows are dropped from the probability of a wrong label on at
    which `label_cleaning` drops them.
    """
    suspect, every = found.wrong >= DEFAULT.threshold, np.arange(len(given))
    certain = found.wrong >= LEAST_WRONG["drop"]
    noisy, dropped = learn(given, every), learn(given, every[~certain])
    replaced = learn(np.where(suspect, found.others, given), every)
    softened = learn(given, every, {at: found.posterior[at] for at in np.flatnonzero(suspect)})
    return {
        "clean": clean, "noisy": noisy, "dropped": dropped, "replaced": replaced,
        "softened": softened,
        "recovered by dropping": (dropped - noisy) / (clean - noisy),
        "recovered by replacing": (replaced - noisy) / (clean - noisy),
        "recovered by softening": (softened - noisy) / (clean - noisy),
    }  # fmt: skip


def banking77() -> None:
    """Both kinds of flips, at 20 % with every seed, at other shares with one."""
    made = Flips(dataset("banking77"))
    cases = [(kind, FIRST, seed) for seed in range(SEEDS) for kind in KINDS]
    cases += [(kind, share, 0) for share in OTHERS for kind in KINDS]
    flips("banking77", made, cases, made.true % 2 == 1)


def recovery() -> None:
    """Learning from 20 % flipped labels of banking77, and from what the posterior makes of them."""
    made, kept = Flips(dataset("banking77")), dict[str, list[dict[str, Any]]]()
    learn = _learner(made, dataset("banking77", "test"))
    clean = learn(made.true, np.arange(len(made.true)))
    for seed in range(SEEDS):
        for kind in KINDS:
            given = made.given(kind, FIRST, seed)
            found = judged(made.frozen(given), given, DEFAULT.folds, seed)
            told = {"seed": seed, **recovered(clean, given, found.true, learn)}
            kept.setdefault(f"{kind} {FIRST:.0%}", []).append(told)
            _keep("recovery", {"mean": {k: _mean(v) for k, v in kept.items()}, "runs": kept})


def choice() -> None:
    """The data that the method was chosen on."""
    rows = dataset("banking77")
    named = sorted({row["label"] for row in rows})
    half = [row for row in rows if row["label"] in named[::2]]
    cases = [(kind, share, 0) for share in (0.2, 0.05, 0.4) for kind in KINDS]
    flips("choice: half of banking77's classes", Flips(half), cases)
    flips("choice: bitext", Flips(dataset("bitext_customer_support")), cases)


def _learner(made: Flips, test: Rows) -> Learn:
    """What gives test accuracy by training labels and the rows that are learned from."""
    from benchmarks.few_labels import BACKBONE, COLUMNS
    from journeyman.backbones.text_encoder import load_backbone
    from journeyman.catalogue.backbones import resolve
    from journeyman.tasks.text_classification import TextClassification
    from journeyman.training.cache.feature_cache import FeatureCache
    from journeyman.training.examples import make_examples
    from journeyman.training.feature_source import feature_source
    from journeyman.training.options import FinetuneOptions
    from journeyman.training.trainer import finetune

    found, task, cache = resolve(BACKBONE), TextClassification(), FeatureCache()
    spec = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    backbone = load_backbone(found.folder, spec)
    options = FinetuneOptions.model_validate({"tuner": "none", "head": HEAD, "metric": "accuracy"})
    columns = COLUMNS.model_copy(update={"label_names": False, "soft_label": "weights"})

    def learn(given: Classes, rows: Any, soft: Mapping[int, Any] | None = None) -> float:
        said = [{**made.rows[at], "label": made.labels[given[at]]} for at in rows]
        for at, chances in (soft or {}).items():
            said[at]["weights"] = dict(zip(made.labels, map(float, chances), strict=True))
        schema = task.schema([task.target(row, columns) for row in said])
        parts = [make_examples(task, backbone, part, columns, schema) for part in (said, [], test)]
        trained = finetune(task, backbone, schema, parts[0], parts[1], options, seed=0, cache=cache)
        outputs = trained.learner.outputs(
            parts[2], feature_source(trained.learner, parts[2], cache)
        )
        truth = [row["label"] for row in test]
        guesses = [schema.labels[int(row.argmax())] for row in outputs]
        return float(np.mean([one == two for one, two in zip(guesses, truth, strict=True)]))

    return learn


def snippets() -> None:
    """One real rater's class in place of that of the mean of the others, on every snippet."""
    rows, runs = dataset("snippets"), list[dict[str, Any]]()
    for seed in range(SEEDS):
        drawn = draw_raters([row["ratings"] for row in rows], seed)
        given, true = (np.digitize(of, THRESHOLDS) for of in (drawn.ratings, drawn.truths))
        said = [
            {"id": rows[at]["id"], "text": rows[at]["text"], "label": LABELS[one]}
            for at, one in zip(drawn.rows, given, strict=True)
        ]
        frozen, labels = frozen_of(said, TEXTS)
        if labels != sorted(LABELS):
            raise RuntimeError(f"labels are {labels}")
        runs.append({"seed": seed, **found_in(frozen, given != true, true, seed)})
        _keep("snippets", {"mean": _mean(runs), "runs": runs})


def cifar10n() -> None:
    """The training pictures' `worse` labels against the true ones."""
    from journeyman.catalogue.datasets import resolve_dataset

    folder = Path(resolve_dataset("cifar10n").files["train"]).parent
    rows = dataset("cifar10n")
    said = [{**row, "image": str(folder / row["image"])} for row in rows]
    columns = {"image": "image", "label": "worse_label", "id": "id"}
    backbone = {"name": "efficientnet-lite0", "image_size": 224, "resize": "exact"}
    frozen, labels = frozen_of(said, columns, backbone=backbone, task="image-classification")
    true = np.array([labels.index(row["label"]) for row in rows], dtype=np.intp)
    wrong = np.array([row["label"] != row["worse_label"] for row in rows])
    runs = [{"seed": seed, **found_in(frozen, wrong, true, seed)} for seed in range(SEEDS)]
    _keep("cifar10n", {"mean": _mean(runs), "runs": runs})


def _mean(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over runs of every number, and of those within."""
    told: dict[str, Any] = {}
    for name, value in runs[0].items():
        if isinstance(value, Mapping):
            told[name] = _mean([run[name] for run in runs])
        elif isinstance(value, float):
            told[name] = round(statistics.mean(run[name] for run in runs), 4)
    return told


def _keep(part: str, figures: Mapping[str, Any]) -> None:
    path = RESULTS / "audit.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else {}
    keep("audit", {**kept, part: figures})


PARTS = {
    "choice": choice, "banking77": banking77, "recovery": recovery, "snippets": snippets,
    "cifar10n": cifar10n,
}  # fmt: skip


def measure(*names: str) -> None:
    """The parts of these names, or all."""
    for name in names or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    measure(*sys.argv[1:])
