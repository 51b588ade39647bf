"""Texts without labels: read as questions are, each once, none that stands in a labelled row."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from journeyman.data.identity import input_hash, row_id
from journeyman.data.options import DataOptions
from journeyman.data.removals import Removals
from journeyman.errors import DataError
from journeyman.tasks.base import TASKS
from journeyman.training.unlabelled import read_unlabelled, texts_in

TEXTS = [
    "where is my card",
    "top up failed",
    "where is my card",
    "seen in training",
    "seen in test",
]
COLUMNS = DataOptions(train="rows.csv", text="message", label="topic")


class Rows:
    def __init__(self, *texts):
        self.texts = texts

    def rows(self):
        return [{"message": text, "topic": "a"} for text in self.texts]


def collection(columns=COLUMNS, own=()):
    tables = {"train": Rows("seen in training"), "test": Rows("seen in test")}
    own = Rows(*own)
    own.source = "rows.csv"
    return SimpleNamespace(columns=columns, tables=tables, unlabelled=(own,) if own.texts else ())


def written(folder, kind):
    path = folder / f"more.{kind}"
    if kind == "txt":
        path.write_text("\n".join(TEXTS) + "\n\n")
    elif kind == "csv":
        path.write_text("message,extra\n" + "\n".join(f"{text},1" for text in TEXTS) + "\n")
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps({"message": text}) for text in TEXTS) + "\n")
    else:
        pyarrow.parquet.write_table(pa.table({"message": TEXTS}), path)
    return str(path)


def found(files, limit=None, columns=COLUMNS, own=()):
    task = TASKS["text-classification"]()
    return read_unlabelled(files, task, collection(columns, own), limit=limit, seed=3)


@pytest.mark.parametrize("kind", ["txt", "csv", "jsonl", "parquet"])
def test_every_format_gives_the_same_texts(kind, tmp_path):
    read = found([written(tmp_path, kind)])
    assert read.texts == ["where is my card", "top up failed"]
    assert (read.repeated, read.labelled, read.refused, read.beyond) == (1, 2, 0, 0)


def test_training_rows_without_a_label_come_first_and_count_as_their_own(tmp_path):
    own = ["an unlabelled row", "seen in test", "top up failed"]
    read = found([written(tmp_path, "txt")], own=own)
    assert read.texts == ["an unlabelled row", "top up failed", "where is my card"]
    assert (read.own, read.repeated, read.labelled) == (2, 2, 3)
    drawn = [found([written(tmp_path, "txt")], limit=1, own=own).own for _ in range(2)]
    assert drawn[0] == drawn[1] <= 1
    assert found([], own=own).texts == ["an unlabelled row", "top up failed"]


def test_rows_without_a_text_are_counted(tmp_path):
    path = tmp_path / "more.jsonl"
    rows = [{"message": "fine"}, {"message": ""}, {"message": None}, {"message": 4}, {"other": "x"}]
    path.write_text("\n".join([*map(json.dumps, rows), "{broken"]) + "\n")
    read = found([str(path)])
    assert read.texts == ["fine"]
    assert read.refused == 5
    assert list(texts_in(str(path), COLUMNS, "row")).count(None) == 5


def test_several_files_are_one_and_a_limit_draws_from_them(tmp_path):
    (tmp_path / "one.txt").write_text("\n".join(f"text {at}" for at in range(50)) + "\n")
    (tmp_path / "two.txt").write_text("\n".join(f"text {at}" for at in range(40, 80)) + "\n")
    files = [str(tmp_path / name) for name in ("one.txt", "two.txt")]
    whole, some, again = found(files), found(files, 20), found(files, 20)
    assert whole.texts == [f"text {at}" for at in range(80)]
    assert whole.repeated == 10
    assert len(some.texts) == 20
    assert some.beyond == 60
    assert some == again
    places = [whole.texts.index(text) for text in some.texts]
    assert places == sorted(places)
    assert np.ptp(places) > 20


def test_pairs_are_read_as_pairs(tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("a,b\none,two\n")
    columns = DataOptions(train="rows.csv", text=("a", "b"), label="topic")
    assert list(texts_in(str(path), columns, "row")) == [("one", "two")]


def test_a_file_without_the_column_or_without_a_new_text_is_refused(tmp_path):
    (tmp_path / "more.csv").write_text("body,extra\nhello,1\n")
    with pytest.raises(DataError) as caught:
        found([str(tmp_path / "more.csv")])
    assert "message" in caught.value.problem
    (tmp_path / "more.txt").write_text("seen in test\n")
    with pytest.raises(DataError) as caught:
        found([str(tmp_path / "more.txt")])
    assert caught.value.found.startswith("1 texts, 1 of them labelled")
    assert "data.unlabelled" in caught.value.remedy


def test_a_text_that_was_removed_on_request_is_not_read_again(tmp_path):
    path = tmp_path / "more.txt"
    path.write_text("\n".join(TEXTS))
    gone = Removals().including([], [row_id(input_hash(("top up failed",)))])
    task = TASKS["text-classification"]()
    found = read_unlabelled([str(path)], task, collection(), limit=None, seed=0, removals=gone)
    assert list(found.texts) == ["where is my card"]
    assert found.refused == 1
