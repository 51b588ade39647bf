"""Boxes through collecting: what is refused, mended, found, split and asked."""

import csv
import json

import numpy as np
import pytest
from box_files import cells, coco, rows_file, voc, voc_object, voc_xml, yolo
from picture_files import save
from pydantic import ValidationError

from journeyman.data.boxes import boxes_of
from journeyman.data.checks.base import Checked
from journeyman.data.checks.box_sizes import BoxSizes
from journeyman.data.collection import Collection, collect
from journeyman.data.guess import guess_columns, profile
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.questions import labelled_rows, questions_in
from journeyman.data.target import target_of
from journeyman.errors import DataError

WHOLE = (0, 0, 24, 20)


def gather(tmp_path, source, kind=None, options=None, **data):
    said = DataOptions(train=str(source), **{name: str(value) for name, value in data.items()})
    options = options or CollectOptions()
    return collect(said, options, folder=tmp_path / "out", seed=0, kind=kind, modality="image")


def many(count=40, start=0):
    """Stems to boxes: a cat in each, a dog in every fourth, nothing in every tenth."""
    said = {}
    for number in range(start, start + count):
        boxes = [("cat", (1, 2, 10, 9), False)] + [("dog", WHOLE, False)] * (number % 4 == 0)
        said[f"n{number:03}"] = [] if number % 10 == 9 else boxes
    return said


def named(collection, name):
    return next(finding for finding in collection.findings if finding.name == name)


def makers():
    def of_yolo(folder):
        return yolo(folder, many(), yaml="names: [cat, dog]\ntrain: images\n")

    def of_csv(folder):
        said = rows_file(folder / "rows.jsonl", many())
        lines = [json.loads(line) for line in said.read_text().splitlines()]
        path = folder / "rows.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "boxes"])
            writer.writerows([line["image"], json.dumps(line["boxes"])] for line in lines)
        return path

    return {
        "coco": lambda folder: coco(folder / "x.json", many()),
        "voc": lambda folder: voc(folder, many()),
        "yolo": of_yolo,
        "jsonl": lambda folder: rows_file(folder / "rows.jsonl", many()),
        "csv": of_csv,
    }


@pytest.mark.parametrize("form", makers())
def test_every_format_is_collected_and_split(tmp_path, form):
    (tmp_path / "set").mkdir()
    made = gather(tmp_path, makers()[form](tmp_path / "set"))
    assert made.kind == "boxes"
    assert (made.columns.image, made.columns.boxes) == ("image", "boxes")
    assert {role: len(table) for role, table in made.tables.items()} == {
        "train": 24, "validation": 4, "exam": 4, "test": 8,
    }  # fmt: skip
    target = target_of(made.columns, None, made.train)
    for table in made.tables.values():
        assert {"cat", "dog"} >= set(target.counts(table))
        assert target.counts(table)["dog"] >= 1
    whole = [box for table in made.tables.values() for cell in table.column("boxes")
             for box in boxes_of(cell)]  # fmt: skip
    assert len(whole) == 36 + 10
    again = Collection.load(tmp_path / "out")
    assert again.fingerprint == made.fingerprint
    assert again.columns.boxes == "boxes"


def test_mending_is_told_with_rows(tmp_path):
    said = many()
    said["n001"] = [("cat", (-5, 2, 12, 9), False)] * 2
    said["n002"] = [("cat", (12, 9, -4, -4), False)]
    said["n003"] = [("dog", (30, 30, 5, 5), False)]
    source = coco(tmp_path / "set" / "x.json", said)
    text = json.loads(source.read_text())
    text["images"][5]["width"] = 999
    text["annotations"][0]["bbox"] = ["x", 1, 2, 3]
    source.write_text(json.dumps(text))
    made = gather(tmp_path, source)
    assert {name: (named(made, name).count, named(made, name).rows) for name in
            ("clipped_boxes", "repeated_boxes", "swapped_boxes", "empty_boxes", "stated_size")} == {
        "clipped_boxes": (1, (2,)), "repeated_boxes": (1, (2,)), "swapped_boxes": (1, (3,)),
        "empty_boxes": (1, (4,)), "stated_size": (1, (6,)),
    }  # fmt: skip
    assert "999 x 20 for 24 x 20" in named(made, "stated_size").detail
    assert named(made, "stated_size").severity == "warning"
    assert named(made, "clipped_boxes").severity == "note"
    refused = named(made, "bad_boxes")
    assert refused.rows == (1,)
    assert "no four numbers" in refused.detail
    assert made.quarantined == 1
    tables = made.tables.values()
    cell = {row["id"]: row["boxes"] for table in tables for row in table.rows()}
    assert cell["8"] == [{"box": [0.0, 2.0, 7.0, 9.0], "label": "cat"}]
    assert cell["9"] == [{"box": [8.0, 5.0, 4.0, 4.0], "label": "cat"}]
    assert cell["10"] == []


