"""Every task with every head can be watched: seen, asked about, and taught where it can be."""

import pytest
from contract_samples import Sample, network_for, tiny_backbone

from journeyman.continual.options import UpdateOptions
from journeyman.drift.detectors.base import DETECTORS
from journeyman.model import Model
from journeyman.tasks.base import TASKS
from journeyman.training.exam import make_exam
from journeyman.versions.store import Store
from journeyman.watching.options import WatchOptions
from journeyman.watching.teacher import Teacher
from journeyman.watching.watch import Watch

KINDS = sorted({(task, head) for task in TASKS for head in TASKS[task].heads()})
ASKED = sorted((task, head) for task, head in KINDS if TASKS[task].kind != "identity")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def watches(backbone, tmp_path_factory):
    """What gives a watch over a model of such a task and head, and rows of that task."""
    folder, made = tmp_path_factory.mktemp("made"), {}

    def watch(task, head):
        key = (task, head)
        if key not in made:
            sample = Sample(task, network_for(task, backbone), train=24, validation=130)
            got = sample.finetune(folder / "features", head=head, tuner="none", epochs=1)
            source = got.learner.uncached(sample.validation)
            exam = make_exam(got.learner, sample.data, sample.rows[24:], sample.validation, source)
            about = {"data": "made", "rows": {"train": 24}, "parent": None}
            model = Model(
                "made", got.learner, sample.schema, sample.data, got.calibration, about, exam
            )
            stream = Sample(task, sample.backbone, train=90, validation=10, seed=5).rows
            made[key] = (model.save(folder / f"{task}-{head}"), stream)
        model, rows = made[key]
        teacher = Teacher(Store.beside(model.folder), UpdateOptions(retain=None))
        options = WatchOptions(ask=10, detectors=tuple(DETECTORS))
        return Watch(Model.load(model.folder, model.learner.plain), teacher, options), rows

    return watch


def blind(watch, rows):
    targets = watch.model.columns.targets
    return [{name: row[name] for name in row if name not in targets} for row in rows]


@pytest.mark.parametrize(("task", "head"), KINDS)
def test_rows_are_seen_in_every_view_the_task_has(watches, task, head):
    watch, rows = watches(task, head)
    watch.step(blind(watch, rows[:40]))
    watch.step(rows[40:70])
    views = watch.last.views
    assert len(views["input"]) == 30
    assert ("answers" in views) == (TASKS[task].kind == "label")
    assert len(views["labels"]) == (30 if TASKS[task].kind == "label" else 0)
    assert all(watch.last.targets)
    status = watch.status().to_json()
    assert status["row"] == 70
    assert status["failed"] == 0
    assert set(status["strength"]) == set(DETECTORS)


@pytest.mark.parametrize(("task", "head"), ASKED)
def test_labels_are_asked_for_and_learned_where_the_head_can(watches, task, head):
    """From an alarm on: what is asked is answered by the rows' own targets."""
    watch, rows = watches(task, head)
    watch.step(blind(watch, rows[:40]))
    watch.memory.phase, watch.memory.episode = "asking", 1
    watch.step(blind(watch, rows[40:90]))
    watch.ask()
    assert 0 < len(watch.memory.wanted) <= 10
    known = dict(zip((one.id for one in watch.memory.recent), rows[:90], strict=True))
    own = watch.model.columns.id or "id"
    watch.label([{**known[row_id], own: row_id} for row_id in watch.memory.wanted])
    events = [event.kind for event in watch.act()]
    assert watch.memory.phase == "calm"
    head_type = watch.model.learner.head
    able = head_type.solved and TASKS[task].unit != "map"
    assert events == (["learned"] if able else ["refused"])
