"""A journey on pictures with boxes: from a COCO file to an explained detector, and its answers."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_vision_folder
from typer.testing import CliRunner

import journeyman
from journeyman.cli import app
from journeyman.errors import JourneymanError, ModelError, RecipeError
from journeyman.explainers.options import ExplainOptions
from journeyman.recipe import load_recipe
from journeyman.types import FailedPrediction, ScoredBox

COLOURS = {"red": (230, 30, 30), "blue": (40, 60, 230)}
SIZE = (80, 60)


def drawn(folder, count):
    """Pictures of one or two coloured rectangles on grey noise, and their COCO file."""
    (folder / "images").mkdir(parents=True)
    names = sorted(COLOURS)
    found = {"images": [], "annotations": [], "categories": []}
    found["categories"] = [{"id": at + 1, "name": name} for at, name in enumerate(names)]
    for at in range(count):
        draw = np.random.default_rng(at)
        pixels = 120 + draw.normal(0, 10, (SIZE[1], SIZE[0], 3))
        for side in range(1 + at % 2):
            name = names[int(draw.integers(2))]
            width, height = (int(draw.integers(22, 34)) for _ in range(2))
            x, y = 40 * side + int(draw.integers(0, 6)), int(draw.integers(0, SIZE[1] - height))
            pixels[y : y + height, x : x + width] = COLOURS[name]
            box = [x, y, min(width, SIZE[0] - x), height]
            found["annotations"].append(
                {"id": len(found["annotations"]), "image_id": at, "bbox": box, "iscrowd": 0,
                 "category_id": names.index(name) + 1, "area": box[2] * box[3]}
            )  # fmt: skip
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "images" / f"{at}.png")
        found["images"].append(
            {"id": at, "file_name": f"{at}.png", "width": SIZE[0], "height": SIZE[1]}
        )
    (folder / "boxes.json").write_text(json.dumps(found))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    tiny_vision_folder(folder / "tiny", "vit")
    drawn(folder / "photos", 72)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("JOURNEYMAN_HOME", str(folder / "home"))
        yield folder


def recipe(**changes):
    finetune = {
        "tuner": "none", "epochs": 7, "batch_size": 8, "head_learning_rate": 1e-2, "patience": 0,
    }  # fmt: skip
    said = {
        "name": "shapes", "task": "object-detection", "data": {"train": "photos/boxes.json"},
        "backbone": {"name": "tiny", "image_size": 64}, "explain": {"samples": 4}, "threads": 1,
        "trackers": [], **changes,
    }  # fmt: skip
    return {**said, "finetune": {**finetune, **changes.get("finetune", {})}}


@pytest.fixture(scope="module")
def model(place):
    return journeyman.finetune(recipe())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_boxes_become_an_explained_detector(model, place):
    folder = place / "runs" / "shapes"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["task"] == "object-detection"
    assert metrics["test"]["map_50"]["value"] > 0.7
    assert metrics["test"]["map_50"]["low"] <= metrics["test"]["map_50"]["value"]
    assert metrics["baselines"]["typical_boxes"]["map_50"]["value"] < 0.5
    assert metrics["confusion"]["labels"] == ["blue", "red", "background"]
    page = (folder / "report.html").read_text()
    assert page.count('src="data:image/jpeg;base64,') == 8
    assert "recall" in page
    said = (folder / "recipe.yaml").read_text()
    saved = json.loads((folder / "model" / "model.json").read_text())
    assert saved["backbone"]["options"] == {"image_size": 64, "resize": "letterbox"}
    assert "exam: 0.0" in said

    answer, lost = journeyman.load("runs/shapes").predict(["photos/images/3.png", "nowhere.png"])
    assert isinstance(lost, FailedPrediction)
    truth = [each for each in coco(place) if each["image_id"] == 3]
    assert len(answer.boxes) >= 1
    assert all(box.score >= answer.threshold > 0 for box in answer.boxes)
    best = answer.boxes[0]
    assert max(overlap(best.box, each["bbox"]) for each in truth) > 0.5
    for x, y, width, height in (box.box for box in answer.boxes):
        assert 0 <= x <= x + width <= SIZE[0]
        assert 0 <= y <= y + height <= SIZE[1]
    assert not (folder / "model" / "exam.safetensors").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cells_under_a_box_are_what_it_hangs_on(model):
    (why,) = model.explain("photos/images/2.png")
    best = model.predict("photos/images/2.png")[0].boxes[0]
    assert isinstance(best, ScoredBox)
    assert why.target == best.label
    heat = np.array(why.heat)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    x, y, width, height = best.box
    margin = (SIZE[0] - SIZE[1]) / 2
    at = ((column + 0.5) / 7 * SIZE[0], (row + 0.5) / 7 * SIZE[0] - margin)
    cell = SIZE[0] / 7
    assert x - cell <= at[0] <= x + width + cell
    assert y - cell <= at[1] <= y + height + cell


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_box_has_a_heat_map_of_its_own(model, place):
    pictures = sorted(map(str, Path("photos/images").glob("*.png")))
    found = zip(pictures, model.predict(pictures), strict=True)
    picture, boxes = next((path, said.boxes) for path, said in found if len(said.boxes) >= 2)
    asked = ["explain", "runs/shapes", "--image", picture, "--image", "nowhere.png"]
    done = CliRunner().invoke(app, [*asked, "--output", "heat", "--boxes", str(len(boxes) + 1)])
    assert done.exit_code == 0, done.output
    *whys, lost = [json.loads(line) for line in done.stdout.splitlines()]
    assert "error" in lost
    for why, box in zip(whys, boxes, strict=True):
        assert why["box"] == pytest.approx(box.box, abs=1e-3), "asked alone, rounding differs"
    assert [why["target"] for why in whys] == [box.label for box in boxes]
    row = whys[0]["id"]
    assert [why["heatmap"] for why in whys][:2] == [f"heat/{row}.png", f"heat/{row}-2.png"]
    assert sorted(why["heatmap"] for why in whys) == sorted(map(str, Path("heat").iterdir()))
    assert whys[0]["heat"] != whys[1]["heat"]
    (first,) = model.explain(picture)
    assert first.box == pytest.approx(boxes[0].box, abs=1e-3)
    assert first.heatmap is None
    with pytest.raises(JourneymanError, match="At least one"):
        model.explain("photos/images/3.png", boxes=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weights_of_a_box_by_gradients_add_up_to_its_score(model):
    options = ExplainOptions(method="integrated-gradients")
    (why,) = model.explain("photos/images/2.png", options)
    best = model.predict("photos/images/2.png")[0].boxes[0]
    assert why.gap < 0.02
    assert sum(why.weights) == pytest.approx(best.score, abs=0.25)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_answers_go_out_as_other_tools_read_them(model, place):
    asked = ["predict", "runs/shapes", "--image", "photos/images/1.png"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    assert set(answer["boxes"][0]) == {"box", "label", "score"}
    for style, name in (("coco", "out.json"), ("yolo", "yolo"), ("pictures", "drawn")):
        told = CliRunner().invoke(app, [*asked, "--format", style, "--output", name])
        assert told.exit_code == 0, told.output
    loose = place / "loose" / "june"
    loose.mkdir(parents=True)
    (loose / "1.png").write_bytes((place / "photos" / "images" / "1.png").read_bytes())
    (loose.parent / "bad.png").write_bytes(b"no picture")
    asked = ["predict", "runs/shapes", "--file", "loose"]
    told = CliRunner().invoke(app, asked)
    lost, same = [json.loads(line) for line in told.stdout.splitlines()]
    assert (lost["id"], same["id"]) == ("bad.png", "june/1.png")
    assert same["boxes"] == answer["boxes"]
    told = CliRunner().invoke(app, [*asked, "--format", "pictures", "--output", "loosely"])
    assert told.exit_code == 0, told.output
    assert [path.name for path in (place / "loosely").rglob("*.png")] == ["1.png"]
    said = json.loads((place / "out.json").read_text())
    boxes = [each["bbox"] for each in said["annotations"]]
    assert np.array(boxes) == pytest.approx(np.array([box["box"] for box in answer["boxes"]]))
    lines = next((place / "yolo").rglob("1.txt")).read_text().splitlines()
    assert any(line.startswith(("0 ", "1 ")) for line in lines)
    with Image.open(next((place / "drawn").rglob("*.*"))) as picture:
        assert picture.width / picture.height == pytest.approx(SIZE[0] / SIZE[1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_views_and_tuned_layers_and_a_kill_give_the_same_bytes(place):
    views = {"kinds": ["crop", "flip"], "copies": 1, "mosaics": 1}
    options = {"tuner": "full", "epochs": 2, "augment": views}
    first = journeyman.finetune(recipe(finetune=options, output="one"))
    again = journeyman.finetune(recipe(finetune=options, output="two"))
    assert first.version == again.version
    assert first.learner.cut < first.learner.backbone.spec.depth


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"finetune": {"head": "ridge"}}, "head"),
        ({"finetune": {"balance": 0.5}}, "balance"),
        ({"finetune": {"class_weights": True}}, "class_weights"),
        ({"finetune": {"objective": "contrast"}}, "objective"),
        ({"finetune": {"target_accuracy": 0.9}}, "target_accuracy"),
        ({"finetune": {"augment": {"kinds": ["word-dropout"]}}}, "word-dropout"),
        ({"backbone": "minilm-l6"}, "minilm-l6"),
        ({"data": {"train": "photos/boxes.json", "text": "name"}}, "text"),
    ],
)
def test_what_has_no_meaning_for_boxes_is_refused_before_any_work(changes, field, place):
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe(**changes))
    assert field in str(caught.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_detectors_are_no_ensemble(model):
    with pytest.raises(ModelError, match="cannot be averaged"):
        journeyman.ensemble([model, model])


def coco(place):
    return json.loads((place / "photos" / "boxes.json").read_text())["annotations"]


def overlap(one, other):
    (a, b, c, d), (e, f, g, h) = one, other
    shared = max(min(a + c, e + g) - max(a, e), 0) * max(min(b + d, f + h) - max(b, f), 0)
    return shared / (c * d + g * h - shared)
