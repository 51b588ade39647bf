"""Rows without a label, and rows without one of their texts: kept, told, and never lost."""

import json

import numpy as np
import pytest
from test_collect import csv_file, gather, named, plain, text

from journeyman.data.collection import Collection, collect
from journeyman.data.missing import absent, unlabelled
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.sniff import sniff
from journeyman.errors import DataError
from journeyman.recipe.init import init_recipe

NAN = float("nan")


def json_file(tmp_path, rows, name="train.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts_without_labels(made):
    return [row[made.columns.texts[0]] for table in made.unlabelled for row in table.rows()]


@pytest.mark.parametrize(("cell", "kind", "several", "missing"), [
    (None, "label", False, True),
    (" \t", "label", False, True),
    (NAN, "label", False, True),
    ("nan", "label", False, False),
    ("NaN", "value", False, True),
    ("n/a", "value", False, True),
    ("0", "value", False, False),
    (0, "label", False, False),
    ("", "labels", True, False),
    ([], "labels", True, False),
    (None, "labels", True, True),
    (NAN, "labels", True, True),
    ([], "tags", False, True),
    ("[]", "tags", False, True),
    ("", "tags", False, True),
])  # fmt: skip
def test_what_a_missing_label_is(cell, kind, several, missing):
    assert unlabelled(cell, kind, several=several) is missing


def test_what_an_absent_cell_is():
    assert all(map(absent, (None, "", " \n", NAN)))
    assert not any(map(absent, ("x", 0, False, [], 0.0)))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_training_rows_without_a_label_are_kept_apart_and_told(tmp_path, form):
    rows = [{"text": text(n), "label": "xyz"[n % 3]} for n in range(90)]
    blanks = [{"text": text(n), "label": said} for n, said in enumerate((None, "", "  "), 200)]
    rows[10:10] = blanks
    if form == "csv":
        lines = [f"{row['text']},{row['label'] or ''}" for row in rows]
        path = csv_file(tmp_path, lines)
    else:
        path = json_file(tmp_path, [*rows, {"text": text(300), "label": NAN}, {"text": text(301)}])
    made = gather(tmp_path, train=str(path), text="text", label="label")
    wanted = [row["text"] for row in blanks] + [text(300), text(301)] * (form == "jsonl")
    assert texts_without_labels(made) == wanted
    assert sum(map(len, made.tables.values())) == 90
    assert made.quarantined == 0
    told = named(made, "no_label")
    assert (told.count, told.severity) == (len(wanted), "warning")
    assert str(len(wanted)) in told.detail
    again = Collection.load(tmp_path / "out")
    assert texts_without_labels(again) == wanted


def test_rows_to_be_measured_on_need_a_label(tmp_path):
    test = csv_file(tmp_path, [*plain(200, 220), f"{text(500)},"], "test.csv")
    made = gather(tmp_path, train=csv_file(tmp_path, [*plain(0, 60), f"{text(501)},"]), test=test)
    assert texts_without_labels(made) == [text(501)]
    assert len(made.test) == 20
    assert made.quarantined == 1
    assert named(made, "no_target").count == 1


def test_they_are_set_aside_where_nobody_asks_for_them(tmp_path):
    path = csv_file(tmp_path, [*plain(0, 60), f"{text(501)},"])
    data = DataOptions(train=str(path), text="text", label="label")
    how = {"folder": tmp_path / "out", "seed": 0}
    made = collect(data, CollectOptions(), **how, keeps_unlabelled=False)
    assert made.unlabelled == ()
    assert made.quarantined == 1
    assert texts_without_labels(collect(data, CollectOptions(), **how)) == [text(501)]


def test_extra_rows_without_a_label_are_kept_too(tmp_path):
    extra = csv_file(tmp_path, [*plain(300, 310), f"{text(501)},"], "extra.csv")
    path = csv_file(tmp_path, [*plain(0, 60), f"{text(502)},"])
    made = gather(tmp_path, train=path, extra=str(extra))
    assert texts_without_labels(made) == [text(502), text(501)]
    assert sum(map(len, made.added)) == 10


def test_a_limit_draws_from_both(tmp_path):
    rows = [*plain(0, 60), *(f"{text(n)}," for n in range(500, 540))]
    made = gather(tmp_path, train=csv_file(tmp_path, rows), limit=20)
    assert sum(map(len, made.tables.values())) == 20
    assert len(texts_without_labels(made)) == 20


def test_no_label_at_all_is_one_error_that_names_a_way(tmp_path):
    path = csv_file(tmp_path, [f"{text(n)}," for n in range(30)])
    with pytest.raises(DataError) as caught:
        gather(tmp_path, train=path, text="text", label="label")
    assert "label" in caught.value.problem
    assert "30 rows" in caught.value.found
    assert "journeyman zero-shot" in caught.value.remedy
    with pytest.raises(DataError) as caught:
        gather(tmp_path, train=path)
    assert "journeyman zero-shot" in caught.value.remedy


def test_an_empty_cell_of_several_labels_means_none_of_them(tmp_path):
    lines = [f"{text(n)},{('a|b', 'b|c', '')[n % 3]}" for n in range(60)]
    made = gather(tmp_path, train=csv_file(tmp_path, lines), label_separator="|")
    assert made.unlabelled == ()
    rows = [{"text": text(n), "label": [["a"], [], None][n % 3]} for n in range(60)]
    made = gather(tmp_path, train=str(json_file(tmp_path, rows)), text="text", label="label")
    assert len(texts_without_labels(made)) == 20
    assert made.kind == "labels"


def test_numbers_that_are_missing_and_ones_that_are_wrong(tmp_path):
    lines = [f"{text(n)},{n / 7}" for n in range(60)]
    lines += [f"{text(100 + at)},{said}" for at, said in enumerate(("NaN", "", "N/A", "many"))]
    path = csv_file(tmp_path, lines)
    made = gather(tmp_path, train=path, text="text", label="label", kind="value")
    assert texts_without_labels(made) == [text(100), text(101), text(102)]
    assert named(made, "no_target").count == 1


def test_tokens_without_tags(tmp_path):
    rows = [
        {"tokens": ["Ann", "ran", str(n)], "tags": ["B-PER", "O", "O"] if n % 4 else said}
        for n, said in zip(range(80), (None, [], "", "[]") * 20, strict=True)
    ]
    rows.append({"tokens": [], "tags": None})
    path = json_file(tmp_path, rows)
    made = gather(tmp_path, train=str(path), tokens="tokens", tags="tags", kind="tags")
    assert texts_without_labels(made) == [f"Ann ran {n}" for n in range(0, 80, 4)]
    row = made.unlabelled[0].rows([0])[0]
    assert row["offsets"] == [[0, 3], [4, 7], [8, 9]]
    assert row["tags"] is None
    assert named(made, "bad_tokens").count == 1


def test_sentences_without_tags(tmp_path):
    tagged = "\n\n".join(f"Ann B-PER\nran O\n{n} O" for n in range(40))
    path = tmp_path / "train.conll"
    path.write_text(f"{tagged}\n\nBob\nsat\n\nBob O\nsat\n\n")
    made = gather(tmp_path, train=str(path), kind="tags")
    assert texts_without_labels(made) == ["Bob sat"]
    assert named(made, "bad_tokens").count == 1


def pairs(tmp_path, blank, count=60):
    rows = [{"subject": text(n), "body": text(1000 + n), "label": "xy"[n % 2]}
            for n in range(count)]  # fmt: skip
    for n, (name, said) in blank.items():
        rows[n][name] = said
    return json_file(tmp_path, rows)


def test_a_row_without_one_of_its_texts_is_read_from_the_other(tmp_path):
    blank = {3: ("body", None), 4: ("body", "  "), 5: ("subject", NAN), 6: ("body", "")}
    path = pairs(tmp_path, blank)
    made = gather(tmp_path, train=str(path), text=["subject", "body"], label="label")
    rows = [row for table in made.tables.values() for row in table.rows()]
    assert len(rows) == 60
    empty = sorted((row["subject"] or row["body"]) for row in rows
                   if not row["subject"] or not row["body"])  # fmt: skip
    assert empty == sorted([text(3), text(4), text(1005), text(6)])
    assert named(made, "empty_field body").count == 3
    assert named(made, "empty_field subject").rows == (6,)


def test_a_row_without_any_text_or_with_a_number_for_one_is_refused(tmp_path):
    path = pairs(tmp_path, {3: ("body", 7)})
    with path.open("a") as file:
        file.write('{"subject": " ", "body": null, "label": "x"}\n{"label": "y"}\n')
    made = gather(tmp_path, train=str(path), text=["subject", "body"], label="label")
    assert made.quarantined == 3
    assert named(made, "empty_text").count == 2
    assert named(made, "not_text").rows == (4,)


def test_a_file_says_how_many_rows_lack_a_label(tmp_path):
    lines = [*plain(0, 60), *(f"{text(n)}," for n in range(500, 507))]
    path = csv_file(tmp_path, lines)
    assert sniff(path).unlabelled == 7
    written = init_recipe(path)
    assert "# 7 rows have no label" in written
    assert "#self_training: true" in written
    (tmp_path / "whole").mkdir()
    assert "no label" not in init_recipe(csv_file(tmp_path / "whole", plain(0, 60)))


def test_numbers_with_gaps_are_still_numbers(tmp_path):
    rows = [{"text": text(n), "label": n / 7 if n % 5 else NAN} for n in range(60)]
    seen = sniff(json_file(tmp_path, rows))
    assert (seen.kind, seen.unlabelled) == ("value", 12)
    made = gather(tmp_path, train=str(json_file(tmp_path, rows)))
    assert np.isfinite([float(row["label"]) for row in made.train.rows()]).all()


def test_groups_that_are_judged_are_not_learned_from_without_labels_either(tmp_path):
    lines = [f"{line},g{n // 4}" for n, line in enumerate(plain(0, 100))]
    whole = csv_file(tmp_path, lines, header="text,label,who")
    judged = gather(tmp_path, train=whole, group="who").test.rows()[0]["who"]
    more = [f"{text(500)},,{judged}", f"{text(501)},,other", f"{text(502)},,"]
    path = csv_file(tmp_path, [*lines, *more], "more.csv", "text,label,who")
    made = gather(tmp_path, train=path, group="who")
    assert judged in set(made.test.column("who"))
    assert texts_without_labels(made) == [text(501), text(502)]
    assert named(made, "judged_groups").rows == (102,)
