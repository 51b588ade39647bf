"""Bad data files: a run of them is refused in words, before any training."""

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from asking import ask, check_left, check_refusal, files_of

ROWS = "".join(f"the film {n} was {w},{w}\n" for n in range(12) for w in ("good", "bad"))
GOOD = "text,label\n" + ROWS
COLUMNS = "text: text, label: label"


def packed():
    return gzip.compress(GOOD.encode())


def parquet(**columns):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def same(line, times=20, header="text,label"):
    return f"{header}\n" + f"{line}\n" * times


ANY = "collect: {max_refused: 0}\n"
FILES = {
    "empty": ("bad.csv", b"", COLUMNS, "", ("0 bytes",)),
    "blank": ("bad.csv", "\n\n \n", COLUMNS, "", ("empty",)),
    "column names alone": ("bad.csv", "text,label\n", COLUMNS, "", ("no rows",)),
    "binary": ("bad.csv", bytes(range(256)) * 9, COLUMNS, "", ("not a text file",)),
    "zeros": ("bad.csv", b"\0" * 900, COLUMNS, "", ("bad.csv", "empty")),
    "a spreadsheet": ("bad.csv", b"PK\x03\x04" + b"\0" * 99, COLUMNS, "", ("Export the sheet",)),
    "a PDF": ("bad.csv", b"%PDF-1.4 x", COLUMNS, "", ("a PDF document",)),
    "a picture": ("bad.csv", b"\x89PNG\r\n\x1a\n", COLUMNS, "", ("a PNG image",)),
    "a pickle": ("bad.csv", b"\x80\x04K\x01.", COLUMNS, "", ("never loaded",)),
    "a zstd archive": ("bad.csv.zst", b"\x28\xb5\x2f\xfdxx", COLUMNS, "", ("gzip",)),
    "gzip cut off": ("bad.csv.gz", packed()[:-20], COLUMNS, "", ("cut off",)),
    "gzip damaged": ("bad.csv.gz", packed()[:20] + b"xxxxxx", COLUMNS, "", ("damaged",)),
    "Parquet cut off": (
        "bad.parquet", parquet(text=["a"] * 99, label=["b"] * 99)[:200], COLUMNS, "", ("cut off",),
    ),
    "Parquet without the column": (
        "bad.parquet", parquet(txt=["a", "b"], label=["c", "d"]), COLUMNS, "",
        ("'txt' for 'text'",),
    ),
    "Parquet by name alone": ("bad.parquet", GOOD, COLUMNS, "", ("Parquet",)),
    "JSON in one array": ("bad.json", '[{"text": "a"}]', COLUMNS, "", ("jq -c",)),
    "JSON cut off": (
        "bad.jsonl", '{"text": "a", "label": "b"}\n{"text": "c", "la', COLUMNS, ANY,
        ("1 of 2 rows", "row 2"),
    ),
    "JSON with a key twice": (
        "bad.jsonl", '{"text": "a", "text": "b", "label": "c"}\n', COLUMNS, "", ("'text' appears",),
    ),
    "JSON numbers for text": (
        "bad.jsonl", '{"text": 5, "label": "b"}\n' * 9, COLUMNS, "", ("a number, not text",),
    ),
    "ragged": ("bad.csv", same("a,b,c"), COLUMNS, "", ("20 of 20 rows", "row 2")),
    "one ragged row, none allowed": (
        "bad.csv", GOOD + "x\n", COLUMNS, ANY, ("1 of 25 rows", "row 26", "collect.max_refused"),
    ),
    "a quote left open": (
        "bad.csv", GOOD + '"the film,good\n', COLUMNS, ANY, ("row 26", "not closed"),
    ),
    "a huge field": (
        "bad.csv", GOOD + "a" * (16 * 1024 * 1024 + 9) + ",good\n", COLUMNS, ANY,
        ("larger than 16 MB", "row 26"),
    ),
    "NUL bytes": ("bad.csv", GOOD + "a\0b,good\n", COLUMNS, ANY, ("row 26", "NUL")),
    "UTF-16 called UTF-8": (
        "bad.csv", GOOD.encode("utf-16"), f"{COLUMNS}, encoding: utf-8", "", ("set it to utf-16",),
    ),
    "latin-1 called UTF-8": (
        "bad.csv", GOOD.replace("film", "caf\xe9").encode("latin-1"),
        f"{COLUMNS}, encoding: utf-8", "", ("24 of 24 rows", "0xe9", "data.encoding"),
    ),
    "Chinese called ASCII": (
        "bad.csv", GOOD.replace("film", "电影").encode(), f"{COLUMNS}, encoding: ascii", "",
        ("not valid in ascii",),
    ),
    "another delimiter": (
        "bad.csv", GOOD, f"{COLUMNS}, delimiter: ';'", "", ("data.delimiter",),
    ),
    "a column name twice": ("bad.csv", "text,text,label\na,b,c\n", COLUMNS, "", ("row 1",)),
    "no such text column": ("bad.csv", GOOD, "text: txt, label: label", "", ("'text' for 'txt'",)),
    "no such label column": ("bad.csv", GOOD, "text: text, label: kind", "", ("'kind'",)),
    "no such id column": ("bad.csv", GOOD, f"{COLUMNS}, id: row", "", ("'row'",)),
    "no such group column": ("bad.csv", GOOD, f"{COLUMNS}, group: who", "", ("'who'",)),
    "no such slice": ("bad.csv", GOOD, f"{COLUMNS}, slices: [year]", "", ("'year'",)),
    "a single column": (
        "bad.csv", same("a good film", header="text"), "text: text", "", ("Add a column",),
    ),
    "empty texts": ("bad.csv", same(" ,good"), COLUMNS, "", ("'text' is empty", "row 2")),
    "empty labels": ("bad.csv", same("a film,"), COLUMNS, "", ("column 'label'", "zero-shot")),
    "one class": ("bad.csv", GOOD.replace("bad", "good"), COLUMNS, "", ("only 'good'",)),
    "one text": (
        "bad.csv", same("a film,good") + "a film,bad\n" * 9, COLUMNS, "",
        ("the same in every row",),
    ),
    "one row": ("bad.csv", "text,label\na film,good\n", COLUMNS, "", ("only 'good'",)),
    "two rows": (
        "bad.csv", "text,label\na film,good\na plot,bad\n", COLUMNS, "", ("no validation rows",),
    ),
    "one group": (
        "bad.csv", GOOD.replace("\n", ",x\n").replace("label,x", "label,who"),
        f"{COLUMNS}, group: who", "", ("data.group",),
    ),
    "a class for each row": (
        "bad.csv", "text,label\n" + "".join(f"a film {n},c{n}\n" for n in range(30)), COLUMNS,
        "", ("no validation rows", "classes and groups"),
    ),
    "nothing to validate on": (
        "bad.csv", GOOD, COLUMNS, "collect: {fractions: {validation: 0}}\n", ("collect.fractions",),
    ),
    "words for numbers": (
        "bad.csv", GOOD, COLUMNS, "task: text-regression\n", ("'good' is not a number",),
    ),
    "CoNLL without tags": (
        "bad.conll", "Ann B-PER\nran\n\nBob X\n\n", "", "", ("no token and tag", "row 1"),
    ),
    "CoNLL with O alone": ("bad.conll", "Ann O\nran O\n\n" * 9, "", "", ("every tag is O",)),
}  # fmt: skip


