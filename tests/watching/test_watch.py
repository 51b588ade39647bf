"""The watch over a model: seen, asked about, learned, examined, kept or taken back."""

import json
import shutil

import pytest
from watch_samples import blind, texts, write

import journeyman
from journeyman.continual.holdings import exam_of, solved_head
from journeyman.continual.options import UpdateOptions
from journeyman.errors import DataError
from journeyman.files import write_json
from journeyman.teaching import forget
from journeyman.versions.store import Store
from journeyman.watching import keeping
from journeyman.watching.events import Event
from journeyman.watching.keeping import Keeping, beside
from journeyman.watching.memory import Memory, Probation
from journeyman.watching.options import WatchOptions
from journeyman.watching.running import Running
from journeyman.watching.sources import Files
from journeyman.watching.teacher import Teacher

FREELY = UpdateOptions(retain=None)


@pytest.fixture
def run(ground, tmp_path):
    shutil.copytree(ground, tmp_path / "run")
    return tmp_path / "run"


def running(run, gate=FREELY, **options):
    model = journeyman.load(run)
    keeping = Keeping(beside(model.folder))
    said = {"ask": 40, **options}
    teacher = Teacher(Store.beside(model.folder), gate)
    return Running(model, teacher, keeping, WatchOptions(**said))


def watched(run, file, **options):
    work = running(run, **options)
    return list(work.events(Files(file, work.position)))


def kinds(events):
    return [event.kind for event in events if event.kind not in ("began", "status", "ended")]


def answer(run, rows):
    """Labels of what was asked, as `journeyman label` writes them."""
    folder = beside(run / "model")
    known = {row["id"]: row for row in rows}
    asked = [json.loads(line)["id"] for line in (folder / "ask.jsonl").read_text().splitlines()]
    write(folder / "ask.labels.jsonl", [known[row_id] for row_id in asked])
    return asked


@pytest.mark.parametrize("torn", ["", '{"event": "alarm", "row": 10', "seen by Ann\n{"])
def test_what_was_told_just_before_a_kill_is_not_told_again(run, torn):
    """Killed after the events were written, before the memory knew of it; or while writing one."""
    work = running(run)
    keeping, teacher = work.keeping, work.teacher
    keeping.folder.mkdir(exist_ok=True)
    said = {"slice": "all", "detectors": ["mmd"], "after": 64}
    events = [Event("alarm", 1024, "v1", said, ("moved",)), Event("asked", 1024, "v1", {"rows": 3})]
    memory = Memory()
    memory.untold = [event.kept() for event in events]
    write_json(keeping.folder / "memory.json", memory.to_json(), indent=None)
    path = keeping.folder / "events.jsonl"
    if torn:
        path.write_text(json.dumps({"event": "began", "row": 0}) + "\n" + torn)
    else:
        keeping.tell(memory, teacher)
    keeping.tell(keeping.memory(), teacher, again=True)
    lines = path.read_text().splitlines()
    told = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    assert told == ["began"] * bool(torn) + ["alarm", "asked"]


def known(work):
    return {
        f"{name}/{key}": value.tobytes()
        for name, detector in work.watch.detectors.items()
        for key, value in detector.kept().items()
    }


