"""Formats that boxes are written in, and the one function that writes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeyman.errors import JourneymanError
from journeyman.registry import Registry
from journeyman.types import BoxesPrediction, ScoredBox


@dataclass(frozen=True)
class Found:
    """What was found in one picture: the row's id, the picture's path, and its boxes."""

    id: str
    picture: Path
    boxes: tuple[ScoredBox, ...]


Export = Callable[[Sequence[Found], Sequence[str], Path], None]
"""Writes what was found, of the labels a model knows in the order of its schema, as a file or
folder at a path where nothing stands; whole or not at all."""

EXPORTS: Registry[Export] = Registry("export format", "journeyman.export")


def export_boxes(
    format: str,
    predictions: Sequence[BoxesPrediction],
    pictures: Sequence[str | Path],
    labels: Sequence[str],
    place: str | Path,
) -> None:
    """Write predictions at `place` in a format of `EXPORTS`; `pictures` has the path of each.

    Raises JourneymanError for a format or label that is not known, for a place that is taken, and
    where pictures and predictions are not as many; nothing is left half written.
    """
    write = EXPORTS[format]
    place = Path(place).expanduser()
    if len(predictions) != len(pictures):
        raise _refusal("Not every answer has a picture.", "a picture for each answer",
                       f"{len(predictions)} answers, {len(pictures)} pictures",
                       "give the path of each picture that was asked about")  # fmt: skip
    if place.exists():
        raise _refusal("The export would overwrite something.", "a name that is free", str(place),
                       "choose another name, or remove what stands there first")  # fmt: skip
    known = set(labels)
    strange = sorted({box.label for each in predictions for box in each.boxes} - known)
    if strange:
        raise _refusal("An answer has a label that the model lacks.", " | ".join(labels),
                       strange[0], "give the labels of the model's schema")  # fmt: skip
    found = [
        Found(each.id, Path(os.path.abspath(Path(path).expanduser())), each.boxes)
        for each, path in zip(predictions, pictures, strict=True)
    ]
    write(found, labels, place)


def placed(found: Sequence[Found], suffix: Callable[[Path], str]) -> dict[Path, Found]:
    """A relative path for each picture, below the folder that all stand in, with another suffix.

    A picture that was asked about twice is there once. Raises JourneymanError where two pictures
    would have one name.
    """
    if not found:
        return {}
    base = os.path.commonpath([each.picture.parent for each in found])
    placed: dict[Path, Found] = {}
    for each in found:
        name = each.picture.relative_to(base).with_suffix(suffix(each.picture))
        other = placed.setdefault(name, each)
        if other.picture != each.picture:
            raise _refusal(
                "Two pictures would be written as one.", "pictures whose names differ before the "
                "dot, or that stand in different folders", f"{other.picture} and {each.picture}",
                "rename one of them, or ask about them apart",
            )  # fmt: skip
    return placed


def _refusal(problem: str, expected: str, found: str, remedy: str) -> JourneymanError:
    return JourneymanError(
        problem, place="the export", expected=expected, found=found, remedy=remedy
    )
