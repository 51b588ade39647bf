"""Rows left out of kernel ridge regression are answered as if it had been solved without them."""

import pytest
import torch

from journeyman.heads.kernel_rows import KernelSystem
from journeyman.heads.left_out import LeftOut

ROWS, ALPHA = 40, 0.5


@pytest.fixture
def rows():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(ROWS, 6, generator=draw, dtype=torch.float64)
    targets = torch.randn(ROWS, 3, generator=draw)
    return features @ features.T, targets


@pytest.mark.parametrize("group", [[3], [39, 0, 17], list(range(10, 35))])
def test_as_solved_without_them(rows, group):
    kernel, targets = rows
    rest = [row for row in range(ROWS) if row not in group]
    solution = KernelSystem(kernel[rest][:, rest], targets[rest]).resolve(ALPHA)
    wanted = kernel[group][:, rest] @ solution.weight + solution.offset
    found = LeftOut.of(kernel, kernel, ALPHA).outputs(targets, torch.tensor(group))
    assert torch.allclose(found, wanted, atol=1e-4)  # Targets of the system lie on a grid.


def test_their_own_targets_do_not_matter(rows):
    kernel, targets = rows
    group = torch.tensor([1, 5, 7])
    other = targets.clone()
    other[group] += 100.0
    left = LeftOut.of(kernel, kernel, ALPHA)
    assert torch.allclose(left.outputs(targets, group), left.outputs(other, group), atol=1e-8)


def test_something_must_be_left(rows):
    kernel, targets = rows
    with pytest.raises(ValueError, match="every row"):
        LeftOut.of(kernel, kernel, ALPHA).outputs(targets, torch.arange(ROWS))
    with pytest.raises(ValueError, match="penalty"):
        LeftOut.of(kernel, kernel, 0.0)
