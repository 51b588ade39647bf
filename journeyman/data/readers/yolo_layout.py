"""Where a YOLO dataset keeps its pictures, its labels and the names of its classes.

The layouts are those of Ultralytics' documents: a `data.yaml` that names parts and classes, or
folders called `images` and `labels`; and labelImg's, pictures with their labels beside them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from journeyman.data.pictures import looks_like_picture
from journeyman.data.readers.folder import files_in

IMAGES, LABELS, CLASSES = "images", "labels", "classes.txt"
_PARTS = ("train", "val", "valid", "validation", "test")
_MOST = 1 << 22
"""Bytes a description of a dataset may have."""


@dataclass(frozen=True)
class YoloLayout:
    """The parts by name ("" where there is one alone), each in folders or lists of pictures.

    `names` are the classes by their number; None where nothing names them.
    """

    root: Path
    parts: Mapping[str, tuple[Path, ...]]
    names: Mapping[int, str] | None

    def pictures(self, part: str) -> Iterator[Path]:
        """The pictures of a part, in order."""
        for place in self.parts[part]:
            yield from _listed(place, self.root) if place.is_file() else _in_folder(place)

    def label_file(self, picture: Path) -> Path:
        """Where the boxes of a picture stand: under `labels` for `images`, else beside it."""
        parts = list(picture.parts)
        if IMAGES in parts:
            parts[len(parts) - 1 - parts[::-1].index(IMAGES)] = LABELS
            apart = Path(*parts).with_suffix(".txt")
            if apart.is_file():
                return apart
        return picture.with_suffix(".txt")


def layout_of(path: Path) -> YoloLayout | None:
    """The layout of a folder, or of the one that a YAML file describes; None for any other."""
    path = Path(os.path.abspath(path))
    try:
        if path.is_file():
            said = _description(path)
            return None if said is None else _described(path.parent, said)
        for file in _yaml_files(path):
            if (said := _description(file)) is not None:
                return _described(path, said)
        parts = _folders(path)
        return YoloLayout(path, parts, _class_names(path)) if parts else None
    except (OSError, ValueError, RuntimeError):  # Paths that no machine has raise the last two.
        return None


def _yaml_files(folder: Path) -> list[Path]:
    found = [entry for entry in folder.iterdir() if entry.suffix.lower() in (".yaml", ".yml")]
    return sorted(found, key=lambda file: (file.stem != "data", file.name))


def _description(file: Path) -> dict[str, Any] | None:
    """What a YAML file says, where it names a part and is no recipe of ours."""
    if file.suffix.lower() not in (".yaml", ".yml") or file.stat().st_size > _MOST:
        return None
    try:
        said = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not any(part in said for part in _PARTS):
        return None
    return said if "names" in said or "nc" in said else None


def _described(root: Path, said: Mapping[str, Any]) -> YoloLayout:
    base = _found(root, str(said.get("path") or ".")) or root
    parts = {}
    for name in _PARTS:
        places = said.get(name) or ()
        listed = [places] if isinstance(places, str) else places
        if isinstance(listed, list) and listed:
            parts[name] = tuple(_place(base, root, str(each)) for each in listed)
    names = _named(said.get("names"))
    return YoloLayout(base, parts, names or _class_names(root))


def _place(base: Path, root: Path, said: str) -> Path:
    """A folder or list, from the base; else from the file's folder, though it says `../`."""
    bare = said.removeprefix("../")
    for folder, name in ((base, said), (root, said), (base, bare), (root, bare)):
        found = _found(folder, name)
        if found is not None:
            return found
    return Path(os.path.normpath(base / said))


def _found(folder: Path, said: str) -> Path | None:
    path = Path(os.path.normpath(folder / Path(said).expanduser()))
    return path if path.exists() else None


def _named(said: Any) -> dict[int, str] | None:
    if isinstance(said, list):
        return {number: str(name) for number, name in enumerate(said)}
    if isinstance(said, dict):
        return {int(number): str(name) for number, name in said.items() if str(number).isdigit()}
    return None


def _class_names(root: Path) -> dict[int, str] | None:
    for file in (root / CLASSES, root / LABELS / CLASSES):
        if file.is_file() and file.stat().st_size <= _MOST:
            lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            return {number: line.strip() for number, line in enumerate(lines) if line.strip()}
    return None


def _folders(root: Path) -> dict[str, tuple[Path, ...]]:
    """The parts of a folder that no file describes; none where it is no YOLO dataset."""
    images, labels = root / IMAGES, root / LABELS
    if _holds_labels(labels) and images.is_dir():
        inner = sorted(entry.name for entry in images.iterdir() if entry.is_dir())
        apart = [name for name in inner if (labels / name).is_dir()]
        return {name: (images / name,) for name in apart} or {"": (images,)}
    inside: dict[str, tuple[Path, ...]] = {
        entry.name: (entry / IMAGES,)
        for entry in sorted(root.iterdir())
        if (entry / IMAGES).is_dir() and _holds_labels(entry / LABELS)
    }
    return inside or ({"": (root,)} if _has_labels_beside(root) else {})


def _holds_labels(folder: Path) -> bool:
    """Whether there are files of text in a folder, or in those in it, and no pictures."""
    texts = False
    for _, _, names in os.walk(folder):
        if any(map(looks_like_picture, names)):
            return False
        texts = texts or any(name.lower().endswith(".txt") for name in names)
    return texts


def _has_labels_beside(root: Path) -> bool:
    if not (root / CLASSES).is_file():
        return False
    names = [entry.name for entry in root.iterdir()]
    texts = {Path(name).stem for name in names if name.endswith(".txt")}
    return any(looks_like_picture(name) and Path(name).stem in texts for name in names)


def _in_folder(folder: Path) -> Iterator[Path]:
    for path in files_in(folder) if folder.is_dir() else ():
        if looks_like_picture(path.name) and not path.name.startswith("."):
            yield path


def _listed(file: Path, root: Path) -> Iterator[Path]:
    for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        if line.strip():
            yield Path(os.path.normpath(root / line.strip()))
