"""Rows that are only learned from: they join the training rows and are never judged by."""

import json

import numpy as np
import pytest

from journeyman.data.collection import Collection, collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.table import Table
from journeyman.errors import DataError
from journeyman.sections.collected import collected
from journeyman.tasks.base import Schema

COLORS = ("red", "blue", "green")


def csv_file(path, lines, header="text,label"):
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return str(path)


def lines(start, stop, labels=COLORS):
    return [f"row number {n} of its own,{labels[n % len(labels)]}" for n in range(start, stop)]


def gather(tmp_path, extra, kind="label", seed=0, named=None, options=None, **data):
    given = {"text": "text", "label": "label", "extra": extra, **data}
    return collect(
        DataOptions(**given), options or CollectOptions(), folder=tmp_path / "out", seed=seed,
        extra=named, kind=kind,
    )  # fmt: skip


@pytest.fixture
def train(tmp_path):
    return csv_file(tmp_path / "train.csv", lines(0, 100))


def texts(table):
    return [row["text"] for row in table.rows()]


def finding(collection, name):
    return next(found for found in collection.findings if found.name == name)


def test_extra_rows_leave_the_splits_as_they_are(tmp_path, train):
    more = csv_file(tmp_path / "more.csv", lines(200, 260))
    plain = gather(tmp_path / "a", (), train=train)
    found = gather(tmp_path / "b", more, train=train)
    for role in ("validation", "exam", "test"):
        assert found.tables[role].ids == plain.tables[role].ids
        assert found.tables[role].fingerprint == plain.tables[role].fingerprint
    assert found.own.ids == plain.train.ids
    assert found.train.ids[: len(found.own)] == plain.train.ids
    assert texts(found.train) == [*texts(plain.train), *(x.split(",")[0] for x in lines(200, 260))]
    assert len(set(found.train.ids)) == len(found.train)
    assert found.train.source_row(len(found.own)) == (more, 2)
    assert plain.added == ()
    assert plain.extra == ()


def test_a_collection_with_extra_rows_is_found_again(tmp_path, train, monkeypatch):
    more = [csv_file(tmp_path / f"{n}.csv", lines(200 + n, 203 + n)) for n in (0, 50)]
    found = gather(tmp_path, more, train=train, slices=())
    monkeypatch.setattr("journeyman.data.collection.ingest", None)
    again = gather(tmp_path, more, train=train, slices=())
    loaded = Collection.load(tmp_path / "out")
    for other in (again, loaded):
        assert other.fingerprint == found.fingerprint
        assert other.train.rows() == found.train.rows()
        assert [len(part) for part in other.added] == [3, 3]
        assert other.extra == tuple(more)
    monkeypatch.undo()
    csv_file(tmp_path / "0.csv", lines(300, 304))
    assert len(gather(tmp_path, more, train=train).added[0]) == 4


def test_repeats_of_any_split_are_removed_and_told(tmp_path, train):
    test = csv_file(tmp_path / "test.csv", lines(500, 520))
    plain = gather(tmp_path / "a", (), train=train, test=test)
    held = texts(plain.validation)[0]
    more = csv_file(tmp_path / "more.csv", [
        f"{texts(plain.train)[0]},{plain.train.rows()[0]['label']}",
        f"{held},violet", "new here,violet", lines(500, 501)[0], "new here,violet",
    ])  # fmt: skip
    found = gather(tmp_path / "b", more, train=train, test=test)
    assert [row["label"] for row in found.added[0].rows()] == ["violet"]
    assert texts(found.added[0]) == ["new here"]
    assert found.own.ids == plain.train.ids
    assert finding(found, "duplicates").source == more
    assert finding(found, "duplicates").rows == (2, 6)
    assert finding(found, "overlap_validation").rows == (3,)
    assert finding(found, "overlap_test").rows == (5,)


