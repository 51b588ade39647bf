"""Tables, checks, splits and the collection they make."""

import json
import random

import numpy as np
import pytest
from pydantic import ValidationError

from journeyman.data.collection import Collection, collect
from journeyman.data.options import CollectOptions, DataOptions, Fractions
from journeyman.data.record import Record
from journeyman.data.sniff import sniff
from journeyman.data.splits import split
from journeyman.data.table import Table
from journeyman.data.writer import write_table
from journeyman.errors import DataError

WORDS = [f"{a}{b}{c}" for a in "bdgkm" for b in ("ana", "eri", "olu") for c in ("n", "s", "t")]


def text(number):
    return f"{number} " + " ".join(random.Random(number).choices(WORDS, k=12))


def csv_file(tmp_path, lines, name="train.csv", header="text,label"):
    path = tmp_path / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def plain(start, stop, labels="xyz"):
    return [f"{text(number)},{labels[number % len(labels)]}" for number in range(start, stop)]


def gather(tmp_path, options=None, kind=None, seed=0, **data):
    data = {
        name: str(value) if name in ("train", "test") else value for name, value in data.items()
    }
    options = options or CollectOptions()
    return collect(DataOptions(**data), options, folder=tmp_path / "out", seed=seed, kind=kind)


def named(collection, name):
    return next(finding for finding in collection.findings if finding.name == name)


def table_of(tmp_path, values, **options):
    records = [Record(number, row) for number, row in enumerate(values, 2)]
    return write_table(records, tmp_path / "some.arrow", inputs=["text"], **options)


def test_table_gives_rows_ids_and_types_back(tmp_path):
    values = [{"text": "a", "n": 1}, {"text": "\0odd", "n": None, "late": [1, "x"]}, {"text": "a"}]
    table = table_of(tmp_path, values)
    assert table.columns == ("text", "n", "late")
    assert table.rows()[1] == {"text": "\0odd", "n": None, "late": [1, "x"]}
    assert list(table.stream(2)) == table.rows()
    assert table.ids[2] == f"{table.ids[0]}-1"
    assert table.select([2, 0]).rows([1]) == [{"text": "a", "n": 1, "late": None}]
    assert table.select([2]).source_row(0) == ("memory", 4)
    assert Table.open(table.path).fingerprint == table.fingerprint
    assert table.select([0]).fingerprint != table.fingerprint
    with pytest.raises(KeyError):
        table.column("none")


def test_columns_met_late_widen_what_is_written(tmp_path):
    values = [{"text": str(number)} for number in range(9000)] + [{"text": "z", "late": 1}]
    table = table_of(tmp_path, values)
    assert table.column("late")[-2:] == [None, 1]
    assert table.rows([8999, 1]) == [{"text": "8999", "late": None}, {"text": "1", "late": None}]


def test_id_column(tmp_path):
    table = table_of(
        tmp_path, [{"text": t, "key": k} for t, k in ("aq", "bq", "cr")], id_column="key"
    )
    assert table.ids == ["q", "q-1", "r"]


def test_the_id_does_not_depend_on_the_label(tmp_path):
    one = table_of(tmp_path, [{"text": "a", "label": "x"}]).ids
    assert table_of(tmp_path, [{"text": "a", "label": "y"}]).ids == one


def test_splits_are_stratified_whole_and_seeded(tmp_path):
    rows = [
        {"text": text(n), "label": "ab"[n % 10 == 0], "domain": "uv"[n % 4 == 0]}
        for n in range(2000)
    ]
    table = table_of(tmp_path, rows)
    data = DataOptions(train="x", text="text", label="label", slices=("domain",))
    parts = split(table, data, CollectOptions(), 3).parts
    assert sorted(np.concatenate(list(parts.values()))) == list(range(2000))
    for name, share in {"validation": 0.1, "exam": 0.1, "test": 0.2}.items():
        for domain in "uv":
            of = [n for n in range(2000) if rows[n]["domain"] == domain]
            assert abs(len(set(of) & set(parts[name])) / len(of) - share) < 0.005
    again = split(table, data, CollectOptions(), 3).parts
    other = split(table, data, CollectOptions(), 4).parts
    assert all(np.array_equal(parts[name], again[name]) for name in parts)
    assert not np.array_equal(parts["test"], other["test"])


