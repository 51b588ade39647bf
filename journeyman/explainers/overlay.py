"""A picture under the weights of its cells: small enough to stand in a page, or larger."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 168
"""Pixels of the longer side in a page."""
QUALITY = 80
FOR, AGAINST = (28, 112, 190), (222, 120, 20)
"""The colours of words in a report."""
STRONGEST = 0.65
"""How much of its colour the weightiest cell takes."""


def sized(seen: NDArray[np.uint8], side: int = SIDE) -> Image.Image:
    """[H, W, 3] as a picture whose longer side has so many pixels."""
    image = Image.fromarray(seen)
    share = side / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(size, Image.Resampling.BICUBIC)


def overlaid(seen: NDArray[np.uint8], heat: NDArray[np.float64], side: int = SIDE) -> Image.Image:
    """The picture in grey, blue where cells speak for the answer, orange where against it."""
    image = sized(seen, side)
    grey = np.asarray(image.convert("L"), dtype=np.float32)[..., None].repeat(3, axis=2)
    strongest = float(np.abs(heat).max()) or 1.0
    scaled = Image.fromarray((heat / strongest).astype(np.float32))
    weights = np.asarray(scaled.resize(image.size, Image.Resampling.BILINEAR))[..., None]
    colour = np.where(weights > 0, np.array(FOR), np.array(AGAINST))
    share = STRONGEST * np.abs(weights)
    return Image.fromarray((grey * (1 - share) + colour * share).astype(np.uint8))


def marked(image: Image.Image, box: tuple[float, float, float, float] | None) -> Image.Image:
    """The picture with a box drawn in it, of corners in shares: light within dark, seen on both."""
    if box is None:
        return image
    image, (width, height) = image.copy(), image.size
    left, top, right, bottom = (
        round(share * (side - 1))
        for share, side in zip(np.clip(box, 0, 1).tolist(), (width, height) * 2, strict=True)
    )
    draw = ImageDraw.Draw(image)
    for inset, colour in ((0, "black"), (1, "white")):
        corners = left + inset, top + inset, right - inset, bottom - inset
        if corners[0] <= corners[2] and corners[1] <= corners[3]:
            draw.rectangle(corners, outline=colour)
    return image


def data_uri(image: Image.Image) -> str:
    """The picture as a JPEG in an address that a page can hold."""
    held = io.BytesIO()
    image.save(held, format="JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"
