"""Rows of pictures: read once, refused with a reason, found again by what their files hold."""

import json
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from picture_files import drawn, encoded, folder_of_classes, list_of, save
from PIL import Image
from pydantic import ValidationError

from journeyman.data import ingest, picture_rows
from journeyman.data.collection import collect
from journeyman.data.guess import guess_columns, profile
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.questions import labelled_rows, questions_in
from journeyman.data.record import Refused
from journeyman.errors import DataError
from journeyman.model_questions import QuestionReader


def gather(tmp_path, options=None, modality=None, **data):
    data = {key: str(value) if key in ("train", "test") else value for key, value in data.items()}
    options = options or CollectOptions()
    folder = tmp_path / "out"
    return collect(DataOptions(**data), options, folder=folder, seed=0, modality=modality)


def named(collection, name):
    return next(finding for finding in collection.findings if finding.name == name)


def pictures_and_list(tmp_path, count=40, start=0, name="list.csv"):
    rows = []
    for number in range(start, start + count):
        save(tmp_path / "pictures 图片" / f"p {number}.png", number)
        rows.append((f"pictures 图片/p {number}.png", "xy"[number % 2]))
    return list_of(tmp_path / name, rows), rows


def test_a_folder_makes_a_collection(tmp_path):
    made = gather(tmp_path, train=folder_of_classes(tmp_path / "photos"))
    assert {role: len(table) for role, table in made.tables.items()} == {
        "train": 24, "validation": 4, "exam": 4, "test": 8,
    }  # fmt: skip
    assert (made.columns.image, made.columns.label, made.columns.id) == ("image", "label", "id")
    assert made.columns.texts == ("image",)
    row = made.train.rows([0])[0]
    assert made.train.ids[0] == row["id"] == "/".join(row["image"].split("/")[-2:])
    assert set(row) == {"image", "label", "id"}
    assert made.train.sizes.tolist() == [[24, 20]] * 24
    assert len(set(made.train.digests)) == 24


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("absolute", [False, True])
def test_paths_start_at_the_file_that_names_them(tmp_path, form, absolute, monkeypatch):
    path, rows = pictures_and_list(tmp_path)
    if absolute:
        rows = [(str(tmp_path / name), label) for name, label in rows]
        list_of(path, rows)
    values = [{"image": name, "label": label} for name, label in rows]
    if form == "jsonl":
        path = tmp_path / "list.jsonl"
        path.write_text("\n".join(map(json.dumps, values)))
    elif form == "parquet":
        path = tmp_path / "list.parquet"
        pq.write_table(pa.Table.from_pylist(values), path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    made = gather(tmp_path, train=os.path.relpath(path))
    assert made.columns.image == "image"
    assert named(made, "guessed_column").action == "set data.image and data.label if this is wrong"
    paths = [name for table in made.tables.values() for name in table.column("image")]
    assert sorted(paths) == sorted(str(tmp_path / name) for name, _ in rows)


def test_rows_whose_picture_cannot_be_read_are_refused(tmp_path, monkeypatch):
    path, rows = pictures_and_list(tmp_path)
    (tmp_path / "cut.png").write_bytes(encoded(drawn(99))[:90])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "large.png").write_bytes(encoded(Image.new("1", (30_000, 10_000))))
    bad = ["none.png", "", "cut.png", "text.png", "large.png", "pictures 图片"]
    made = gather(
        tmp_path, train=list_of(path, rows + [(name, "x") for name in bad]), image="image",
        label="label",
    )  # fmt: skip
    lines = (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert [(line["row"], line["name"]) for line in told] == [
        (42, "no_picture"), (43, "no_picture"), (44, "bad_picture"), (45, "bad_picture"),
        (46, "huge_picture"), (47, "no_picture"),
    ]  # fmt: skip
    assert told[0]["values"] == {"image": "none.png", "label": "x"}
    assert str(tmp_path / "none.png") in told[0]["reason"]
    assert made.quarantined == 6
    assert "have a picture that cannot be read: 2" in named(made, "bad_picture").detail
    assert named(made, "no_picture").rows == (42, 43, 47)
    numbers = pa.Table.from_pylist([{"image": 5, "label": "x"}, {"image": 6, "label": "y"}])
    pq.write_table(numbers, tmp_path / "n.parquet")
    with pytest.raises(DataError, match=r"holds a number, not the path of a picture"):
        gather(tmp_path, train=tmp_path / "n.parquet", image="image", label="label")


def test_order_is_kept_and_little_is_read_ahead(tmp_path, monkeypatch):
    path, rows = pictures_and_list(tmp_path, 80)
    ahead, asked = [], []
    real = picture_rows.picture_facts

    def counted(name):
        asked.append(name)
        return real(name)

    monkeypatch.setattr(picture_rows, "picture_facts", counted)
    options = DataOptions(train=str(path), image="image", label="label")
    for at, event in enumerate(ingest.admit(ingest.read(str(path), options), options,
                                            folder=tmp_path)):  # fmt: skip
        assert event.values["image"] == str(tmp_path / rows[at][0])
        ahead.append(len(asked) - at)
    assert len(asked) == 80
    assert max(ahead) <= 33


def test_a_picture_is_read_once_and_read_again_only_when_it_changed(tmp_path, monkeypatch):
    path, _ = pictures_and_list(tmp_path)
    (tmp_path / "late.png").write_bytes(b"")
    with path.open("a") as file:
        file.write("late.png,x\n")
    read, real = [], picture_rows.picture_facts
    monkeypatch.setattr(picture_rows, "picture_facts", lambda name: read.append(name) or real(name))
    first = gather(tmp_path, train=path)
    assert len(read) == len(set(read)) == 41
    again = gather(tmp_path, train=path)
    assert len(read) == 41
    assert again.fingerprint == first.fingerprint
    save(tmp_path / "late.png", 500)
    mended = gather(tmp_path, train=path)
    assert (first.quarantined, mended.quarantined) == (1, 0)
    save(tmp_path / "late.png", 501)
    assert gather(tmp_path, train=path).fingerprint != mended.fingerprint


def test_a_folder_is_never_hashed_byte_by_byte(tmp_path, monkeypatch):
    folder = folder_of_classes(tmp_path / "photos")
    monkeypatch.setattr(ingest, "content_hash", None)
    first = gather(tmp_path, train=folder)
    shutil.move(folder / "cat" / "003.png", folder / "dog" / "903.png")
    second = gather(tmp_path, train=folder)
    labels = [
        sum(t.column("label").count("dog") for t in c.tables.values()) for c in (first, second)
    ]
    assert labels == [20, 21]


def test_the_same_list_elsewhere_is_another_table(tmp_path):
    path, _ = pictures_and_list(tmp_path / "a")
    gather(tmp_path, train=path)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    made = gather(tmp_path, train=tmp_path / "b" / "list.csv")
    assert all(str(tmp_path / "b") in name for name in made.train.column("image"))


def test_duplicates_and_overlaps_go_by_what_files_hold(tmp_path):
    path, rows = pictures_and_list(tmp_path)
    shutil.copy(tmp_path / rows[0][0], tmp_path / "copy.png")
    shutil.copy(tmp_path / rows[1][0], tmp_path / "other.png")
    list_of(path, [*rows, ("copy.png", "x"), ("other.png", "x"), (rows[2][0], "x")])
    test = folder_of_classes(tmp_path / "test", 4, "xy", start=900)
    shutil.copy(tmp_path / rows[5][0], test / "y" / "shared.png")
    made = gather(tmp_path, train=path, test=list_of(
        tmp_path / "test.csv",
        [(name.relative_to(tmp_path), name.parent.name) for name in sorted(test.rglob("*.png"))],
    ))  # fmt: skip
    repeats = named(made, "duplicates")
    assert (repeats.count, repeats.rows) == (2, (42, 44))
    assert "an earlier picture and label" in repeats.detail
    conflict = named(made, "conflicting_labels")
    assert conflict.rows == (3, 43)
    assert conflict.detail.startswith("Pictures with different labels")
    assert named(made, "overlap_test").rows == (7,)
    assert "whose picture is also in test" in named(made, "overlap_test").detail
    inputs = [set(table.inputs.tolist()) for table in made.tables.values()]
    assert len(set.union(*inputs)) == sum(map(len, inputs))


def test_near_repeats_of_test_pictures_are_found(tmp_path):
    train = folder_of_classes(tmp_path / "train")
    test = folder_of_classes(tmp_path / "test", 5, start=900)
    save(test / "cat" / "again.jpg", 3, "JPEG", quality=70)
    Image.new("RGB", (9, 9), "red").save(test / "cat" / "plain.png")
    Image.new("RGB", (9, 9), "blue").save(train / "cat" / "plain.png")
    made = gather(tmp_path, train=train, test=test)
    near = named(made, "near_overlap")
    assert near.count == 1
    assert "at most 4 of 64 bits apart; compared" in near.detail
    assert made.train.source_row(made.train.ids.index("cat/003.png"))[1] in near.rows
    removed = gather(tmp_path, CollectOptions(near_duplicates="remove"), train=train, test=test)
    assert "cat/003.png" not in removed.train.ids
    few = gather(tmp_path, CollectOptions(near_limit=9), train=train, test=test)
    assert any("compared 6 of" in finding.detail for finding in few.findings)
    off = gather(tmp_path, CollectOptions(near_duplicates="off"), train=train, test=test)
    assert not [finding for finding in off.findings if finding.name == "near_overlap"]


def test_sizes_and_sameness_are_told(tmp_path):
    folder = folder_of_classes(tmp_path / "photos")
    (folder / "cat" / "tiny.png").write_bytes(encoded(drawn(300, 8, 8)))
    (folder / "cat" / "long.png").write_bytes(encoded(drawn(301, 300, 20)))
    made = gather(tmp_path, train=folder)
    assert named(made, "small_pictures").count == 1
    assert named(made, "odd_pictures").count == 1
    rows = [("photos/cat/000.png", "xy"[n % 2]) for n in range(30)]
    with pytest.raises(DataError, match="the picture is the same in every row") as caught:
        gather(tmp_path, train=list_of(tmp_path / "l.csv", rows), image="image", label="label")
    assert "data.image" in caught.value.remedy


def test_extra_rows_and_groups(tmp_path):
    path, rows = pictures_and_list(tmp_path)
    list_of(path, [(*row, f"g{at // 4}") for at, row in enumerate(rows)], "image,label,who")
    more, _ = pictures_and_list(tmp_path, 6, 100, "more.csv")
    made = gather(tmp_path, train=path, extra=[str(more)], group="who")
    assert len(made.added[0]) == 6
    owners = [set(table.column("who")) - {None} for table in (made.own, made.test)]
    assert not owners[0] & owners[1]
    assert made.train.sizes.shape == (len(made.train), 2)


def test_what_is_asked_of_a_file_is_found_beside_it(tmp_path, monkeypatch):
    path, rows = pictures_and_list(tmp_path, 3)
    columns = DataOptions(train="other.csv", image="image", label="label")
    asked = list(questions_in(str(path), columns))
    assert [row["image"] for row in asked] == [str(tmp_path / name) for name, _ in rows]
    (tmp_path / "paths.txt").write_text(rows[0][0] + "\n")
    assert list(questions_in(str(tmp_path / "paths.txt"), columns)) == [str(tmp_path / rows[0][0])]
    list_of(path, [*rows, ("none.png", "x")])
    good, bad = labelled_rows(str(path), columns, "label")
    assert [len(good), bad[0].name] == [3, "no_picture"]


def test_a_question_that_is_no_picture_costs_its_own_answer(tmp_path):
    path, _ = pictures_and_list(tmp_path)
    made = gather(tmp_path, train=path, image="image", label="label")
    row = made.train.rows([0])[0]
    asked = [row["image"], row, f"{tmp_path}/none.png", {"label": "x"}, {"image": 4}, ""]
    texts, ids, failed = QuestionReader(made.columns, "row").read([*asked, Refused(1, "x", "bad")])
    assert [*texts] == [0, 1]
    assert ids == {0: made.train.ids[0], 1: f"{made.train.ids[0]}-1"}
    assert failed[2].error["place"] == f"{tmp_path}/none.png"
    assert "path of a picture" in failed[4].error["expected"]
    assert [*failed] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"text": "t"}, "either `image` or `text`"),
        ({"tags": "t"}, "either `image` or `tags`"),
        ({"tokens": "t"}, "either `image` or `tokens`"),
        ({"label": "image"}, "`label` and `image` name the same column"),
    ],
)
def test_contradictions(more, said):
    with pytest.raises(ValidationError, match=said):
        DataOptions(train="a.csv", image="image", **more)


