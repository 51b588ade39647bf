"""The people a model of faces knows by name: enrolled without training, removed without a trace.

A gallery is one file beside the model's own, `gallery.safetensors`: the vectors of the pictures,
and in its header whose they are. It is no part of the model's version, since no one is learned
from; it belongs to one version, whose vectors it holds. People and pictures stand sorted, and each
picture was mapped alone, so the file says who is in it and nothing of how they came or who left:
after a person is removed its bytes are those it would have if the person had never been enrolled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray

from journeyman.errors import JourneymanError, ModelError
from journeyman.tensors import read_tensors, write_tensors

GALLERY = "gallery.safetensors"

SHELF = ".versions"
"""What the folder of a model's earlier versions is called, after the model's own."""

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Gallery:
    """Of each person the vector [E] of each picture, by the hash of its file.

    `version` is the model's whose vectors they are.
    """

    version: str
    people: Mapping[str, Mapping[str, Vector]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, version: str) -> Gallery:
        """The gallery in a model's folder; empty where there is none.

        Raises ModelError for a file that is broken, or of another version of the model.
        """
        path = folder / GALLERY
        if not path.is_file():
            return cls(version)
        tensors, about = read_tensors(path)
        try:
            names, pictures = about["people"], about["pictures"]
            vectors = tensors["vectors"].numpy()
            people: dict[str, dict[str, Vector]] = {}
            for name, picture, vector in zip(names, pictures, vectors, strict=True):
                people.setdefault(name, {})[picture] = vector
            found = cls(about["version"], people)
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(
                "The model's gallery cannot be read.",
                place=str(path),
                expected="vectors, and whose each is",
                found=f"{type(error).__name__}: {error}"[:200],
                remedy="restore the file from a copy, or delete it and enrol again",
            ) from error
        if found.version != version:
            raise ModelError(
                "The gallery was made with another version of the model.",
                place=str(path),
                expected=f"version {version}",
                found=f"version {found.version}",
                remedy="delete the file and enrol again: vectors of two versions are not alike",
            )
        return found

    def write(self, folder: Path) -> None:
        """Write it into a model's folder, whole or not at all; no file where no one is in it."""
        path = folder / GALLERY
        if not self.people:
            path.unlink(missing_ok=True)
            return
        rows = [
            (name, picture, self.people[name][picture])
            for name in sorted(self.people)
            for picture in sorted(self.people[name])
        ]
        names, pictures, vectors = zip(*rows, strict=True)
        about = {"version": self.version, "people": names, "pictures": pictures}
        write_tensors(path, {"vectors": torch.from_numpy(np.stack(vectors))}, about)

    def with_person(self, name: str, pictures: Mapping[str, Vector]) -> Gallery:
        """With these pictures of a person, beside those there are; one again changes nothing."""
        held = {**self.people.get(name, {}), **pictures}
        return Gallery(self.version, {**self.people, name: held})

    def without(self, name: str) -> Gallery:
        """Without a person. Raises JourneymanError where there is none of that name."""
        if name in self.people:
            left = {each: held for each, held in self.people.items() if each != name}
            return Gallery(self.version, left)
        near = get_close_matches(name, self.people, n=1)
        known = sorted(self.people)
        more = f" and {len(known) - 10} more" * (len(known) > 10)
        raise JourneymanError(
            f"No one named {name!r} is enrolled.",
            place="person",
            expected=", ".join(known[:10]) + more if known else "a person who is enrolled",
            found=repr(name) if known else f"{name!r}, and an empty gallery",
            remedy=f"did you mean {near[0]!r}?" if near else "check how the name is spelled",
        )

    def means(self) -> tuple[list[str], NDArray[np.float64]]:
        """Everyone's name, sorted, and the mean [S, E] of their vectors.

        A product with a picture's vector is the mean of its cosines with the person's pictures.
        """
        names = sorted(self.people)
        rows = [
            np.mean([held[each] for each in sorted(held)], axis=0, dtype=np.float64)
            for held in map(self.people.__getitem__, names)
        ]
        return names, np.stack(rows) if rows else np.zeros((0, 0))


def shelf_beside(folder: Path) -> Path:
    """Where the versions of the model in `folder` are kept, and with each who was enrolled with it.

    A folder that is named by dots alone has its own name found first.
    """
    named = folder if folder.name else folder.resolve()
    return named.with_name(f"{named.name}{SHELF}")


def shelved(folder: Path, person: str) -> list[Path]:
    """The folders of earlier versions of the model in `folder` that a person is enrolled with."""
    found = (path.parent for path in shelf_beside(folder).glob(f"[!.]*/{GALLERY}"))
    return [each for each in sorted(found) if person in Gallery.read(each, each.name).people]


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Holds the gallery of a model's folder for one process that changes it.

    What a killed process had not finished writing goes first: it may hold who is to be removed.
    """
    with FileLock(folder.with_name(f".{folder.name}.gallery.lock")):
        for left in folder.glob(f".{GALLERY}.*.part"):
            left.unlink(missing_ok=True)
        yield
