"""COCO, VOC and YOLO as rows: where pictures and boxes are found, and how a format is known."""

import json
import shutil

import pytest
from box_files import NAMES, SAID, SIZE, cells, coco, rows_file, voc, voc_object, voc_xml, yolo
from picture_files import folder_of_classes, save

from journeyman.data.boxes import boxes_of
from journeyman.data.ingest import source_hash
from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import READERS, read, reader_for
from journeyman.data.record import Noticed, Record, Refused
from journeyman.data.sniff import sniff
from journeyman.errors import DataError


def events(source, **options):
    return list(read(source, DataOptions(train=str(source), **options)))


def rows(source, **options):
    return [event.values for event in events(source, **options) if isinstance(event, Record)]


def refused(source):
    return [(e.row, e.name, e.reason) for e in events(source) if isinstance(e, Refused)]


def noticed(source):
    return [event.name for event in events(source) if isinstance(event, Noticed)]


def name_of(source):
    found = type(reader_for(str(source), DataOptions(train=str(source))))
    return next(name for name in READERS if READERS[name] is found)


MAKERS = {
    "coco": (lambda folder: coco(folder / "x.json"), ["7", "8", "9"]),
    "voc": (voc, ["a", "b", "c"]),
    "yolo": (yolo, [f"images/{stem}.png" for stem in "abc"]),
}


@pytest.mark.parametrize("form", MAKERS)
def test_each_format_says_the_same(tmp_path, form):
    make, ids = MAKERS[form]
    source = make(tmp_path / "set 集")
    if form == "yolo":
        (source / "data.yaml").write_text("names: [cat, dog]\ntrain: images\n")
    assert name_of(source) == form
    found = rows(source)
    assert [row["id"] for row in found] == ids
    for row, (stem, said) in zip(found, SAID.items(), strict=True):
        assert row["image"].endswith(f"{stem}.png")
        read_back = boxes_of(row["boxes"])
        assert [each.label for each in read_back] == [label for label, *_ in said]
        for each, (_, box, hard) in zip(read_back, said, strict=True):
            assert each.box == pytest.approx(box)
            assert each.difficult == (hard and form != "yolo")
    named = rows(source, image="picture", boxes="objects", id="key")
    assert set(named[0]) == {"picture", "objects", "key"}


@pytest.mark.parametrize("form", MAKERS)
def test_sniffing_finds_boxes(tmp_path, form):
    source = MAKERS[form][0](tmp_path / "set")
    if form == "yolo":
        shutil.rmtree(source / "labels" / "train", ignore_errors=True)
        (source / "data.yaml").write_text("names: [cat, dog]\ntrain: images\n")
    seen = sniff(source)
    assert (seen.format, seen.kind, seen.image, seen.boxes) == (form, "boxes", "image", "boxes")
    assert seen.classes == (("dog", 2), ("cat", 1))
    assert (seen.text, seen.label, seen.rows) == (None, None, 3)
    options = seen.to_options()
    assert (options.image, options.boxes) == ("image", "boxes")


PLACES = {
    "beside it": ("x.json", "."),
    "images": ("x.json", "images"),
    "by its name": ("instances_train2017.json", "train2017"),
    "one up": ("annotations/instances_train2017.json", "train2017"),
    "one up, in images": ("annotations/val.json", "images/val"),
}


@pytest.mark.parametrize("case", PLACES)
def test_the_pictures_of_a_coco_file_are_found(tmp_path, case):
    name, images = PLACES[case]
    source = coco(tmp_path / "set" / name, images=tmp_path / "set" / images)
    (tmp_path / "set" / "images").mkdir(exist_ok=True)
    assert {row["image"] for row in rows(source)} == {
        str((tmp_path / "set" / images / f"{stem}.png").resolve()) for stem in SAID
    }


def test_a_path_of_another_machine_is_found_by_its_last_part(tmp_path):
    source = coco(tmp_path / "x.json")
    said = json.loads(source.read_text())
    for image in said["images"]:
        image["file_name"] = f"/home/someone/{image['file_name']}"
    source.write_text(json.dumps(said))
    assert rows(source)[0]["image"] == str(tmp_path / "a.png")


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("first", ["images", "annotations", "categories", "info"])
def test_a_coco_file_is_known_whatever_comes_first(tmp_path, first, indent):
    source = coco(tmp_path / "x.json")
    said = json.loads(source.read_text())
    said["annotations"] *= 400
    ordered = {first: said.pop(first), **said}
    source.write_text("\n " * 3 + json.dumps(ordered, indent=indent))
    assert name_of(source) == "coco"