def test_groups_never_straddle_splits(tmp_path):
    rows = [{"text": text(n), "label": "ab"[n % 3 == 0], "who": str(n // 7)} for n in range(1400)]
    data = DataOptions(train="x", text="text", label="label", group="who")
    parts = split(table_of(tmp_path, rows), data, CollectOptions(), 0).parts
    owners = [{rows[n]["who"] for n in part} for part in parts.values()]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 200
    assert abs(len(parts["test"]) - 280) <= 14


def test_numbers_are_stratified_by_size(tmp_path):
    rows = [{"text": text(n), "label": str(n / 7)} for n in range(1000)]
    data = DataOptions(train="x", text="text", label="label")
    parts = split(table_of(tmp_path, rows), data, CollectOptions(), 0, kind="value").parts
    tenths = np.bincount(parts["test"] // 100, minlength=10)
    assert tenths.min() >= 18
    assert tenths.max() <= 22


def test_small_classes_stay_in_training(tmp_path):
    path = csv_file(tmp_path, [*plain(0, 100), f"{text(200)},rare", f"{text(201)},rare"])
    made = gather(tmp_path, train=path)
    assert made.train.column("label").count("rare") == 2
    assert "rare (2)" in named(made, "small_classes").detail


def test_four_lines_of_recipe_are_enough_and_the_guess_is_told(tmp_path):
    made = gather(tmp_path, train=csv_file(tmp_path, plain(0, 100)))
    assert (made.columns.text, made.columns.label) == ("text", "label")
    assert [len(table) for table in made.tables.values()] == [60, 10, 10, 20]
    assert named(made, "guessed_column").severity == "note"


def test_a_second_collect_reads_nothing(tmp_path, monkeypatch):
    path = csv_file(tmp_path, plain(0, 100))
    first = gather(tmp_path, train=path)
    monkeypatch.setattr("journeyman.data.ingest.read", None)
    again = gather(tmp_path, train=path)
    assert again.findings == first.findings
    assert again.fingerprint == first.fingerprint
    assert again.train.ids == first.train.ids
    assert Collection.load(tmp_path / "out").columns == first.columns
    assert gather(tmp_path, train=path, seed=1).fingerprint != first.fingerprint


def test_a_changed_file_is_read_again(tmp_path):
    first = gather(tmp_path, train=csv_file(tmp_path, plain(0, 100)))
    second = gather(tmp_path, train=csv_file(tmp_path, plain(1, 101)))
    assert first.fingerprint != second.fingerprint


def test_splits_json_holds_the_ids(tmp_path):
    made = gather(tmp_path, train=csv_file(tmp_path, plain(0, 50)))
    saved = json.loads((tmp_path / "out" / "splits.json").read_text())
    assert saved == {role: table.ids for role, table in made.tables.items()}


def test_a_half_written_collection_is_an_error(tmp_path):
    gather(tmp_path, train=csv_file(tmp_path, plain(0, 50)))
    next((tmp_path / "out").glob("test-*.npy")).unlink()
    with pytest.raises(DataError, match="stored collection cannot be read"):
        Collection.load(tmp_path / "out")


def test_overlap_with_test_is_removed_from_training(tmp_path):
    train, test = csv_file(tmp_path, plain(0, 100)), csv_file(tmp_path, plain(90, 120), "test.csv")
    made = gather(tmp_path, train=train, test=test)
    finding = named(made, "overlap_test")
    assert (finding.count, finding.rows) == (10, tuple(range(92, 102)))
    others = [set(made.tables[role].column("text")) for role in ("train", "validation", "exam")]
    assert not set.union(*others) & set(made.test.column("text"))
    assert len(made.test) == 30
    with pytest.raises(DataError, match="also in test"):
        gather(tmp_path, CollectOptions(overlap="error"), train=train, test=test)


def test_near_repeats_are_found(tmp_path):
    near = [f"{text(number)} more,x" for number in (3, 5)]
    train, test = csv_file(tmp_path, plain(0, 60)), csv_file(tmp_path, near, "test.csv")
    finding = named(gather(tmp_path, train=train, test=test), "near_overlap")
    assert set(finding.rows) <= {5, 7}
    assert finding.count >= 1
    made = gather(tmp_path, CollectOptions(near_duplicates="remove"), train=train, test=test)
    assert not set(finding.rows) & set(made.train.row_numbers.tolist())
    small = gather(tmp_path, CollectOptions(near_limit=9), train=train, test=test)
    assert "compared 7 of" in named(small, "near_overlap").detail


def test_duplicates_and_conflicts(tmp_path):
    lines = [*plain(0, 60), plain(0, 1)[0], f"{text(1)},other", f"{text(2)},other"]
    made = gather(tmp_path, train=csv_file(tmp_path, lines))
    assert named(made, "duplicates").rows == (62,)
    assert named(made, "conflicting_labels").rows == (3, 4, 63, 64)
    kept = gather(tmp_path, CollectOptions(duplicates="keep"), train=csv_file(tmp_path, lines))
    assert sum(map(len, kept.tables.values())) == 63


def test_the_same_text_is_never_in_two_splits(tmp_path):
    lines = [f"{text(number % 40)},{'xy'[number % 2]}" for number in range(200)]
    made = gather(tmp_path, CollectOptions(duplicates="keep"), train=csv_file(tmp_path, lines))
    texts = [set(table.column("text")) for table in made.tables.values()]
    assert sum(map(len, texts)) == 40


def test_label_findings(tmp_path):
    lines = [*plain(0, 200, "x"), *plain(200, 206, "y"), *plain(300, 306, "X")]
    test = csv_file(tmp_path, plain(400, 410, "xq"), "test.csv")
    made = gather(tmp_path, train=csv_file(tmp_path, lines), test=test)
    assert "'x' has 200" in named(made, "imbalance").detail
    assert named(made, "similar_labels").count == 200
    unknown = named(made, "unknown_labels")
    assert (unknown.count, unknown.rows[0]) == (5, 3)


def test_refused_rows_go_to_quarantine(tmp_path):
    lines = [*plain(0, 60), ",x", f"{text(70)},", "one cell"]
    test = csv_file(tmp_path, lines, "test.csv")
    made = gather(tmp_path, train=csv_file(tmp_path, plain(100, 160)), test=test)
    lines = (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()
    kept = [json.loads(line) for line in lines]
    names = [(row["row"], row["name"]) for row in kept]
    assert names == [(62, "empty_text"), (63, "no_target"), (64, "ragged_row")]
    assert kept[0]["values"] == {"text": "", "label": "x"}
    assert made.quarantined == 3
    assert named(made, "empty_text").rows == (62,)


def test_limit_takes_a_seeded_sample(tmp_path):
    made = gather(tmp_path, train=csv_file(tmp_path, plain(0, 100)), limit=50)
    assert sum(map(len, made.tables.values())) == 50


def test_multi_label_and_soft_labels(tmp_path):
    lines = [f"{text(n)},{'a|b' if n % 2 else 'b|c'}" for n in range(60)]
    made = gather(tmp_path, train=csv_file(tmp_path, lines), label_separator="|")
    assert len(made.train) == 36
    rows = [{"text": text(n), "weights": {"a": n % 3, "b": 1}} for n in range(60)]
    rows.append({"text": "none", "weights": {}})
    path = tmp_path / "soft.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    soft = gather(tmp_path, train=path, text="text", soft_label="weights")
    assert named(soft, "no_target").rows == (61,)
    assert isinstance(soft.train.rows(slice(0, 1))[0]["weights"], dict)


def test_tokens_from_json_lines(tmp_path):
    rows = [{"words": ["Anna", "sleeps", str(n)], "ner": ["I-PER", "O", "O"]} for n in range(40)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    made = gather(tmp_path, train=path)
    assert made.columns.tags == "ner"
    row = made.train.rows([0])[0]
    assert row["tags"] == ["B-PER", "O", "O"]
    assert row["text"].startswith("Anna sleeps")
    assert named(made, "repaired_tags").count == 40


BAD_DATA = {
    "header only": ([], {}, "does not read as rows"),
    "header only, columns named": ([], {"text": "text", "label": "label"}, "has no rows"),
    "one class": (plain(0, 30, "x"), {}, "No column of the file looks like the label"),
    "one class, named": (plain(0, 30, "x"), {"text": "text", "label": "label"}, "nothing to learn"),
    "missing column": (plain(0, 30), {"text": "txt", "label": "label"}, "no column 'txt'"),
    "missing group": (plain(0, 30), {"group": "who"}, "no column 'who'"),
    "mostly refused": (["a"] * 30 + plain(0, 10), {"text": "text", "label": "label"}, "30 of 40"),
    "no numbers": (plain(0, 30), {"text": "text", "label": "label"}, "30 of 30 rows"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(tmp_path, case):
    lines, options, message = BAD_DATA[case]
    kind = "value" if case == "no numbers" else None
    with pytest.raises(DataError, match=message) as caught:
        gather(tmp_path, kind=kind, train=csv_file(tmp_path, lines), **options)
    told = caught.value
    assert all([told.place, told.expected, told.found, told.remedy])
    left = list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else []
    assert not [path for path in left if path.name in ("collection.json", "splits.json")]
    assert not [path for path in left if path.suffix == ".part"]


def test_a_near_column_name_is_offered(tmp_path):
    with pytest.raises(DataError, match="Did you mean 'label' for 'lable'"):
        gather(tmp_path, train=csv_file(tmp_path, plain(0, 30)), text="text", label="lable")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"train": "a", "dataset": "b"},
        {"train": "a", "text": "t", "label": "t"},
        {"train": "a", "text": ["t", "t"]},
        {"train": "a", "text": ["a", "b", "c"]},
        {"train": "a", "delimiter": "ab"},
        {"train": "a", "unknown": 1},
    ],
)
def test_contradicting_options(options):
    with pytest.raises(ValidationError):
        DataOptions(**options)


def test_fractions_leave_training_rows():
    with pytest.raises(ValidationError):
        Fractions(validation=0.5, exam=0.3, test=0.2)


def test_sniff_tells_what_a_recipe_needs(tmp_path):
    lines = [f"the room is {n} and I like it;{n % 2}" for n in range(50)]
    found = sniff(csv_file(tmp_path, lines, header="review;stars"))
    assert (found.text, found.label, found.delimiter, found.language) == (
        "review",
        "stars",
        ";",
        "en",
    )
    assert found.kind == "label"
    assert found.classes == (("0", 25), ("1", 25))
    assert (found.rows, found.encoding, found.header) == (50, "utf-8", True)
    assert found.to_options().label == "stars"


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([f"{n / 3:.2f}" for n in range(60)], "value"),
        (["a|b", "b|c", "a|c", "a|b|c"] * 15, "labels"),
        (["a", "b"] * 30, "label"),
    ],
)
def test_sniff_tells_the_kind_of_target(tmp_path, labels, kind):
    lines = [f"{text(n)},{label}" for n, label in enumerate(labels)]
    assert sniff(csv_file(tmp_path, lines)).kind == kind


def test_splits_that_stay_empty_are_told(tmp_path):
    lines = [f"{line},one" for line in plain(0, 60)]
    path = csv_file(tmp_path, lines, header="text,label,who")
    made = gather(tmp_path, train=path, text="text", label="label", group="who")
    assert named(made, "empty_splits").count == 3
    assert len(made.train) == 60


def test_nothing_left_to_train_on(tmp_path):
    path = csv_file(tmp_path, plain(0, 60))
    with pytest.raises(DataError, match="No training rows are left"):
        gather(tmp_path, train=path, test=path)