@pytest.mark.parametrize("after", ["detectors", "memory"])
def test_detectors_and_memory_are_of_one_moment_whenever_a_kill_comes(
    run, tmp_path, monkeypatch, after
):
    """Between the two files, the memory says which of them is true."""
    file = write(tmp_path / "s.jsonl", blind(texts("paris", 300, seed=3)))
    watched(run, file)
    before = running(run)
    assert before.watch.memory.rows == 300
    write(file, blind(texts("acme", 300, seed=1)), "a")
    work = running(run)
    assert known(work) == known(before)

    def killed(*_said, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        if after == "detectors":
            context.setattr(keeping, "write_json", killed)
        else:
            context.setattr(keeping.os, "replace", _but(keeping.os.replace, killed))
        with pytest.raises(KeyboardInterrupt):
            list(work.events(Files(file, work.position)))
    again = running(run)
    assert (work.keeping.folder / keeping.NEXT).exists() is False
    if after == "detectors":
        assert again.watch.memory.rows == 300
        assert known(again) == known(before)
    else:
        assert again.watch.memory.rows > 300
        assert known(again) == known(work)


def _but(real, killed):
    """Replaces files but for those of detectors."""
    return lambda one, other: (killed if one.name == keeping.NEXT else real)(one, other)


def test_nothing_befalls_while_rows_stay_as_they_were(run, tmp_path):
    file = write(tmp_path / "s.jsonl", blind(texts("paris", 900, seed=3)))
    assert kinds(watched(run, file)) == []


def test_the_whole_loop_over_several_sittings(run, tmp_path):
    """A shift is seen and asked about; labels are learned in a later sitting, and confirmed."""
    before = journeyman.load(run).version
    new = texts("acme", 900, seed=1)
    file = write(tmp_path / "s.jsonl", [*blind(texts("paris", 300, seed=3)), *blind(new[:300])])
    options = {"ask": 100, "confirm": 100}
    events = watched(run, file, **options)
    assert kinds(events) == ["alarm", "asked"]
    alarm = events[1].told
    assert 300 < events[1].row <= 520
    assert "input-shift" in alarm["detectors"]
    assert {"column": "place", "value": "acme"}.items() <= alarm["moved"][0].items()
    assert all(one["place"] == "acme" for one in alarm["examples"])
    assert kinds(watched(run, file, **options)) == []  # Nothing new has come.
    asked = set(answer(run, new))
    assert len(asked) == 100
    write(file, new[300:], "a")
    events = watched(run, file, **options)
    assert kinds(events) == ["learned", "confirmed"]
    assert events[1].row == 600  # Before any new row.
    assert events[1].told["parent"] == before
    after = journeyman.load(run)
    assert after.version == events[1].version
    decisions = (run / "model" / "decisions.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in decisions]
    assert [one["what"] for one in told] == ["alarm", "asked", "learn", "promote", "confirmed"]
    solved_head(after)
    learned = {line.id for line in after.learner.ledger.lines if line.origin == "drift-1"}
    examined = {question.id for question in exam_of(after).questions}
    assert asked <= learned | examined
    assert len(asked & learned) > 50


def test_labels_that_come_late_by_their_ids_are_learned(run, tmp_path):
    new = texts("acme", 600, seed=1)
    late = [{"id": row["id"], "label": row["label"]} for row in new[250:400]]
    stream = [*blind(texts("paris", 250, seed=3)), *blind(new[:400]), *late, *blind(new[400:])]
    events = watched(run, write(tmp_path / "s.jsonl", stream))
    assert kinds(events) == ["alarm", "asked", "learned"]


def test_labels_that_come_late_are_judged_whether_or_not_any_are_asked_for(run, tmp_path):
    """Labels in other shares than before, hours after their rows: that is drift too."""
    rows = texts("paris", 1600, seed=3)
    usual = [{"id": row["id"], "label": row["label"]} for row in rows[:600]]
    other = [{"id": row["id"], "label": "good"} for row in rows[600:]]
    file = write(tmp_path / "s.jsonl", [*blind(rows), *usual])
    events = watched(run, file, act="tell")
    assert kinds(events) == []
    assert events[-1].row == 1600
    labelled = events[-1].told["labelled_error"]
    assert labelled["n"] == 200
    write(file, other, "a")
    events = watched(run, file, act="tell")
    assert kinds(events) == ["alarm"]
    assert list(events[1].told["detectors"]) == ["label-shift"]
    assert events[-1].row == 1600
    assert events[-1].told["labelled_error"]["value"] > labelled["value"]


def test_a_version_that_labels_speak_against_is_rolled_back(run, tmp_path):
    """All that was asked is called what the model does not say; rows with labels say otherwise."""
    model = journeyman.load(run)
    before, new = model.version, texts("acme", 400, seed=1)
    answers = [answer.label for answer in model.predict([row["text"] for row in new])]
    usual = max(("good", "bad"), key=answers.count)
    wrong = {"good": "bad", "bad": "good"}[usual]
    file = write(tmp_path / "s.jsonl", [*blind(texts("paris", 300, seed=3)), *blind(new)])
    watched(run, file, ask=150)
    answer(run, [{**row, "label": wrong} for row in [*new, *texts("paris", 300, 3)]])
    write(file, [{**row, "label": usual} for row in texts("acme", 300, seed=11)], "a")
    events = watched(run, file, ask=150)
    assert [kind for kind in kinds(events) if kind != "alarm"] == ["learned", "rolled_back"]
    assert journeyman.load(run).version == before
    assert events[-1].version == before


def test_what_the_gate_refuses_does_not_serve(run, tmp_path):
    before = journeyman.load(run).version
    swap = {"good": "bad", "bad": "good"}
    new = texts("acme", 400, seed=1)
    file = write(tmp_path / "s.jsonl", [*blind(texts("paris", 300, seed=3)), *blind(new)])
    watched(run, file, ask=100)
    rows = [*new, *texts("paris", 300, seed=3)]
    folder = beside(run / "model")
    asked = answer(run, rows)
    wrong = [{**texts("paris", 1)[0], "id": row_id, "label": "bad"} for row_id in asked]
    other = texts("paris", 100, seed=21)
    wrong = [
        {**row, "id": row_id, "label": swap[row["label"]]}
        for row_id, row in zip(asked, other * 2, strict=False)
    ]
    write(folder / "ask.labels.jsonl", wrong)
    write(file, blind(texts("acme", 10, seed=9)), "a")
    strict = UpdateOptions(retain=1.0, strict=True, least=5)
    events = watched(run, file, ask=100, gate=strict)
    assert kinds(events) == ["refused"]
    assert journeyman.load(run).version == before


@pytest.mark.parametrize("how", ["tell", "off"])
def test_acting_can_be_switched_off(run, tmp_path, how):
    stream = [*texts("paris", 300, seed=3), *texts("acme", 500, seed=1)]
    file = write(tmp_path / "s.jsonl", stream)
    if how == "off":
        beside(run / "model").mkdir()
        (beside(run / "model") / "off").touch()
    events = watched(run, file, **({"act": "tell"} if how == "tell" else {}))
    assert set(kinds(events)) == {"alarm"}
    assert len(Store.beside(run / "model").history()) == 1


def test_asking_alone_learns_nothing(run, tmp_path):
    stream = [*texts("paris", 300, seed=3), *blind(texts("acme", 300, seed=1))]
    file = write(tmp_path / "s.jsonl", stream)
    assert kinds(watched(run, file, act="ask")) == ["alarm", "asked"]
    answer(run, texts("acme", 300, seed=1))
    write(file, blind(texts("acme", 100, seed=2)), "a")
    assert kinds(watched(run, file, act="ask")) == []


def test_rows_that_the_model_knows_are_recognised_when_they_come_back(run, tmp_path):
    """The exam then has two kinds of rows; a stream of one of them needs no labels."""
    model = journeyman.load(run)
    teacher = Teacher(Store.beside(model.folder), UpdateOptions(retain=None, exam=0.3))
    teacher.learn(model, texts("acme", 150, seed=4), "acme")
    file = write(tmp_path / "s.jsonl", blind(texts("acme", 700, seed=6)))
    events = watched(run, file)
    assert kinds(events)[:2] == ["alarm", "returned"]
    assert events[2].told["to"] == "acme"
    assert "asked" not in kinds(events)


def test_a_watch_goes_on_as_if_it_had_not_been_ended(run, tmp_path):
    stream = [*blind(texts("paris", 330, seed=3)), *blind(texts("acme", 300, seed=1))]
    whole = write(tmp_path / "whole.jsonl", stream)
    shutil.copytree(run, tmp_path / "other")
    expected = [(e.kind, e.row) for e in watched(run, whole) if e.kind in ("alarm", "asked")]
    part = write(tmp_path / "part.jsonl", stream[:384])
    found = watched(tmp_path / "other", part)
    write(part, stream[384:], "a")
    found += watched(tmp_path / "other", part)
    assert [(e.kind, e.row) for e in found if e.kind in ("alarm", "asked")] == expected


def test_a_version_taught_by_hand_is_gone_on_with(run, tmp_path):
    work = running(run)
    file = write(tmp_path / "s.jsonl", blind(texts("paris", 200, seed=3)))
    list(work.events(Files(file, work.position)))
    other = Teacher(Store.beside(run / "model"), FREELY)
    _, update = other.learn(journeyman.load(run), texts("acme", 40, seed=4), "by hand")
    write(file, blind(texts("paris", 600, seed=5)), "a")
    events = list(work.events(Files(file, work.position)))
    assert events[-1].version == update.version


def test_forgotten_rows_are_gone_from_what_the_watch_remembers(run, tmp_path):
    new = texts("acme", 300, seed=1)
    marked = {**new[-1], "id": "acme/marked/row", "text": f"{new[-1]['text']} quetzalcoatl"}
    stream = [*blind(texts("paris", 300, seed=3)), *blind(new), *blind([marked])]
    file = write(tmp_path / "s.jsonl", stream)
    watched(run, file)
    folder = beside(run / "model")
    assert b"quetzalcoatl" in (folder / "memory.json").read_bytes()
    teacher = Teacher(Store.beside(run / "model"), FREELY)
    teacher.learn(journeyman.load(run), [marked, *new[:50]], "new")
    forget(run, ids=["acme/marked/row"])
    for path in folder.rglob("*"):
        assert b"quetzalcoatl" not in path.read_bytes(), path
    assert not (folder / "detectors.safetensors").exists()
    write(file, blind(texts("acme", 200, seed=2)), "a")
    watched(run, file)
    assert b"quetzalcoatl" not in (folder / "memory.json").read_bytes()


def test_a_running_watch_drops_rows_that_are_forgotten_meanwhile(run, tmp_path):
    marked = {**texts("paris", 1, seed=30)[0], "id": "paris/marked/row"}
    teacher = Teacher(Store.beside(run / "model"), FREELY)
    teacher.learn(journeyman.load(run), [marked, *texts("paris", 20, seed=31)], "new")
    work = running(run)
    file = write(tmp_path / "s.jsonl", blind([*texts("paris", 100, seed=3), marked]))
    list(work.events(Files(file, work.position)))
    forget(run, ids=["paris/marked/row"])
    write(file, blind(texts("paris", 60, seed=32)), "a")
    list(work.events(Files(file, work.position)))
    assert "paris/marked/row" not in (work.keeping.folder / "memory.json").read_text()


def test_memory_that_cannot_be_read_is_one_error(run, tmp_path):
    file = write(tmp_path / "s.jsonl", blind(texts("paris", 80, seed=3)))
    watched(run, file)
    (beside(run / "model") / "memory.json").write_text('{"rows": 3, "recent": 7}')
    with pytest.raises(DataError, match="cannot be read"):
        running(run)


def test_rows_that_cannot_be_read_are_counted_and_passed(run, tmp_path):
    file = write(tmp_path / "s.jsonl", blind(texts("paris", 80, seed=3)))
    with file.open("a") as more:
        more.write('{"text": 7}\n{"oops\n{"other": "x"}\n')
    events = watched(run, file)
    assert events[-1].row == 83
    assert events[-1].told["failed"] == 3


def test_a_label_that_is_still_being_written_stays_and_is_read_later(run, tmp_path):
    """The file belongs to who labels: a line cut in the middle is left as it is."""
    new = texts("acme", 400, seed=1)
    file = write(tmp_path / "s.jsonl", [*blind(texts("paris", 300, seed=3)), *blind(new)])
    watched(run, file)
    labels = beside(run / "model") / "ask.labels.jsonl"
    answer(run, [*new, *texts("paris", 300, seed=3)])
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-20])
    write(file, blind(texts("acme", 64, seed=7)), "a")
    assert "learned" not in kinds(watched(run, file))
    assert labels.read_bytes() == whole[:-20]
    labels.write_bytes(whole)
    write(file, blind(texts("acme", 64, seed=8)), "a")
    assert "learned" in kinds(watched(run, file))


