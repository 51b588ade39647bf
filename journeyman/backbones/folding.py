"""Batch normalisation folded into the convolutions before it, where nothing is trained.

With fixed statistics a norm is a scale and a shift of each channel, which a convolution's own
weights can have: the same numbers but for rounding, and one pass over the map less (Jacob et al.,
2018, "Quantization and training of neural networks", section 3.2).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-3
"""How far outputs may differ, of their largest number; rounding differs by far less."""


def folded(module: nn.Module, run: Callable[[nn.Module], Tensor]) -> nn.Module:
    """A twin in evaluation mode that shares all weights but those of folded convolutions.

    `run` gives some output of a network like `module`. Norms are taken to follow the convolution
    that stands before them; where the twin's output shows that they do not, `module` itself is
    given back.
    """
    shared = {id(each): each for each in (*module.parameters(), *module.buffers())}
    twin = copy.deepcopy(module, shared)
    if not sum(_fold(parent) for parent in list(twin.modules())):
        return module
    with torch.no_grad():
        expected, found = run(module), run(twin)
    off = float((found - expected).abs().max())
    return twin if off <= TOLERANCE * float(expected.abs().max()) else module


def _fold(parent: nn.Module) -> int:
    """Fold among the children of one module; how many norms went."""
    count = 0
    for (name, convolution), (other, norm) in pairwise(list(parent.named_children())):
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            one: nn.Conv2d = fuse_conv_bn_eval(convolution, norm)
            one.weight.data = one.weight.data.contiguous(memory_format=torch.channels_last)
            setattr(parent, name, one.requires_grad_(False))
            setattr(parent, other, nn.Identity())
            count += 1
    return count
