"""Four pictures in one: a seeded composite that is read, keyed and cached as any other picture.

After Bochkovskiy, Wang and Liao (2020), "YOLOv4": a cut across and a cut down divide the picture
into four areas, and each shows a part of a picture. A detector sees things of four pictures in one,
smaller than they are there, and cut off where an area ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.placement import Placement
from journeyman.errors import JourneymanError

PARTS = 4
CUTS = (0.2, 0.8)
"""Where the cuts may be, in shares of the width and of the height."""
DIGEST_BYTES = 16


@dataclass(frozen=True)
class Area:
    """An area of a mosaic, in its pixels, and the frame in a picture, in the file's, that fills it.

    Both are left, top, width and height, and have one shape.
    """

    place: tuple[int, int, int, int]
    frame: tuple[float, float, float, float]

    @property
    def within(self) -> Placement:
        """From a point of the picture to where it is in the area, in shares of the area."""
        left, top, width, height = self.frame
        return Placement(1 / width, 1 / height, -left / width, -top / height)

    @property
    def whole(self) -> Placement:
        """From a share of the area to a pixel of the mosaic."""
        left, top, width, height = self.place
        return Placement(width, height, left, top)

    def filled(self, picture: Image.Image) -> Image.Image:
        """What the area shows of the picture."""
        left, top, width, height = self.frame
        box = (left, top, min(left + width, picture.width), min(top + height, picture.height))
        return picture.resize(self.place[2:], Image.Resampling.BICUBIC, box=box)


class Mosaic(Picture):
    """A picture of parts of four others, which stand in files; as large as the first of them.

    It may have a view, as any picture has. Its name is no path.
    """

    parts: tuple[Picture, ...]
    seed: int

    @classmethod
    def of(cls, parts: Sequence[Picture], seed: int, view: str = "") -> Mosaic:
        """Of four pictures, whatever their views; the same files and seed give the same pixels.

        Raises PictureError where a file cannot be read.
        """
        if len(parts) != PARTS:
            raise JourneymanError(
                "A mosaic is of four pictures.", place="parts", expected=str(PARTS),
                found=str(len(parts)), remedy="give four pictures, some of them twice or more",
            )  # fmt: skip
        said = " ".join([*(part.digest for part in parts), str(seed)])
        digest = blake2b(f"mosaic {said}".encode(), digest_size=DIGEST_BYTES).hexdigest()
        made = cls(f"mosaic {seed} of {', '.join(parts)}", view, digest)
        made.parts, made.seed = tuple(parts), seed
        return made

    def sides(self) -> tuple[int, int]:
        """Those of the first part, at least 2 so that there is room for a cut."""
        width, height = self.parts[0].sides()
        return max(2, width), max(2, height)

    def seen_as(self, view: str) -> Mosaic:
        """Another view of the same mosaic."""
        return Mosaic.of(self.parts, self.seed, view)

    def areas(self) -> list[Area]:
        """What each part fills: top left, top right, bottom left, bottom right."""
        random, (width, height) = Random(f"mosaic:{self.seed}"), self.sides()
        across, down = (_cut(side, random) for side in (width, height))
        places = [
            (left, top, wide, high)
            for top, high in ((0, down), (down, height - down))
            for left, wide in ((0, across), (across, width - across))
        ]
        return [
            Area(place, _frame(part.sides(), place[2:], (width, height), random))
            for part, place in zip(self.parts, places, strict=True)
        ]

    def decoded(self) -> Image.Image:
        """The parts, each in its area."""
        image = Image.new("RGB", self.sides())
        for part, area in zip(self.parts, self.areas(), strict=True):
            image.paste(area.filled(part.decoded()), area.place[:2])
        return image

    def thumbnail(self, side: int) -> NDArray[np.uint8]:
        """[side, side, 3]: the whole mosaic made small, whatever its view."""
        small = self.decoded().resize((side, side), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.uint8)


def _cut(side: int, random: Random) -> int:
    """Where a side is cut, with a pixel at least on both sides."""
    return min(max(1, round(side * random.uniform(*CUTS))), side - 1)


def _frame(
    size: tuple[int, int], area: tuple[int, int], whole: tuple[int, int], random: Random
) -> tuple[float, float, float, float]:
    """A part of a picture in the shape of an area.

    Things in it are at least so large that the picture fills the area, at most as large as if it
    filled the mosaic.
    """
    least = max(area[0] / size[0], area[1] / size[1])
    most = max(least, min(whole[0] / size[0], whole[1] / size[1]))
    scale = math.exp(random.uniform(math.log(least), math.log(most)))
    width, height = (min(side / scale, full) for side, full in zip(area, size, strict=True))
    left, top = (
        random.uniform(0, full - side) for side, full in zip((width, height), size, strict=True)
    )
    return left, top, width, height