def test_killed_before_a_decision_was_noted_it_is_noted_once(run, tmp_path, monkeypatch):
    """The memory is kept first; what was not told by then is told when the watch goes on."""
    stream = [*blind(texts("paris", 300, seed=3)), *blind(texts("acme", 300, seed=1))]
    file = write(tmp_path / "s.jsonl", stream)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "note", _killed)
        with pytest.raises(KeyboardInterrupt):
            watched(run, file)
    assert not (beside(run / "model") / "events.jsonl").exists()
    watched(run, file)
    watched(run, file)
    decisions = (run / "model" / "decisions.jsonl").read_text().splitlines()
    assert [json.loads(line)["what"] for line in decisions] == ["alarm", "asked"]
    events = (beside(run / "model") / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in events].count("alarm") == 1


def _killed(*_):
    raise KeyboardInterrupt


def test_a_version_taught_by_hand_is_not_rolled_back_for_the_one_before_it(run, tmp_path):
    work = running(run)
    work.watch.memory.probation = Probation("0" * 12, better=0, worse=9, rows=9)
    _, update = work.teacher.learn(journeyman.load(run), texts("acme", 40, seed=4), "by hand")
    work.watch.refresh()
    assert work.watch.memory.probation is None
    assert kinds(work.watch.step(texts("paris", 30, seed=5))) == []
    assert journeyman.load(run).version == update.version


