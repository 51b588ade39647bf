"""Grounds for drawn pictures: seeded noise at several scales, a slope of colour, stripes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float64]
"""[height, width, 3]: red, green and blue from 0 to 255."""

_SCALES = (4, 9, 20, 45)
"""Cells along the longer side of each layer of noise, the coarsest first."""


def drawn_ground(width: int, height: int, random: np.random.Generator) -> Pixels:
    """One ground: a colour, with each of noise, slope and stripes as chance has it."""
    ground = np.broadcast_to(random.uniform(40, 215, 3), (height, width, 3)).copy()
    ground += _slope(width, height, random)
    if random.random() < 0.5:
        ground += _stripes(width, height, random)
    strength = random.uniform(8, 34)
    for cells in _SCALES:
        ground += strength * _noise(width, height, cells, random)
        strength *= random.uniform(0.4, 0.9)
    ground += random.normal(0, random.uniform(1, 7), ground.shape)
    return np.clip(ground, 0, 255)


def _slope(width: int, height: int, random: np.random.Generator) -> Pixels:
    """Colour that changes evenly across the picture."""
    along = _along(width, height, random.uniform(0, 2 * np.pi))
    return along[..., None] * random.uniform(-55, 55, 3)


def _stripes(width: int, height: int, random: np.random.Generator) -> Pixels:
    """Waves of one direction and width."""
    along = _along(width, height, random.uniform(0, np.pi))
    waves = np.sin(along * random.uniform(8, 60) + random.uniform(0, 2 * np.pi))
    return waves[..., None] * random.uniform(-28, 28, 3)


def _along(width: int, height: int, angle: float) -> NDArray[np.float64]:
    """[height, width]: how far each pixel is in a direction, from about -1 to 1."""
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    found: NDArray[np.float64] = np.cos(angle) * across + np.sin(angle) * down
    return found


def _noise(width: int, height: int, cells: int, random: np.random.Generator) -> Pixels:
    """Noise of coarse cells, made smooth, of about unit deviation."""
    rows = max(2, round(cells * height / width))
    layers = [
        np.asarray(
            Image.fromarray(random.normal(0, 1, (rows, cells)).astype(np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            ),
            dtype=np.float64,
        )
        for _ in range(3)
    ]
    return np.stack(layers, axis=-1)
