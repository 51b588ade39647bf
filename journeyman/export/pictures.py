"""The pictures themselves, with the boxes drawn over them, each with its label and score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from journeyman.data.pictures import read_picture
from journeyman.export.base import EXPORTS, Found, placed
from journeyman.export.lettering import Lettering, lettering_for
from journeyman.files import making_folder
from journeyman.types import ScoredBox

COLOURS = (
    "#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#46f0f0", "#f032e6", "#bcf60c",
    "#008080", "#ffe119", "#9a6324", "#800000", "#aaffc3", "#808000", "#000075", "#e6beff",
)  # fmt: skip
"""One a label, in the order of the schema; then they begin anew. After Trubetskoy (2017), "List of
20 simple, distinct colors"."""

LEAST_SIDE = 640
"""A picture whose longer side is shorter is enlarged by a whole number, so that text has room."""

_QUALITY = 92
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@EXPORTS.register("pictures")
def write_pictures(found: Sequence[Found], labels: Sequence[str], place: Path) -> None:
    """A folder with a JPEG file for each JPEG picture, and a PNG file for any other."""
    colours = {label: COLOURS[at % len(COLOURS)] for at, label in enumerate(labels)}
    lettering = lettering_for(labels)
    files = placed(found, lambda picture: ".jpg" if picture.suffix.lower() in _JPEG else ".png")
    with making_folder(place) as folder:
        for name, each in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn(read_picture(each.picture), each.boxes, colours, lettering).save(
                path, quality=_QUALITY
            )


def drawn(
    picture: Image.Image,
    boxes: Sequence[ScoredBox],
    colours: dict[str, str],
    lettering: Lettering,
) -> Image.Image:
    """A copy with the boxes over it, the highest score on top; small pictures are enlarged."""
    times = max(1, -(-LEAST_SIDE // max(picture.size)) if max(picture.size) < LEAST_SIDE else 1)
    copy = picture.resize((picture.width * times, picture.height * times), Image.Resampling.BICUBIC)
    line = max(2, round(max(copy.size) / 300))
    font = lettering.font(max(13, round(max(copy.size) / 50)))
    pen = ImageDraw.Draw(copy)
    ranked = sorted(boxes, key=lambda box: box.score)
    for box in ranked:
        _frame(pen, _corners(box, times, copy.size), colours[box.label], line)
    for box in ranked:
        said = f"{lettering.spelled(box.label)} {box.score:.2f}"
        _write(pen, said, _corners(box, times, copy.size), colours[box.label], font, copy.size)
    return copy


Corners = tuple[float, float, float, float]


def _corners(box: ScoredBox, times: int, size: tuple[int, int]) -> Corners:
    """Left, top, right and bottom in the drawn picture, inside of it."""
    x, y, wide, high = (side * times for side in box.box)
    left, top = min(max(x, 0), size[0] - 2), min(max(y, 0), size[1] - 2)
    right, bottom = min(x + wide, size[0]) - 1, min(y + high, size[1]) - 1
    return (left, top, max(right, left + 1), max(bottom, top + 1))


def _frame(pen: ImageDraw.ImageDraw, corners: Corners, colour: str, line: int) -> None:
    """A line of the colour between two of black, to be seen on any ground."""
    left, top, right, bottom = corners
    inner = (left + line, top + line, right - line, bottom - line)
    pen.rectangle(corners, outline=colour, width=line)
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline="black")
    if inner[0] < inner[2] and inner[1] < inner[3]:
        pen.rectangle(inner, outline="black")


def _write(
    pen: ImageDraw.ImageDraw, said: str, corners: Corners, colour: str, font: Font,
    size: tuple[int, int],
) -> None:  # fmt: skip
    """A plate of the colour on top of the box, or in it where there is no room above."""
    _, above, across, below = pen.textbbox((0, 0), said, font=font)
    margin = max(1, round(below / 6))
    wide, high = across + 2 * margin, below - above + 2 * margin
    left = max(0.0, min(corners[0], size[0] - wide))
    top = corners[1] - high if corners[1] >= high else corners[1]
    top = max(0.0, min(top, size[1] - high))
    pen.rectangle((left, top, left + wide, top + high), fill=colour)
    ink = "black" if _light(colour) else "white"
    pen.text((left + margin, top + margin - above), said, fill=ink, font=font)


def _light(colour: str) -> bool:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue > 140
