"""A sitting: one key a label, undo, quitting, and a file that holds all that was given."""

import io
import json

import pytest
from rich.console import Console

import journeyman
from journeyman.continual.options import UpdateOptions
from journeyman.data.questions import labelled_rows
from journeyman.errors import DataError, ResourceError
from journeyman.labelling.keys import named
from journeyman.labelling.labels_file import LabelsFile
from journeyman.labelling.pool import Pool, read_pool
from journeyman.labelling.queue import Queue, Wanted
from journeyman.labelling.screen import drawn
from journeyman.labelling.show import batches, show
from journeyman.labelling.sitting import DIGITS, FIXED, Sitting
from journeyman.labelling.suspects import Suspect
from journeyman.types import LabelPrediction

MANY = [f"label_{at:02d}" for at in range(30)]


def wanted(number, labels, suspect=None, text=None):
    scores = {label: 1 / (at + 2) for at, label in enumerate(labels)}
    answer = LabelPrediction(str(number), labels[0], scores[labels[0]], scores)
    text = f"text {number}" if text is None else text
    return Wanted(str(number), {"text": text}, text, "margin", answer, 0.5, suspect)


def sitting(tmp_path, model, labels=("bad", "good", "plain"), count=4, **more):
    file = LabelsFile.open(tmp_path / "labels.jsonl", model.columns, model.name)
    items = [wanted(number, labels, **more) for number in range(count)]
    return Sitting(list(labels), file, items)


def given(tmp_path):
    lines = (tmp_path / "labels.jsonl").read_text().splitlines()
    return [(row["id"], row["label"]) for row in map(json.loads, lines)]


def press(sitting, *keys):
    for key in keys:
        sitting.press(key)
    return sitting


def screen_of(sitting, size=(90, 30)):
    console = Console(file=io.StringIO(), width=size[0], height=size[1])
    console.print(drawn(sitting, "name", console))
    return console.file.getvalue()


def test_one_key_is_one_label_and_enter_is_the_guess(tmp_path, model):
    done = press(sitting(tmp_path, model), "2", "enter", "s", "3")
    assert given(tmp_path) == [("0", "good"), ("1", "bad"), ("3", "plain")]
    assert done.item is None
    assert done.given == 3


def test_undo_takes_the_last_back_be_it_a_label_or_a_skip(tmp_path, model):
    done = press(sitting(tmp_path, model), "2", "1", "s", "u", "u")
    assert given(tmp_path) == [("0", "good")]
    assert (done.at, done.given) == (1, 1)
    press(done, "3", "u", "u", "u")
    assert given(tmp_path) == []
    assert done.note == "There is nothing to undo."


def test_what_is_learned_is_not_undone(tmp_path, model):
    done = press(sitting(tmp_path, model), "2")
    done.settle()
    press(done, "u")
    assert "journeyman unlearn" in done.note
    assert given(tmp_path) == [("0", "good")]


@pytest.mark.parametrize("key", ["q", "escape", "\x04"])
def test_quitting_ends_it_and_keeps_everything(tmp_path, model, key):
    assert press(sitting(tmp_path, model), "2", key).over
    assert given(tmp_path) == [("0", "good")]


def test_of_many_labels_the_likeliest_are_on_keys_and_others_are_found_by_typing(tmp_path, model):
    many = sitting(tmp_path, model, MANY)
    assert len(MANY) > FIXED
    assert [one.label for one in many.choices] == MANY[:9]
    press(many, "/", *"25")
    assert many.finding is None  # A digit takes what is on its key, here the second of all.
    assert given(tmp_path)[0][1] == MANY[1]
    press(many, "/", *"lab")
    assert [one.label for one in many.choices] == MANY[:9]
    press(many, "backspace", "backspace", "backspace", "backspace")
    assert many.finding is None
    press(many, "/", *"zz", "enter")
    assert "No label is called so" in many.note
    press(many, "escape")
    assert (many.finding, many.over) == (None, False)


def test_typing_a_part_of_a_name_finds_it(tmp_path, model):
    labels = [*MANY, "card arrival", "lost card"]
    many = press(sitting(tmp_path, model, labels), "/", *"CARD")
    assert [one.label for one in many.choices] == ["card arrival", "lost card"]
    press(many, " ", "l", "o", "enter")
    assert given(tmp_path) == [("0", "lost card")]


def test_a_label_that_is_new_gets_a_name_and_a_key(tmp_path, model):
    done = press(sitting(tmp_path, model), "n", *"my new", "backspace", *"w", "enter")
    assert given(tmp_path) == [("0", "my new")]
    assert [one.label for one in done.choices][-1] == "my new"
    press(done, "n", "enter")
    assert done.note == "A label needs a name."


def test_a_key_that_means_nothing_does_nothing(tmp_path, model):
    done = press(sitting(tmp_path, model), "7", "x")
    assert done.at == 0
    assert "nothing on the key x" in done.note
    assert not (tmp_path / "labels.jsonl").exists()


def test_a_suspect_is_shown_with_the_label_it_was_given(tmp_path, model):
    doubted = Suspect("0", MANY[29], MANY[3], 0.9, ["disagrees"])
    done = sitting(tmp_path, model, MANY, suspect=doubted)
    shown = screen_of(done)
    assert f"doubts the label {MANY[29]}; likelier is {MANY[3]} (disagrees)" in shown
    assert done.choices[8].label == MANY[29]
    assert any(MANY[29] in line and "given" in line for line in shown.splitlines())


