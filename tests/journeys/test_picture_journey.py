"""A journey on a folder of pictures: from its subfolders to an explained model."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_vision_folder
from typer.testing import CliRunner

import journeyman
from journeyman.backbones.picture_inputs import Picture, PictureInputs
from journeyman.backbones.preprocessing import Preprocessing
from journeyman.cli import app
from journeyman.errors import RecipeError
from journeyman.recipe import load_recipe
from journeyman.types import FailedPrediction

PER_CLASS = 20
COLOURS = {"bad": (255, 0, 0), "good": (0, 0, 255), "plain": (0, 255, 0)}


def photos(folder):
    """A subfolder a class, of noise about a colour; one file is no picture, one repeats another."""
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for at in range(PER_CLASS):
            draw = np.random.default_rng([at, *colour])
            pixels = draw.normal(0, 25, (30, 34, 3)) + np.array(colour)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{at}.png")
    (folder / "good" / "broken.png").write_bytes(b"no picture")
    (folder / "good" / "again.png").write_bytes((folder / "good" / "3.png").read_bytes())
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOURNEYMAN_HOME", str(tmp_path / "home"))
    tiny_vision_folder(tmp_path / "tiny")
    photos(tmp_path / "photos")
    return tmp_path


def recipe(**finetune):
    return {
        "name": "colours", "backbone": "tiny", "data": {"train": "photos"},
        "finetune": finetune, "explain": {"samples": 4}, "threads": 1, "trackers": [],
    }  # fmt: skip


def run(place, **finetune):
    (place / "colours.yaml").write_text(json.dumps(recipe(**finetune)))
    return journeyman.finetune("colours.yaml")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_folder_of_classes_becomes_an_explained_model(place):
    model = run(place)
    folder = place / "runs" / "colours"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["task"] == "image-classification"
    assert metrics["test"]["accuracy"]["value"] > 0.8
    assert {"majority", "pixels_linear"} == set(metrics["baselines"])
    assert "broken.png" in (folder / "quarantine.jsonl").read_text()
    page = (folder / "report.html").read_text()
    assert page.count('src="data:image/jpeg;base64,') == 8
    assert "--image photo.jpg" in page
    (why,) = model.explain("photos/good/3.png")
    assert len(why.weights) == 49
    assert why.target == model.predict("photos/good/3.png")[0].label
    found = journeyman.load("runs/colours").predict(["photos/bad/1.png", "nowhere.png"])
    assert found[0].label == "bad"
    assert isinstance(found[1], FailedPrediction)
    assert found[1].error["place"] == "nowhere.png"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("tuner", ["none", "full"])
def test_views_are_learned_from(place, tuner):
    views = {"kinds": ["crop", "flip", "colour"], "copies": 2}
    more = {"cut": 1, "epochs": 1} if tuner == "full" else {}
    model = run(place, tuner=tuner, head="ridge", augment=views, **more)
    head = model.learner.head
    rows = json.loads((place / "runs" / "colours" / "metrics.json").read_text())["data"]
    assert head.choices["features"] > rows["train"] or not head.choices["kernel"]
    assert model.evaluate([{"image": "photos/bad/1.png", "label": "bad"}]).overall.metrics


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_same_run_again_answers_alike_and_a_changed_picture_is_noticed(place):
    first = run(place)
    assert run(place).version == first.version
    Image.new("RGB", (30, 34), (255, 0, 0)).save(place / "photos" / "plain" / "0.png")
    assert run(place).version != first.version


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_command_line_asks_about_pictures(place):
    run(place)
    runner = CliRunner()
    asked = ["--image", "photos/good/1.png", "--image", "photos/good/broken.png"]
    done = runner.invoke(app, ["predict", "runs/colours", *asked])
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["label"] == "good"
    assert re.search("no picture", answers[1]["error"]["found"])
    done = runner.invoke(app, ["explain", "runs/colours", "--image", "photos/good/1.png"])
    why = json.loads(done.stdout)
    assert (len(why["heat"]), why["heatmap"], why["box"]) == (7, None, None)
    asked = ["explain", "runs/colours", "--file", "photos/good", "--output", "heat"]
    done = runner.invoke(app, asked)
    whys = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(whys) == PER_CLASS + 2
    kept = [why["heatmap"] for why in whys if "heatmap" in why]
    assert sorted(kept) == sorted(f"heat/{path.name}" for path in (place / "heat").iterdir())
    assert len(kept) == PER_CLASS + 1
    again = runner.invoke(app, asked)
    assert "new or empty" in str(again.exception)
    refused = runner.invoke(app, [*asked[:-1], "other", "--boxes", "2"])
    assert "finds no boxes" in str(refused.exception)
    assert not (place / "other").exists()
    (place / "loose" / "june").mkdir(parents=True)
    (place / "loose" / "june" / "x.png").write_bytes((place / "photos/bad/2.png").read_bytes())
    (place / "loose" / "a.png").write_bytes(b"no picture")
    done = runner.invoke(app, ["predict", "runs/colours", "--file", "loose"])
    lost, found = [json.loads(line) for line in done.stdout.splitlines()]
    assert (found["id"], found["label"]) == ("june/x.png", "bad")
    assert (lost["id"], lost["error"]["place"]) == ("a.png", str(place / "loose" / "a.png"))
    (place / "empty").mkdir()
    done = runner.invoke(app, ["predict", "runs/colours", "--file", "empty"])
    assert "has no pictures" in str(done.exception)
    done = runner.invoke(app, ["evaluate", "runs/colours", "--file", "photos"])
    assert json.loads(done.stdout)["refused"] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "more",
    [
        {"finetune": {"tuner": "auto", "budget": "1m", "epochs": 1}},
        {"search": {"trials": 3}, "finetune": {"tuner": "lora", "cut": 1, "epochs": 1}},
        {"finetune": {"tuner": "full", "cut": 1, "epochs": 1, "objective": "contrast"}},
        {"finetune": {"folds": 3, "head": "prototype"}},
        {"finetune": {"balance": {"power": 0.5}, "target_accuracy": 0.9, "tuner": "adapter"}},
    ],
    ids=["auto", "search", "contrast", "folds", "balance"],
)
def test_what_chooses_and_trains_for_texts_does_so_for_pictures(place, more):
    tiny_vision_folder(place / "tiny", "vit")
    said = {**recipe(), **more, "explain": {"samples": 0}}
    (place / "colours.yaml").write_text(json.dumps(said))
    model = journeyman.finetune("colours.yaml")
    assert model.predict("photos/good/3.png")[0].scores.keys() == set(COLOURS)
    assert (place / "runs" / "colours" / "report.html").is_file()


@pytest.mark.parametrize("more", [{}, {"backbone": {"image_size": 64}}])
def test_a_folder_of_pictures_is_enough_to_know_the_task_and_the_backbone(place, more):
    found = load_recipe({"data": {"train": str(place / "photos")}, **more})
    assert found.backbone.name == "efficientnet-lite0"
    assert load_recipe({"data": {"train": str(place / "photos")}, "backbone": "tiny"})
    assert load_recipe(found) == found


def test_a_student_reads_what_its_teacher_reads(place):
    said = {"data": {"dataset": "snippets"}, "transfer": {"distil": {"into": "mobilenet-v2"}}}
    with pytest.raises(RecipeError, match=r"transfer\.distil\.into"):
        load_recipe(said)


def test_a_picture_is_hashed_once_and_its_views_share_that(place, monkeypatch):
    read = []

    def counted(path):
        read.append(path)
        return "0" * 32

    monkeypatch.setattr("journeyman.backbones.picture_inputs.picture_digest", counted)
    picture = Picture(place / "photos" / "bad" / "0.png")
    views = [picture.seen_as("flip:1"), picture.seen_as("flip:2")]
    keys = PictureInputs([picture, *views], Preprocessing(8, 8)).keys
    assert len(set(keys)) == 3
    assert len(read) == 1
    assert views[0] != views[1] != picture


def test_a_text_backbone_and_options_of_texts_are_told(place):
    said = {**recipe(), "backbone": {"name": "minilm-l6", "max_tokens": 9}}
    said["pretrain"] = {"method": "mlm"}
    with pytest.raises(RecipeError) as caught:
        journeyman.finetune({**said, "task": "image-classification"})
    told = str(caught.value)
    for field in ("backbone.max_tokens", "pretrain", "efficientnet-lite0"):
        assert field in told


def test_a_thumbnail_has_no_view(place):
    path = place / "photos" / "bad" / "0.png"
    plain, changed = Picture(path), Picture(path, "crop:1")
    assert np.array_equal(plain.thumbnail(4), changed.thumbnail(4))
    assert plain.thumbnail(4).shape == (4, 4, 3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_of_pictures_is_carried_over_and_teaches_another(place):
    run(place, tuner="lora", epochs=1)
    photos(place / "others")
    for path in (place / "others").rglob("*.png"):
        if path.stem not in {"broken", "again"}:
            Image.open(path).rotate(90, expand=True).save(path)
    tiny_vision_folder(place / "student", "vit")
    data = {"train": "others"}
    start = {"data": data, "labels": 20, "candidates": ["runs/colours"], "curve": {"draws": 1}}
    start |= {"start": "model", "tune": "layers"}
    journeyman.finetune({**recipe(), "name": "carried", "transfer": start})
    told = json.loads((place / "runs/carried/metrics.json").read_text())
    assert told["steps"]["transfer"]["labelled rows"]["value"] == 20
    carried = journeyman.load("runs/carried/transfer")
    assert carried.about["parent"]
    assert carried.predict("others/bad/1.png")[0].label in COLOURS
    taught = {"data": data, "distil": {"into": "student", "unlabelled": "others"}}
    journeyman.finetune({**recipe(), "name": "taught", "transfer": taught})
    student = journeyman.load("runs/taught/transfer")
    assert student.learner.backbone.spec.name == "student"
    assert student.predict("others/good/1.png")[0].label in COLOURS


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pictures_without_labels_are_learned_from_and_known_ones_are_told_by_their_bytes(place):
    more = place / "more"
    more.mkdir()
    for label in COLOURS:
        for at in range(4):
            image = Image.open(place / "photos" / label / f"{at}.png")
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(more / f"{label}-{at}.png")
    known = (place / "photos/bad/7.png").read_bytes()
    (more / "known.png").write_bytes(known)
    (place / "more.txt").write_text("".join(f"more/{path.name}\n" for path in more.iterdir()))
    said = {**recipe(self_training={"precision": 0.6, "rounds": 1}), "name": "more"}
    said["data"] = {"train": "photos", "unlabelled": ["more.txt"]}
    model = journeyman.finetune(said)
    assert model.predict("photos/good/2.png")[0].label == "good"
    told = json.loads((place / "runs/more/metrics.json").read_text())["steps"]["finetune"]
    assert told["unlabelled rows"]["value"] == 12
    assert told["unlabelled rows that have labels elsewhere"]["value"] == 1
    assert told["unlabelled rows refused"]["value"] == 0
    assert told["self-training round 1: rows taken"]["value"] is not None
