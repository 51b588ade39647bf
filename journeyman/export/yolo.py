"""YOLO: a text file a picture, each line a class, a box in shares of the picture, and the score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from journeyman.data.pictures import picture_size
from journeyman.export.base import EXPORTS, Found, placed
from journeyman.files import making_folder
from journeyman.types import BoxSides


@EXPORTS.register("yolo")
def write_yolo(found: Sequence[Found], labels: Sequence[str], place: Path) -> None:
    """A folder: `classes.txt`, and in `labels/` a file a picture, empty where nothing was found."""
    number = {label: at for at, label in enumerate(labels)}
    files = placed(found, lambda picture: ".txt")
    with making_folder(place) as folder:
        names = "".join(f"{' '.join(label.split())}\n" for label in labels)
        (folder / "classes.txt").write_text(names, encoding="utf-8")
        (folder / "labels").mkdir()
        for name, each in files.items():
            size = picture_size(each.picture)
            lines = [_line(number[box.label], box.box, box.score, size) for box in each.boxes]
            path = folder / "labels" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _line(number: int, box: BoxSides, score: float, size: tuple[int, int]) -> str:
    (x, y, wide, high), (width, height) = box, size
    shares = ((x + wide / 2) / width, (y + high / 2) / height, wide / width, high / height)
    return f"{number} {' '.join(f'{share:.6f}' for share in shares)} {score:.6f}"