@pytest.mark.parametrize("size", [(90, 30), (40, 16), (200, 60)])
def test_a_screen_shows_text_guess_and_keys_within_its_size(tmp_path, model, size):
    long = " ".join(f"word{at}" for at in range(600))
    shown = screen_of(sitting(tmp_path, model, text=long), size).rstrip("\n").splitlines()
    assert len(shown) <= size[1]
    assert max(map(len, shown)) <= size[0]
    whole = "\n".join(shown)
    for part in ("word0", "more lines", "1 bad", "50 %", "q quit"):
        assert part in whole


def test_a_low_screen_leaves_out_choices_and_not_its_keys(tmp_path, model):
    doubted = Suspect("0", MANY[29], MANY[3], 0.9, ["disagrees"])
    done = sitting(tmp_path, model, MANY, suspect=doubted)
    shown = screen_of(done, (60, 18)).rstrip("\n").splitlines()
    assert len(shown) <= 18
    assert "q quit" in "\n".join(shown)
    assert "doubts the label" in "\n".join(shown)


def test_a_text_cannot_move_the_cursor(tmp_path, model):
    shown = screen_of(sitting(tmp_path, model, text="a\x1b[2Jb\x07 [bold]c"))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]c" in shown


def test_what_a_terminal_sends_is_named():
    assert named("1\r\x7f\x1b") == ["1", "enter", "backspace", "escape"]
    assert named("a\x1b[A\x1bOPb\x1b[3~") == ["a", "b"]
    assert named("卡q") == ["卡", "q"]


def test_the_file_goes_on_where_it_was_left(tmp_path, model):
    press(sitting(tmp_path, model), "2", "1")
    again = sitting(tmp_path, model)
    assert again.file.ids == {"0", "1"}
    assert len(again.file) == 2
    press(again, "3")
    assert [label for _, label in given(tmp_path)] == ["good", "bad", "plain"]


def test_a_line_that_a_kill_cut_off_is_taken_away(tmp_path, model):
    press(sitting(tmp_path, model), "2", "1")
    path = tmp_path / "labels.jsonl"
    whole = path.read_bytes()
    for cut in range(len(whole) - 1, whole.index(b"\n") + 1, -7):
        path.write_bytes(whole[:cut])
        LabelsFile.open(path, model.columns, model.name)
        kept = path.read_bytes()
        assert kept == whole[: whole.index(b"\n") + 1] or kept == whole
    press(sitting(tmp_path, model), "3")
    assert len(given(tmp_path)) == 2


def test_a_last_line_without_its_end_is_kept(tmp_path, model):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"id": "9", "text": "a", "label": "good"}')
    press(sitting(tmp_path, model), "3")
    assert given(tmp_path) == [("9", "good"), ("0", "plain")]


@pytest.mark.parametrize(
    "line",
    [
        {"id": "1", "text": "a", "label": "x", "labelled_for": "another"},
        {"id": "1", "message": "a", "topic": "x"},
        [1, 2],
    ],
)
def test_labels_for_another_model_are_refused_and_left_alone(tmp_path, model, line):
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(DataError, match="labels for this model") as caught:
        LabelsFile.open(path, model.columns, model.name)
    assert "line 1" in caught.value.found
    assert "--labels" in caught.value.remedy
    assert path.read_text() == json.dumps(line) + "\n"


def test_a_file_that_cannot_be_written_is_told(tmp_path, model):
    (tmp_path / "labels.jsonl").mkdir()
    with pytest.raises((ResourceError, DataError)):
        press(sitting(tmp_path, model), "2")


def queue_of(model, pool):
    return Queue(model, Pool.of(model, read_pool(model, pool).rows), "random")


def test_batches_follow_each_other_until_the_pool_is_done(tmp_path, model, pool):
    made = queue_of(model, pool)
    sat = sitting(tmp_path, model, count=0)
    keys = iter(["1", "s"] * 100)
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=30)
    show(sat, batches(made, sat, [], 7), lambda: next(keys), "name", console)
    ids = [item.id for item in sat.items]
    assert len(ids) == len(set(ids)) == len(made.pool.rows)
    assert len(given(tmp_path)) == -(-len(ids) // 2)


def test_a_teacher_learns_each_batch_before_the_next_is_chosen(tmp_path, model, pool):
    made = queue_of(model, pool)
    sat = sitting(tmp_path, model, count=0)
    seen = []

    def teacher():
        rows, _ = labelled_rows(str(tmp_path / "labels.jsonl"), model.columns, "label")
        after = model.learn(rows, UpdateOptions(exam=0.0, retain=None))
        seen.append(len(after.learner.ledger))
        return made.after(after), "Learned."

    keys = iter(["1", "2", "n", *"odd", "enter", "u", "3", "q"])
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=30)
    show(sat, batches(made, sat, [], 3, teacher), lambda: next(keys), "name", console)
    before = len(journeyman.load(model.folder).single().schema.labels)
    assert len(seen) == 1
    assert "odd" in sat.labels
    assert len(sat.labels) == before + 1
    assert [label for _, label in given(tmp_path)] == ["bad", "good", "odd", "plain"]


def test_digits_are_enough_for_few_labels():
    assert len(DIGITS) == 9
