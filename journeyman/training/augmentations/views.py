"""Other views of a picture: parts of it, its mirror image, other colours."""

from __future__ import annotations

from typing import cast

import numpy as np

from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.views import with_kind
from journeyman.training.augmentations.base import AUGMENTATIONS, Augmentation


class View(Augmentation):
    """Adds its kind to the view of a picture; all kinds of one view share a seed."""

    modality = "image"

    def change(self, text: str, strength: float, random: np.random.Generator) -> str:
        """Another view of the same file; `strength` is the view's own."""
        picture = cast(Picture, text)
        seed = int(random.integers(2**31))
        return picture.seen_as(with_kind(picture.view, self.name, seed))


@AUGMENTATIONS.register("crop")
class Crop(View):
    """A part of the picture, from a third to all of it, stretched to a square."""

    name = "crop"


@AUGMENTATIONS.register("zoom")
class Zoom(View):
    """A part of the picture in its own shape, or all of it, smaller, within a margin."""

    name = "zoom"


@AUGMENTATIONS.register("flip")
class Flip(View):
    """Left for right, half of the time."""

    name = "flip"


@AUGMENTATIONS.register("mirror")
class Mirror(View):
    """Left for right, always: with one copy each picture has its mirror image beside it."""

    name = "mirror"


@AUGMENTATIONS.register("colour")
class Colour(View):
    """Another brightness, contrast and saturation."""

    name = "colour"
