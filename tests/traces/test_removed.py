"""What counts as a trace of a row in JSON, and how removed rows are known again."""

import json

import pytest

from journeyman.data.identity import input_hash, row_id
from journeyman.data.options import DataOptions
from journeyman.data.record import Record, Refused
from journeyman.data.removals import FILE, Removals
from journeyman.errors import DataError
from journeyman.traces.removed import BLANK, Removed, pruned

LONG = "a text about a zebra"
ROW = Removed.of(ids=["7"], texts=[LONG, "short"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([{"text": LONG}, {"text": "other"}], [{"text": "other"}]),
        ([{"text": "short"}, {"label": "short"}], [{"label": "short"}]),
        ([{"id": "7", "score": 1}, {"id": "77"}], [{"id": "77"}]),
        ([{"id": 7}, {"count": 7}], [{"count": 7}]),
        ({"prose": [f"as in <{LONG}>", "fine"]}, {"prose": [BLANK, "fine"]}),
        ({"rows": [["warning", LONG, 3], ["note", "x", 7]]}, {"rows": [["note", "x", 7]]}),
        ([[{"hash": row_id(input_hash((LONG,)))}, 1]], [[1]]),
        ({LONG: 1, "b": 2}, {"b": 2}),
        ("shorter words", "shorter words"),
    ],
)  # fmt: skip
def test_records_about_removed_rows_are_left_out_and_no_others(before, after):
    found, count = pruned(before, ROW)
    assert found == after
    assert (count == 0) == (before == after)


def test_removed_rows_are_known_again_by_salted_hashes_alone(tmp_path):
    hashed = row_id(input_hash((LONG,)))
    said = Removals().including(["person-7"], [hashed])
    said.write(tmp_path)
    text = (tmp_path / FILE).read_text()
    assert not any(word in text for word in (LONG, hashed, "person-7"))
    read = Removals.read(tmp_path)
    assert read == said
    assert read.unfinished
    assert not read.all_done().unfinished
    assert read.including(["person-7"], [hashed]) is read
    assert read.including(["person-8"], []).digest != read.digest
    assert Removals().including(["person-7"], [hashed]).inputs != read.inputs
    data = DataOptions(train="x.csv", text="text", label="label")
    events = [
        Record(2, {"text": LONG, "label": "a"}),
        Record(3, {"text": "other", "label": "a"}),
        Record(4, {"id": "person-7", "text": "third", "label": "a"}),
        Refused(5, "no_target", f"said {LONG}", {"text": LONG, "label": ""}),
        Refused(6, "ragged_row", "cells", ["a", LONG]),
        Refused(7, "no_target", "none", {"text": "kept", "label": LONG}),
    ]
    found = list(read.left_out(events, data))
    names = [getattr(each, "name", "") for each in found]
    gone = "removed_on_request"
    assert names == [gone, "", gone, gone, gone, "no_target"]
    assert all(each.values is None for each in found if getattr(each, "name", "") == gone)


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"salt": "00", "removals": [{}]})])
def test_a_record_that_cannot_be_read_lets_no_row_back(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(DataError, match="removed rows"):
        Removals.read(tmp_path)
