"""Pictures drawn of handwritten digits on grounds of noise, slopes and stripes, with exact boxes.

The digits are the 8 x 8 pixels of Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits"
(1998), which scikit-learn brings along. The same entry gives the same bytes on one machine.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.converters.grounds import Pixels, drawn_ground
from journeyman.catalogue.converters.picture_archive import FOLDER
from journeyman.catalogue.entry import DatasetEntry

WIDTH, HEIGHT = 320, 240
SMALLEST, LARGEST = 20, 80
"""Sides of a digit's square in pixels, its margins included."""
MOST = 6
"""Digits in a picture; at least one."""
OVERLAP = 0.05
"""Share of the smaller box that another may cover."""

_TRIES = 40
_QUALITY = 92
_CONTRAST = 70.0
"""Levels of 255 between the ink and the mean of the ground beneath it, at least."""

Array = NDArray[np.float64]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Digit:
    """A handwritten digit: [8, 8] ink from 0 to 1, and what it is."""

    ink: Array
    label: str


@CONVERTERS.register("digit_scenes")
def convert_digit_scenes(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Options: `seed`, and `pictures`, how many each split has.

    Each split draws from digits of its own, in the proportion of its pictures. An id is the
    split and the picture's number.
    """
    counts: dict[str, int] = entry.options["pictures"]
    random = np.random.default_rng(entry.options["seed"])
    digits = _digits(raw / entry.files[0].path)
    order = random.permutation(len(digits))
    ends = np.cumsum([0, *counts.values()]) * len(digits) // sum(counts.values())
    for at, (split, count) in enumerate(counts.items()):
        own = [digits[number] for number in order[ends[at] : ends[at + 1]].tolist()]
        (out / FOLDER / split).mkdir(parents=True)
        write_rows(out / entry.splits[split], _rows(out, split, count, own, random))  # type: ignore[index]


def _digits(path: Path) -> list[_Digit]:
    """A digit a line: 64 numbers from 0 to 16, and the class."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        table = np.loadtxt(file, delimiter=",")
    return [_Digit(row[:-1].reshape(8, 8) / 16, str(int(row[-1]))) for row in table]


def _rows(
    out: Path, split: str, count: int, digits: list[_Digit], random: np.random.Generator
) -> Iterator[dict[str, Any]]:
    for number in range(count):
        name = f"{split}/{number:04}"
        pixels, boxes = _scene(digits, random)
        picture = Image.fromarray(pixels.round().astype(np.uint8))
        picture.save(out / FOLDER / f"{name}.jpg", quality=_QUALITY, subsampling=0)
        yield {"id": name, "image": f"{FOLDER}/{name}.jpg", "boxes": boxes}


def _scene(
    digits: list[_Digit], random: np.random.Generator
) -> tuple[Pixels, list[dict[str, Any]]]:
    """The pixels of one picture from 0 to 255, and its boxes as a row holds them."""
    pixels = drawn_ground(WIDTH, HEIGHT, random)
    placed: list[Box] = []
    boxes = []
    for _ in range(int(random.integers(1, MOST + 1))):
        digit = digits[int(random.integers(len(digits)))]
        mask = _mask(digit.ink, round(float(np.exp(random.uniform(*_LOGS)))))
        box = _place(mask.shape, placed, random)
        if box is None:
            continue
        x, y, wide, high = box
        ground = pixels[y : y + high, x : x + wide]
        colour = _ink_colour(ground, random)
        ground += mask[..., None] * (colour - ground)
        placed.append(box)
        boxes.append({"box": list(box), "label": digit.label})
    return pixels, boxes


_LOGS = np.log([SMALLEST, LARGEST])


def _mask(ink: Array, side: int) -> Array:
    """How much of each pixel is ink, cut to the ink: no row or column at the edge is without."""
    grey = Image.fromarray((ink * 255).round().astype(np.uint8))
    smooth = np.asarray(grey.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64) / 255
    mask = np.clip((smooth - 0.3) / 0.3, 0, 1)
    rows, columns = (np.flatnonzero((mask > 0.5).any(axis)) for axis in (1, 0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _place(shape: tuple[int, ...], placed: list[Box], random: np.random.Generator) -> Box | None:
    """A box of that height and width that covers next to none of those there; None if crowded."""
    high, wide = shape
    for _ in range(_TRIES):
        x, y = int(random.integers(WIDTH - wide + 1)), int(random.integers(HEIGHT - high + 1))
        box = (x, y, wide, high)
        if all(_covered(box, other) <= OVERLAP for other in placed):
            return box
    return None


def _covered(box: Box, other: Box) -> float:
    """The share of the smaller of two boxes that the other covers."""
    across = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    down = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    return max(across, 0) * max(down, 0) / min(box[2] * box[3], other[2] * other[3])


def _ink_colour(ground: Pixels, random: np.random.Generator) -> Array:
    """[3]: a colour that stands out from the ground; black or white where chance finds none."""
    level = float(ground.mean())
    for _ in range(_TRIES):
        colour = random.uniform(0, 255, 3)
        if abs(float(colour.mean()) - level) >= _CONTRAST:
            return np.asarray(colour, dtype=np.float64)
    return np.full(3, 0.0 if level > 127 else 255.0)
