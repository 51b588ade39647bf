"""Mosaics of training rows: which boxes they have, what fixes them, and that they are cached."""

import numpy as np
import pytest
import torch
from contract_samples import Sample
from PIL import Image
from tiny import tiny_backbone

from journeyman.backbones.mosaic import PARTS, Mosaic
from journeyman.backbones.picture_inputs import Picture
from journeyman.errors import JourneymanError
from journeyman.tasks.object_detection import VISIBLE, ObjectDetection
from journeyman.training.augmentations.base import AugmentOptions, with_copies
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.types import LabelledBox

TASK = ObjectDetection()
RED, BLUE = (220, 20, 20), (20, 20, 220)


@pytest.fixture
def sample():
    return Sample("object-detection", None, train=10, validation=4)


def copies(sample, seed=0, **options):
    chosen = AugmentOptions(**options)
    return with_copies(sample.task, sample.backbone, sample.schema, sample.train, chosen, seed)


def squares(folder):
    """Pictures with a red and a blue square on black, each in another place, and their boxes."""
    pictures, targets = [], []
    for at in range(PARTS):
        pixels = np.zeros((60, 80, 3), dtype=np.uint8)
        pixels[5:25, 5 + 8 * at : 25 + 8 * at] = RED
        pixels[35:55, 50 - 8 * at : 70 - 8 * at] = BLUE
        Image.fromarray(pixels).save(folder / f"{at}.png")
        pictures.append(Picture(folder / f"{at}.png"))
        boxes = (5.0 + 8 * at, 5.0, 20.0, 20.0), (50.0 - 8 * at, 35.0, 20.0, 20.0)
        targets.append(
            (LabelledBox(boxes[0], "red"), LabelledBox(boxes[1], "blue", difficult=at == 3))
        )
    return pictures, targets


@pytest.mark.parametrize("seed", range(20))
def test_boxes_of_a_mosaic_hold_what_their_labels_say(tmp_path, seed):
    pictures, targets = squares(tmp_path)
    mosaic = Mosaic.of(pictures, seed)
    boxes = TASK.composed(mosaic, targets)
    pixels = np.asarray(mosaic.decoded()).astype(int)
    told = np.zeros(pixels.shape[:2], dtype=bool)
    for each in boxes:
        x, y, width, height = each.box
        assert 0 <= x < x + width <= 80 + 1e-9
        assert 0 <= y < y + height <= 60 + 1e-9
        left, top, right, bottom = round(x), round(y), round(x + width), round(y + height)
        inside = pixels[top:bottom, left:right].reshape(-1, 3).mean(0)
        assert np.abs(inside - (RED if each.label == "red" else BLUE)).max() < 60
        told[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = True
    # What no box tells of is little: shares of squares that are hardly seen.
    lost = ((pixels.max(2) > 150) & ~told).sum()
    assert lost <= 8 * VISIBLE * 20 * 20
    hard = [box for box in boxes if box.difficult]
    assert {box.label for box in hard} <= {"blue"}


def test_a_box_that_is_hardly_seen_is_left_out_and_others_are_cut(tmp_path):
    pictures, targets = squares(tmp_path)
    sizes = []
    for seed in range(60):
        mosaic = Mosaic.of(pictures, seed)
        boxes = TASK.composed(mosaic, targets)
        areas = [area.place for area in mosaic.areas()]
        for each in boxes:
            x, y, width, height = each.box
            sizes.append(width / height)
            held = [
                left - 1e-6 <= x and x + width <= left + wide + 1e-6
                and top - 1e-6 <= y and y + height <= top + high + 1e-6
                for left, top, wide, high in areas
            ]  # fmt: skip
            assert sum(held) == 1
    assert len(sizes) < 60 * 8
    assert sum(abs(shape - 1) > 0.1 for shape in sizes) > 10
    assert all(VISIBLE - 1e-6 <= shape <= 1 / VISIBLE + 1e-6 for shape in sizes)


def test_mosaics_stand_after_rows_and_copies_and_the_seed_says_which(sample):
    without = copies(sample, kinds=("zoom", "flip"), copies=2)
    got = copies(sample, kinds=("zoom", "flip"), copies=2, mosaics=3)
    assert len(got) == len(got.targets) == len(got.encoded) == len(got.inputs) == 60
    assert list(got.texts[:30]) == list(without.texts)
    mosaics = got.texts[30:]
    assert all(isinstance(each, Mosaic) and each.view.startswith("zoom+flip:") for each in mosaics)
    assert [each.parts[0] for each in mosaics] == [*sample.train.texts] * 3
    assert len(set(got.inputs.keys)) == len({*sample.train.inputs.keys}) + 50
    assert list(copies(sample, kinds=("zoom", "flip"), copies=2, mosaics=3).texts) == [*got.texts]
    other = copies(sample, 1, kinds=("zoom", "flip"), copies=2, mosaics=3)
    assert list(other.texts[30:]) != list(mosaics)
    for row, target in zip(got.encoded.rows[30:], got.targets[30:], strict=True):
        assert len(row) <= len(target)
        assert ((row[:, 1:] >= 0) & (row[:, 1:] <= 1)).all()


def test_mosaics_alone_need_no_kinds(sample):
    got = copies(sample, mosaics=1)
    assert len(got) == 20
    assert {each.view for each in got.texts} == {""}
    assert sum(len(row) for row in got.encoded.rows[10:]) > 0


def test_the_frozen_layers_see_a_mosaic_once(sample, tmp_path):
    got = copies(sample, mosaics=2)
    cache = FeatureCache(tmp_path / "cache")
    backbone = sample.learner(head={"name": "anchor-free"}).backbone
    kept = cache.features(backbone, got.inputs, 1, keep_hidden=False)
    computed = cache.stats.rows_computed
    again = cache.features(backbone, copies(sample, mosaics=2).inputs, 1, keep_hidden=False)
    assert cache.stats.rows_computed == computed
    for layer, values in kept.gather([29]).maps.items():
        assert torch.equal(values, again.gather([29]).maps[layer])
    cache.close()


def test_a_detector_learns_from_mosaics(sample, tmp_path):
    options = {"tuner": "full", "cut": 1, "epochs": 1, "batch_size": 10}
    plain = sample.finetune(tmp_path / "cache", **options)
    got = sample.finetune(tmp_path / "cache", augment={"mosaics": 2}, **options)
    assert (plain.fitted.steps, got.fitted.steps) == (1, 3)


@pytest.mark.parametrize("task", ["image-classification", "text-classification"])
def test_other_tasks_cannot_learn_from_them(task, tmp_path):
    sample = Sample(task, tiny_backbone(tmp_path), train=12, validation=6)
    with pytest.raises(JourneymanError, match="cannot learn from mosaics") as caught:
        copies(sample, mosaics=1)
    assert "object-detection" in caught.value.expected
