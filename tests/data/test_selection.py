"""Rows chosen by what a column holds: others are noticed, neither refused nor learned from."""

import pytest
from pydantic import ValidationError

from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.errors import DataError


def gather(folder, **where):
    lines = [f"row {at} of the text,{'ab'[at % 2]},{['x', 'y', '3'][at % 3]}" for at in range(60)]
    lines.append(",a,y")  # No text; not of x, so no business of a selection of x.
    (folder / "rows.csv").write_text("\n".join(["text,label,domain", *lines]) + "\n")
    data = DataOptions(train=str(folder / "rows.csv"), text="text", label="label", where=where)
    return collect(data, CollectOptions(), folder=folder / "out", seed=0, kind="label")


def size(collection):
    return sum(map(len, collection.tables.values()))


def test_only_the_rows_asked_for_are_read(tmp_path):
    found = gather(tmp_path, domain="x")
    assert size(found) == 20
    assert {row["domain"] for row in found.train.rows()} == {"x"}
    assert found.quarantined == 0
    told = next(finding for finding in found.findings if finding.name == "passed_over")
    assert (told.count, told.severity) == (41, "note")
    both = gather(tmp_path, domain=["x", "y"])
    assert (size(both), both.quarantined) == (40, 1)
    assert size(gather(tmp_path, domain=3)) == 20
    assert size(gather(tmp_path, domain=["x", "y"], label=["a", "b"])) == 40


def test_values_and_columns_that_are_not_there_are_told(tmp_path):
    with pytest.raises(DataError) as caught:
        gather(tmp_path, domain="z")
    assert "x" in caught.value.found
    with pytest.raises(DataError, match="no column 'domian'"):
        gather(tmp_path, domian="x")
    for wrong in ({}, {"domain": []}, {"domain": [1.5]}, ["x"], "x"):
        with pytest.raises(ValidationError):
            DataOptions(train="rows.csv", where=wrong)
