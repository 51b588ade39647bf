"""The small convolutions that a pyramid and its towers are built of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

GROUP = 16
"""Channels that are normalised together."""


def normalisation(channels: int) -> nn.Module:
    """Group norm (Wu and He, 2018), which does not depend on the other pictures of a batch."""
    return nn.GroupNorm(channels // GROUP, channels)


def lateral(inputs: int, channels: int) -> nn.Module:
    """A map of any width and scale to `channels` of one scale."""
    return nn.Sequential(nn.Conv2d(inputs, channels, 1, bias=False), normalisation(channels))


def separable(channels: int, stride: int = 1) -> nn.Module:
    """A 3x3 convolution in two parts, each channel by itself and then across; norm and SiLU."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        normalisation(channels),
        nn.SiLU(),
    )


def doubling(channels: int) -> nn.Module:
    """A map with twice the rows and columns, each vector giving four of its own."""
    return nn.Sequential(
        nn.ConvTranspose2d(channels, channels, 2, stride=2, bias=False), normalisation(channels)
    )


def resized(values: Tensor, like: Tensor) -> Tensor:
    """A map [B, D, H, W] with the rows and columns of another, by the nearest vectors."""
    if values.shape[-2:] == like.shape[-2:]:
        return values
    return functional.interpolate(values, size=like.shape[-2:], mode="nearest")
