"""Greedy suppression against the plainest way to do it."""

import numpy as np
import pytest
import torch

from journeyman.heads.detection.boxes import overlaps
from journeyman.heads.detection.suppression import BLOCK, suppressed


def naive(boxes, classes, overlap, limit):
    """One box after another."""
    kept = []
    for at in range(len(boxes)):
        rivals = [i for i in kept if classes[i] == classes[at]]
        if not rivals or float(overlaps(boxes[at], boxes[rivals]).max()) <= overlap:
            kept.append(at)
    return kept[:limit]


def drawn(count, classes, seed):
    random = np.random.default_rng(seed)
    low = random.uniform(0, 0.8, (count, 2))
    boxes = np.concatenate([low, low + random.uniform(0.02, 0.4, (count, 2))], 1)
    kinds = random.integers(0, classes, count)
    return torch.from_numpy(boxes).float(), torch.from_numpy(kinds)


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("count", [0, 1, 40, BLOCK + 90])
def test_it_leaves_what_the_plain_way_leaves(count, overlap):
    boxes, classes = drawn(count, 3, count)
    found = suppressed(boxes, classes, overlap, 1000)
    assert found.tolist() == naive(boxes, classes, overlap, 1000)


def test_a_chain_is_settled_from_its_best_end():
    """Each overlaps its neighbours alone: the first, the third, the fifth ... are left."""
    at = torch.arange(31.0)[:, None]
    boxes = torch.cat([at, at * 0, at + 1.9, at * 0 + 1], 1)
    found = suppressed(boxes, torch.zeros(31, dtype=torch.long), 0.2, 100)
    assert found.tolist() == list(range(0, 31, 2))


def test_classes_do_not_suppress_one_another():
    boxes = torch.tensor([[0.1, 0.1, 0.5, 0.5]]).expand(4, 4)
    assert suppressed(boxes, torch.tensor([0, 1, 0, 2]), 0.5, 10).tolist() == [0, 1, 3]


@pytest.mark.parametrize("limit", [0, 1, 7, BLOCK + 3])
def test_no_more_are_left_than_the_limit(limit):
    boxes, classes = drawn(2 * BLOCK, 40, 3)
    found = suppressed(boxes, classes, 0.6, limit)
    assert found.tolist() == suppressed(boxes, classes, 0.6, 10**6).tolist()[:limit]
    assert len(found) == limit