def test_repeats_with_the_same_boxes_go_and_others_are_told(tmp_path):
    said = many(30)
    two = [("cat", (1, 1, 8, 8), False), ("dog", (9, 9, 9, 9), False)]
    said |= {"x": two, "y": two[::-1], "z": two[:1]}
    source = rows_file(tmp_path / "rows.jsonl", said)
    for stem in "xyz":
        save(tmp_path / "p" / f"{stem}.png", 500)
    made = gather(tmp_path, source)
    assert named(made, "duplicates").count == 1
    assert "picture and boxes: 1" in named(made, "duplicates").detail
    told = named(made, "conflicting_labels")
    assert "Pictures with different boxes in the train rows: 1" in told.detail
    assert sum(map(len, made.tables.values())) == 32


def test_pictures_in_two_splits_leave_training(tmp_path):
    train = rows_file(tmp_path / "a" / "rows.jsonl", many(30))
    test = rows_file(tmp_path / "b" / "rows.jsonl", {**many(4, 100), "copy": []})
    save(tmp_path / "b" / "p" / "copy.png", 3)
    for at in range(4):
        save(tmp_path / "b" / "p" / f"n{100 + at}.png", 900 + at)
    made = gather(tmp_path, train, test=test)
    assert named(made, "overlap_test").count == 1
    assert len(made.test) == 5


def test_classes_that_training_lacks_are_told(tmp_path):
    train = rows_file(tmp_path / "a" / "rows.jsonl", many(30))
    test = rows_file(tmp_path / "b" / "rows.jsonl", {"q": [("cat", WHOLE, False)]})
    line = {"image": "p/q.png", "boxes": [{"box": [1, 1, 9, 9], "label": "bird"}]}
    save(tmp_path / "b" / "p" / "q.png", 77)
    test.write_text(json.dumps(line) + "\n")
    told = named(gather(tmp_path, train, test=test), "unknown_labels")
    assert "training lacks: bird (1 rows)" in told.detail


def test_rare_classes_and_imbalance_are_told(tmp_path):
    said = many(60)
    said["n001"] = [("dog", WHOLE, False)]
    said = {stem: [b for b in boxes if b[0] == "cat" or stem == "n001"]
            for stem, boxes in said.items()}  # fmt: skip
    made = gather(tmp_path, rows_file(tmp_path / "rows.jsonl", said))
    assert "dog (1)" in named(made, "small_classes").detail
    assert "'cat' has 53 rows, the smallest 'dog' 1" in named(made, "imbalance").detail
    assert "accuracy" not in named(made, "imbalance").action
    assert [made.train.column("boxes").count(cells([("dog", WHOLE, False)]))] == [1]


def test_small_boxes_are_counted_by_class(tmp_path):
    said = many(30)
    wide = {"w": [("cat", (0, 0, 7, 60), False), ("dog", (0, 0, 8, 60), False)]}
    source = rows_file(tmp_path / "rows.jsonl", {**said, **wide})
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (64, 640, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "p" / "w.png")
    told = named(gather(tmp_path, source), "small_boxes")
    assert (told.count, told.rows) == (1, (31,))
    assert "1 in 1 pictures: cat (1)." in told.detail


def test_mostly_empty_pictures_are_told_and_none_with_a_box_is_an_error(tmp_path):
    said = {stem: boxes if at < 10 else [] for at, (stem, boxes) in enumerate(many(30).items())}
    made = gather(tmp_path, rows_file(tmp_path / "rows.jsonl", said))
    assert "Training pictures without a box: 21 of 30" in named(made, "empty_pictures").detail
    nothing = coco(tmp_path / "other" / "x.json", {stem: [] for stem in said})
    with pytest.raises(DataError, match="nothing to learn") as caught:
        collect(
            DataOptions(train=str(nothing)), CollectOptions(), folder=tmp_path / "o", seed=0
        )  # fmt: skip
    assert caught.value.found == "no box in any picture"
    assert "data.boxes" in caught.value.remedy


