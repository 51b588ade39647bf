"""Bad model folders: what is wrong is told, and nothing of them is changed."""

import json
import shutil

import pytest
from asking import ask, check_refusal, files_of

from journeyman.saved.manifest import version_of


def gone(name):
    return lambda model: (model / name).unlink()


def cut(name):
    return lambda model: (model / name).write_bytes((model / name).read_bytes()[:-40])


def replaced(name, content):
    return lambda model: (model / name).write_bytes(content)


def flipped(name):
    def change(model):
        content = bytearray((model / name).read_bytes())
        content[-1] ^= 1
        (model / name).write_bytes(bytes(content))

    return change


def said(*path, value=None, signed=True):
    """Another value in model.json; signed as if Journeyman itself had said so."""

    def change(model):
        manifest = json.loads((model / "model.json").read_text())
        part = manifest
        for name in path[:-1]:
            part = part[name]
        if value is None:
            del part[path[-1]]
        else:
            part[path[-1]] = value
        if signed and "version" in manifest:
            manifest["version"] = version_of(manifest)
        (model / "model.json").write_text(json.dumps(manifest))

    return change


MODELS = {
    "no manifest": (gone("model.json"), ("no model.json",)),
    "no head": (gone("head.safetensors"), ("bad/head.safetensors", "no such file")),
    "no statistics": (gone("statistics.safetensors"), ("bad/statistics.safetensors",)),
    "no exam": (gone("exam.safetensors"), ("bad/exam.safetensors",)),
    "no calibration": (gone("calibration.json"), ("bad/calibration.json",)),
    "manifest cut off": (cut("model.json"), ("bad/model.json", "JSON")),
    "manifest empty": (replaced("model.json", b""), ("bad/model.json", "JSON")),
    "manifest binary": (replaced("model.json", bytes(range(128, 256))), ("UTF-8",)),
    "manifest deep": (replaced("model.json", b"[" * 100_000), ("bad/model.json",)),
    "manifest a list": (replaced("model.json", b"[1]"), ("not a model", "a list")),
    "another's manifest": (replaced("model.json", b'{"model_type": "bert"}'), ("model_type",)),
    "head cut off": (cut("head.safetensors"), ("SHA-256", "bytes")),
    "head empty": (replaced("head.safetensors", b""), ("in 0 bytes",)),
    "head a pickle": (replaced("head.safetensors", b"\x80\x04K\x01."), ("SHA-256",)),
    "one bit of the head": (flipped("head.safetensors"), ("bad/head.safetensors", "SHA-256")),
    "one bit of the exam": (flipped("exam.safetensors"), ("bad/exam.safetensors",)),
    "another temperature": (replaced("calibration.json", b'{"temperature": 9}'), ("SHA-256",)),
    "newer": (said("schema", value=2), ("newer version", "pip install --upgrade")),
    "schema in words": (said("schema", value="one"), ("not a model",)),
    "unsigned": (said("name", value="other", signed=False), ("version",)),
    "no task": (said("task"), ("no task",)),
    "no columns": (said("columns"), ("no columns",)),
    "an unknown task": (said("task", value="poetry"), ("model.json, task", "'poetry'")),
    "an unknown head": (said("head", "name", value="neck"), ("model.json, head", "'neck'")),
    "an unknown tuner": (said("tuner", "name", value="x"), ("model.json, tuner", "'x'")),
    "an unknown option": (said("tuner", "options", value={"x": 1}), ("bad/model.json",)),
    "an unknown column field": (said("columns", "x", value=1), ("bad/model.json",)),
    "another width": (said("head", "shape", "width", value=7), ("bad/model.json",)),
    "a width in words": (said("head", "shape", "width", value="wide"), ("bad/model.json",)),
    "too deep a cut": (said("cut", value=99), ("bad/model.json", "99")),
    "a cut in words": (said("cut", value="deep"), ("bad/model.json", "'deep'")),
    "no labels": (said("schema_of_targets", value={"x": 1}), ("bad/model.json", "labels")),
    "no files": (said("files", value={}), ("bad/model.json", "head.safetensors")),
    "a list of files": (said("files", value=["head.safetensors"]), ("bad/model.json",)),
    "a file outside": (said("files", "../train.csv", value="0" * 64), ("train.csv",)),
    "backbone a word": (said("backbone", value="tiny"), ("model.json, backbone",)),
    "backbone elsewhere": (
        said("backbone", "reference", value="elsewhere"), ("put the folder elsewhere back",),
    ),
    "another backbone": (
        said("backbone", "sha256", value="0" * 64), ("not the one", "SHA-256 000000000000"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS)
def test_a_bad_model(place, case):
    damage, parts = MODELS[case]
    shutil.copytree(place / "runs/good/model", place / "bad")
    damage(place / "bad")
    before = files_of(place)
    check_refusal(ask("predict", "bad", "--text", "a good film"), *parts)
    assert files_of(place) == before


PLACES = {
    "nothing": ("runs/none", ("no such folder", "did you mean runs/good")),
    "a folder of runs": ("runs", ("no model.json", "did you mean runs/good")),
    "a file": ("good.yaml", ("this is a file",)),
    "the manifest": ("runs/good/model/model.json", ("give the folder", "runs/good/model")),
    "a backbone": ("tiny", ("no model.json",)),
    "no name": ("", ("No model is named",)),
    "a name of no store": ("good@0123456789ab", ("no folder good", "JOURNEYMAN_STORE")),
}


@pytest.mark.parametrize("case", PLACES)
@pytest.mark.parametrize("command", ["predict", "explain", "evaluate"])
def test_no_model(place, command, case):
    reference, parts = PLACES[case]
    before = files_of(place)
    check_refusal(ask(command, reference, "--file", "train.csv"), *parts)
    assert files_of(place) == before


def test_the_whole_model_still_answers(place):
    shutil.copytree(place / "runs/good/model", place / "bad")
    told = ask("predict", "bad", "--text", "a good film")
    assert (told.code, told.err) == (0, "")
    assert json.loads(told.out)["label"] in ("pos", "neg")


BACKBONES = {
    "weights cut off": (cut("model.safetensors"), ("model.safetensors", "whole")),
    "weights junk": (replaced("model.safetensors", b"junk"), ("model.safetensors",)),
    "no weights": (gone("model.safetensors"), ("weights are missing",)),
    "no config": (gone("config.json"), ("not a backbone",)),
    "config cut off": (cut("config.json"), ("not a backbone",)),
    "of another kind": (replaced("config.json", b'{"model_type": "resnet"}'), ("'resnet'",)),
    "no tokenizer": (gone("tokenizer.json"), ("no tokenizer",)),
    "tokenizer cut off": (cut("tokenizer.json"), ("tokenizer",)),
}


@pytest.mark.parametrize("case", BACKBONES)
def test_a_bad_backbone(place, case):
    damage, parts = BACKBONES[case]
    damage(place / "tiny")
    (place / "bad.yaml").write_text((place / "good.yaml").read_text().replace(": good", ": bad"))
    check_refusal(ask("run", "bad.yaml", "--quiet"), *parts)
    assert not (place / "runs/bad/model").exists()
