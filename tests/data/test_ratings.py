"""Ratings of several people: which rows have them, and when they cannot stand beside a model."""

import json

import pytest

from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.target import ratings_of
from journeyman.errors import DataError

LABELS = ("low", "middle", "high")
COLUMNS = {"text": "text", "label": "label", "ratings": "votes", "rating_labels": LABELS}


def gather(tmp_path, rows, test=None, kind="label", **columns):
    files = {"train": rows, **({"test": test} if test else {})}
    for role, content in files.items():
        lines = "\n".join(json.dumps(row) for row in content)
        (tmp_path / f"{role}.jsonl").write_text(lines + "\n")
    named = {role: str(tmp_path / f"{role}.jsonl") for role in files}
    data = DataOptions(**named, **{**COLUMNS, **columns})
    return collect(data, CollectOptions(), folder=tmp_path / "out", seed=0, kind=kind)


def rows(count=60, **more):
    return [
        {"text": f"text number {at}", "label": LABELS[at % 3], "votes": [at % 3 - 1, 0], **more}
        for at in range(count)
    ]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([1, 2.5], [1.0, 2.5]),
        ("[1, -2]", [1.0, -2.0]),
        (None, []),
        ("", []),
        ([], []),
        ("[1, ", None),
        ("good", None),
        ([1, "x"], None),
        ([1, None], None),
        ([float("inf")], None),
        (3, None),
        ({"a": 1}, None),
    ],
)
def test_the_ratings_in_a_cell(value, found):
    assert ratings_of(value) == found


def test_rows_whose_ratings_are_no_numbers_are_set_aside(tmp_path):
    given = rows()
    given[4]["votes"] = "many"
    given[7]["votes"] = [1, "x"]
    given[9]["votes"] = None
    found = gather(tmp_path, given)
    kept = [row["text"] for table in found.tables.values() for row in table.rows()]
    assert "text number 9" in kept
    assert not {"text number 4", "text number 7"} & set(kept)
    (finding,) = [each for each in found.findings if each.name == "bad_ratings"]
    assert (finding.count, finding.rows) == (2, (5, 8))
    refused = (tmp_path / "out" / "quarantine.jsonl").read_text()
    assert "'votes' holds 'many'" in refused


def test_a_column_of_ratings_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="votes") as caught:
        gather(tmp_path, [{"text": row["text"], "label": row["label"]} for row in rows()])
    assert "votes" in caught.value.expected + caught.value.problem
    assert caught.value.found


def test_ratings_are_needed_of_the_rows_that_are_measured_on(tmp_path):
    bare = [{"text": row["text"], "label": row["label"]} for row in rows()]
    rated = [{**row, "text": f"{row['text']} again"} for row in rows(30)]
    assert len(gather(tmp_path, bare, test=rated).test) == 30
    with pytest.raises(DataError, match="votes"):
        gather(tmp_path, rows(), test=[{**row, "text": f"{row['text']} x"} for row in bare])


@pytest.mark.parametrize("labels", [("low", "middle", "top"), ("a", "b", "c")])
def test_labels_of_ratings_are_those_of_the_data(tmp_path, labels):
    with pytest.raises(DataError, match="not those of the rows") as caught:
        gather(tmp_path, rows(), rating_labels=labels)
    assert "high, low, middle" in caught.value.expected


def test_numbers_to_predict_have_no_labels_to_compare(tmp_path):
    given = [{**row, "label": at / 7} for at, row in enumerate(rows())]
    assert len(gather(tmp_path, given, kind="value").train) > 30