def test_findings_tell_rows_of_each_source(tmp_path):
    train = csv_file(tmp_path / "train.csv", [*lines(0, 100), *lines(3, 5)])
    more = csv_file(tmp_path / "more.csv", lines(4, 6))
    found = finding(gather(tmp_path, more, train=train), "duplicates")
    assert (found.source, found.rows, found.count) == (train, (102, 103), 4)
    assert f"2 of them in {more} (rows 2, 3)" in found.detail


def test_overlap_as_an_error_names_the_extra_file(tmp_path, train):
    held = texts(gather(tmp_path / "a", (), train=train).test)[0]
    more = csv_file(tmp_path / "more.csv", ["another,red", f"{held},red"])
    options = CollectOptions(overlap="error", duplicates="keep")
    with pytest.raises(DataError) as caught:
        gather(tmp_path / "b", more, train=train, options=options)
    assert caught.value.place == f"{more}, rows 3"


def test_refused_rows_stand_in_quarantine_with_their_source(tmp_path, train):
    more = csv_file(tmp_path / "more.csv", ["fine,red", ",red", "good,blue"])
    found = gather(tmp_path, more, train=train)
    assert found.quarantined == 1
    line = json.loads((tmp_path / "out/quarantine.jsonl").read_text())
    assert (line["file"], line["row"], line["name"]) == (more, 3, "empty_text")


def test_groups_that_are_judged_are_not_learned_from(tmp_path):
    rows = [f"{line},g{n // 4}" for n, line in enumerate(lines(0, 100))]
    train = csv_file(tmp_path / "train.csv", rows, "text,label,who")
    judged = gather(tmp_path / "a", (), train=train, group="who").test.rows()[0]["who"]
    more = csv_file(
        tmp_path / "more.csv", [f"x one,red,{judged}", "x two,red,other", "x three,red,"],
        "text,label,who",
    )  # fmt: skip
    found = gather(tmp_path / "b", more, train=train, group="who")
    assert texts(found.added[0]) == ["x two", "x three"]
    assert finding(found, "extra_groups").rows == (2,)
    bare = csv_file(tmp_path / "bare.csv", ["x one,red"])
    assert texts(gather(tmp_path / "c", bare, train=train, group="who").added[0]) == ["x one"]


def test_missing_slices_are_empty_and_where_does_not_choose(tmp_path):
    rows = [f"{line},{'uk' if n % 2 else 'us'}" for n, line in enumerate(lines(0, 100))]
    train = csv_file(tmp_path / "train.csv", rows, "text,label,land")
    more = csv_file(tmp_path / "more.csv", lines(200, 205))
    found = gather(tmp_path, more, train=train, slices=("land",), where={"land": "uk"})
    assert len(found.added[0]) == 5
    assert [row["land"] for row in found.train.rows()[-6:]] == ["uk", *[""] * 5]
    assert Collection.load(tmp_path / "out").train.rows() == found.train.rows()


def test_the_limit_is_one_of_each_file(tmp_path, train):
    more = [csv_file(tmp_path / f"{n}.csv", lines(200 * n, 200 * n + 30)) for n in (1, 2)]
    found = gather(tmp_path, more, train=train, limit=12)
    assert sum(len(found.tables[role]) for role in ("validation", "exam", "test")) <= 12
    assert [len(part) for part in found.added] == [12, 12]


