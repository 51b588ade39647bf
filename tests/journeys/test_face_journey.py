"""A journey on people: from a folder of them to a gallery that knows others."""

import json
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_vision_folder
from typer.testing import CliRunner

import journeyman
from journeyman.cli import app
from journeyman.errors import DataError, JourneymanError, ModelError, RecipeError
from journeyman.people.gallery import GALLERY, Gallery
from journeyman.types import EmbeddingPrediction, FailedPrediction, LabelPrediction

PEOPLE, PICTURES = 20, 6
ALL = [f"p{at:02d}" for at in range(PEOPLE)]


def portraits(folder, people=ALL):
    """A subfolder a person: a coarse pattern of their own, in another light each time."""
    for at, name in enumerate(people):
        (folder / name).mkdir(parents=True)
        own = np.random.default_rng([7, at]).integers(40, 216, (4, 4, 3)).astype(np.uint8)
        face = np.asarray(Image.fromarray(own).resize((28, 32), Image.Resampling.BICUBIC), float)
        for number in range(PICTURES):
            draw = np.random.default_rng([at, number])
            light = draw.uniform(0.8, 1.2) * face + draw.normal(0, 12, face.shape)
            Image.fromarray(light.clip(0, 255).astype(np.uint8)).save(
                folder / name / f"{number}.png"
            )
    return folder