def test_one_class_alone_is_a_task(tmp_path):
    said = {stem: [("cat", (1, 1, 9, 9), False)] for stem in many(20)}
    assert len(gather(tmp_path, rows_file(tmp_path / "rows.jsonl", said)).train) == 12


def test_difficult_boxes_are_no_class(tmp_path):
    said = many(20)
    said["n001"] = [("dog", WHOLE, True)]
    made = gather(tmp_path, rows_file(tmp_path / "rows.jsonl", said))
    target = target_of(made.columns, "boxes", made.train)
    counts = sum((target.counts(table) for table in made.tables.values()), start=type(
        target.counts(made.train))())  # fmt: skip
    assert counts["dog"] == 5
    table = made.train
    looked = Checked({"train": table}, made.columns, CollectOptions(), target, 0)
    assert BoxSizes().check(looked).findings == ()


def test_other_targets_than_the_tasks_are_told(tmp_path):
    folder = voc(tmp_path / "set", many(20))
    with pytest.raises(DataError, match="other targets") as caught:
        gather(tmp_path, folder, kind="label")
    assert (caught.value.expected, caught.value.found) == ("rows with a label", "boxes")
    path = tmp_path / "list.csv"
    path.write_text("image,label\n" + "".join(f"{s}.png,{len(s)}\n" for s in ("a", "bb") * 9))
    with pytest.raises(DataError, match="looks like the boxes"):
        gather(tmp_path, path, kind="boxes")


def test_a_task_of_labels_takes_no_boxes(tmp_path):
    rows = [{"image": f"{n}.png", "boxes": cells(), "label": "xy"[n % 2]} for n in range(30)]
    assert guess_columns(profile(rows), modality="image").boxes == "boxes"
    guess = guess_columns(profile(rows), modality="image", kind="label")
    assert (guess.boxes, guess.label, guess.image) == (None, "label", "image")


OPTIONS = {
    "no image": ({}, "needs `image`"),
    "a label": ({"image": "image", "label": "label"}, "either `boxes` or `label`"),
    "tags": ({"image": "image", "tags": "tags"}, "either `image` or `tags`"),
    "a text": ({"text": "text"}, "either `boxes` or `text`"),
    "names": ({"image": "image", "label_names": True}, "either `boxes` or `label_names`"),
    "one column": ({"image": "boxes"}, "same column"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_what_boxes_do_not_go_with(case):
    more, said = OPTIONS[case]
    with pytest.raises(ValidationError, match=said):
        DataOptions(train="x.csv", boxes="boxes", **more)


def test_rows_to_measure_on_are_mended_and_rows_to_ask_need_no_boxes(tmp_path):
    said = {"a": [("cat", (-2, 0, 9, 9), False)], "b": []}
    source = rows_file(tmp_path / "rows.jsonl", said)
    columns = DataOptions(train="x", image="image", boxes="boxes")
    rows, refused = labelled_rows(str(source), columns, "boxes")
    assert [row["boxes"] for row in rows] == [[{"box": [0.0, 0.0, 7.0, 9.0], "label": "cat"}], []]
    assert refused == []
    bare = tmp_path / "bare.csv"
    bare.write_text("image\np/a.png\n")
    (asked,) = questions_in(str(bare), columns)
    assert asked == {"image": str(tmp_path / "p" / "a.png")}
    with pytest.raises(DataError, match="no column 'boxes'"):
        labelled_rows(str(bare), columns, "boxes")


def test_a_model_reads_any_format_of_boxes(tmp_path):
    columns = DataOptions(train="x", image="picture", boxes="objects", id="number")
    for make in (lambda f: coco(f / "x.json"), voc, lambda f: yolo(f, yaml="")):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        rows, _ = labelled_rows(str(make(folder)), columns, "boxes")
        assert [len(boxes_of(row["objects"])) for row in rows] == [2, 1, 0]
        assert {"picture", "number"} < set(rows[0])


def test_a_voc_file_that_states_no_size_is_used(tmp_path):
    folder = voc(tmp_path / "set", many(20))
    text = voc_xml(voc_object("cat", (1, 1, 5, 5)), size=(0, 0))
    (folder / "Annotations" / "n000.xml").write_text(text)
    made = gather(tmp_path, folder)
    assert "stated_size" not in {finding.name for finding in made.findings}
    assert made.quarantined == 0
