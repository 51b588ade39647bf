"""Corrected labels: what people wrote into an audit's table stands in place of the data's."""

import csv
import json

import pytest

from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.errors import DataError

ROWS = [
    {"text": f"number {at} is {'odd' if at % 2 else 'even'}", "label": ("even", "odd")[at % 2]}
    for at in range(40)
]


def data_file(place, rows=ROWS):
    with (place / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(place / "rows.csv")


def corrections(place, lines, header="id,correct,given"):
    (place / "suspects.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return str(place / "suspects.csv")


def gathered(place, options=None, **said):
    columns = DataOptions(train=data_file(place), text="text", **{"label": "label", **said})
    return collect(columns, options or CollectOptions(), folder=place / "data", seed=0)


def labels_of(found):
    tables = found.tables.values()
    return {row["text"]: row["label"] for table in tables for row in table.rows()}


def ids_of(found):
    pairs = ((table.ids, table.rows()) for table in found.tables.values())
    return {row["text"]: name for ids, rows in pairs for name, row in zip(ids, rows, strict=True)}


def test_a_corrected_label_stands_in_place_of_the_one_given(tmp_path):
    before = gathered(tmp_path)
    ids, text = ids_of(before), ROWS[3]["text"]
    file = corrections(tmp_path, [f"{ids[text]},even,odd", f"{ids[ROWS[5]['text']]},,odd"])
    found = gathered(tmp_path, corrections=file)
    assert labels_of(found) == {**labels_of(before), text: "even"}
    [told] = [each for each in found.findings if each.name == "corrected_label"]
    assert told.count == 1
    assert "suspects.csv" in told.action


def test_correcting_anew_reads_the_rows_anew(tmp_path):
    ids, text = ids_of(gathered(tmp_path)), ROWS[3]["text"]
    for label in ("even", "neither"):
        file = corrections(tmp_path, [f"{ids[text]},{label},odd"])
        assert labels_of(gathered(tmp_path, corrections=file))[text] == label


def test_rows_are_met_by_an_id_column_and_labels_that_look_computed_are_plain(tmp_path):
    rows = [{"key": f"k{at}", **row} for at, row in enumerate(ROWS)]
    path = data_file(tmp_path, rows)
    file = corrections(tmp_path, ["k3,'=even,odd"])
    columns = DataOptions(train=path, text="text", label="label", id="key", corrections=file)
    found = collect(columns, CollectOptions(), folder=tmp_path / "data", seed=0)
    assert labels_of(found)[ROWS[3]["text"]] == "=even"


def test_of_rows_that_read_the_same_the_one_that_is_named(tmp_path):
    rows = [*ROWS, {"text": "twice", "label": "odd"}, {"text": "twice", "label": "odd"}]
    path = data_file(tmp_path, rows)
    options = CollectOptions(duplicates="keep", overlap="keep", near_duplicates="off")
    about = {"train": path, "text": "text", "label": "label"}
    first = collect(DataOptions(**about), options, folder=tmp_path / "data", seed=0)
    [second] = [name for table in first.tables.values() for name in table.ids if "-1" in name]
    file = corrections(tmp_path, [f"{second},even,odd"])
    columns = DataOptions(**about, corrections=file)
    found = collect(columns, options, folder=tmp_path / "data", seed=0)
    labels = {
        name: row["label"]
        for table in found.tables.values()
        for name, row in zip(table.ids, table.rows(), strict=True)
    }
    assert labels[second] == "even"
    assert labels[second.removesuffix("-1")] == "odd"


def test_numbers_are_corrected_too(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"id": at, "text": f"row {at}", "score": at / 10} for at in range(40)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    file = corrections(tmp_path, ["7,12.5,0.7"])
    columns = DataOptions(train=str(path), text="text", label="score", id="id", corrections=file)
    options = CollectOptions()
    found = collect(columns, options, folder=tmp_path / "data", seed=0, kind="value")
    told = {row["id"]: row["score"] for table in found.tables.values() for row in table.rows()}
    assert float(told[7]) == 12.5
    assert float(told[8]) == 0.8


@pytest.mark.parametrize(
    ("lines", "header", "said"),
    [
        (["x,even,odd"], "id,correct,given", "None of the corrected rows is in the data"),
        (["x,even,odd"], "id,right,given", "cannot be read"),
        (["x,even,odd", "x,odd,odd"], "id,correct,given", "corrected twice"),
    ],
)
def test_corrections_that_cannot_be_meant_are_refused(tmp_path, lines, header, said):
    file = corrections(tmp_path, lines, header)
    with pytest.raises(DataError, match=said) as caught:
        gathered(tmp_path, corrections=file)
    assert "suspects.csv" in caught.value.place
    assert caught.value.remedy


def test_a_file_that_is_not_there_and_kinds_without_labels_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv' does not exist"):
        gathered(tmp_path, corrections=str(tmp_path / "none.csv"))
    with pytest.raises(ValueError, match="corrections"):
        DataOptions(train="a.conll", tokens="tokens", tags="tags", corrections="suspects.csv")


def test_a_table_that_a_spreadsheet_saved_is_read(tmp_path):
    ids, text = ids_of(gathered(tmp_path)), ROWS[3]["text"]
    path = tmp_path / "suspects.csv"
    path.write_text(f'id;correct;given\n{ids[text]};"gerade, ja";odd\n', encoding="utf-8-sig")
    assert labels_of(gathered(tmp_path, corrections=str(path)))[text] == "gerade, ja"


def test_a_line_that_cannot_be_read_is_not_passed_over(tmp_path):
    file = corrections(tmp_path, ["x,even,odd,more,cells"])
    with pytest.raises(DataError, match="cannot be read") as caught:
        gathered(tmp_path, corrections=file)
    assert "line 2" in caught.value.place