def test_where_all_rows_are_known_already_nothing_is_asked_again_and_again(run):
    work = running(run, ask=30)
    known = texts("acme", 60, seed=4)
    model, _ = work.teacher.learn(journeyman.load(run), known, "acme")
    work.watch.refresh()
    memory = work.watch.memory
    memory.phase, memory.episode = "asking", 1
    memory.pool = {row["id"]: row for row in blind(known)}
    assert work.watch.act() == []
    assert memory.phase == "calm"
    assert model.version == work.watch.model.version


def test_killed_after_a_lesson_was_learned_it_is_not_learned_again(run, tmp_path):
    """The version serves; what the watch remembers is from before."""
    new = texts("acme", 300, seed=1)
    file = write(tmp_path / "s.jsonl", [*blind(texts("paris", 300, seed=3)), *blind(new)])
    watched(run, file)
    answer(run, [*new, *texts("paris", 300, seed=3)])
    folder = beside(run / "model")
    before = (folder / "memory.json").read_bytes()
    assert kinds(watched(run, file)) == ["learned"]
    version = journeyman.load(run).version
    (folder / "memory.json").write_bytes(before)
    events = watched(run, file)
    assert kinds(events) == ["learned"]
    assert journeyman.load(run).version == version
    assert json.loads((folder / "memory.json").read_text())["probation"]["parent"]
    assert len(Store.beside(run / "model").history()) == 2


