"""Picture files as pixels: every mode becomes RGB in one way, and what cannot be read is refused.

A file is read once, whole, and judged by its header before it is decoded. The difference hash is
after Neal Krawetz, "Kind of Like That" (2013): pictures that look alike have hashes that differ in
few bits.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from journeyman.errors import DataError

SUFFIXES = tuple(
    ".jpg .jpeg .jpe .jfif .png .bmp .gif .webp .tif .tiff .ppm .pgm .pbm .pnm .jp2 .avif".split()
)
"""What the names of picture files end in."""

FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF")
"""What is decoded, whatever the name: plain pictures, nothing that runs another program."""

MOST_PIXELS = 90_000_000
"""More pixels than this are taken for a decompression bomb."""

MOST_BYTES = 1 << 29
"""Larger files are not read."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LAST_UPRIGHT = 4
"""Tags above it exchange width and height."""

_DRAFT = (72, 64)
"""What a JPEG is decoded to at least where its difference hash alone is wanted."""

_EXPECTED = "a whole picture: JPEG, PNG, BMP, GIF, WebP, TIFF, PPM, JPEG 2000 or AVIF"


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What is known of a picture once it has been read.

    `width` and `height` are in pixels after EXIF rotation, which `orientation` tells (1: none);
    `digest` is BLAKE2b over the file's bytes, 32 hex digits; `difference_hash` has 64 bits.
    """

    width: int
    height: int
    digest: str
    difference_hash: int
    orientation: int = 1


class PictureError(DataError):
    """A picture that cannot be read; `name` is what its row is refused as: `no_picture`,
    `bad_picture` or `huge_picture`."""

    def __init__(
        self, name: str, problem: str, *, place: str, expected: str, found: str, remedy: str
    ) -> None:
        super().__init__(problem, place=place, expected=expected, found=found, remedy=remedy)
        self.name = name


def read_picture(path: str | Path, *, max_pixels: int = MOST_PIXELS) -> Image.Image:
    """The picture in RGB, turned as its EXIF data says, transparent parts on white.

    Of an animation, the first frame. Grey of 16 bits keeps its high byte; numbers of 32 bits
    beyond that are scaled over their own range. Raises PictureError, a DataError, when the file is
    missing, empty, no picture, cut off, or of more than `max_pixels`.
    """
    with _MUTED:
        return _decoded(Path(path), _content(Path(path)), max_pixels)[0]


def picture_facts(path: str | Path, *, max_pixels: int = MOST_PIXELS) -> PictureFacts:
    """Size, digest and difference hash from one read; the picture is decoded to its end.

    Raises PictureError where `read_picture` does.
    """
    content = _content(Path(path))
    with _MUTED:
        small, (width, height), tag = _decoded(Path(path), content, max_pixels, draft=True)
        hashed = _difference_hash(small)
        return PictureFacts(width, height, _digest(content), hashed, tag)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels after EXIF rotation, from the header alone.

    Raises PictureError for no readable file, and for one that is no picture.
    """
    with _MUTED, _opened(Path(path)) as file:
        try:
            with Image.open(file, formats=_formats()) as opened:
                return _upright(opened.size, _orientation(opened))
        except Exception as error:  # Decoders raise errors of many kinds where bytes are broken.
            raise _bad(Path(path), str(error) or type(error).__name__) from error


def picture_digest(path: str | Path) -> str:
    """The digest of `PictureFacts` without decoding. Raises PictureError for no readable file."""
    return _digest(_content(Path(path)))


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def picture_thumbnail(path: str | Path, side: int) -> NDArray[np.uint8]:
    """[side, side, 3]: the whole picture made small; large JPEG files are decoded in part.

    Raises PictureError where `read_picture` does.
    """
    with _MUTED:
        small, _, _ = _decoded(Path(path), _content(Path(path)), MOST_PIXELS, draft=True)
        return np.asarray(small.resize((side, side), Image.Resampling.BOX), dtype=np.uint8)


def looks_like_picture(name: str) -> bool:
    """Whether a path is a picture by its name."""
    return name.lower().endswith(SUFFIXES)