def test_a_folder_of_coco_files(tmp_path):
    folder = tmp_path / "coco 2017"
    notes = folder / "annotations"
    coco(notes / "instances_train2017.json", images=folder / "train2017")
    assert name_of(folder) == "coco"
    assert len(rows(folder)) == 3
    coco(notes / "instances_val2017.json", {"v": SAID["b"]}, images=folder / "val2017")
    coco(notes / "person_train2017.json", images=folder / "train2017")
    (notes / "captions_train2017.json").write_text('{"info": "other"}')
    assert noticed(folder) == ["other_parts"]
    seen = sniff(folder)
    assert seen.rows == 3
    assert dict(seen.splits) == {
        "train": str(notes / "instances_train2017.json"),
        "validation": str(notes / "instances_val2017.json"),
    }
    (notes / "instances_train2017.json").rename(notes / "mine.json")
    coco(notes / "other.json", images=folder / "train2017")
    (notes / "person_train2017.json").unlink()
    with pytest.raises(DataError, match="laid out as COCO's") as caught:
        rows(folder)
    assert caught.value.found == "instances_val2017.json, mine.json, other.json"


def test_a_coco_file_among_its_pictures(tmp_path):
    source = coco(tmp_path / "set" / "_annotations.coco.json")
    assert name_of(tmp_path / "set") == "coco"
    assert rows(tmp_path / "set") == rows(source)
    data = DataOptions(train=str(tmp_path / "set"))
    before = source_hash(str(tmp_path / "set"), data)
    source.write_text(source.read_text() + " ")
    assert source_hash(str(tmp_path / "set"), data) != before


ROWS = {
    "images and annotations": {"images": ["a.png"], "annotations": [{"start": 1}], "text": "x"},
    "words": {"text": '"images": [', "label": '"file_name"'},
    "annotations": {"text": "x", "annotations": [{"image_id": 4}]},
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_have_such_keys_are_no_coco_file(tmp_path, case):
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(ROWS[case])}\n" * 3)
    assert name_of(path) == "jsonl"


def test_what_is_broken_in_a_coco_file_costs_its_own_row(tmp_path):
    source = coco(tmp_path / "x.json")
    said = json.loads(source.read_text())
    said["annotations"][0]["bbox"] = [1, 2]
    said["annotations"][2]["category_id"] = 99
    said["annotations"] += [{"image_id": 500, "category_id": 1, "bbox": [1, 1, 2, 2]}, 5]
    said["images"] += [{"file_name": "z.png"}, "z.png", {"id": 9, "file_name": "again.png"}]
    source.write_text(json.dumps(said))
    found = refused(source)
    assert [(row, name) for row, name, _ in found] == [
        (row, "bad_annotation") for row in (1, 2, 4, 5, 6)
    ]
    assert "bbox of four numbers" in found[0][2]
    assert "category 99" in found[1][2]
    assert [row["id"] for row in rows(source)] == ["9"]
    assert noticed(source) == ["no_such_image"] * 2


def test_a_crowd_is_difficult_and_a_stated_size_is_kept(tmp_path):
    record = events(coco(tmp_path / "x.json"))[0]
    assert record.stated == SIZE
    assert [box.get("difficult", False) for box in record.values["boxes"]] == [False, True]


def test_voc_lists_are_parts(tmp_path):
    folder = voc(tmp_path / "set", lists={"train": "ca", "test": "b", "cat_train": "a"})
    assert [row["id"] for row in rows(f"{folder}#train")] == ["c", "a"]
    assert [row["id"] for row in rows(f"{folder}#test")] == ["b"]
    assert [row["id"] for row in rows(folder)] == ["c", "a"]
    assert noticed(folder) == ["other_parts"]
    assert noticed(f"{folder}#train") == []
    assert dict(sniff(folder).splits) == {"train": f"{folder}#train", "test": f"{folder}#test"}
    with pytest.raises(DataError, match="no part 'val'") as caught:
        rows(f"{folder}#val")
    assert caught.value.expected == "test | train"


def test_a_voc_folder_in_a_folder_and_two_of_them(tmp_path):
    voc(tmp_path / "kit" / "VOC2007")
    assert len(rows(tmp_path / "kit")) == 3
    voc(tmp_path / "kit" / "VOC2012")
    assert name_of(tmp_path / "kit") == "voc"
    with pytest.raises(DataError, match="several") as caught:
        rows(tmp_path / "kit")
    assert caught.value.found == "VOC2007, VOC2012"


