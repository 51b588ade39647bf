"""A model on disk: it answers as it did, every change is noticed, a kill leaves a whole one."""

import json
import random
import re
import shutil
from pathlib import Path

import pytest
import torch
from contract_samples import Sample, made_rows, network_for, tiny_backbone, with_pictures
from forked import run
from tiny import tiny_folder

from journeyman.data.record import Refused
from journeyman.errors import JourneymanError, ModelError
from journeyman.model import Model
from journeyman.saved.folder import write_model
from journeyman.saved.manifest import check_files, read_manifest
from journeyman.tasks.base import TASKS
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.exam import make_exam
from journeyman.tuners.base import TUNERS
from journeyman.types import FailedPrediction

HERE = Path(__file__).parent
KINDS = sorted(
    {(task, head, "none") for task in TASKS for head in TASKS[task].heads()}
    | {
        ("text-classification", head, tuner)
        for head in TASKS["text-classification"].heads()
        for tuner in TUNERS
    }
)
PICTURED = [row["image"] for row in with_pictures(made_rows(4, 5), 5)]
ASKED = ["the cat sat in london", "anna was good", "a bad film  about  bob", "unheard-of words"]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("models") / "tiny")


def trained(backbone, folder, task="text-classification", head="linear", tuner="none"):
    """A model trained for a moment, with exam rows, not saved yet."""
    sample = Sample(task, backbone, train=24, validation=12)
    got = sample.finetune(folder / "features", head=head, tuner=tuner, epochs=1)
    source = got.learner.uncached(sample.validation)
    held = sample.rows[24:]
    exam = make_exam(got.learner, sample.data, held, sample.validation, source)
    about = {"data": "made", "rows": {"train": 24}, "parent": None}
    calibration = got.calibration
    return Model("made", got.learner, sample.schema, sample.data, calibration, about, exam)


@pytest.fixture(scope="module")
def made(backbone, tmp_path_factory):
    """What gives such a model: each is trained once, and not to be changed."""
    folder, models = tmp_path_factory.mktemp("made"), {}

    def model(task="text-classification", head="linear", tuner="none"):
        key = (task, head, tuner)
        if key not in models:
            models[key] = trained(backbone, folder, *key)
        return models[key]

    return model


@pytest.fixture(scope="module")
def saved(made, tmp_path_factory):
    """The folder of a model whose tuner writes files too; not to be changed."""
    folder = tmp_path_factory.mktemp("saved")
    write_model(made(head="ridge", tuner="lora"), folder / "model")
    return folder / "model"


@pytest.fixture
def copy(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "model"))


def said(predictions):
    return [json.dumps(p.to_json(), sort_keys=True) for p in predictions]


def questions(task):
    return PICTURED if TASKS[task].modality == "image" else ASKED


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("task", "head", "tuner"), KINDS)
def test_a_loaded_model_answers_as_it_did(task, head, tuner, backbone, tmp_path, made):
    model, asked = made(task, head, tuner), questions(task)
    write_model(model, tmp_path / "model")
    loaded = Model.load(tmp_path / "model", network_for(task, backbone))
    assert said(loaded.predict(asked)) == said(model.predict(asked))
    assert loaded.version == model.version
    assert len(loaded.version) == 12
    found = Model.load(tmp_path / "model")
    assert said(found.predict(asked)) == said(model.predict(asked))


@pytest.mark.parametrize(("head", "tuner"), [("linear", "lora"), ("ridge", "none")])
def test_the_same_model_is_saved_in_the_same_bytes(head, tuner, backbone, tmp_path, made):
    model = made(head=head, tuner=tuner)
    write_model(model, tmp_path / "first")
    write_model(model, tmp_path / "second")
    assert files_of(tmp_path / "first") == files_of(tmp_path / "second")
    again = trained(backbone, tmp_path, head=head, tuner=tuner)
    write_model(again, tmp_path / "third")
    assert files_of(tmp_path / "third") == files_of(tmp_path / "first")


def test_there_is_no_pickle_in_the_folder(saved):
    from safetensors.torch import load

    for name, content in files_of(saved).items():
        assert Path(name).suffix in (".json", ".safetensors", ".md", ".jsonl", ".lp"), name
        if name.endswith(".json"):
            json.loads(content)
        if name.endswith(".safetensors"):
            assert load(content)
        assert not content.startswith((b"\x80", b"PK")), name


def noticed(folder):
    """Whether a change is noticed, and told as one of the model's."""
    try:
        check_files(folder, read_manifest(folder))
    except ModelError as error:
        return all((error.problem, error.place, error.expected, error.remedy))
    return False