class _Muted:
    """Within, in any thread, Pillow's warnings are unheard: what matters of them is refused.

    `warnings.catch_warnings` changes what all threads share, so the first to come sets it and the
    last to go puts it back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._within = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._within:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")
            self._within += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                self._caught.__exit__(kind, error, trace)


_MUTED = _Muted()


def _content(path: Path) -> bytes:
    """The file's bytes."""
    with _opened(path) as file:
        return file.read()


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, once it is known to be one, not empty and not too large."""
    try:
        if not path.exists():
            raise _missing(path, "no such file")
        if not path.is_file():
            raise _missing(path, "a folder" if path.is_dir() else "no regular file")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise PictureError(
                "huge_picture", "The picture's file is too large.", place=str(path),
                expected=f"at most {MOST_BYTES >> 20:,} MB", found=f"{size >> 20:,} MB",
                remedy="Save it smaller, or leave it out.",
            )  # fmt: skip
        if not size:
            raise _bad(path, "an empty file")
        with path.open("rb") as file:
            yield file
    except (OSError, ValueError) as error:
        code = error.errno if isinstance(error, OSError) else None
        raise _missing(path, os.strerror(code) if code else str(error)) from error


def _decoded(
    path: Path, content: bytes, max_pixels: int, *, draft: bool = False
) -> tuple[Image.Image, tuple[int, int], int]:
    """The picture in RGB, its size and EXIF orientation; a draft may be smaller, and costs less."""
    try:
        with Image.open(io.BytesIO(content), formats=_formats()) as opened:
            width, height = opened.size
            if width * height > max_pixels:
                raise _huge(path, f"{width:,} x {height:,} pixels", max_pixels)
            if draft:
                opened.draft(None, _DRAFT)
            opened.load()
            tag = _orientation(opened)
            turned = opened.transpose(_TURNS[tag]) if tag in _TURNS else opened
            size = _upright((width, height), tag)
            return _in_rgb(turned), size, tag if tag in _TURNS else 1
    except (PictureError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise _huge(path, str(error).partition(",")[0], max_pixels) from error
    except UnidentifiedImageError as error:
        raise _bad(path, "no picture of a known format") from error
    except Exception as error:  # Decoders raise errors of many kinds where bytes are broken.
        raise _bad(path, str(error) or type(error).__name__) from error


def _upright(size: tuple[int, int], tag: int) -> tuple[int, int]:
    """Width and height once the picture is turned as the tag says."""
    return size[::-1] if tag in _TURNS and tag > _LAST_UPRIGHT else size


@cache
def _formats() -> tuple[str, ...]:
    """Those that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _orientation(opened: Image.Image) -> int:
    """The EXIF tag; broken EXIF data spoil no picture."""
    try:
        return int(opened.getexif().get(_ORIENTATION, 1))
    except Exception:  # The parser of EXIF data raises errors of many kinds.
        return 1


def _in_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        picture = _in_eight_bits(picture)
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    laid = picture.convert("RGBA")
    white = Image.new("RGBA", laid.size, "white")
    return Image.alpha_composite(white, laid).convert("RGB")


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits by its high byte, of 0 to 1 as it is, other numbers over their own range."""
    values = np.asarray(picture)
    whole = values.dtype.kind in "iu"
    if whole and values.min() >= 0 and values.max() <= 0xFFFF:
        return Image.fromarray((values >> 8).astype(np.uint8))
    scaled = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(scaled.min()), float(scaled.max())
    if whole or low < 0 or high > 1:
        scaled = (scaled - low) / max(high - low, 1e-9)
    return Image.fromarray((scaled * 255).round().astype(np.uint8))


def _difference_hash(picture: Image.Image) -> int:
    """A bit for each of 8 x 8 neighbours in a row: whether the right one is the lighter."""
    grey = picture.convert("L").resize((9, 8), Image.Resampling.BOX)
    values = np.asarray(grey).astype(np.int16)
    return int.from_bytes(np.packbits(values[:, 1:] > values[:, :-1]).tobytes(), "big")


def _missing(path: Path, found: str) -> PictureError:
    return PictureError(
        "no_picture", "There is no picture to read.", place=str(path), expected=_EXPECTED,
        found=found, remedy="Check the path: a relative one starts at the file that names it.",
    )  # fmt: skip


def _bad(path: Path, found: str) -> PictureError:
    return PictureError(
        "bad_picture", "The picture cannot be read.", place=str(path), expected=_EXPECTED,
        found=found, remedy="Fetch or save the picture again, or leave it out.",
    )  # fmt: skip


def _huge(path: Path, found: str, most: int) -> PictureError:
    return PictureError(
        "huge_picture", "The picture has too many pixels.", place=str(path),
        expected=f"at most {most:,} pixels", found=found,
        remedy="Save it smaller, or leave it out.",
    )  # fmt: skip
