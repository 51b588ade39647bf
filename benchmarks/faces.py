"""orl_faces: people the model has not learned from, verified in pairs and identified.

`python -m benchmarks.faces [SPLITS] [FIELD=VALUE ...]`: each split is a run of `recipes/faces.yaml`
with another seed, which divides the 40 people anew: 20 to learn from, by whom layers, cells,
shrinkage and the threshold are chosen too, and 20 that choose nothing. Each is run with vectors
averaged with the mirror image's, and again with mirror images as rows to learn from: the one that
is better on people left out of the 20 counts. `other` are as many further splits, run once when
everything was settled. `identified` are the 20, from 5 enrolled pictures each, by the other 5. In
`open set` 10 of them are enrolled and the 5 others of each of the 20 are asked about: `known right`
are pictures of the enrolled that got their name, `strangers taken` those of the other 10 that got
any. Intervals are of the mean over splits (Student's t), which share people: they are somewhat too
narrow.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from scipy import stats

from benchmarks.runs import keep
from journeyman.backbones.text_encoder import load_backbone
from journeyman.backbones.vision_backbone import TOLD
from journeyman.data.collection import Collection
from journeyman.evaluation.verification import verification_metrics
from journeyman.journey import travel
from journeyman.model import Model
from journeyman.people.gallery import Gallery
from journeyman.people.recognition import Recognition
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.training.feature_source import feature_source
from journeyman.types import EmbeddingPrediction, LabelPrediction, Row

RECIPE = Path("recipes/faces.yaml")
OTHER = 100
"""The seed of the first of the other splits."""
WAYS: dict[str, tuple[str, ...]] = {
    "averaged": ("backbone.mirror=true",),
    "learned": ("backbone.mirror=false", "finetune.augment={kinds: [mirror], copies: 1}"),
}
"""What is done with mirror images."""
ENROLLED = 5
VERIFIED = (
    "equal_error_rate", "true_accept_at_1e-2", "true_accept_at_1e-3", "auc", "false_accepts",
    "false_rejects",
)  # fmt: skip


def measure(splits: int = 10, *sets: str) -> None:
    """Every figure by split, their means and intervals, beside frozen vectors and eigenfaces."""
    found = _measured(range(splits), sets)
    other = _measured(range(OTHER, OTHER + splits), sets)
    keep("faces", {"splits": splits, "settings": list(sets), **found, "other": other})


def _measured(seeds: Sequence[int], sets: Sequence[str]) -> dict[str, Any]:
    rows = []
    for seed in seeds:
        tried = [_split(seed, way, sets) for way in WAYS]
        rows.append(max(tried, key=lambda row: float(row["left out"])))
        print(seed, rows[-1], flush=True)
    methods = {name: [row[name] for row in rows] for name in ("ours", "frozen", "eigenfaces")}
    return {"mean": {name: _means(found) for name, found in methods.items()}, "runs": rows}


def _split(seed: int, way: str, sets: Sequence[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        said = [f"output={folder}/run", f"seed={seed}", "trackers=[]", *WAYS[way], *sets]
        arrived = travel(load_recipe(RECIPE, said), Reporter(quiet=True))
        told = json.loads((arrived.folder / "metrics.json").read_text())
        model = Model.load(arrived.model)
        rows = Collection.load(arrived.folder / "data").test.rows()
        task, columns = model.learner.task, model.columns
        examples = make_examples(task, model.learner.backbone, rows, columns, model.schema)
        source = feature_source(model.learner, examples, FeatureCache())
        answers = cast(list[EmbeddingPrediction], model.answers(rows, examples, source)[0])
        frozen = _plain(model, [task.text(row, columns) for row in rows])
        return {
            "way": way,
            "left out": _best_left_out(arrived.folder),
            "ours": {**_values(told["test"], VERIFIED), **_asked(model, answers, rows)},
            "frozen": _compared(frozen, [str(row["label"]) for row in rows]),
            "eigenfaces": _values(told["baselines"]["eigenfaces"], (*VERIFIED[:4], "rank_1")),
            "chosen": dict(model.learner.head.choices),
        }


def _plain(model: Model, pictures: Sequence[Any]) -> Any:
    """[N, D]: the mean of the last layer's map, of the picture as it is."""
    backbone = model.learner.backbone
    said = {name: value for name, value in backbone.options.items() if name == "resize"}
    told = {name: getattr(backbone.spec, name) for name in TOLD}
    plain = load_backbone(Path(backbone.folder), told, said)
    rows, depth = plain.prepare(pictures), plain.spec.depth
    return FeatureCache().features(plain, rows, depth, keep_hidden=False).pooled()[depth].numpy()


def _best_left_out(run: Path) -> float:
    """The best score, on training people left out in turn, of the settings that were compared."""
    told = json.loads((run / "sections" / "finetune.json").read_text())
    (compared,) = (table for table in told["tables"] if "score" in table["header"])
    return max(float(row[compared["header"].index("score")]) for row in compared["rows"])


def _values(metrics: Any, names: Sequence[str]) -> dict[str, float]:
    return {name: metrics[name]["value"] for name in names}


def _asked(
    model: Model, answers: Sequence[EmbeddingPrediction], rows: Sequence[Row]
) -> dict[str, float]:
    """Closed and open identification through a gallery."""
    pictures: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        pictures[str(row["label"])].append(at)
    people = sorted(pictures)
    gallery = Gallery(model.version)
    for name in people:
        taken = {str(at): np.array(answers[at].vector) for at in pictures[name][:ENROLLED]}
        gallery = gallery.with_person(name, taken)
    asked = [(name, answers[at]) for name in people for at in pictures[name][ENROLLED:]]
    found = _identified(model, gallery, asked)
    closed = np.mean([answer.label == name for name, answer in found])
    strangers = set(people[1::2])
    for name in sorted(strangers):
        gallery = gallery.without(name)
    found = _identified(model, gallery, asked)
    known = [(name, answer) for name, answer in found if name not in strangers]
    named = [(name, answer) for name, answer in known if not answer.abstained]
    passed = [not answer.abstained for name, answer in found if name in strangers]
    return {
        "identified": float(closed),
        "open set, known right": sum(n == a.label for n, a in named) / len(known),
        "open set, known taken for another": sum(n != a.label for n, a in named) / len(known),
        "open set, strangers taken": float(np.mean(passed)),
    }


def _identified(
    model: Model, gallery: Gallery, asked: Sequence[tuple[str, EmbeddingPrediction]]
) -> list[tuple[str, LabelPrediction]]:
    found = Recognition(model).identify([answer for _, answer in asked], gallery)
    return [(name, answer) for (name, _), answer in zip(asked, found, strict=True)]


def _compared(vectors: Any, people: Sequence[str]) -> dict[str, float]:
    found = verification_metrics(vectors, people)
    return _values({n: m.to_json() for n, m in found.items()}, (*VERIFIED[:4], "rank_1"))


def _means(rows: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    found = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        error = float(stats.sem(values)) if len(values) > 1 else 0.0
        half = float(stats.t.ppf(0.975, max(len(values) - 1, 1))) * error
        mean = float(values.mean())
        found[name] = {
            "value": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4),
        }  # fmt: skip
    return found


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:2]), *sys.argv[2:])