def signed_files(folder):
    return ["model.json", *json.loads((folder / "model.json").read_text())["files"]]


@pytest.mark.parametrize("first", [0, 1, 2])
def test_every_byte_of_the_manifest_counts(first, copy):
    """Every ninth byte of it, from three places on."""
    path = copy / "model.json"
    content = path.read_bytes()
    assert not noticed(copy)
    missed = []
    for at in range(first, len(content), 9):
        flipped = bytearray(content)
        flipped[at] ^= 1 << (at % 7)
        path.write_bytes(bytes(flipped))
        if not noticed(copy) and json.loads(bytes(flipped)) != json.loads(content):
            missed.append(at)
    assert missed == []


def test_a_flipped_byte_of_any_signed_file_is_noticed(copy):
    draw = random.Random(0)
    names = signed_files(copy)
    assert {"head.safetensors", "statistics.safetensors", "calibration.json"} <= set(names)
    assert any(name.startswith("adapter/") for name in names)
    assert "exam.safetensors" in names
    for name in names[1:]:
        path = copy / name
        content = path.read_bytes()
        places = {0, len(content) - 1, *draw.choices(range(len(content)), k=25)}
        for at in sorted(places):
            flipped = bytearray(content)
            flipped[at] ^= 1 << draw.randrange(8)
            path.write_bytes(bytes(flipped))
            assert noticed(copy), f"{name} at {at}"
        path.write_bytes(content)
    assert not noticed(copy)


@pytest.mark.parametrize("damage", ["missing", "short", "empty", "longer"])
def test_a_file_that_is_not_whole_is_noticed(damage, copy, backbone):
    for name in signed_files(copy):
        path = copy / name
        content = path.read_bytes()
        path.unlink()
        if damage != "missing":
            half = len(content) // 2
            path.write_bytes({"short": content[:half], "empty": b""}.get(damage, content + b"x"))
        with pytest.raises(ModelError) as caught:
            Model.load(copy, backbone)
        assert str(copy) in caught.value.place
        assert all((caught.value.expected, caught.value.found, caught.value.remedy))
        path.write_bytes(content)
    Model.load(copy, backbone)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        "null",
        '"model"',
        '{"schema": "1"}',
        '{"schema": 1}',
        '{"architectures": ["BertModel"], "model_type": "bert"}',
        "not json",
        "[" * 5000,
        '{"schema": NaN}',
    ],
)
def test_a_foreign_manifest_is_told(content, copy, backbone):
    (copy / "model.json").write_text(content)
    with pytest.raises(ModelError) as caught:
        Model.load(copy, backbone)
    assert str(copy) in caught.value.place


def test_a_newer_model_is_told_with_the_way_to_upgrade(copy, backbone):
    manifest = json.loads((copy / "model.json").read_text())
    manifest["schema"] = 2
    (copy / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="newer") as caught:
        Model.load(copy, backbone)
    assert "upgrade" in caught.value.remedy


def test_another_backbone_is_told(saved, tmp_path, monkeypatch):
    manifest = json.loads((saved / "model.json").read_text())
    own = Path(manifest["backbone"]["reference"])
    other = tiny_folder(tmp_path / "tiny", seed=9)
    aside = own.with_name("aside")
    own.rename(aside)
    shutil.copytree(other, own)
    try:
        with pytest.raises(JourneymanError) as caught:
            Model.load(saved)
    finally:
        shutil.rmtree(own)
        aside.rename(own)
    assert "SHA-256" in caught.value.expected


def test_a_save_over_a_model_replaces_it_whole(copy, tmp_path, made):
    model = made()
    write_model(model, copy)
    write_model(model, tmp_path / "fresh")
    assert files_of(copy) == files_of(tmp_path / "fresh")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fresh", "model"]


def test_a_save_that_fails_leaves_the_old_model(copy, tmp_path, monkeypatch, made):
    from journeyman.saved import folder as model_folder

    before = files_of(copy)
    model = made()
    monkeypatch.setattr(model_folder, "model_card", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_model(model, copy)
    assert files_of(copy) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]


def test_a_model_put_aside_by_a_kill_comes_back(copy, backbone):
    copy.rename(copy.with_name(f".{copy.name}.old"))
    assert Model.load(copy, backbone).predict(ASKED)
    assert copy.is_dir()


def test_a_kill_at_any_moment_leaves_the_old_model_or_the_new(tmp_path, made):
    write_model(made(tuner="lora"), tmp_path / "source")
    done = run(HERE / "save_process.py", tmp_path / "source", tmp_path / "target", 10)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout.splitlines()[-1])
    assert len(numbers) == 10
    assert min(numbers) >= 0, done.stderr
    assert max(numbers) > 0


