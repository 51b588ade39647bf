"""A recipe that pretrains: the run's own backbone, the report, kills, and the model elsewhere."""

import json
import shutil
import signal

import pytest
from contract_samples import made_rows
from journey_process import travelled
from tiny import tiny_folder

from journeyman.errors import JourneymanError
from journeyman.journey import input_files, travel
from journeyman.recipe import load_recipe


@pytest.fixture
def ground(tmp_path):
    tiny_folder(tmp_path / "tiny")
    rows = [f"{row['text']},{row['label']}" for row in made_rows(150)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return tmp_path


def recipe(ground, output="run", pretrain=None, **more):
    said = {"method": "mlm", "epochs": 2, "cut": 1, "learning_rate": 1e-3, "interpolation": 1}
    return {
        "task": "text-classification",
        "backbone": str(ground / "tiny"),
        "data": {"train": str(ground / "rows.csv"), "text": "text", "label": "label"},
        "pretrain": {**said, **(pretrain or {})},
        "finetune": {"tuner": "full", "cut": 1, "epochs": 1},
        "explain": {"samples": 1},
        "trackers": [],
        "threads": 1,
        "output": str(ground / output),
        **more,
    }


def figures(folder):
    said = json.loads((folder / "metrics.json").read_text())["steps"]["pretrain"]
    return {name: figure["value"] for name, figure in said.items()}


def test_the_backbone_is_the_runs_own_and_what_it_adds_is_told(ground):
    from transformers import AutoModel

    from journeyman.catalogue.backbones import resolve

    arrived = travel(load_recipe(recipe(ground)))
    found = resolve(str(arrived.folder / "backbone"))
    manifest = json.loads((arrived.model / "model.json").read_text())
    assert manifest["backbone"]["sha256"] == found.sha256
    assert found.sha256 != resolve(str(ground / "tiny")).sha256
    assert AutoModel.from_pretrained(found.folder).config.hidden_size == 16
    told = figures(arrived.folder)
    before, after = (told[f"validation macro_f1 of ridge {when}"] for when in ("before", "after"))
    assert told["validation macro_f1 gained"] == pytest.approx(after - before)
    assert told["texts"] > 50
    page = arrived.report.read_text()
    assert "pretrained further" in page
    assert "Log-likelihood" in page


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_the_weights_go_as_far_as_is_said(ground):
    import torch

    ends = travel(load_recipe(recipe(ground))).folder / "backbone"
    half = travel(load_recipe(recipe(ground, "half", {"interpolation": 0.5}))).folder / "backbone"
    first, last, between = weights(ground / "tiny"), weights(ends), weights(half)
    moved = [name for name in last if not torch.equal(first[name], last[name])]
    assert moved
    for name in last:
        assert torch.allclose(between[name], (first[name] + last[name]) / 2, atol=1e-6), name


def test_auto_goes_where_validation_rows_are_answered_best(ground):
    arrived = travel(load_recipe(recipe(ground, pretrain={"interpolation": "auto"})))
    told = figures(arrived.folder)
    before, after = (told[f"validation macro_f1 of ridge {when}"] for when in ("before", "after"))
    assert after >= before
    assert told["interpolation kept"] in (0, 0.1, 0.25, 0.5, 1)
    assert (told["interpolation kept"] == 0) == (after == before)
    page = arrived.report.read_text()
    assert "by how far the weights go" in page
    assert "on the weights as they were and" in page


def test_where_nothing_helps_the_weights_stay_as_they_were(ground, monkeypatch):
    import journeyman
    from journeyman.catalogue.backbones import resolve
    from journeyman.catalogue.home import home
    from journeyman.steps import pretrain

    def features():
        return {path.name for path in (home() / "features").glob("*.npy")}

    plain = recipe(ground, "plain")
    plain.pop("pretrain")
    travel(load_recipe(plain))
    before = features()
    assert before
    scores = iter([0.8, 0.7, 0.8, 0.6, 0.5])
    monkeypatch.setattr(pretrain, "downstream", lambda *said, **more: next(scores))
    arrived = travel(load_recipe(recipe(ground, pretrain={"interpolation": "auto"})))
    own = resolve(str(arrived.folder / "backbone"))
    assert own.sha256 == resolve(str(ground / "tiny")).sha256
    assert features() == before
    assert json.loads((arrived.model / "model.json").read_text())["backbone"]["name"] == "tiny"
    assert figures(arrived.folder)["interpolation kept"] == 0
    assert "the weights stay as they were" in arrived.report.read_text()
    assert journeyman.load(arrived.model).predict(["a good film"])


def test_the_model_answers_where_run_and_backbone_are_gone(ground):
    import journeyman

    arrived = travel(load_recipe(recipe(ground)))
    asked = ["the film was good", "awful plot"]
    wanted = journeyman.load(arrived.model).predict(asked)
    shutil.move(arrived.model, ground / "moved")
    shutil.rmtree(arrived.folder)
    shutil.rmtree(ground / "tiny")
    model = journeyman.load(ground / "moved")
    assert model.predict(asked) == wanted
    again = model.save(ground / "copy")
    shutil.rmtree(ground / "moved")
    assert journeyman.load(ground / "copy").predict(asked) == wanted
    assert again.version == model.version
    weights = ground / "copy" / "backbone" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()
    weights.write_bytes(bytes(content))
    with pytest.raises(JourneymanError, match="not as it was saved"):
        journeyman.load(ground / "copy")


def test_files_of_text_are_read_once_and_examined_rows_left_out(ground):
    from journeyman.data.collection import Collection

    first = travel(load_recipe(recipe(ground, "first")))
    test = Collection.load(first.folder / "data").test.rows()[0]["text"]
    lines = [f"the {word} sat on the mat" for word in "cat dog film story actor plot".split()]
    lines += [f"{line} and the dog" for line in lines]
    (ground / "forum.txt").write_text("\n".join([*lines, lines[0], test]) + "\n")
    more = [json.dumps({"message": f"{line} in paris"}) for line in lines]
    (ground / "more.jsonl").write_text("\n".join(more) + "\n")
    path = ground / "more.yaml"
    said = recipe(
        ground, pretrain={"data": ["forum.txt", "more.jsonl"], "text": "message", "limit": 20}
    )
    path.write_text(json.dumps(said))
    chosen = load_recipe(path)
    assert chosen.pretrain.data == (str(ground / "forum.txt"), str(ground / "more.jsonl"))
    assert ground / "forum.txt" in input_files(chosen)
    arrived = travel(chosen)
    told = figures(arrived.folder)
    assert (told["texts"], told["held-out texts"]) == (19, 1)
    page = arrived.report.read_text()
    assert "1 stood there before" in page
    assert "1 stand in rows that choose or measure" in page
    before = (arrived.folder / "backbone" / "model.safetensors").read_bytes()
    (ground / "forum.txt").write_text("\n".join(lines[:-3]) + "\n")
    assert travel(load_recipe(path)).fresh
    assert (arrived.folder / "backbone" / "model.safetensors").read_bytes() != before


def test_without_the_field_nothing_is_trained(ground):
    said = recipe(ground)
    said.pop("pretrain")
    arrived = travel(load_recipe(said))
    assert not (arrived.folder / "backbone").exists()
    assert not (arrived.model / "backbone").exists()
    assert "texts" not in figures(arrived.folder)
    assert "pretrain" not in (arrived.folder / "recipe.yaml").read_text()
    travel(load_recipe({**said, "pretrain": {"method": "contrast"}}))
    assert (arrived.model / "backbone").is_dir()
    assert travel(load_recipe(said)).fresh
    assert not (arrived.model / "backbone").exists()


def test_a_backbone_that_is_gone_is_told_and_made_again(ground):
    arrived = travel(load_recipe(recipe(ground)))
    wanted = (arrived.model / "model.json").read_bytes()
    shutil.rmtree(arrived.folder / "backbone")
    changed = {"finetune": {"tuner": "none"}}
    with pytest.raises(JourneymanError, match="is gone") as caught:
        travel(load_recipe(recipe(ground, **changed)))
    assert "sections/pretrain.json" in caught.value.remedy
    (arrived.folder / "sections" / "pretrain.json").unlink()
    assert travel(load_recipe(recipe(ground))).fresh
    assert (arrived.model / "model.json").read_bytes() == wanted


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"data": ["nowhere.txt"]}, "pretrain.data"),
        ({"text": "message"}, "pretrain.text"),
        ({"method": "mlmm"}, "pretrain.method"),
        ({"batch_size": 1}, "pretrain.batch_size"),
        ({"interpolation": 0}, "pretrain.interpolation"),
        ({"interpolation": "half"}, "pretrain.interpolation"),
    ],
)
def test_mistakes_are_told_before_any_work(said, place, ground):
    with pytest.raises(JourneymanError) as caught:
        load_recipe(recipe(ground, pretrain=said))
    assert place in str(caught.value)
    assert not (ground / "run").exists()


@pytest.mark.parametrize("method", [pytest.param("mlm", marks=pytest.mark.long), "contrast"])
def test_a_killed_journey_arrives_at_the_same_bytes(method, ground):
    home = str(ground / "home")
    said = {"method": method, "interpolation": "auto"}
    more = {"name": "x", "finetune": {"tuner": "none"}}
    calls = travelled(recipe=recipe(ground, "straight", said, **more), home=home)["calls"]
    wanted = results(ground / "straight")
    for at in range(2):
        name = f"killed{at}"
        job = {"recipe": recipe(ground, name, said, **more), "home": str(ground / name / "home")}
        killed = travelled(**job, kill_at=(2 + at) * calls // 4, before=at == 0)
        assert killed == {"status": -signal.SIGKILL}
        assert travelled(**job)["status"] == 0
        assert results(ground / name) == wanted
        assert not list((ground / name).glob(".*.new"))


def results(folder):
    kept = [p for part in ("model", "backbone") for p in (folder / part).rglob("*")]
    found = {str(p.relative_to(folder)): p.read_bytes() for p in kept if p.is_file()}
    return {**found, "metrics.json": (folder / "metrics.json").read_bytes()}
