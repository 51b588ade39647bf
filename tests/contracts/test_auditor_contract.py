"""Each auditor keeps its promises: every row told in its order, wrong targets above right ones."""

import json

import numpy as np
import pytest
from contract_samples import Sample, tiny_backbone

from journeyman.audits.base import AUDITORS, Subject, auditor_of
from journeyman.audits.options import AuditOptions
from journeyman.errors import JourneymanError
from journeyman.tasks.base import TASKS
from journeyman.training.cache.feature_cache import FeatureCache

OTHER = {"bad": "good", "good": "plain", "plain": "bad"}
OTHER_TAGS = {"O": "O", "B-LOC": "B-PER", "B-PER": "B-LOC"}
TARGETS = {
    "label": ("label", lambda row: OTHER[row["label"]]),
    "labels": ("labels", lambda row: ["good"] if row["labels"] == ["bad"] else ["bad"]),
    "value": ("value", lambda row: -row["value"] or 4.0),
    "tags": ("tags", lambda row: [OTHER_TAGS[tag] for tag in row["tags"]]),
    "boxes": ("boxes", lambda row: [{**box, "label": OTHER[box["label"]]} for box in row["boxes"]]),
}
"""Of each kind of target the field of `made_rows` that has it, and a wrong one."""
CASES = [
    (name, task)
    for name in AUDITORS
    for task in TASKS
    if TASKS[task].kind in AUDITORS[name].kinds and TASKS[task].kind in TARGETS
]
ROWS = 140


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def short_training():
    """Detectors learn for a moment: the boxes of these pictures are plain to see."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("journeyman.audits.held_boxes.SHOWN", 500)
        yield


@pytest.fixture(scope="module")
def audited(backbone, tmp_path_factory, short_training):
    made, found = {}, {}

    def audit(name, task, again=False):
        if task not in made:
            made[task] = subject_of(task, backbone, tmp_path_factory.mktemp("cache"))
        subject, wrong = made[task]
        if again or task not in found:
            found[task] = AUDITORS[name](AuditOptions(neighbours=2)).audit(subject)
        return found[task], subject, wrong

    return audit


def subject_of(task, backbone, folder):
    """Rows of which every seventh has a wrong target."""
    sample = Sample(task, backbone, ROWS, 6)
    field, other = TARGETS[sample.task.kind]
    wrong = np.arange(ROWS) % 7 == 0
    rows = [dict(row, id=f"r{at}") for at, row in enumerate(sample.rows[:ROWS])]
    for at in np.flatnonzero(wrong):
        rows[at][field] = other(rows[at])
    schema = sample.task.schema([sample.task.target(row, sample.data) for row in rows])
    sample.schema = schema
    examples, places = sample.examples(rows), [("rows.csv", at + 2) for at in range(ROWS)]
    cache = FeatureCache(folder)
    return (
        Subject(sample.task, sample.backbone, schema, examples, ["train"] * ROWS, places, cache),
        wrong,
    )


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_row_is_told_in_its_order(name, task, audited):
    found, subject, _ = audited(name, task)
    assert found.kind == subject.task.kind
    assert [row.id for row in found.rows] == list(subject.examples.ids)
    assert [(row.file, row.row) for row in found.rows] == list(subject.places)
    assert [row.text for row in found.rows] == [subject.text(at) for at in range(len(subject))]
    for row in found.rows:
        told = json.loads(json.dumps(row.to_json(), allow_nan=False))
        assert {"id", "given", "likely", "suspect", "score", "reasons"} <= set(told)
        assert 0 <= row.score <= 1
        assert row.suspect == ("label" in row.troubles)
        assert bool(row.reasons) or not row.troubles
        assert (row.likely == row.given) or row.suspect
        assert len(row.neighbours) <= 2


@pytest.mark.parametrize(("name", "task"), CASES)
def test_wrong_targets_stand_above_right_ones(name, task, audited):
    found, _, wrong = audited(name, task)
    scores = np.array([row.score for row in found.rows])
    above = scores[wrong][:, None] > scores[~wrong][None]
    level = scores[wrong][:, None] == scores[~wrong][None]
    assert (above + 0.5 * level).mean() > 0.8
    suspect = np.array([row.suspect for row in found.rows])
    assert wrong[suspect].mean() > 0.6
    assert suspect[wrong].mean() > 0.5


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_same_rows_are_told_the_same(name, task, audited):
    first, second = (audited(name, task, again)[0] for again in (False, True))
    assert [row.to_json() for row in first.rows] == [row.to_json() for row in second.rows]


def test_each_kind_has_one_auditor():
    kinds = [kind for name in AUDITORS for kind in AUDITORS[name].kinds]
    assert len(kinds) == len(set(kinds))
    assert {"label", "labels", "value", "tags", "boxes"} <= set(kinds)


def test_a_kind_without_an_auditor_is_told():
    with pytest.raises(JourneymanError, match="cannot be audited") as caught:
        auditor_of("identity", AuditOptions())
    assert "label" in caught.value.expected