def recipe(**more):
    return {
        "name": "faces", "task": "face-recognition", "backbone": "tiny",
        "data": {"train": "people"}, "threads": 1, "trackers": [],
        "collect": {"fractions": {"validation": 0, "exam": 0, "test": 0.4}}, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run on twelve people, eight others being tested on."""
    place = tmp_path_factory.mktemp("faces")
    tiny_vision_folder(place / "tiny")
    portraits(place / "people")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        patch.chdir(place)
        patch.setenv("JOURNEYMAN_HOME", str(place / "home"))
        mirrored = {"augment": {"kinds": ["mirror"], "copies": 1}}
        journeyman.finetune(recipe(finetune=mirrored))
    return place


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """The finished run, of which each test has a copy."""
    for name in ("runs", "people", "tiny"):
        shutil.copytree(made / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOURNEYMAN_HOME", str(made / "home"))
    return tmp_path


@pytest.fixture
def model(place):
    return journeyman.load("runs/faces")


def strangers(place):
    """People that the model has not learned from."""
    splits = json.loads((place / "runs" / "faces" / "data" / "splits.json").read_text())
    assert len(splits["test"]) % PICTURES == 0
    learned = journeyman.load("runs/faces").schema.labels
    return [name for name in ALL if name not in learned]


def pictures(name, *numbers):
    return [f"people/{name}/{number}.png" for number in numbers or range(PICTURES)]


def test_no_person_is_in_two_splits_and_the_report_tells_of_verification(place, model):
    others = strangers(place)
    metrics = json.loads((place / "runs/faces/metrics.json").read_text())
    assert metrics["data"] == {"train": 72, "validation": 0, "exam": 0, "test": 48}
    assert len(others) == 8
    assert metrics["test"]["equal_error_rate"]["value"] < 0.2
    assert metrics["test"]["auc"]["value"] > 0.9
    assert metrics["test"]["auc"]["low"] < metrics["test"]["auc"]["high"]
    assert set(metrics["baselines"]) == {"eigenfaces"}
    assert metrics["roc"][-1]["true_accepts"] == 1.0
    page = (place / "runs/faces/report.html").read_text()
    assert "Pairs of one person accepted" in page
    assert "data:image/jpeg" not in page
    card = (place / "runs/faces/model/README.md").read_text()
    assert "learned from 12" in card
    assert not any(name in card for name in ALL)


def test_a_folder_of_pictures_that_are_no_ones_is_answered(place):
    (place / "loose").mkdir()
    shutil.copy("people/p00/0.png", "loose/x.png")
    (place / "loose" / "bad.png").write_bytes(b"no picture")
    done = CliRunner().invoke(app, ["predict", "runs/faces", "--file", "loose"])
    lost, found = [json.loads(line) for line in done.stdout.splitlines()]
    assert (lost["id"], found["id"]) == ("bad.png", "x.png")
    assert "error" in lost
    assert np.linalg.norm(found["vector"]) == pytest.approx(1.0)


def test_a_model_without_a_gallery_answers_with_vectors(model):
    (one, bad) = model.predict([*pictures("p00", 0), "nowhere.png"])
    assert isinstance(one, EmbeddingPrediction)
    assert np.linalg.norm(one.vector) == pytest.approx(1.0)
    assert one.threshold == model.calibration["threshold"]
    assert json.loads(json.dumps(one.to_json()))["vector"] == list(one.vector)
    assert isinstance(bad, FailedPrediction)


def test_a_pair_is_verified_at_the_rate_that_is_asked_for(place, model):
    first, second, *_ = strangers(place)
    same = model.verify(*pictures(first, 0, 1))
    other = model.verify(*pictures(first, 0), *pictures(second, 0))
    assert same.score > other.score
    assert same.same == (same.score >= same.threshold)
    assert same.false_accepts == 0.01
    strict = model.verify(*pictures(first, 0, 1), false_accepts=0.0001)
    assert strict.threshold > same.threshold
    assert strict.score == same.score
    assert model.verify(*pictures(first, 2), *pictures(first, 2)).score == pytest.approx(1.0)
    with pytest.raises(JourneymanError, match="no threshold for such a rate"):
        model.verify(*pictures(first, 0, 1), false_accepts=0.5)
    with pytest.raises(DataError):
        model.verify(*pictures(first, 0), "nowhere.png")


def test_people_who_came_later_are_identified_and_others_are_not(place, model):
    known, others = strangers(place)[:5], strangers(place)[5:]
    for name in known:
        assert model.enrol(name, pictures(name, 0, 1, 2)) == 3
    assert model.people == dict.fromkeys(known, 3)
    asked = [path for name in known for path in pictures(name, 3, 4, 5)]
    answers = model.identify(asked, false_accepts=0.1)
    assert all(isinstance(answer, LabelPrediction) for answer in answers)
    right = [a.label == path.split("/")[1] for a, path in zip(answers, asked, strict=True)]
    assert np.mean(right) > 0.8
    for answer in answers:
        assert set(answer.scores) == set(known)
        assert answer.score == max(answer.scores.values())
        assert sum(answer.scores.values()) <= 1.0
    unknown = model.identify([path for name in others for path in pictures(name)])
    assert np.mean([a.abstained for a in unknown]) > 0.8
    assert {a.reason for a in unknown if a.abstained} == {"out_of_scope"}
    assert {a.label for a in unknown} <= set(known)
    loose = model.identify(asked, false_accepts=0.1)
    strict = model.identify(asked, false_accepts=1e-6)
    assert sum(a.abstained for a in loose) <= sum(a.abstained for a in strict)
    assert [a.label for a in journeyman.load("runs/faces").predict(asked)] == [
        a.label for a in answers
    ]


def test_a_removed_person_leaves_the_bytes_of_never_having_been_there(place, model):
    file = place / "runs/faces/model" / GALLERY
    one, two, three, *_ = strangers(place)
    model.enrol(two, pictures(two, 0, 1))
    model.enrol(one, pictures(one, 0, 1, 2))
    without = file.read_bytes()
    model.enrol(three, pictures(three))
    assert file.read_bytes() != without
    assert three.encode() in file.read_bytes()
    model.remove_person(three)
    assert file.read_bytes() == without
    model.remove_person(one)
    model.remove_person(two)
    assert not file.exists()
    left = [path for path in (place / "runs/faces/model").rglob("*") if GALLERY in path.name]
    assert left == []
    model.enrol(one, pictures(one, 2, 1))
    model.enrol(one, pictures(one, 0))
    model.enrol(two, pictures(two, 1, 0))
    model.enrol(two, pictures(two, 0))
    assert file.read_bytes() == without


def test_a_gallery_is_no_part_of_the_version_and_goes_along_with_it(place, model):
    name = strangers(place)[0]
    version = model.version
    model.enrol(name, pictures(name, 0, 1))
    again = journeyman.load("runs/faces")
    assert again.version == version
    assert again.people == {name: 2}
    copied = again.save("elsewhere")
    assert copied.version == version
    assert journeyman.load("elsewhere").people == {name: 2}
    file = place / "elsewhere" / GALLERY
    Gallery("another", Gallery.read(file.parent, version).people).write(file.parent)
    with pytest.raises(ModelError, match="another version"):
        _ = journeyman.load("elsewhere").people
    file.write_bytes(b"broken")
    with pytest.raises(ModelError, match="cannot be read"):
        journeyman.load("elsewhere").predict(pictures(name, 0))


@pytest.mark.parametrize(
    ("act", "place_told"),
    [
        (lambda m: m.remove_person("nobody"), "person"),
        (lambda m: m.identify(["people/p00/0.png"]), "runs/faces/model"),
        (lambda m: m.enrol("someone", []), "pictures"),
        (lambda m: m.enrol("  ", ["people/p00/0.png"]), "person"),
        (lambda m: m.enrol("a\nb", ["people/p00/0.png"]), "person"),
        (lambda m: m.enrol("someone", ["people/p00/0.png", "nowhere.png"]), "nowhere.png"),
    ],
    ids=["unknown", "empty gallery", "no picture", "no name", "line in a name", "no file"],
)
def test_mistakes_are_told_and_change_nothing(act, place_told, place, model):
    with pytest.raises(JourneymanError) as caught:
        act(model)
    assert place_told in caught.value.place
    assert all((caught.value.expected, caught.value.found, caught.value.remedy))
    assert not (place / "runs/faces/model" / GALLERY).exists()


def test_a_name_nearly_spelled_is_asked_after(place, model):
    name = strangers(place)[0]
    model.enrol(f"{name} smith", pictures(name, 0))
    with pytest.raises(JourneymanError) as caught:
        model.remove_person(f"{name} smit")
    assert "smith" in caught.value.remedy


def test_a_model_that_was_not_saved_or_has_no_threshold_says_so(place, model):
    name = strangers(place)[0]
    model.enrol(name, pictures(name, 0))
    model.calibration = {"people": 0}
    with pytest.raises(ModelError, match="no threshold"):
        model.verify(*pictures(name, 0, 1))
    with pytest.raises(ModelError, match="no threshold"):
        model.identify(pictures(name, 1))
    model.folder = None
    with pytest.raises(ModelError, match="does not stand in a folder"):
        model.enrol(name, pictures(name, 1))


def test_a_picture_is_explained_by_its_likeness_to_itself(model):
    (why,) = model.explain(pictures("p00", 0)[0])
    assert why.target == "likeness to itself"
    assert len(why.weights) == 49
    assert any(why.weights)


def test_the_command_line_enrols_verifies_identifies_and_removes(place):
    one, two, *_ = strangers(place)
    runner = CliRunner()

    def ask(*arguments):
        done = runner.invoke(app, [str(each) for each in arguments], catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    said = ask("enrol", "runs/faces", "--person", one, *pictures(one, 0, 1, 2))
    assert "3 pictures" in said
    ask("enrol", "runs/faces", "-p", two, *pictures(two, 0))
    lines = [json.loads(line) for line in ask("people", "runs/faces").splitlines()]
    assert lines == [{"person": one, "pictures": 3}, {"person": two, "pictures": 1}]
    found = json.loads(ask("verify", "runs/faces", *pictures(one, 0, 1)))
    assert set(found) == {"same", "score", "threshold", "false_accepts", "model", "version"}
    (answer,) = map(
        json.loads, ask("predict", "runs/faces", "--image", *pictures(one, 4)).splitlines()
    )
    assert set(answer["scores"]) == {one, two}
    ask("remove-person", "runs/faces", two)
    assert ask("people", "runs/faces").count("\n") == 1
    measured = json.loads(ask("evaluate", "runs/faces", "--file", "people"))
    assert measured["metrics"]["equal_error_rate"]["n"] == PEOPLE * PICTURES
    assert measured["roc"]


def test_a_model_of_another_task_has_no_gallery(place):
    tiny_vision_folder(place / "tiny2")
    said = {**recipe(task="image-classification", name="classes"), "explain": {"samples": 0}}
    said["data"] = {"train": "people", "where": {"label": ["p00", "p01"]}}
    said["collect"] = {"fractions": {"validation": 0.2, "exam": 0, "test": 0.2}}
    model = journeyman.finetune(said)
    for act in (lambda: model.enrol("x", pictures("p00", 0)), lambda: model.people):
        with pytest.raises(ModelError, match="does not tell people apart") as caught:
            act()
        assert "face-recognition" in caught.value.expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "finetune",
    [
        {"head": "arcface", "epochs": 3, "head_learning_rate": 0.01},
        {"head": "whitening", "tuner": "full", "cut": 1, "epochs": 1},
        {"tuner": "auto", "budget": "1m", "epochs": 1},
    ],
    ids=["arcface", "tuned", "auto"],
)
def test_layers_and_heads_are_trained_by_gradient_too(place, finetune):
    fractions = {"validation": 0.2, "exam": 0, "test": 0.3}
    model = journeyman.finetune(
        recipe(name="trained", finetune=finetune, collect={"fractions": fractions})
    )  # fmt: skip
    metrics = json.loads((place / "runs/trained/metrics.json").read_text())
    assert metrics["data"]["validation"] == 24
    assert metrics["test"]["auc"]["value"] > 0.5
    assert model.calibration["people"] > 0
    name = next(name for name in ALL if name not in model.schema.labels)
    model.enrol(name, pictures(name, 0, 1))
    assert model.identify(pictures(name, 3))[0].label == name


def test_cells_and_mirror_images_go_along_from_training_to_the_gallery(place):
    backbone = {"name": "tiny", "cells": 2, "mirror": True}
    made = journeyman.finetune(recipe(name="cells", backbone=backbone))
    metrics = json.loads((place / "runs/cells/metrics.json").read_text())
    assert metrics["test"]["auc"]["value"] > 0.9
    assert metrics["test"]["false_accepts"]["value"] < 0.1
    model = journeyman.load("runs/cells")
    assert model.version == made.version
    assert model.learner.backbone.mirrors
    assert model.learner.head.choices["cells"] in (True, False)
    first, second, *_ = strangers(place)
    model.enrol(first, pictures(first, 0, 1, 2))
    model.enrol(second, pictures(second, 0, 1, 2))
    assert [a.label for a in model.predict(pictures(first, 3, 4))] == [first, first]
    one = pictures(first, 3)[0]
    Image.open(one).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save("mirrored.png")
    assert model.verify(one, "mirrored.png").score == pytest.approx(1.0, abs=1e-3)
    (why,) = model.explain(one)
    assert any(why.weights)


def test_cells_and_mirror_images_serve_other_tasks_of_whole_pictures(place):
    few = ["p00", "p01", "p02"]
    said = recipe(task="image-classification", name="three", explain={"samples": 0})
    said["backbone"] = {"name": "tiny", "cells": 2, "mirror": True}
    said["data"] = {"train": "people", "where": {"label": few}}
    said["collect"] = {"fractions": {"validation": 0.2, "exam": 0, "test": 0.2}}
    for head in ("ridge", "prototype"):
        model = journeyman.finetune({**said, "finetune": {"head": head}})
        shape = model.learner.head.shape
        assert shape.cells == (4,) * len(shape.layers)
        found = [answer.label for name in few for answer in model.predict(pictures(name, 0))]
        assert found == few


def test_errors_are_told_by_group(place):
    rows = [
        {"image": path, "label": name, "camera": "old" if at % 2 else "new"}
        for at, name in enumerate(ALL)
        for path in pictures(name)
    ]
    (place / "faces.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = {"train": "faces.jsonl", "image": "image", "label": "label", "slices": ["camera"]}
    journeyman.finetune(recipe(name="grouped", data=data))
    found = json.loads((place / "runs/grouped/metrics.json").read_text())["slices"]["camera"]
    assert set(found) == {"new", "old"}
    for metrics in found.values():
        assert {"equal_error_rate", "false_accepts", "false_rejects"} <= set(metrics)
        assert metrics["false_accepts"]["value"] is not None


def test_what_does_not_suit_a_task_of_people_is_refused(place):
    with pytest.raises(RecipeError) as caught:
        journeyman.finetune(recipe(finetune={"folds": 4, "head": "prototype"}))
    told = str(caught.value)
    assert "finetune.folds" in told
    assert "finetune.head" in told


def test_models_of_faces_do_not_answer_together(place):
    with pytest.raises(ModelError, match="cannot be averaged"):
        journeyman.ensemble(["runs/faces", "runs/faces"])
