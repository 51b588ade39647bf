"""Heat maps as files: a PNG for each explanation of a picture, named by its row, in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from pathlib import Path

import numpy as np

from journeyman.backbones.base import Backbone
from journeyman.backbones.picture_inputs import Picture
from journeyman.errors import JourneymanError
from journeyman.explainers.overlay import marked, overlaid
from journeyman.explainers.picture_question import Scene
from journeyman.files import replacing, unwritable
from journeyman.types import Explanation, Modality, PictureExplanation

SIDE = 640
"""Pixels of a file's longer side at least: small pictures are enlarged."""
LONGEST = 40
"""Characters of an id that a name holds at most."""


@dataclass
class HeatMaps:
    """The heat maps of one sitting in `folder`; no two have one name, even where case counts for
    nothing."""

    folder: Path
    taken: set[str] = field(default_factory=set)

    @classmethod
    def into(cls, folder: str | Path, modality: Modality) -> HeatMaps:
        """Heat maps in a folder that is new or empty; it is made.

        Raises JourneymanError for a model of texts and for a place that is taken, ResourceError
        where the machine refuses.
        """
        place = Path(folder).expanduser()
        if modality != "image":
            raise JourneymanError(
                "The model reads texts, of which there are no heat maps.",
                place="output", expected="a model of pictures", found=f"a model of {modality}s",
                remedy="leave the output folder out: the words' weights are in `tokens`",
            )  # fmt: skip
        try:
            if not place.is_dir() and place.exists():
                raise _taken(place, "a file of that name")
            place.mkdir(parents=True, exist_ok=True)
            first = next(place.iterdir(), None)
        except OSError as error:
            raise unwritable(place, error) from error
        if first is not None:
            raise _taken(place, f"a folder with {first.name} in it")
        return cls(place)

    def keep(self, why: Explanation, backbone: Backbone, picture: Picture) -> Explanation:
        """Write the heat map of an explanation, the box it is about drawn in; says where it is."""
        if not isinstance(why, PictureExplanation):
            return why
        scene = Scene.read(backbone, picture)
        side = max(SIDE, *scene.seen.shape[:2])
        shown = overlaid(scene.seen, np.array(why.heat), side)
        if why.box is not None:
            shown = marked(shown, scene.shares(why.box))
        path = self.folder / self._name(why.id)
        with replacing(path) as beside:
            shown.save(beside, format="PNG")
        return replace(why, heatmap=str(path))

    def _name(self, row_id: str) -> str:
        name = next(each for each in _names(row_id) if each.casefold() not in self.taken)
        self.taken.add(name.casefold())
        return name


def _names(row_id: str) -> Iterator[str]:
    """Names for a row: its id where that can be one, else what of it can, and a hash of all."""
    safe = "".join(each if each.isalnum() or each in "-_." else "_" for each in row_id)
    if safe != row_id or not 0 < len(safe) <= LONGEST or safe.startswith((".", "-")):
        hashed = sha256(row_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        safe = f"{safe[:LONGEST].strip('._-')}-{hashed}".lstrip("-")
    yield f"{safe}.png"
    for number in count(2):
        yield f"{safe}-{number}.png"


def _taken(place: Path, found: str) -> JourneymanError:
    return JourneymanError(
        "Heat maps would be written among other things.",
        place=str(place), expected="a folder that is new or empty", found=found,
        remedy="choose another name, or remove what stands there first",
    )  # fmt: skip