CASES = {
    "value": ("value", "text,label", [f"text {n},{n / 7}" for n in range(60)],
              [{"text": "more a", "label": 3}, {"text": "text 7", "label": 1}]),
    "labels": ("labels", "text,label", [f"text {n},{'a|b' if n % 2 else 'b'}" for n in range(60)],
               [{"text": "more a", "label": ["a", "b"]}, {"text": "text 3", "label": ["a"]}]),
    "label": ("label", "text,label", [f"text {n},{n % 2}" for n in range(60)],
              [{"text": "more a", "label": 1}, {"text": "text 3", "label": 1}]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_target_takes_extra_rows_of_another_format(tmp_path, case):
    kind, header, rows, added = CASES[case]
    train = csv_file(tmp_path / "train.csv", rows, header)
    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps(row) + "\n" for row in added))
    more_options = {"label_separator": "|"} if kind == "labels" else {}
    found = gather(tmp_path, str(more), kind=kind, train=train, **more_options)
    judged = {text for role in ("validation", "exam", "test") for text in texts(found.tables[role])}
    assert "more a" in texts(found.train)
    assert not set(texts(found.added[0])) & judged
    if case == "label":
        assert texts(found.added[0]) == ["more a"]  # 1 and "1" are the same label
        assert not any(f.name == "conflicting_labels" for f in found.findings)


def test_tokens_take_extra_rows(tmp_path):
    def rows(start, stop):
        return "".join(
            json.dumps({"tokens": [f"Ann{n}", "ran"], "tags": ["B-PER", "O"]}) + "\n"
            for n in range(start, stop)
        )

    (tmp_path / "train.jsonl").write_text(rows(0, 60))
    (tmp_path / "more.jsonl").write_text(rows(100, 103))
    found = gather(
        tmp_path, str(tmp_path / "more.jsonl"), kind="tags", train=str(tmp_path / "train.jsonl"),
        text=None, label=None, tokens="tokens", tags="tags",
    )  # fmt: skip
    assert texts(found.added[0]) == ["Ann100 ran", "Ann101 ran", "Ann102 ran"]


def test_a_dataset_by_name_is_json_lines_whatever_the_format_of_the_data(tmp_path, train):
    path = tmp_path / "words.jsonl"
    path.write_text('{"text": "caf\\u00e9", "label": "red", "id": "7"}\n')
    found = gather(
        tmp_path, "tiny-words", named={"tiny-words": path}, train=train, format="csv",
        header=True, encoding="latin-1",
    )  # fmt: skip
    assert texts(found.added[0]) == ["café"]
    assert found.extra == (str(path),)


@pytest.mark.parametrize(("content", "problem"), [
    ("words,label\na,red\n", "no column 'text'"),
    ("text,label\n", "no rows"),
    ("text,label\n,red\n,blue\n", "2 of 2 rows cannot be used"),
])  # fmt: skip
def test_an_extra_file_that_cannot_be_used_is_one_error(tmp_path, train, content, problem):
    more = tmp_path / "more.csv"
    more.write_text(content)
    with pytest.raises(DataError) as caught:
        gather(tmp_path, str(more), train=train)
    assert problem in caught.value.problem
    assert "more.csv" in caught.value.place
    assert "data.extra" in caught.value.place


def test_the_section_counts_extra_rows(tmp_path, train):
    more = csv_file(tmp_path / "more.csv", lines(200, 207))
    schema = Schema(labels=COLORS, counts=(1, 1, 1))
    section = collected(gather(tmp_path, more, train=train), schema)
    assert {figure.name: figure.value for figure in section.figures}["extra rows"] == 7
    assert "7 of those to learn from are rows of data.extra (more.csv)" in section.prose[0]
    plain = collected(gather(tmp_path / "plain", (), train=train), schema)
    assert "extra rows" not in {figure.name for figure in plain.figures}


def test_selecting_of_joined_tables_keeps_their_parts(tmp_path, train):
    more = csv_file(tmp_path / "more.csv", lines(200, 210))
    whole = gather(tmp_path, more, train=train).train
    size = len(whole.parts[0])
    chosen = whole.select([0, 2, size + 1, size + 3])
    assert np.array_equal(chosen.origin, [0, 0, 1, 1])
    assert [texts(part) for part in chosen.parts] == [
        [texts(whole)[0], texts(whole)[2]],
        [texts(whole)[size + 1], texts(whole)[size + 3]],
    ]
    assert Table.join(chosen.parts).fingerprint == chosen.fingerprint
