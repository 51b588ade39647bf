"""Pictures on disk, decoded as they are meant to be seen."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from journeyman.errors import DataError


def read_picture(path: str | Path) -> Image.Image:
    """The picture at `path` in RGB, turned as its EXIF says; a DataError where it is none."""
    try:
        with Image.open(path) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            "A picture cannot be read.",
            place=str(path),
            expected="a picture file such as JPEG or PNG",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            remedy="restore the file, or remove its row",
        ) from error