def test_processes_that_recover_at_once_do_not_trip_over_each_other(saved, tmp_path):
    done = run(HERE / "recover_process.py", saved, tmp_path / "work", 8)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["reading"] == said["writing"] == 0, done.stderr
    assert said["left"] == ["model", "source"]


@pytest.mark.parametrize("head", TASKS["text-classification"].heads())
def test_a_loaded_model_can_be_saved_again(head, backbone, tmp_path, made):
    write_model(made(head=head), tmp_path / "model")
    loaded = Model.load(tmp_path / "model", backbone)
    write_model(loaded, tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(tmp_path / "model")


@pytest.mark.parametrize(("task", "head", "tuner"), KINDS)
def test_cached_features_are_answered_alike(task, head, tuner, backbone, tmp_path, made):
    model = made(task, head, tuner)
    sample = Sample(task, backbone, train=24, validation=12)
    learner = model.learner
    if learner.cut == 0:
        pytest.skip("nothing is cached at cut 0")
    cache = FeatureCache(tmp_path / "features")
    inputs = sample.validation.inputs
    network = network_for(task, backbone)
    network = network.mapping(learner.backbone.mapped) if learner.backbone.mapped else network
    cached = cache.features(network, inputs, learner.cut, keep_hidden=learner.keep_hidden)
    first = learner.outputs(sample.validation, cached)
    second = learner.outputs(sample.validation, learner.uncached(sample.validation))
    for mine, theirs in zip(first, second, strict=True):
        torch.testing.assert_close(torch.tensor(mine), torch.tensor(theirs), atol=5e-3, rtol=5e-3)


def test_what_cannot_be_answered_is_told_in_its_place(made):
    model = made()
    strange = [
        "the cat",
        "",
        "  \n",
        None,
        7,
        b"bytes",
        {"text": "good dog", "id": "x"},
        {"body": "good dog", "id": "y"},
        {"text": None},
        ("a", "b"),
        [],
        {},
        "\u200b",
        "word " * 10_000,
        "good",
    ]
    answers = model.predict(strange)
    assert len(answers) == len(strange)
    failed = [at for at, a in enumerate(answers) if isinstance(a, FailedPrediction)]
    assert failed == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    for at in failed:
        assert sorted(answers[at].error) == ["code", "expected", "found", "place", "remedy"]
        assert all(answers[at].error.values())
        json.dumps(answers[at].to_json())
    assert answers[6].id == "x"
    assert answers[7].id == "y"
    ids = [answer.id for answer in answers]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("x|y|[0-9a-f]{16}(-[0-9]+)?", each) for each in ids)
    assert [answer.id for answer in model.predict(list(reversed(strange)))][-2] == ids[1]
    alone = [model.predict(strange[at])[0].to_json()["scores"] for at in (0, 6, 14)]
    for at, scores in zip((0, 6, 14), alone, strict=True):
        assert answers[at].scores == pytest.approx(scores, abs=1e-3)


def test_a_row_that_fails_is_named_by_what_it_holds_and_never_by_its_target(made):
    model = made()
    refused = Refused(3, "ragged_row", "Too many cells.", ["a", "b", "c"])
    rows = [
        {"text": 7, "label": "good", "id": 12},
        {"text": 7, "label": "good"},
        {"text": 7, "label": "bad"},
        {"body": "x", "label": "good"},
        {"body": "x", "label": "bad"},
        refused,
        {"text": "half \ud800"},
        {1: "a", "b": {2: 3, "c": 4}},
    ]
    ids = [answer.id for answer in model.predict(rows)]
    assert ids[0] == "12"
    assert ids[2] == f"{ids[1][:16]}-2"
    assert ids[4] == f"{ids[3]}-1"
    assert len(set(ids)) == len(ids)
    assert model.predict([refused])[0].id == ids[5]
    explained = model.explain([refused, {"text": "the cat"}, {"text": 7, "id": "z"}])
    assert [why.id for why in explained] == [ids[5], model.predict("the cat")[0].id, "z"]


def test_rows_that_are_measured_are_named_as_when_they_are_asked(made):
    model = made()
    rows = [{"text": text, "label": "good"} for text in ("the cat", "the dog", "the cat")]
    answers, _ = model.measure(rows)
    assert [answer.id for answer in answers] == [answer.id for answer in model.predict(rows)]


def test_no_question_has_no_answer(made):
    assert made().predict([]) == []


def test_a_text_of_half_a_character_is_answered_or_told(made):
    """Lone surrogates come out of JSON and of file names."""
    (answer,) = made().predict(["good \ud800 dog"])
    json.dumps(answer.to_json()).encode("utf-8")
