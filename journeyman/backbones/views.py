"""Views of a picture: seeded changes, named by a short text so that each has a key of its own.

A name is kinds joined by +, a colon and a seed: `crop+flip:17`. The same picture and name give
the same view. Kinds are `crop`, a part of the picture stretched to a square (Szegedy et al., 2015,
"Going deeper with convolutions"), `flip`, left for right half of the time, and `colour`, another
brightness, contrast and saturation; `mirror` is left for right always.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from random import Random

from PIL import Image, ImageEnhance

from journeyman.errors import JourneymanError

AREA = (0.35, 1.0)
"""A crop's share of the picture."""
RATIO = (3 / 4, 4 / 3)
"""Width to height of a crop."""
TRIES = 10
STRENGTH = 0.4
"""How far brightness, contrast and saturation may go from 1."""

Change = Callable[[Image.Image, Random], Image.Image]


def view_name(kinds: Iterable[str], seed: int) -> str:
    """The name of the view of these kinds and this seed; "" where there is no kind."""
    wanted = set(kinds)
    unknown = sorted(wanted - set(CHANGES))
    if unknown:
        raise _unknown(unknown[0])
    ordered = [kind for kind in CHANGES if kind in wanted]
    return f"{'+'.join(ordered)}:{seed}" if ordered else ""


def with_kind(view: str, kind: str, seed: int) -> str:
    """The view with one more kind; of the seed it has, or this one where it has none.

    Where nothing is left to chance the seed is 0, so that the same view has the same name.
    """
    said, _, own = view.rpartition(":")
    before = [*filter(None, said.split("+"))]
    chosen = int(own) if set(before) - CERTAIN else seed
    kinds = [*before, kind]
    return view_name(kinds, chosen if set(kinds) - CERTAIN else 0)


def seen(image: Image.Image, view: str) -> Image.Image:
    """The picture as the view of this name shows it; itself where the name is ""."""
    if not view:
        return image
    kinds, _, seed = view.rpartition(":")
    for kind in kinds.split("+"):
        if kind not in CHANGES or not seed.removeprefix("-").isdecimal():
            raise _unknown(view)
        # Each kind draws for itself: with and without a flip, the crop of a seed is the same.
        image = CHANGES[kind](image, Random(f"{kind}:{seed}"))
    return image


def _crop(image: Image.Image, random: Random) -> Image.Image:
    left, top, width, height = _part(image.width, image.height, random)
    side = max(1, round(math.sqrt(width * height)))
    box = (left, top, left + width, top + height)
    return image.resize((side, side), Image.Resampling.BICUBIC, box=box)


def _part(width: int, height: int, random: Random) -> tuple[int, int, int, int]:
    """Left, top, width and height of a part that fits; of the whole where none was drawn."""
    for _ in range(TRIES):
        area = random.uniform(*AREA) * width * height
        ratio = math.exp(random.uniform(*map(math.log, RATIO)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            return random.randint(0, width - wide), random.randint(0, height - high), wide, high
    return 0, 0, width, height


def _flip(image: Image.Image, random: Random) -> Image.Image:
    if random.random() < 0.5:
        return image
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _mirror(image: Image.Image, random: Random) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _colour(image: Image.Image, random: Random) -> Image.Image:
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = change(image).enhance(random.uniform(1 - STRENGTH, 1 + STRENGTH))
    return image


CHANGES: dict[str, Change] = {
    "crop": _crop,
    "flip": _flip,
    "mirror": _mirror,
    "colour": _colour,
}
"""Every kind of change, in the order in which they are made."""
CERTAIN = {"mirror"}
"""Those that are the same whatever the seed."""


def _unknown(found: str) -> JourneymanError:
    return JourneymanError(
        "There is no such view of a picture.",
        place="view",
        expected=f"kinds of {', '.join(CHANGES)}, joined by +, a colon and a seed",
        found=repr(found),
        remedy="name it with `view_name`",
    )
