"""Overlaps and losses against values known beforehand."""

import math

import pytest
import torch

from journeyman.heads.detection.boxes import complete_overlaps, overlaps
from journeyman.heads.detection.losses import box_loss, distance_loss, mean_distance, quality_loss


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def drawn(count, seed=0):
    low = 50 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed))
    side = 1 + 40 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed + 1))
    return torch.cat([low, low + side], 1)


def test_overlaps_of_known_boxes():
    first = boxes([0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 4, 4], [1, 1, 1, 1])
    second = boxes([0, 0, 2, 2], [1, 1, 3, 3], [2, 2, 4, 4], [1, 1, 3, 3], [1, 1, 1, 1])
    wanted = torch.tensor([1, 1 / 7, 0, 1 / 4, 0])
    torch.testing.assert_close(overlaps(first, second), wanted)


def test_overlaps_are_at_most_one_and_the_same_both_ways():
    first, second = drawn(200), drawn(200, 5)
    found = overlaps(first[:, None], second)
    assert found.shape == (200, 200)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    torch.testing.assert_close(found, overlaps(second, first[:, None]))


def test_a_box_turned_inside_out_overlaps_nothing():
    assert float(overlaps(boxes([3, 3, 1, 1]), boxes([0, 0, 4, 4]))) == 0


def test_complete_overlap_is_that_of_its_parts():
    """Of one shape, 1 apart: the distance alone is taken off; at one place, the shape alone."""
    moved = complete_overlaps(boxes([0, 0, 2, 2]), boxes([1, 0, 3, 2]))
    torch.testing.assert_close(moved, torch.tensor([1 / 3 - 1 / 13]))
    bent = complete_overlaps(boxes([-1, -2, 1, 2]), boxes([-2, -1, 2, 1]))
    plain = 4 / 12
    shape = 4 / math.pi**2 * (math.atan(0.5) - math.atan(2)) ** 2
    torch.testing.assert_close(
        bent, torch.tensor([plain - shape**2 / (1 - plain + shape)]), atol=1e-6, rtol=0
    )


def test_complete_overlap_keeps_its_facts():
    first, second = drawn(300), drawn(300, 9)
    found = complete_overlaps(first, second)
    torch.testing.assert_close(found, complete_overlaps(second, first))
    torch.testing.assert_close(found, complete_overlaps(3 * first + 7, 3 * second + 7))
    turned = [each[:, [1, 0, 3, 2]] for each in (first, second)]
    torch.testing.assert_close(found, complete_overlaps(*turned), atol=1e-5, rtol=1e-4)
    assert bool((found <= overlaps(first, second) + 1e-6).all())
    torch.testing.assert_close(box_loss(first, first), torch.zeros(300), atol=1e-5, rtol=0)


def test_boxes_apart_are_drawn_together():
    """IoU is flat where nothing is shared; the complete one is not."""
    away = boxes([20, 20, 24, 24]).requires_grad_()
    box_loss(away, boxes([0, 0, 4, 4])).sum().backward()
    assert bool((away.grad[0, :2] + away.grad[0, 2:] > 0).all())


@pytest.mark.parametrize("distance", [0.0, 0.3, 2.0, 4.75, 7.0])
def test_the_distances_loss_is_least_at_the_distance(distance):
    logits = torch.zeros(1, 4, 8, requires_grad=True)
    wanted = torch.full((1, 4), distance)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(150):
        optimiser.zero_grad()
        distance_loss(logits, wanted).sum().backward()
        optimiser.step()
    torch.testing.assert_close(mean_distance(logits.detach()), wanted, atol=0.03, rtol=0)


def test_the_distances_loss_has_its_value():
    torch.testing.assert_close(
        distance_loss(torch.zeros(1, 4, 8), torch.full((1, 4), 2.5)), torch.tensor([math.log(8)])
    )
    logits = torch.zeros(1, 4, 2)
    logits[..., 1] = math.log(3)
    found = distance_loss(logits, torch.full((1, 4), 0.25))
    torch.testing.assert_close(
        found, torch.tensor([-0.75 * math.log(0.25) - 0.25 * math.log(0.75)])
    )


def test_distances_out_of_reach_count_as_the_last():
    logits = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))
    far = distance_loss(logits, torch.full((3, 4), 99.0))
    torch.testing.assert_close(far, distance_loss(logits, torch.full((3, 4), 7.0)))
    near = distance_loss(logits, torch.full((3, 4), -3.0))
    torch.testing.assert_close(near, distance_loss(logits, torch.full((3, 4), 0.0)))


def test_the_quality_loss_is_nought_at_its_target_and_cross_entropy_without_focus():
    targets = torch.tensor([0.2, 0.5, 0.9])
    logits = torch.logit(targets)
    torch.testing.assert_close(quality_loss(logits, targets, 2.0), torch.zeros(3))
    plain = quality_loss(torch.zeros(3), targets, 0.0)
    torch.testing.assert_close(plain, torch.full((3,), math.log(2)))
    focused = quality_loss(torch.zeros(3), targets, 2.0)
    torch.testing.assert_close(focused, math.log(2) * (0.5 - targets) ** 2)


@pytest.mark.parametrize("focus", [0.0, 0.5, 2.0])
def test_the_quality_loss_has_no_gradient_at_its_target(focus):
    logits = torch.zeros(3, requires_grad=True)
    quality_loss(logits, torch.full((3,), 0.5), focus).sum().backward()
    torch.testing.assert_close(logits.grad, torch.zeros(3))


def test_losses_are_finite_at_extreme_logits():
    for sign in (-1, 1):
        logits = torch.full((2, 4, 8), sign * 1e4)
        logits[:, :, 3] *= -1
        logits.requires_grad_()
        quality = quality_loss(logits, torch.full((2, 4, 8), 0.7), 2.0).sum()
        distance = distance_loss(logits, torch.full((2, 4), 5.5)).sum()
        (quality + distance).backward()
        assert math.isfinite(float((quality + distance).detach()))
        assert bool(torch.isfinite(logits.grad).all())
