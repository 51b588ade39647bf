"""Readers: good rows come through, bad ones are refused with a reason, bad files are errors."""

import gzip
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import READERS, read
from journeyman.data.record import Noticed, Record, Refused
from journeyman.errors import DataError, JourneymanError


def events(path, **options):
    return list(read(path, DataOptions(train=str(path), **options)))


def rows(found):
    return [(event.row, event.values) for event in found if isinstance(event, Record)]


def refusals(found):
    return [(event.row, event.name) for event in found if isinstance(event, Refused)]


def write(tmp_path, content, name="rows.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


HUGE = b"x" * (16 * 1024 * 1024 + 5)

CSV_CASES = {
    "plain": (b"text,label\na,x\nb,y\n", [2, 3], []),
    "crlf": (b"text,label\r\na,x\r\nb,y\r\n", [2, 3], []),
    "bom": (b"\xef\xbb\xbftext,label\na,x\nb,y\n", [2, 3], []),
    "utf-16": ("text,label\nä,x\nb,y\n".encode("utf-16"), [2, 3], []),
    "semicolons": (b"text;label\na, or b;x\nc;y\n", [2, 3], []),
    "quoted line break": (b'text,label\n"a\nb",x\nc,y\n', [2, 4], []),
    "no last line end": (b"text,label\na,x\nb,y", [2, 3], []),
    "ragged": (b"text,label\na,x\nb\nc,y,z\nd,x\n", [2, 5], [(3, "ragged_row"), (4, "ragged_row")]),
    "nul": (b"text,label\na,x\nb\0c,y\nd,x\n", [2, 4], [(3, "nul_byte")]),
    "unclosed at the end": (b'text,label\na,x\n"b,y\nc,x\n', [2, 4], [(3, "unclosed_quote")]),
    "unclosed, closed later": (b'text,label\n"b,y\nc,x\n"d",x\n', [3, 4], [(2, "stray_quote")]),
    "stray quote": (b'text,label\n"a" b,x\nc,y\n', [3], [(2, "stray_quote")]),
    "bad byte": (
        "text,label\né,x\né,y\n".encode() + b"\xff,x\nz,y\n", [2, 3, 5], [(4, "wrong_encoding")]
    ),
    "huge": (b"text,label\na,x\n" + HUGE + b",y\nb,y\n", [2, 4], [(3, "huge_field")]),
}  # fmt: skip


@pytest.mark.parametrize("case", CSV_CASES)
def test_csv(tmp_path, case):
    content, good, bad = CSV_CASES[case]
    found = events(write(tmp_path, content))
    assert [row for row, _ in rows(found)] == good
    assert refusals(found) == bad
    assert all(set(values) == {"text", "label"} for _, values in rows(found))


def test_a_long_unclosed_quote_costs_one_row(tmp_path):
    lines = [f"row {number},x" for number in range(3000)]
    lines[10] = '"open,x'
    found = events(write(tmp_path, "text,label\n" + "\n".join(lines) + "\n"))
    assert len(rows(found)) == 2999
    assert refusals(found) == [(12, "unclosed_quote")]


def test_a_file_without_header_names_columns_by_number(tmp_path):
    content = "A longer sentence@good\nAnother one@bad\nA third one@good\nA fourth@bad\n"
    found = events(write(tmp_path, content, "rows.txt"))
    assert rows(found)[0] == (1, {"column_1": "A longer sentence", "column_2": "good"})
    assert [event.name for event in found if isinstance(event, Noticed)] == ["no_header"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "酒店的房间很干净，服务员态度也非常好，下次还会再来住"),
        ("cp1252", "Der Käse schmeckt mir sehr gut und die Bedienung war überaus höflich"),
        ("cp1251", "Гостиница очень понравилась и персонал вежливый и номера чистые"),
        ("shift_jis", "このホテルはとても良かったです。部屋も清潔でした"),
    ],
)
def test_encodings_are_detected(tmp_path, encoding, text):
    content = "text,label\n" + "".join(f"{text} {number},x\n" for number in range(20))
    found = rows(events(write(tmp_path, content.encode(encoding))))
    assert found[3][1]["text"] == f"{text} 3"


JSON_CASES = {
    "plain": ('{"text": "a", "n": [1]}\n\n{"text": "b"}\n', [1, 3], []),
    "cut off": ('{"text": "a"}\n{"text": "b\n', [1], [(2, "bad_json")]),
    "no object": ('{"text": "a"}\n[1]\n3\n', [1], [(2, "bad_json"), (3, "bad_json")]),
    "key twice": ('{"text": "a"}\n{"text": "b", "text": "c"}\n', [1], [(2, "bad_json")]),
    "half a pair": ('{"text": "a"}\n{"text": "\\ud800"}\n', [1], [(2, "wrong_encoding")]),
    "deep": ('{"text": "a"}\n' + "[" * 100_000 + "\n", [1], [(2, "bad_json")]),
}


