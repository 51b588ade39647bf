"""The head a detector came with: other classes, the library's own losses, saved and restored."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import DETECTORS_TINY, tiny_detector, tiny_pictures, tiny_vision

from journeyman.heads.base import HEADS, HeadShape
from journeyman.heads.detection.set_outputs import SetOutputs
from journeyman.heads.native import NativeDetectorHead
from journeyman.tensors import read_tensors, write_tensors

KINDS = sorted(DETECTORS_TINY)
LABELS = ("cell", "plate")
TARGETS = torch.tensor(
    [
        [[0, 0.1, 0.1, 0.4, 0.5], [1, 0.5, 0.4, 0.9, 0.8]],
        [[1, 0.2, 0.3, 0.7, 0.6], [-100] * 5],
        [[-100] * 5, [-100] * 5],
    ]
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder, kept = tmp_path_factory.mktemp("detectors"), {}
    pictures = tiny_pictures(folder / "pictures")

    def load(kind):
        if kind not in kept:
            backbone = tiny_detector(folder, kind)
            depth = backbone.spec.depth
            features = backbone.frozen(backbone.prepare(pictures), depth)
            kept[kind] = backbone, features
        return kept[kind]

    return load


def made(backbone, seed=0, labels=LABELS):
    depth = backbone.spec.depth
    shape = HeadShape(backbone.spec.width, (depth,), len(labels), "map", strides=(8,))
    head = HEADS["native"](NativeDetectorHead.Options(), shape, seed)
    head.begin(backbone, labels)
    return head


def test_it_stands_on_detectors_alone(tmp_path, loaded):
    assert NativeDetectorHead.fits("boxes", "map", "image")
    assert not NativeDetectorHead.fits("label", "row", "image")
    assert "no detector" in NativeDetectorHead.permits(tiny_vision(tmp_path))
    assert NativeDetectorHead.permits(loaded("yolos")[0]) is None
    with pytest.raises(ValueError, match="no native head"):
        made(tiny_vision(tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_drawn_anew_from_the_seed_and_all_else_is_kept(kind, loaded):
    from transformers import AutoModelForObjectDetection

    backbone, _ = loaded(kind)
    before = torch.random.get_rng_state()
    one, again, other = (made(backbone, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    whole = AutoModelForObjectDetection.from_pretrained(backbone.folder).state_dict()
    changed = set()
    for name, value in one.items():
        assert torch.equal(value, again[name]), name
        theirs = whole[name.removeprefix("native.model.")]
        if value.shape != theirs.shape:
            changed.add(name)
            assert len(LABELS) <= len(value) <= len(LABELS) + 1
        else:
            assert torch.equal(value, theirs), name
            assert torch.equal(value, other[name]), name
    assert changed
    weights = [name for name in changed if name.endswith("weight")]
    assert all(not torch.equal(one[name], other[name]) for name in weights)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_librarys_own(kind, loaded, tmp_path):
    from transformers import AutoModelForObjectDetection

    backbone, features = loaded(kind)
    head = made(backbone, labels=list("abcde"))
    head.train()
    pixels = backbone.prepare(tiny_pictures(tmp_path)).pixels()
    said = {} if kind == "yolos" else {"num_denoising": 0}
    whole = AutoModelForObjectDetection.from_pretrained(backbone.folder, **said)
    for module in whole.train().modules():
        if hasattr(module, "running_mean"):
            module.eval()
    losses = []
    for row in range(3):
        there = TARGETS[row][TARGETS[row][:, 0] >= 0]
        corners, sides = there[:, 1:3], there[:, 3:] - there[:, 1:3]
        boxes = torch.cat([corners + sides / 2, sides], 1)
        labels = [{"class_labels": there[:, 0].long(), "boxes": boxes}]
        losses.append(whole(pixels[row : row + 1].contiguous(), labels=labels).loss)
    ours = head(features).loss(TARGETS)
    torch.testing.assert_close(ours, torch.stack(losses).mean(), atol=1e-4, rtol=1e-4)
    assert ours > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_in_parts_has_the_gradient_of_the_whole(kind, loaded):
    backbone, features = loaded(kind)
    head = made(backbone)
    head.train()
    head(features).loss(TARGETS).backward()
    whole = {n: p.grad.clone() for n, p in head.named_parameters() if p.grad is not None}
    assert whole
    head.zero_grad()
    for rows in ([0], [1, 2]):
        part = replace(features, mask=features.mask[rows], hidden=features.hidden[rows])
        (head(part).loss(TARGETS[rows]) * (len(rows) / 3)).backward()
    for name, parameter in head.named_parameters():
        if name in whole:
            scale = whole[name].norm() + 1e-4
            assert (parameter.grad - whole[name]).norm() / scale < 1e-3, name


@pytest.mark.parametrize("kind", KINDS)
def test_training_finds_what_was_taught(kind, loaded):
    backbone, features = loaded(kind)
    head = made(backbone)
    head.train()
    statistics = {n: b.clone() for n, b in head.named_buffers() if "running" in n}
    steps = torch.optim.AdamW(head.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = head(features).float().loss(TARGETS)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(float(loss.detach()))
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    for name, buffer in head.named_buffers():
        if name in statistics:
            assert torch.equal(buffer, statistics[name])


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_are_in_shares_by_falling_score_within_what_is_asked(kind, loaded):
    backbone, features = loaded(kind)
    outputs = made(backbone).eval()(features)
    assert outputs.device.type == "cpu"
    everything = outputs.found(0.0, 1000, 1.0)
    assert len(everything) == 3
    queries = outputs.tensors["logits"].shape[1]
    for boxes in everything:
        assert boxes.dtype == np.float32
        assert 0 < len(boxes) <= queries * len(LABELS)
        assert (np.diff(boxes[:, 5]) <= 0).all()
        assert (boxes[:, :4] >= 0).all()
        assert (boxes[:, :4] <= 1).all()
        assert (boxes[:, 2:4] > boxes[:, :2]).all()
        assert set(boxes[:, 4]) <= {0.0, 1.0}
    few = outputs.found(0.0, 3, 1.0)
    assert [len(boxes) for boxes in few] == [3, 3, 3]
    np.testing.assert_array_equal(few[0], everything[0][:3])
    middle = float(np.median(everything[0][:, 5]))
    assert (outputs.found(middle, 1000, 1.0)[0][:, 5] >= middle).all()
    detached = outputs.detach().float().to(torch.device("cpu"))
    assert not any(value.requires_grad for value in detached.tensors.values())


def test_of_boxes_of_one_class_that_overlap_the_best_is_left(loaded):
    native = made(loaded("yolos")[0]).native
    boxes = torch.tensor([[[0.5, 0.5, 0.4, 0.4], [0.52, 0.5, 0.4, 0.4], [0.2, 0.2, 0.1, 0.1]]])
    logits = torch.tensor([[[3.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 2.5, 0.0]]])
    outputs = SetOutputs({"logits": logits, "boxes": boxes}, native)
    found = outputs.found(0.3, 9, 0.5)[0]
    assert found[:, 4].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(found[0, :4], [0.3, 0.3, 0.7, 0.7], atol=1e-6)
    np.testing.assert_allclose(found[:, 5], [0.909443, 0.858981], atol=1e-5)
    assert len(outputs.found(0.3, 9, 0.99)[0]) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_saved_and_restored_without_the_checkpoint(kind, loaded, tmp_path):
    backbone, features = loaded(kind)
    head = made(backbone, seed=3).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.01)
    write_tensors(tmp_path / "head.safetensors", head.state_dict())
    choices = json.loads(json.dumps(head.choices, allow_nan=False))
    assert str(tmp_path) not in json.dumps(choices)
    assert backbone.folder not in json.dumps(choices)
    other = HEADS["native"](NativeDetectorHead.Options(), head.shape, 0)
    other.restore(choices, read_tensors(tmp_path / "head.safetensors")[0])
    other.eval()
    for one, two in zip(
        head(features).found(0, 50, 0.7), other(features).found(0, 50, 0.7), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    assert [n for n, _ in other.named_parameters()] == [n for n, _ in head.named_parameters()]
