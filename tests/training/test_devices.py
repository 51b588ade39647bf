"""Everything a step reads is where the network is; what is kept comes back to the processor.

There is no CUDA device in these tests. The `meta` device stands for one: its tensors have no
numbers, and meet none of another device in an operation without an error.
"""

import numpy as np
import pytest
import torch
from contract_samples import Sample, trained_head
from tiny import tiny_backbone, tiny_folder, tiny_vision, tiny_vision_folder
from transformers import masking_utils

from journeyman.backbones.device import VARIABLE, best_device
from journeyman.backbones.precision import wants_bfloat16
from journeyman.backbones.text_encoder import load_backbone
from journeyman.errors import ResourceError
from journeyman.tasks.base import TASKS
from journeyman.training.examples import Uncached
from journeyman.training.gradients import Gradients
from journeyman.training.options import FinetuneOptions

SPEC = {"name": "tiny", "licence": "none", "source": "made", "sha256": "0" * 64}


@pytest.fixture
def far(tmp_path, monkeypatch):
    """Tiny backbones on the meta device, by what they read."""
    folders = {
        "text": tiny_folder(tmp_path / "tiny"),
        "image": tiny_vision_folder(tmp_path / "vision", "vit"),
    }
    monkeypatch.setenv(VARIABLE, "meta")
    # Whether a mask may be left out is a question of its numbers, and meta has none.
    monkeypatch.setattr(masking_utils, "_ignore_bidirectional_mask_sdpa", lambda *_: False)
    made = {
        reads: load_backbone(folder, SPEC, {"max_tokens": 32}) for reads, folder in folders.items()
    }
    monkeypatch.delenv(VARIABLE)
    return made


def near(task, folder):
    """The same on the processor."""
    reads = TASKS[task].modality
    return tiny_backbone(folder) if reads == "text" else tiny_vision(folder, "vit")


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("cut", [0, 1])
@pytest.mark.parametrize("tuner", ["lora", "adapter"])
def test_a_step_is_computed_where_the_network_is(task, cut, tuner, far, tmp_path):
    if TASKS[task].kind == "boxes" and cut == 0:
        pytest.skip("its pictures are larger than those of the network far away")
    sample = Sample(task, near(task, tmp_path / "near"), train=12, validation=6)
    options = {"tuner": tuner, "cut": cut, "head": trained_head(task), "precision": "float32"}
    source = sample.learner(**options).uncached(sample.train)
    sample.backbone = far[sample.task.modality]
    with torch.device("meta"):  # A move keeps parameters what they are on CUDA, and not on meta.
        learner = sample.learner(**options)
    assert {p.device.type for p in learner.parameters().values()} == {"meta"}
    chosen = FinetuneOptions(**options, class_weights=sample.task.weighs_classes)
    gradients = Gradients(learner, sample.schema, sample.train, source, chosen)
    rows = np.arange(5)
    assert source.gather(rows).mask.device.type == "cpu"
    outputs = gradients._outputs(rows)
    assert outputs.device.type == "meta"
    # Which words count, and which points a box has, are questions of numbers: meta has none.
    if sample.task.kind not in ("tags", "boxes"):
        loss = gradients._loss(outputs, rows)
        loss.backward()
        graded = [p.grad for p in learner.parameters().values() if p.grad is not None]
        assert {gradient.device.type for gradient in graded} == {"meta"}


def test_features_made_on_the_spot_are_rounded_where_they_are(far):
    backbone = far["text"]
    source = Uncached(backbone, backbone.prepare(["the cat sat", "dog"]), 2)
    features = source.gather([0, 1])
    assert features.hidden.device.type == "meta"


def test_features_go_to_a_device_and_stay_where_they_are(tmp_path):
    backbone = tiny_backbone(tmp_path)
    features = backbone.frozen(backbone.prepare(["the cat sat"]), 2)
    assert features.to(torch.device("cpu")) is features
    away = features.to(torch.device("meta"))
    assert {away.mask.device.type, away.hidden.device.type} == {"meta"}
    assert {vectors.device.type for vectors in away.pooled.values()} == {"meta"}


def test_a_head_comes_back_to_the_processor(tmp_path):
    sample = Sample("text-classification", tiny_backbone(tmp_path), train=12, validation=6)
    got = sample.finetune(tmp_path / "cache", tuner="lora", head="linear", epochs=1)
    assert {p.device.type for p in got.learner.head.parameters()} == {"cpu"}


def test_the_processor_is_taken_where_there_is_nothing_else(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == torch.device("cpu")


def test_each_process_takes_the_device_of_its_number(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert best_device() == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert best_device() == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["cuda:0", "toaster"])
def test_a_device_that_is_not_there_is_told(name, monkeypatch):
    monkeypatch.setenv(VARIABLE, name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ResourceError) as caught:
        best_device()
    assert caught.value.place == VARIABLE


@pytest.mark.parametrize("able", [False, True])
def test_a_cuda_device_is_asked_for_its_half_precision(able, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: able)
    assert wants_bfloat16("auto", "cuda") is able