@pytest.mark.parametrize("case", JSON_CASES)
def test_json_lines(tmp_path, case):
    content, good, bad = JSON_CASES[case]
    found = events(write(tmp_path, content, "rows.jsonl"))
    assert [row for row, _ in rows(found)] == good
    assert refusals(found) == bad


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.jsonl.gz"])
def test_gzipped(tmp_path, name):
    content = b"text,label\na,x\n" if "csv" in name else b'{"text": "a", "label": "x"}\n'
    found = events(write(tmp_path, gzip.compress(content), name))
    assert [values for _, values in rows(found)] == [{"text": "a", "label": "x"}]


def test_parquet(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "label": [1, 0]}), path)
    assert rows(events(path)) == [(1, {"text": "a", "label": 1}), (2, {"text": "b", "label": 0})]


CONLL = "-DOCSTART- O\n\nAnna\tI-PER\nSmith\tI-PER\nsleeps\tO\n\n\n\tO\nLondon\tB-LOC\n"


def test_conll_is_joined_with_offsets_and_repaired(tmp_path):
    found = events(write(tmp_path, CONLL, "some.train"))
    (number, first), (_, second) = rows(found)
    assert number == 3
    assert first["text"] == "Anna Smith sleeps"
    assert first["tags"] == ["B-PER", "I-PER", "O"]
    spans = [first["text"][start:end] for start, end in first["offsets"]]
    assert spans == first["tokens"] == ["Anna", "Smith", "sleeps"]
    assert second["tokens"] == ["London"]
    names = [event.name for event in found if isinstance(event, Noticed)]
    assert names == ["repaired_tags", "empty_tokens"]


def test_chinese_tokens_are_joined_without_spaces(tmp_path):
    found = events(write(tmp_path, "北 B-LOC\n京 I-LOC\n好 O\n", "some.bio"))
    assert rows(found)[0][1]["text"] == "北京好"


def test_a_sentence_with_a_broken_line_is_refused(tmp_path):
    content = "a\tB-PER\nb\tO\n\nc\nd\tO\n\n" + "e\tO\n\n" * 20
    found = events(write(tmp_path, content, "rows.conll"))
    assert refusals(found) == [(4, "bad_tokens")]


def test_saved_dataset_names_its_classes(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows_in = {"text": ["a", "b"], "label": [1, 0]}
    whole = datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows_in, features=features)})
    whole.save_to_disk(str(tmp_path / "saved"))
    assert [values["label"] for _, values in rows(events(tmp_path / "saved"))] == ["yes", "no"]
    assert len(rows(events(f"{tmp_path}/saved#train"))) == 2
    with pytest.raises(DataError, match="no split 'test'"):
        events(f"{tmp_path}/saved#test")


BAD_FILES = {
    "empty": (b"", "rows.csv", "is empty"),
    "blank": (b"\n \n", "rows.csv", "is empty"),
    "spreadsheet": (b"PK\x03\x04" + bytes(range(256)), "rows.csv", "not a text file"),
    "binary": (bytes(range(256)) * 20, "rows.csv", "not a text file"),
    "pickle": (b"\x80\x04\x95" + b"abc" * 20, "rows.csv", "not a text file"),
    "cut gzip": (gzip.compress(os.urandom(99999))[:5000], "rows.csv.gz", "cut off"),
    "cut parquet": (b"PAR1" + b"x" * 100, "rows.parquet", "damaged or cut off"),
    "two columns of one name": (b"text,text\na,b\n", "rows.csv", "more than once"),
    "json array": (b'[{"text": "a"}]', "rows.json", "one JSON array"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files(tmp_path, case):
    content, name, message = BAD_FILES[case]
    with pytest.raises(DataError, match=message) as caught:
        events(write(tmp_path, content, name))
    told = caught.value
    assert all([told.place, told.expected, told.found, told.remedy])


def test_missing_file_names_near_ones(tmp_path):
    write(tmp_path, b"text\n", "train.csv")
    with pytest.raises(DataError, match=r"Did you mean train\.csv"):
        events(tmp_path / "trian.csv")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError, match="A folder was given"):
        events(tmp_path)


def test_unreadable_file(tmp_path, monkeypatch):
    path = write(tmp_path, b"text,label\na,x\n")

    def denied(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", denied)
    with pytest.raises(DataError, match="cannot be opened"):
        events(path)


@pytest.mark.parametrize("options", [{"encoding": "utf-99"}, {"format": "xlsx"}])
def test_unknown_names_are_told(tmp_path, options):
    with pytest.raises(JourneymanError, match="There is no"):
        events(write(tmp_path, json.dumps({"text": "a"}) + "\n"), **options)


def test_every_format_is_registered():
    assert set(READERS.names()) >= {"csv", "jsonl", "parquet", "conll", "saved", "hub"}
