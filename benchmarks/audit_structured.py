"""Finding wrong tags and wrong boxes that were planted: broad_twitter_ner, weibo_ner, scenes, bccd.

`python -m benchmarks.audit_structured [PART ...] [seeds=N]`, of the parts `weibo_ner`,
`broad_twitter_ner choice`, `broad_twitter_ner`, `scenes` and `bccd`; figures of a part replace
those before. Tags: of 20 % of texts one span has its type changed, is dropped or has its bounds
shifted by a word, or one is made up. Boxes: 20 % of all are dropped, moved (to where they overlap
themselves by 0.2 to 0.5) or renamed. `benchmarks/spoiled_targets.py` plants them, by a seed.

What counts as wrong is what was planted; mistakes that were there before count against precision,
and broad_twitter_ner has many. The threshold is the default, 0.5. The method for tags and its
constants were chosen on `broad_twitter_ner choice`, half of a sample of 6,000 texts of all splits,
and looked at on `weibo_ner`; the part `broad_twitter_ner` is the other half. For boxes nothing was
chosen by any of this data. Beside each: the chance of what is given by the same
held-out answers, plain (`confidence`), and `random order`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.runs import RESULTS, keep
from benchmarks.spoiled_targets import Planted, spoiled_boxes, spoiled_tags
from journeyman.auditing import KEEP_ALL
from journeyman.audits.auditors.boxes import Boxes
from journeyman.audits.auditors.tags import Tags
from journeyman.audits.base import Audit, Subject
from journeyman.audits.held_boxes import held_boxes
from journeyman.audits.held_words import held_outputs, words_of_rows
from journeyman.audits.options import AuditOptions
from journeyman.data.options import ROLES
from journeyman.evaluation.box_overlap import overlaps
from journeyman.evaluation.calibration import fit_temperature, probabilities
from journeyman.outset import workspace_of
from journeyman.progress import QUIET
from journeyman.recipe.loading import load_recipe
from journeyman.training.label_cleaning import folds_of

SHARE, THRESHOLD = 0.2, AuditOptions().threshold
NAMED = {
    "type changed": "wrong type", "span dropped": "missed entity",
    "bounds shifted": "wrong bounds", "span made up": "not an entity",
}  # fmt: skip
EVERY = 1e-3
"""The threshold from which doubts are listed where all are to be ranked."""
SAMPLE = 6000
PARTS: Mapping[str, dict[str, Any]] = {
    "weibo_ner": {"data": {"dataset": "weibo_ner"}, "backbone": "e5-small"},
    "broad_twitter_ner choice": {"data": {"dataset": "broad_twitter_ner"}},
    "broad_twitter_ner": {"data": {"dataset": "broad_twitter_ner"}},
    "scenes": {"data": {"dataset": "scenes"}},
    "bccd": {
        "data": {"dataset": "bccd"},
        "backbone": {"name": "efficientnet-lite0", "image_size": [320, 416]},
    },
}
LIMITS = {"weibo_ner": 1500, "scenes": 300, "bccd": 150}
"""Rows of a part at most, drawn by lot."""


def measure(parts: Sequence[str], seeds: int) -> None:
    """Measure these parts and keep what was found."""
    path = RESULTS / "audit_structured.json"
    for part in parts or list(PARTS):
        subject = subject_of(part)
        tags = subject.task.kind == "tags"
        runs = [(tags_found if tags else boxes_found)(subject, seed) for seed in range(seeds)]
        figures = json.loads(path.read_text())["figures"] if path.is_file() else {}
        figures[part] = {"rows": len(subject), "backbone": subject.backbone.spec.name, "runs": runs}
        keep("audit_structured", figures)


def subject_of(part: str) -> Subject:
    """The rows of a part as an audit sees them, all splits together."""
    with tempfile.TemporaryDirectory() as folder:
        said = {**PARTS[part], "output": folder, "collect": KEEP_ALL, "seed": 0}
        workspace = workspace_of(recipe := load_recipe(said), QUIET)
        workspace.collection = workspace.gather(recipe.data, workspace.data_folder)
        halved = part.startswith("broad")
        subject = workspace.subject(ROLES, SAMPLE if halved else LIMITS.get(part))
        if not halved:
            return subject
        order = np.random.default_rng(0).permutation(len(subject))
        half = len(order) // 2
        own = np.sort(order[:half] if part.endswith("choice") else order[half:])
        return replace(
            subject,
            examples=subject.examples.select(own),
            splits=[subject.splits[at] for at in own],
            places=[subject.places[at] for at in own],
        )


def spoiled(subject: Subject, targets: Sequence[Any]) -> Subject:
    """The same rows with other targets."""
    rows = subject.examples
    encoded = subject.task.encode(targets, subject.schema, rows.inputs, rows.texts)
    schema = subject.task.schema(targets)
    if schema.labels != subject.schema.labels:
        raise RuntimeError("labels were lost by what was planted")
    return replace(
        subject, schema=schema, examples=replace(rows, targets=list(targets), encoded=encoded)
    )


def tags_found(subject: Subject, seed: int) -> dict[str, Any]:
    """What is found of planted mistakes of tags."""
    types = sorted({tag[2:] for tag in subject.schema.labels if tag != "O"})
    targets, planted = spoiled_tags(subject.examples.targets, types, SHARE, seed)
    rows = spoiled(subject, targets)
    began = time.process_time()
    audit = Tags(AuditOptions()).audit(rows)
    seconds = time.process_time() - began
    scores = np.array([row.score for row in audit.rows])
    kinds = np.array([planted.get(at, "") for at in range(len(rows))])
    random = np.random.default_rng(seed).random(len(rows))
    return {
        "seed": seed,
        "audit": _rows_found(scores, kinds) | {"named rightly": _named_rightly(audit, planted)},
        "confidence": _rows_found(_tag_confidence(rows), kinds),
        "random order": _rows_found(random, kinds),
        "processor seconds of the audit": round(seconds, 1),
    }


def _rows_found(scores: NDArray[np.float64], kinds: NDArray[np.str_]) -> dict[str, Any]:
    """Of rows: recall and precision at the threshold, and average precision, of all kinds and of
    each beside the rows in which nothing was planted."""
    wrong, flagged = kinds != "", scores >= THRESHOLD
    of_kind = {}
    for kind in sorted(set(kinds[wrong].tolist())):
        own = kinds == kind
        among = own | ~wrong
        of_kind[kind] = {
            "planted": int(own.sum()),
            "recall": _share(flagged[own]),
            "precision": _share(own[among & flagged]),
            "average precision": _rounded(average_precision_score(own[among], scores[among])),
        }
    return {
        "flagged": int(flagged.sum()),
        "recall": _share(flagged[wrong]),
        "precision": _share(wrong[flagged]),
        "average precision": _rounded(average_precision_score(wrong, scores)),
        "kinds": of_kind,
    }


def _named_rightly(audit: Audit, planted: Mapping[int, str]) -> float | None:
    """Of the suspect rows with a planted mistake, the share where its kind is among the doubts."""
    hits = [
        NAMED[kind] in {part["kind"] for part in audit.rows[at].parts}
        for at, kind in planted.items()
        if audit.rows[at].suspect
    ]
    return _share(np.array(hits))


def _tag_confidence(subject: Subject) -> NDArray[np.float64]:
    """1 less the least probability of a given tag in each row, by held-out answers as they are."""
    words = words_of_rows(subject)
    parts = folds_of(len(subject), AuditOptions().folds, subject.seed)
    outputs = held_outputs(words, len(subject.schema.labels), parts, subject.seed)
    chances = probabilities(outputs, fit_temperature(outputs, words.given))
    doubt = 1.0 - chances[np.arange(len(words)), words.given]
    return np.array(
        [doubt[places[places >= 0]].max(initial=0.0) for places in words.places], dtype=np.float64
    )


def boxes_found(subject: Subject, seed: int) -> dict[str, Any]:
    """What is found of planted mistakes of boxes."""
    targets, planted = spoiled_boxes(subject.examples.targets, subject.schema.labels, SHARE, seed)
    rows = spoiled(subject, targets)
    began = time.process_time()
    outputs = held_boxes(rows)
    audit = Boxes(AuditOptions(threshold=EVERY)).judge(rows, outputs)
    seconds = time.process_time() - began
    doubts = [(at, part) for at, row in enumerate(audit.rows) for part in row.parts]
    scores = np.array([part["score"] for _, part in doubts])
    plain = _box_confidence(rows, outputs)
    random = np.random.default_rng(seed).random(len(doubts))
    suspects = np.array([row.score >= THRESHOLD for row in audit.rows])
    spoilt = np.isin(np.arange(len(rows)), [one.row for one in planted])
    return {
        "seed": seed,
        "boxes": sum(map(len, subject.examples.targets)),
        "mean average precision at 0.5 of the held-out boxes, on the boxes as they were": _rounded(
            subject.task.score(outputs, subject.examples.targets, subject.schema, "map_50")
        ),
        "audit": _boxes_found(doubts, scores, planted),
        "pictures": {
            "with a mistake": int(spoilt.sum()), "flagged": int(suspects.sum()),
            "recall": _share(suspects[spoilt]), "precision": _share(spoilt[suspects]),
        },
        "confidence": _boxes_found(*plain, planted),
        "random order": _boxes_found(doubts, random, planted),
        "processor seconds of the audit": round(seconds, 1),
    }  # fmt: skip


Doubts = Sequence[tuple[int, Mapping[str, Any]]]


def _boxes_found(
    doubts: Doubts, scores: NDArray[np.float64], planted: Sequence[Planted]
) -> dict[str, Any]:
    """Of boxes: recall and precision at the threshold, average precision, and by kind recall."""
    meant = np.array([_meant(at, part, planted) for at, part in doubts])
    first = np.zeros(len(doubts), dtype=bool)
    best = np.zeros(len(planted))
    for at in np.argsort(-scores, kind="stable"):
        if meant[at] >= 0 and best[meant[at]] == 0.0:
            first[at], best[meant[at]] = True, scores[at]
    kept = first | (meant < 0)
    reached = float((best > 0).mean())
    flagged = scores >= THRESHOLD
    return {
        "flagged": int(flagged.sum()),
        "recall": _share(best >= THRESHOLD),
        "precision": _share(meant[flagged] >= 0),
        "average precision": _rounded(reached * average_precision_score(first[kept], scores[kept])),
        "kinds": {
            kind: {
                "planted": int(own.sum()),
                "recall": _share(best[own] >= THRESHOLD),
                "average precision": _of_kind(own, best, scores[meant < 0]),
            }
            for kind in sorted({one.kind for one in planted})
            for own in [np.array([one.kind == kind for one in planted])]
        },
        "precision by reason": {
            reason: _share(meant[flagged & own] >= 0)
            for reason in sorted({str(part["kind"]) for _, part in doubts})
            for own in [np.array([part["kind"] == reason for _, part in doubts])]
        },
    }


def _of_kind(
    own: NDArray[np.bool_], best: NDArray[np.float64], others: NDArray[np.float64]
) -> float:
    """Average precision of one kind beside all doubts of boxes that are right."""
    found = best[own]
    truth = np.concatenate([np.ones(len(found)), np.zeros(len(others))])
    return _rounded(average_precision_score(truth, np.concatenate([found, others])))


def _meant(row: int, part: Mapping[str, Any], planted: Sequence[Planted]) -> int:
    """Which planted mistake a doubt points at, -1 for none: the box that was changed, or where it
    was."""
    for at, one in enumerate(planted):
        if one.row != row:
            continue
        own, likely = part["given"], part["likely"]
        if own is not None and one.now is not None:
            near = np.allclose(own["box"], one.now.box, atol=0.06)
            if near and own["label"] == one.now.label:
                return at
        there = one.kind != "renamed" and own is None
        if there and overlaps([likely["box"]], [one.was.box], [False])[0, 0] >= 0.5:
            return at
    return -1


def _box_confidence(subject: Subject, outputs: Sequence[Any]) -> tuple[Doubts, Any]:
    """Plain doubts: of a given box 1 less the largest score of its label there, and of each found
    box that overlaps none of its label by half its score."""
    labels, doubts = subject.schema.labels, []
    for at, (own, row) in enumerate(zip(subject.examples.targets, outputs, strict=True)):
        shares = overlaps([line[:4] for line in row], [b.box for b in own], [False] * len(own))
        close = shares >= 0.5
        if len(row) and len(own):
            names = np.array([labels[int(line[4])] for line in row])
            close &= names[:, None] == np.array([box.label for box in own])[None]
        for place, box in enumerate(own):
            held = max((float(line[5]) for line, c in zip(row, close, strict=True) if c[place]),
                       default=0.0)  # fmt: skip
            told = {"box": list(box.box), "label": box.label}
            doubts.append((at, {"kind": "", "given": told, "likely": None, "score": 1.0 - held}))
        for line, near in zip(row, close, strict=True):
            if not near.any():
                told = {"box": line[:4].tolist(), "label": labels[int(line[4])]}
                part = {"kind": "", "given": None, "likely": told, "score": float(line[5])}
                doubts.append((at, part))
    return doubts, np.array([part["score"] for _, part in doubts])


def _share(which: NDArray[np.bool_]) -> float | None:
    return _rounded(which.mean()) if len(which) else None


def _rounded(value: Any) -> float:
    return round(float(value), 4)


if __name__ == "__main__":
    counts = [
        int(said.removeprefix("seeds=")) for said in sys.argv[1:] if said.startswith("seeds=")
    ]
    measure([said for said in sys.argv[1:] if "=" not in said], counts[-1] if counts else 1)