COLUMNS = {
    "paths and labels": ([{"file": "a/1.JPG", "kind": "x"}, {"file": "b.png ", "kind": "y"}],
                         None, ("file", None, "kind")),
    "beside prose": (
        [{"file": f"{n}.png", "text": f"a caption of some words {n}", "kind": "xy"[n % 2]}
         for n in range(9)], None, (None, "text", "kind"),
    ),
    "beside prose, for pictures": (
        [{"file": f"{n}.png", "text": f"a caption of some words {n}", "kind": "xy"[n % 2]}
         for n in range(9)], "image", ("file", None, "kind"),
    ),
    "for texts": ([{"file": f"{n}.png", "kind": "xy"[n % 2]} for n in range(9)], "text",
                  (None, "file", "kind")),
    "no paths": ([{"file": f"{n}.doc", "kind": "xy"[n % 2]} for n in range(9)], None,
                 (None, "file", "kind")),
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
def test_guessing(case):
    rows, modality, expected = COLUMNS[case]
    guess = guess_columns(profile(rows), modality=modality)
    assert (guess.image, guess.text, guess.label) == expected


def test_no_column_of_pictures(tmp_path):
    lines = [(f"row {n} of some text", "xy"[n % 2]) for n in range(40)]
    with pytest.raises(DataError, match="No column of the file looks like the image"):
        gather(tmp_path, modality="image", train=list_of(tmp_path / "t.csv", lines, "text,label"))
