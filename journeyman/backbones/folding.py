"""Batch normalisation of fixed statistics, folded into the convolution before it.

Two passes over a map become none: a third of the seconds of a small network. What comes out is the
same but for float32's rounding.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from journeyman.backbones.modes import Steady


def folded(module: nn.Module) -> nn.Module:
    """A twin, for evaluation alone, in which each such pair of neighbours is one convolution.

    Neighbours are children of one module, the convolution just before the normalisation that
    `hold_statistics` has fixed. The twin shares everything else.
    """
    shared: dict[int, Any] = {id(each): each for each in module.parameters()}
    shared |= {id(each): each for each in module.buffers()}
    twin = copy.deepcopy(module, shared).eval()
    for parent in list(twin.modules()):
        for (first, convolution), (second, norm) in pairwise(list(parent.named_children())):
            if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
                continue
            if isinstance(norm, Steady) and convolution.out_channels == norm.num_features:
                setattr(parent, first, fuse_conv_bn_eval(convolution, norm))
                setattr(parent, second, nn.Identity())
    return twin