def test_new_classes_taught_between_two_sittings_do_not_break_what_detectors_knew(run, tmp_path):
    file = write(tmp_path / "s.jsonl", blind(texts("paris", 300, seed=3)))
    watched(run, file)
    teacher = Teacher(Store.beside(run / "model"), FREELY)
    more = [{**row, "label": "third"} for row in texts("acme", 40, seed=4)]
    teacher.learn(journeyman.load(run), more, "new")
    write(file, [*blind(texts("paris", 300, seed=5)), *texts("paris", 200, seed=6)], "a")
    events = watched(run, file)
    assert events[-1].row == 800
    assert events[-1].told["failed"] == 0


def test_what_moved_is_told_of_a_second_shift_while_labels_are_awaited(run, tmp_path):
    stream = [*blind(texts("paris", 300, seed=3)), *blind(texts("acme", 700, seed=1))]
    stream += blind(texts("paris", 400, seed=9))
    events = watched(run, write(tmp_path / "s.jsonl", stream))
    alarms = [event.told["moved"] for event in events if event.kind == "alarm"]
    assert len(alarms) == 2
    assert {"column": "place", "value": "paris"}.items() <= alarms[1][0].items() or {
        "column": "place", "value": "acme",
    }.items() <= alarms[1][0].items()  # fmt: skip