def recipe(name, columns, more=""):
    data = f"train: {name}" + (f", {columns}" if columns else "")
    return f"name: bad\nbackbone: tiny\nthreads: 1\ntrackers: []\ndata: {{{data}}}\n{more}"


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file(place, case):
    name, content, columns, more, said = FILES[case]
    (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (place / "bad.yaml").write_text(recipe(name, columns, more))
    before = files_of(place)
    check_refusal(ask("run", "bad.yaml", "--quiet"), name, *said)
    check_left(place, before)


TESTS = {
    "other columns": ("txt,kind\na film,good\n", ("'text'", "txt, kind")),
    "no rows": ("text,label\n", ("no rows",)),
    "the training rows": (GOOD, ("No training rows are left",)),
    "empty": ("", ("test.csv", "0 bytes")),
}


@pytest.mark.parametrize("case", TESTS)
def test_a_bad_test_file(place, case):
    content, said = TESTS[case]
    (place / "good.csv").write_text(GOOD)
    (place / "test.csv").write_text(content)
    (place / "bad.yaml").write_text(recipe("good.csv", f"test: test.csv, {COLUMNS}"))
    before = files_of(place)
    check_refusal(ask("run", "bad.yaml", "--quiet"), *said)
    check_left(place, before)


def test_a_folder_for_a_file(place):
    (place / "bad.yaml").write_text(recipe("tiny", COLUMNS))
    before = files_of(place)
    check_refusal(ask("run", "bad.yaml", "--quiet"), "A folder was given", "model.safetensors")
    check_left(place, before)


@pytest.mark.parametrize("name", ["none.csv", "empty.csv", "binary.csv", "names.csv", "tiny"])
def test_init_of_a_bad_file(place, name):
    (place / "empty.csv").write_bytes(b"")
    (place / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (place / "names.csv").write_text("text,label\n")
    before = files_of(place)
    check_refusal(ask("init", name, "-o", "new.yaml"), name)
    assert files_of(place) == before
