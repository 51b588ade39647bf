"""The anchor-free detector: it learns boxes, of any shape of picture and any levels."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from journeyman.backbones.base import Features
from journeyman.errors import JourneymanError
from journeyman.heads.base import HEADS, HeadShape
from journeyman.heads.detection.boxes import overlaps
from journeyman.heads.detection.dense import DenseOutputs
from journeyman.heads.detection.outputs import BoxOutputs
from journeyman.heads.detection.points import points_of
from journeyman.heads.detection.pyramid import Pyramid

STRIDES, WIDTHS, CLASSES = (8, 16, 32), (6, 10, 14), 3
IGNORED = -100.0


def made(strides=STRIDES, widths=WIDTHS, seed=0, **options):
    kind = HEADS["anchor-free"]
    layers = tuple(range(1, len(strides) + 1))
    shape = HeadShape(widths[-1], layers, CLASSES, "map", widths, strides)
    return kind(kind.Options.model_validate({"channels": 16, "bins": 8, **options}), shape, seed)


def features(rows=2, height=64, width=64, strides=STRIDES, widths=WIDTHS, seed=0):
    draw = torch.Generator().manual_seed(seed)
    maps = {
        at: torch.randn(rows, channels, height // stride, width // stride, generator=draw)
        for at, (channels, stride) in enumerate(zip(widths, strides, strict=True), 1)
    }
    return Features(torch.ones(rows, 1, dtype=torch.bool), maps=maps)


def rows_of(whole, rows):
    return replace(
        whole, mask=whole.mask[rows], maps={at: each[rows] for at, each in whole.maps.items()}
    )


def targets(rows=2, most=4, seed=0):
    """Up to `most` boxes a picture, and none in the first."""
    random = np.random.default_rng(seed)
    boxes = np.full((rows, most, 5), IGNORED, dtype=np.float32)
    for row in range(1, rows):
        for at in range(random.integers(1, most + 1)):
            low = random.uniform(0, 0.6, 2)
            high = low + random.uniform(0.05, 0.4, 2)
            boxes[row, at] = [random.integers(CLASSES), *low, *high]
    return torch.from_numpy(boxes)


def gradients(head):
    found = [each.grad.clone() for each in head.parameters() if each.grad is not None]
    head.zero_grad()
    return found


def test_it_is_found_by_its_name_and_fits_boxes_in_pictures_alone():
    kind = HEADS["anchor-free"]
    assert kind.fits("boxes", "map", "image")
    assert not kind.fits("boxes", "map", "text")
    assert not kind.fits("label", "map", "image")
    assert not kind.fits("boxes", "row", "image")


def test_outputs_have_a_place_at_every_level():
    found = made()(features(3, 64, 96)).detach()
    assert isinstance(found, BoxOutputs)
    assert found.classes.shape == (3, 96 + 24 + 6, CLASSES)
    assert found.sides.shape == (3, 126, 4 * 8)
    assert found.points.size == (96.0, 64.0)
    assert abs(float(found.classes.sigmoid().mean()) - 0.01) < 0.002


@pytest.mark.parametrize(
    ("strides", "levels"),
    [((16,), STRIDES), ((14,), STRIDES), ((32,), STRIDES), ((8,), STRIDES), ((8, 32), STRIDES),
     ((4, 16), (4, 8, 16, 32)), ((16, 16), STRIDES)],
)  # fmt: skip
def test_levels_that_the_backbone_lacks_are_made(strides, levels):
    widths = WIDTHS[: len(strides)]
    head = made(strides, widths)
    assert head.pyramid.strides == levels
    side = 128 if 14 not in strides else 112
    found = head(features(2, side, side, strides, widths))
    count = sum((128 // stride) ** 2 for stride in levels)
    assert found.classes.shape == (2, count, CLASSES)
    found.loss(targets()).backward()
    assert all(each.grad is not None for each in head.parameters())


def test_maps_that_do_not_halve_evenly_are_fitted():
    pyramid = Pyramid(WIDTHS, STRIDES, 16)
    maps = [torch.randn(1, 6, 9, 7), torch.randn(1, 10, 4, 3), torch.randn(1, 14, 2, 2)]
    assert [tuple(each.shape[2:]) for each in pyramid(maps)] == [(9, 7), (4, 3), (2, 2)]


def test_the_seed_alone_decides_it_and_its_state_comes_back():
    torch.manual_seed(1)
    first = made(seed=4)
    torch.manual_seed(2)
    second, third = made(seed=4), made(seed=5)
    assert torch.equal(first(features()).classes, second(features()).classes)
    assert not torch.equal(first(features()).sides, third(features()).sides)
    third.restore({}, {name: each.clone() for name, each in first.state_dict().items()})
    assert torch.equal(first(features()).sides, third(features()).sides)


def test_a_picture_is_answered_alike_alone_and_among_others():
    head, whole = made(), features(3)
    together = head(whole)
    for at in range(3):
        alone = head(rows_of(whole, slice(at, at + 1)))
        torch.testing.assert_close(alone.sides[0], together.sides[at], atol=1e-5, rtol=1e-5)


def test_a_batch_in_parts_has_the_gradient_of_the_whole():
    head, whole, boxes = made(), features(5), targets(5)
    head(whole).loss(boxes).backward()
    wanted = gradients(head)
    for part in (slice(0, 1), slice(1, 3), slice(3, 5)):
        rows = boxes[part]
        (head(rows_of(whole, part)).loss(rows) * len(rows) / 5).backward()
    for found, right in zip(gradients(head), wanted, strict=True):
        torch.testing.assert_close(found, right, atol=1e-6, rtol=1e-4)


def test_padding_changes_nothing():
    found, boxes = made()(features(3)), targets(3)
    more = torch.cat([boxes, torch.full((3, 5, 5), IGNORED)], 1)
    torch.testing.assert_close(found.loss(more), found.loss(boxes))


def test_pictures_without_boxes_are_learned_from():
    """Whether the targets have room for boxes or not; and scores go down."""
    head, whole = made(), features(2)
    nothing = torch.full((2, 3, 5), IGNORED)
    found = head(whole).loss(nothing)
    torch.testing.assert_close(found, head(whole).loss(nothing[:, :0]))
    found.backward()
    assert bool((head.towers.classes.bias.grad > 0).all())


@pytest.mark.parametrize(
    ("option", "less", "more"),
    [("focus", 2.0, 0.0), ("box_weight", 0.0, 6.0), ("distance_weight", 0.0, 1.5)],
)
def test_what_a_recipe_says_of_the_loss_reaches_it(option, less, more):
    low, high = (
        float(made(**{option: value})(features()).loss(targets()).detach())
        for value in (less, more)
    )
    assert low < high


def test_no_more_points_learn_a_box_than_a_recipe_says():
    """One point and one box: the only gradient of distances is at a single place."""
    box = torch.tensor([[[0, 0.1, 0.1, 0.9, 0.9]]])
    for points in (1, 5):
        outputs = made(points=points)(features(1)).detach()
        outputs = replace(outputs, sides=outputs.sides.requires_grad_())
        outputs.loss(box).backward()
        assert int((outputs.sides.grad != 0).any(-1).sum()) == points


def flat(logits, sides=None, height=8, width=8, bins=8):
    """Outputs that say the same at each point of the finest level alone."""
    points = points_of([(height, width)], 8, torch.device("cpu"))
    sides = torch.zeros(1, len(points), 4 * bins) if sides is None else sides
    return DenseOutputs(torch.full((1, len(points), CLASSES), logits), sides, points)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
@pytest.mark.parametrize("side", [-1e4, 1e4])
def test_the_loss_is_finite_at_extreme_logits(logit, side):
    outputs = flat(logit)
    sides = outputs.sides.clone()
    sides[..., ::3] = side
    outputs = replace(outputs, sides=sides.requires_grad_())
    loss = outputs.loss(targets(3)[1:2])
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert bool(torch.isfinite(sides.grad).all())


def perfect(box, height, width, bins=8):
    """Outputs that tell `box` (shares) at every point, but class 1 at the nearest alone."""
    outputs = flat(-9.0, height=height, width=width, bins=bins)
    points = outputs.points
    pixels = points.pixels(torch.tensor(box))
    low, high = points.centres - pixels[:2], pixels[2:] - points.centres
    distances = torch.cat([low, high], 1) / points.cells.repeat(1, 2) + 0.5
    bin_of = torch.arange(bins)
    sides = -200 * (distances[..., None] - bin_of).abs().clamp(max=1)
    below = distances.floor()
    pair = torch.stack([1 - (distances - below), distances - below], -1).clamp(min=1e-9).log()
    for offset in range(2):
        place = (below + offset).long().clamp(0, bins - 1)[..., None]
        sides.scatter_(-1, place, pair[..., offset : offset + 1])
    middle = (pixels[:2] + pixels[2:]) / 2
    nearest = (points.centres - middle).square().sum(1).argmin()
    outputs.classes[0, nearest, 1] = 9.0
    return replace(outputs, sides=sides.flatten(1)[None])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 12), (12, 5)])
def test_a_box_that_is_told_is_found_and_costs_little(height, width):
    box = [0.3, 0.25, 0.55, 0.7]
    outputs = perfect(box, height, width)
    (found,) = outputs.found(0.5, 10, 0.6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, :4], box, atol=1e-4)
    assert found[0, 4] == 1
    assert len(found) == 1
    right = torch.tensor([[[1, *box]]])
    wrong = torch.tensor([[[2, *box]]])
    assert float(outputs.loss(right)) < 0.2 * float(outputs.loss(wrong))


def test_what_is_found_is_sorted_limited_and_within_the_picture():
    head = made()
    with torch.no_grad():
        for each in (head.towers.classes, head.towers.sides):
            each.weight.normal_(std=0.5, generator=torch.Generator().manual_seed(3))
    outputs = head(features(2, 64, 96)).detach()
    for found in outputs.found(0.001, 20, 0.5):
        assert found.shape == (20, 6)
        assert bool((np.diff(found[:, 5]) <= 0).all())
        assert found[:, :4].min() >= 0
        assert found[:, :4].max() <= 1
        assert bool((found[:, 2:4] > found[:, :2]).all())
        same = found[:, None, 4] == found[:, 4]
        shares = overlaps(*(torch.from_numpy(found[:, :4]).unsqueeze(at) for at in (0, 1)))
        assert float((shares * torch.from_numpy(same)).fill_diagonal_(0).max()) <= 0.5
    assert [found.shape for found in outputs.found(1.0, 20, 0.5)] == [(0, 6), (0, 6)]


def test_outputs_can_be_moved_detached_and_made_precise():
    outputs = made()(features())
    half = replace(outputs, classes=outputs.classes.bfloat16(), sides=outputs.sides.bfloat16())
    assert half.float().sides.dtype == torch.float32
    assert half.loss(targets()).dtype == torch.float32
    assert outputs.classes.requires_grad
    assert not outputs.detach().classes.requires_grad
    moved = outputs.to(torch.device("meta"))
    assert moved.device == moved.points.centres.device == torch.device("meta")


def test_the_loss_in_autocast_is_that_of_float32():
    head, whole, boxes = made(), features(), targets()
    outputs = head(whole)
    with torch.autocast("cpu", torch.bfloat16):
        found = outputs.loss(boxes)
        near = head(whole).loss(boxes)
    torch.testing.assert_close(found, outputs.loss(boxes))
    torch.testing.assert_close(near, outputs.loss(boxes), rtol=0.02, atol=0.02)


def test_a_width_that_cannot_be_normalised_is_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        HEADS["anchor-free"].Options(channels=40)


def test_an_option_that_is_none_is_refused_by_name():
    with pytest.raises(ValueError, match="anchors"):
        HEADS["anchor-free"].Options.model_validate({"anchors": 3})
    with pytest.raises(JourneymanError, match="anchor-fre"):
        HEADS["anchor-fre"]


def rectangles(count, height, width, seed=0):
    """Pictures of grey noise with rectangles of three colours, and where they are."""
    random = np.random.default_rng(seed)
    pictures = random.normal(0, 0.1, (count, 3, height, width)).astype(np.float32)
    boxes = np.full((count, 3, 5), IGNORED, dtype=np.float32)
    for row in range(count):
        for at in range(random.integers(1, 4)):
            side = random.integers(10, 40, 2)
            x, y = random.integers(0, [width - side[0], height - side[1]])
            kind = int(random.integers(CLASSES))
            pictures[row, :, y : y + side[1], x : x + side[0]] = np.eye(3)[kind][:, None, None]
            corners = [x / width, y / height, (x + side[0]) / width, (y + side[1]) / height]
            boxes[row, at] = [kind, *corners]
    return torch.from_numpy(pictures), torch.from_numpy(boxes)


def seen(pictures, strides, width=24):
    """Maps of fixed random convolutions."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        maps, x = {}, pictures
        for stride in (2, 4, 8, 16, 32):
            x = nn.Conv2d(x.shape[1], width, 3, 2, 1)(x).relu()
            x = x / x.std()
            if stride in strides:
                maps[strides.index(stride) + 1] = x
    return Features(torch.ones(len(pictures), 1, dtype=torch.bool), maps=maps)


@pytest.mark.parametrize(
    ("height", "width", "strides"), [(96, 96, STRIDES), (64, 128, STRIDES), (96, 96, (16,))]
)
def test_it_learns_eight_pictures_by_heart(height, width, strides):
    pictures, boxes = rectangles(8, height, width)
    whole = seen(pictures, strides)
    head = made(strides, (24,) * len(strides), channels=32)
    optimiser = torch.optim.AdamW(head.parameters(), lr=5e-3)
    for _ in range(100):
        optimiser.zero_grad()
        head(whole).loss(boxes).backward()
        optimiser.step()
    shares, wrong = [], 0
    for found, told in zip(head(whole).found(0.3, 10, 0.5), boxes, strict=True):
        told = told[told[:, 0] >= 0]
        same = torch.from_numpy(found[:, 4]) == told[:, :1]
        pairs = overlaps(told[:, None, 1:], torch.from_numpy(found[:, :4])) * same
        shares += pairs.amax(1).tolist() if len(found) else [0.0] * len(told)
        wrong += int((pairs.amax(0) < 0.5).sum()) if len(told) else len(found)
    assert min(shares) > 0.8
    assert wrong == 0
