"""Views of a picture: seeded changes, named by a short text so that each has a key of its own.

A name is kinds joined by +, a colon and a seed: `crop+flip:17`. The same picture and name give
the same view. Kinds are `crop`, a part of the picture stretched to a square (Szegedy et al., 2015,
"Going deeper with convolutions"), `zoom`, a part of it in its own shape or the whole within a grey
margin (Liu et al., 2016, "SSD", shows both to detectors), `flip`, left for right half of the time,
`mirror`, left for right always, and `colour`, another brightness, contrast and saturation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from random import Random

from PIL import Image, ImageEnhance

from journeyman.backbones.placement import Placement
from journeyman.errors import JourneymanError

AREA = (0.35, 1.0)
"""A crop's share of the picture."""
RATIO = (3 / 4, 4 / 3)
"""Width to height of a crop."""
TRIES = 10
ZOOM = (0.75, 1.5)
"""How large things are after a zoom, beside how large they were."""
MARGIN = (124, 116, 104)
"""The mean colour of ImageNet's pictures."""
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
    for kind, random in _drawn(view):
        image = CHANGES[kind](image, random)
    return image


def placed(size: tuple[int, int], view: str) -> tuple[Placement, tuple[int, int]]:
    """Where the points of a picture of this width and height are in a view, and the view's size."""
    whole = Placement()
    for kind, random in _drawn(view):
        if kind == "crop":
            left, top, width, height = _part(*size, random)
            side = _side(width, height)
            across, down = side / width, side / height
            whole = whole.then(Placement(across, down, -left * across, -top * down))
            size = (side, side)
        elif kind == "zoom":
            left, top, width, height = _frame(*size, random)
            whole = whole.then(Placement(left=-left, top=-top))
            size = (width, height)
        elif kind == "flip" and _mirrors(random):
            whole = whole.then(Placement(scale_x=-1.0, left=size[0]))
    return whole, size


def _drawn(view: str) -> Iterator[tuple[str, Random]]:
    """The kinds of a view, in their order, and what each draws from.

    Each draws for itself: with and without a flip, the crop of a seed is the same.
    """
    if not view:
        return
    kinds, _, seed = view.rpartition(":")
    for kind in kinds.split("+"):
        if kind not in CHANGES or not seed.removeprefix("-").isdecimal():
            raise _unknown(view)
        yield kind, Random(f"{kind}:{seed}")


def _crop(image: Image.Image, random: Random) -> Image.Image:
    left, top, width, height = _part(image.width, image.height, random)
    side = _side(width, height)
    box = (left, top, left + width, top + height)
    return image.resize((side, side), Image.Resampling.BICUBIC, box=box)


def _side(width: int, height: int) -> int:
    """Of the square that a crop is stretched to."""
    return max(1, round(math.sqrt(width * height)))


def _part(width: int, height: int, random: Random) -> tuple[int, int, int, int]:
    """Left, top, width and height of a part that fits; of the whole where none was drawn."""
    for _ in range(TRIES):
        area = random.uniform(*AREA) * width * height
        ratio = math.exp(random.uniform(*map(math.log, RATIO)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            return random.randint(0, width - wide), random.randint(0, height - high), wide, high
    return 0, 0, width, height


def _zoom(image: Image.Image, random: Random) -> Image.Image:
    left, top, width, height = _frame(image.width, image.height, random)
    framed = Image.new("RGB", (width, height), MARGIN)
    framed.paste(image, (-left, -top))
    return framed


def _frame(width: int, height: int, random: Random) -> tuple[int, int, int, int]:
    """Left, top, width and height of a frame of the picture's shape: within it, or around it."""
    share = 1 / math.exp(random.uniform(*map(math.log, ZOOM)))
    wide, high = max(1, round(width * share)), max(1, round(height * share))
    rooms = width - wide, height - high
    left, top = (random.randint(min(0, room), max(0, room)) for room in rooms)
    return left, top, wide, high


def _mirrors(random: Random) -> bool:
    return random.random() >= 0.5


def _flip(image: Image.Image, random: Random) -> Image.Image:
    if not _mirrors(random):
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
    "zoom": _zoom,
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
