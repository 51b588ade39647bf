"""Rows that are taken in together are answered together and judged a part at a time."""

import shutil

import pytest
from watch_samples import blind, texts

import journeyman
from journeyman.continual.options import UpdateOptions
from journeyman.versions.store import Store
from journeyman.watching.options import WatchOptions
from journeyman.watching.teacher import Teacher
from journeyman.watching.watch import PART, Watch


def opened(ground, folder):
    shutil.copytree(ground, folder)
    model = journeyman.load(folder)
    teacher = Teacher(Store.beside(model.folder), UpdateOptions(retain=None))
    return Watch(model, teacher, WatchOptions(ask=40))


@pytest.fixture
def watch(ground, tmp_path):
    return opened(ground, tmp_path / "run")


def test_parts_of_one_step_are_as_steps_of_their_own(watch, ground, tmp_path):
    stream = [*texts("paris", 4 * PART, seed=3), *texts("acme", 5 * PART, seed=1)]
    whole = [(event.kind, event.row) for event in watch.step(stream)]
    assert "learned" in [kind for kind, _ in whole]
    again, found = opened(ground, tmp_path / "other"), []
    for first in range(0, len(stream), PART):
        found += again.step(stream[first : first + PART])
    assert [(event.kind, event.row) for event in found] == whole
    assert again.model.learner.ledger.ids == watch.model.learner.ledger.ids


def test_a_version_that_is_learned_answers_the_rows_behind(watch):
    stream = [*texts("paris", 4 * PART, seed=3), *texts("acme", 5 * PART, seed=1)]
    before, behind = watch.model, stream[-30:]
    learned = next(event for event in watch.step(stream) if event.kind == "learned")
    assert len(watch.last) == len(stream) - learned.row  # None is answered twice.
    answers = [one.label for one in watch.last.predictions[-30:]]
    assert answers == [one.label for one in watch.model.predict(behind)]
    assert answers != [one.label for one in before.predict(behind)]


def test_a_label_may_come_in_the_step_that_brought_its_row(watch):
    new = texts("acme", 5 * PART, seed=1)
    late = [{"id": row["id"], "label": row["label"]} for row in new]
    watch.step(blind(texts("paris", 4 * PART, seed=3)))
    events = watch.step([*blind(new), *late])
    assert any(event.kind == "learned" for event in events)
    assert watch.memory.failed == 0
    assert watch.memory.rows == 9 * PART


def test_what_cannot_be_read_counts_and_moves_no_part(watch):
    rows = texts("paris", 2 * PART, seed=3)
    watch.step([*rows[:PART], {"id": "1"}, {"id": "x", "label": "good"}, *rows[PART:]])
    assert watch.memory.failed == 2
    assert len(watch.last) == 2 * PART
    assert [one.id for one in watch.memory.recent] == [row["id"] for row in rows]