def test_what_is_broken_in_a_voc_folder_costs_its_own_row(tmp_path):
    folder = voc(tmp_path / "set", {stem: [] for stem in "abcdefg"})
    notes = folder / "Annotations"
    (notes / "a.xml").write_text("<annotation><object>")
    (notes / "b.xml").write_text("<note/>")
    (notes / "c.xml").write_text(voc_xml("<object><bndbox/></object>"))
    (notes / "d.xml").write_text(voc_xml("<object><name>x</name><bndbox/></object>"))
    (notes / "e.xml").write_text(voc_xml(voc_object("x", (1, 1, 2, 2)).replace(">1<", ">one<")))
    (notes / "f.xml").write_bytes(b"\xff\xfe\x00")
    found = refused(folder)
    assert [row for row, *_ in found] == [1, 2, 3, 4, 5, 6]
    said = ["not XML", "begins with <note>", "no name", "xmin: no such", "xmin: 'one'", "not XML"]
    assert all(part in reason for part, (_, _, reason) in zip(said, found, strict=True))
    assert [row["id"] for row in rows(folder)] == ["g"]


def test_no_entity_of_an_annotation_is_expanded(tmp_path):
    folder = voc(tmp_path / "set", {"a": [], "b": []})
    (tmp_path / "secret").write_text("secret")
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    doctypes = [
        f'<!DOCTYPE annotation [<!ENTITY e0 "x">{bomb}]>',
        f'<!DOCTYPE annotation [<!ENTITY e11 SYSTEM "file://{tmp_path}/secret">]>',
    ]
    for stem, doctype in zip("ab", doctypes, strict=True):
        text = voc_xml("<object><name>&e11;</name></object>")
        (folder / "Annotations" / f"{stem}.xml").write_text(f"<?xml version='1.0'?>{doctype}{text}")
    found = refused(folder)
    assert len(found) == 2
    assert all("document type" in reason for *_, reason in found)


def test_a_voc_picture_is_found_by_its_stem_then_by_what_the_file_says(tmp_path):
    folder = voc(tmp_path / "set")
    (folder / "Annotations" / "a.xml").write_text(voc_xml(name="wrong.jpg"))
    (folder / "Annotations" / "d.xml").write_text(voc_xml(name="/home/pi/other.png"))
    save(folder / "JPEGImages" / "other.png", 9)
    found = {row["id"]: row["image"] for row in rows(folder)}
    assert found["a"].endswith("JPEGImages/a.png")
    assert found["d"].endswith("JPEGImages/other.png")
    assert noticed(folder) == ["no_annotation"]
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "train.txt").write_text("a 1\nb -1\nnone here\n\n")
    assert [row["id"] for row in rows(folder)] == ["a", "b"]
    assert refused(folder) == [(3, "no_annotation", "There is no Annotations/none here.xml.")]


def parts_inside(folder):
    yolo(folder, part="train", yaml="")
    yolo(folder, {"v": SAID["b"]}, part="val", yaml="")
    (folder / "classes.txt").write_text("cat\ndog\n")


def parts_outside(folder):
    yolo(folder / "train", yaml="")
    yolo(folder / "val", {"v": SAID["b"]}, yaml="")
    (folder / "data.yaml").write_text(
        "train: ../train/images\nval: ../val/images\nnames: {0: cat, 1: dog}\nnc: 2\n"
    )


def parts_of_lists(folder):
    yolo(folder, yaml="path: .\ntrain: train.txt\nval: [val.txt]\nnames: [cat, dog]\n")
    yolo(folder, {"v": SAID["b"]}, yaml="")
    (folder / "train.txt").write_text("".join(f"./images/{stem}.png\n" for stem in "abc"))
    (folder / "val.txt").write_text("images/v.png\n")


@pytest.mark.parametrize("make", [parts_inside, parts_outside, parts_of_lists])
def test_the_parts_of_a_yolo_folder(tmp_path, make):
    folder = tmp_path / "set"
    make(folder)
    assert name_of(folder) == "yolo"
    assert [row["id"].rpartition("/")[2] for row in rows(f"{folder}#train")] == [
        "a.png", "b.png", "c.png",
    ]  # fmt: skip
    (one,) = rows(f"{folder}#val")
    assert [box["label"] for box in one["boxes"]] == ["dog"]
    assert rows(folder) == rows(f"{folder}#train")
    assert list(dict(sniff(folder).splits)) == ["train", "validation"]
    described = folder / "data.yaml"
    if described.exists():
        assert name_of(described) == "yolo"
        assert rows(described) == rows(folder)
        assert rows(f"{described}#val") == [one]


def test_labels_beside_their_pictures(tmp_path):
    folder = yolo(tmp_path / "set", yaml="")
    for path in [*(folder / "images").iterdir(), *(folder / "labels").iterdir()]:
        path.rename(folder / path.name)
    shutil.rmtree(folder / "images")
    shutil.rmtree(folder / "labels")
    (folder / "classes.txt").write_text("\n".join(NAMES))
    assert name_of(folder) == "yolo"
    assert [len(row["boxes"]) for row in rows(folder)] == [2, 1, 0]


