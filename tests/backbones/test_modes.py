"""Layers of fixed statistics: their mode, and their gradient for one picture by itself."""

import pytest
import torch
from torch import nn

from journeyman.backbones.modes import Steady, hold_statistics


def norms(affine=True):
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(16, affine=affine).eval()
    for tensor in (*plain.parameters(), plain.running_mean, plain.running_var):
        tensor.data.uniform_(0.5, 1.5)
    held = nn.Sequential(nn.BatchNorm2d(16, affine=affine))
    held[0].load_state_dict(plain.state_dict())
    hold_statistics(held)
    return plain, held[0]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_one_row_or_several_give_what_the_layer_gives(rows, affine, layout):
    plain, held = norms(affine)
    assert isinstance(held, Steady)
    assert not held.train().training
    x = torch.randn(rows, 16, 8, 8).contiguous(memory_format=layout)
    torch.testing.assert_close(held(x), plain(x))
    with torch.no_grad():
        torch.testing.assert_close(held(x), plain(x))


@pytest.mark.parametrize("rows", [1, 3])
def test_the_gradient_is_right_whatever_the_layout_of_what_comes_back(rows):
    _, held = norms()
    x = torch.randn(rows, 16, 8, 8, requires_grad=True)
    wanted = torch.randn(rows, 64, 16)
    held(x).flatten(2).transpose(1, 2).backward(wanted)
    back = wanted.transpose(1, 2).reshape(rows, 16, 8, 8)
    spread = (held.running_var + held.eps).rsqrt()
    normed = (x - held.running_mean[:, None, None]) * spread[:, None, None]
    close = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(held.bias.grad, back.sum((0, 2, 3)), **close)
    torch.testing.assert_close(held.weight.grad, (back * normed).sum((0, 2, 3)), **close)
    torch.testing.assert_close(x.grad, back * (held.weight * spread)[:, None, None], **close)
