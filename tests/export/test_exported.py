"""`predict --format`: answers paired with their pictures, and what stands on which stream."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from journeyman import api
from journeyman.data.options import DataOptions
from journeyman.data.pictures import PictureError, picture_facts
from journeyman.tasks.base import Schema
from journeyman.types import BoxesPrediction, FailedPrediction, ScoredBox

for room in ("data", "bad_input"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))

from asking import ask, check_refusal, files_of  # noqa: E402
from picture_files import save  # noqa: E402


class Finder:
    """A model that finds the whole of each picture."""

    columns = DataOptions(train="x", image="path", boxes="boxes")
    schema = Schema(("cat",), (1,))
    learner = SimpleNamespace(task=SimpleNamespace(kind="boxes", name="object-detection"))

    def stream(self, questions):
        for number, question in enumerate(questions):
            path = question["path"] if isinstance(question, dict) else question
            try:
                facts = picture_facts(path)
            except PictureError as error:
                yield FailedPrediction(str(number), error.to_json())
                continue
            box = ScoredBox((0.0, 0.0, float(facts.width), float(facts.height)), "cat", 0.5)
            yield BoxesPrediction(str(number), (box,))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "load", lambda model: Finder())
    for number in range(3):
        save(tmp_path / "p" / f"{number}.png", number)
    (tmp_path / "rows.csv").write_text("path,n\np/0.png,1\np/1.png,2\n")
    return tmp_path


@pytest.mark.parametrize("form", ["coco", "yolo", "pictures"])
def test_answers_to_a_file_are_written(here, form):
    told = ask("predict", "model", "--file", "rows.csv", "--format", form, "--output", "out")
    assert (told.code, told.err) == (0, "")
    assert told.out == f"{form}: out (2 pictures)\n"
    if form == "coco":
        said = json.loads((here / "out").read_text())
        assert [image["file_name"] for image in said["images"]] == ["p/0.png", "p/1.png"]
    else:
        assert len([name for name in files_of(here / "out") if name != "classes.txt"]) == 2


def test_pictures_on_the_command_line_and_on_standard_input(here):
    told = ask("predict", "m", "--image", "p/2.png", "--format", "coco", "-o", "a.json")
    assert told.code == 0
    asked = b'{"path": "p/1.png"}\np/2.png\n'
    told = ask("predict", "m", "-", "--format", "coco", "-o", "b.json", stdin=asked)
    assert told.code == 0
    images = json.loads((here / "b.json").read_text())["images"]
    assert [image["file_name"] for image in images] == ["p/1.png", "p/2.png"]


def test_what_has_no_answer_is_told_and_the_rest_is_written(here):
    told = ask("predict", "m", "-t", "p/0.png", "-t", "none.png", "--format", "coco", "-o", "x")
    assert (told.code, told.out) == (0, "coco: x (1 pictures)\n")
    (line,) = told.err.splitlines()
    assert json.loads(line)["error"]["found"] == "no such file"


def test_without_a_format_answers_are_json_lines(here):
    told = ask("predict", "m", "-t", "p/0.png")
    assert json.loads(told.out)["boxes"][0]["label"] == "cat"


WRONG = {
    "a format alone": (["-t", "p/0.png", "--format", "coco"], "without --output"),
    "a place alone": (["-t", "p/0.png", "--output", "x"], "without --format"),
    "a place that is taken": (
        ["-t", "p/0.png", "--format", "coco", "-o", "p"], "would overwrite a folder",
    ),
    "another format": (
        ["-t", "p/0.png", "--format", "cocos", "-o", "x"], "coco | pictures | yolo",
    ),
    "no answer at all": (["-t", "none.png", "--format", "coco", "-o", "x"], "nothing is written"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_are_told_and_nothing_is_written(here, case):
    arguments, said = WRONG[case]
    before = files_of(here)
    check_refusal(ask("predict", "m", *arguments), said)
    assert files_of(here) == before


def test_a_model_of_another_task_finds_no_boxes(here, monkeypatch):
    other = SimpleNamespace(task=SimpleNamespace(kind="label", name="image-classification"))
    monkeypatch.setattr(Finder, "learner", other)
    told = ask("predict", "m", "-t", "p/0.png", "--format", "yolo", "-o", "x")
    check_refusal(told, "An image-classification model finds no boxes", "--format")
