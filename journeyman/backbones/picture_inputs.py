"""Prepared pictures: paths and the view wanted of each; files are decoded when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.placement import Placement
from journeyman.backbones.preprocessing import Preprocessing
from journeyman.backbones.views import placed, seen
from journeyman.data.identity import input_hash
from journeyman.data.pictures import picture_digest, picture_size, picture_thumbnail, read_picture

KEY_BYTES = 16
COST = 64
"""What a picture counts as, in tokens: about 16 of them are computed at once."""


class Picture(str):
    """A path to a picture; `view` names a seeded change of it, "" is the picture as it is.

    Two are equal where path and view are. What the file holds is hashed once, when it is asked for.
    """

    view: str
    _digest: str
    _sides: tuple[int, int] | None

    def __new__(cls, path: str | Path, view: str = "", digest: str = "") -> Picture:
        """The picture at `path`, as `view` shows it (`journeyman.backbones.views`).

        `digest` is what is known of the file already.
        """
        picture = super().__new__(cls, path)
        picture.view = view
        picture._digest = digest
        picture._sides = None
        return picture

    @property
    def digest(self) -> str:
        """The hash of the file's bytes. Raises PictureError where there is no file to read."""
        self._digest = self._digest or picture_digest(self)
        return self._digest

    def sides(self) -> tuple[int, int]:
        """Width and height in pixels as people see it, whatever its view.

        Raises PictureError where there is no picture to read.
        """
        if self._sides is None:
            self._sides = picture_size(self)
        return self._sides

    def decoded(self) -> Image.Image:
        """The picture in RGB as people see it, whatever its view.

        Raises PictureError where there is no picture to read.
        """
        return read_picture(self)

    def seen_as(self, view: str) -> Picture:
        """Another view of the same file."""
        other = Picture(str(self), view, self.digest)
        other._sides = self._sides
        return other

    def thumbnail(self, side: int) -> NDArray[np.uint8]:
        """[side, side, 3]: the whole picture made small, whatever its view."""
        return picture_thumbnail(self, side)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True and self.view == getattr(other, "view", "")

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((str(self), self.view)) if self.view else str.__hash__(self)


@dataclass(frozen=True)
class PictureInputs(Inputs):
    """N pictures on disk, and how they become pixels.

    A file that is no picture raises a DataError where it is read.
    """

    pictures: Sequence[Picture]
    preprocessing: Preprocessing

    @cached_property
    def lengths(self) -> NDArray[np.int64]:  # type: ignore[override]
        """[N] each picture's cost, the same for all: a backbone sees all in one size."""
        return np.full(len(self.pictures), COST, dtype=np.int64)

    @cached_property
    def keys(self) -> Sequence[bytes]:  # type: ignore[override]
        """A hash of each file's bytes and its view; the size is the backbone's own manner."""
        return [_key(picture) for picture in self.pictures]

    @cached_property
    def sources(self) -> NDArray[np.uint64] | None:  # type: ignore[override]
        """A hash of each file's bytes, the same for all its views; None where some are composed of
        several files."""
        if any(hasattr(picture, "parts") for picture in self.pictures):
            return None
        hashes = (input_hash((picture.digest,)) for picture in self.pictures)
        return np.fromiter(hashes, dtype=np.uint64)

    def __len__(self) -> int:
        return len(self.pictures)

    def select(self, indices: Sequence[int] | NDArray[np.int64]) -> PictureInputs:
        """The rows at `indices`, in that order; no file is hashed again."""
        chosen = PictureInputs([self.pictures[i] for i in indices], self.preprocessing)
        if "keys" in self.__dict__:
            chosen.__dict__["keys"] = [self.keys[i] for i in indices]
        return chosen

    def pixels(self) -> Tensor:
        """[B, 3, H, W], float32, the channels innermost in memory."""
        return self.preprocessing.normalised(torch.from_numpy(self.fitted()))

    def fitted(self) -> NDArray[np.uint8]:
        """[B, H, W, 3]: the same in bytes, as people see it."""
        how = self.preprocessing

        def one(picture: Picture) -> NDArray[np.uint8]:
            return how.fitted(seen(picture.decoded(), picture.view))

        if not self.pictures:
            return np.zeros((0, how.height, how.width, 3), dtype=np.uint8)
        with ThreadPoolExecutor(min(len(self), torch.get_num_threads())) as threads:
            return np.stack(list(threads.map(one, self.pictures)))

    def placements(self) -> list[Placement]:
        """From a point in each file, in pixels after EXIF rotation, to where the backbone sees it.

        That is told in shares of the width and the height that the backbone sees.
        """
        how = self.preprocessing
        share = Placement(1 / how.width, 1 / how.height)
        found = []
        for picture in self.pictures:
            in_view, size = placed(picture.sides(), picture.view)
            found.append(in_view.then(how.placement(*size)).then(share))
        return found


def _key(picture: Picture) -> bytes:
    said = f"{picture.digest} {picture.view}"
    return blake2b(said.encode(), digest_size=KEY_BYTES).digest()