def test_classes_without_names_are_numbers(tmp_path):
    folder = yolo(tmp_path / "set", yaml="")
    assert [box["label"] for box in rows(folder)[0]["boxes"]] == ["0", "1"]
    assert noticed(folder) == ["no_class_names"]


LINES = {
    "a word": ("0 a b c d", "other than numbers"),
    "pixels": ("0 100 120 40 30", "no shares"),
    "NaN": ("0 nan 0.5 0.1 0.1", "no shares"),
    "too few": ("0 0.5 0.5 0.1", "has 4 cells"),
    "an even outline": ("0 .1 .1 .2 .2 .3 .3 .4", "has 8 cells"),
    "a class by name": ("cat 0.5 0.5 0.1 0.1", "not a class's number"),
    "a class too many": ("2 0.5 0.5 0.1 0.1", "of class 2, and there are 2 names"),
    "no text": ("\0\1\2", "line 1"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_broken_label_file_costs_its_own_row(tmp_path, case):
    line, said = LINES[case]
    folder = yolo(tmp_path / "set", yaml="names: [cat, dog]\ntrain: images\n")
    (folder / "labels" / "b.txt").write_text(line)
    ((row, name, reason),) = refused(folder)
    assert (row, name) == (2, "bad_annotation")
    assert "b.txt" in reason
    assert said in reason
    assert len(rows(folder)) == 2


def test_a_score_is_passed_over_and_an_outline_becomes_its_box(tmp_path):
    folder = yolo(tmp_path / "set", yaml="names: [cat, dog]\ntrain: images\n")
    lines = "0.0 0.5 0.5 0.5 0.2 0.91\n1 0.25 0.1 0.75 0.1 0.5 0.6\n"
    (folder / "labels" / "a.txt").write_text(lines)
    boxes = [box["box"] for box in rows(folder)[0]["boxes"]]
    assert boxes == [pytest.approx([6, 8, 12, 4]), pytest.approx([6, 2, 12, 10])]


def test_a_picture_that_cannot_be_read_costs_its_own_row(tmp_path):
    folder = yolo(tmp_path / "set", yaml="names: [cat, dog]\ntrain: images\n")
    (folder / "images" / "a.png").write_bytes(b"no picture")
    ((row, name, _),) = refused(folder)
    assert (row, name) == (1, "bad_picture")


def test_folders_of_boxes_and_of_classes_are_told_apart(tmp_path):
    classes = folder_of_classes(tmp_path / "a", 2, ("images", "labels", "Annotations"))
    assert name_of(classes) == "picture-folder"
    assert name_of(voc(tmp_path / "b")) == "voc"
    assert name_of(yolo(tmp_path / "c")) == "yolo"
    assert name_of(yolo(tmp_path / "d", yaml="")) == "yolo"
    (tmp_path / "a" / "notes.yaml").write_text("name: mine\ntask: image-classification\n")
    (tmp_path / "a" / "labels" / "notes.txt").write_text("x")
    assert name_of(classes) == "picture-folder"


@pytest.mark.parametrize("form", MAKERS)
def test_a_hash_changes_with_each_annotation_and_picture(tmp_path, form):
    source = MAKERS[form][0](tmp_path / "set")
    if form == "yolo":
        (source / "data.yaml").write_text("names: [cat, dog]\ntrain: images\n")
    data = DataOptions(train=str(source))
    seen = {source_hash(str(source), data)}
    assert source_hash(str(source), data) in seen
    inside = {"coco": ("x.json", "a.png"), "voc": ("Annotations/a.xml", "JPEGImages/a.png"),
              "yolo": ("labels/a.txt", "images/a.png")}  # fmt: skip
    for name in inside[form]:
        path = tmp_path / "set" / name
        path.write_bytes(path.read_bytes() + b"\n")
        seen.add(source_hash(str(source), data))
    assert len(seen) == 3
    if form == "yolo":
        described = str(source / "data.yaml")
        before = source_hash(described, data)
        (source / "labels" / "b.txt").unlink()
        assert source_hash(described, data) != before


@pytest.mark.parametrize("text", [False, True])
def test_rows_of_a_file_hold_boxes_as_a_list_or_as_text(tmp_path, text):
    source = rows_file(tmp_path / "rows.jsonl", text=text)
    seen = sniff(source)
    assert (seen.kind, seen.image, seen.boxes, seen.label) == ("boxes", "image", "boxes", None)
    assert seen.classes == (("dog", 2), ("cat", 1))
    assert boxes_of(rows(source)[0]["boxes"]) == boxes_of(cells())
