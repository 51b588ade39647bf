"""COCO's JSON files: how one is known, and which of a folder's are the splits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from journeyman.data.readers.textfile import head
from journeyman.errors import DataError

LISTS = ("images", "annotations", "categories")
_LIST = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_MARKS = (b'"file_name"', b'"image_id"', b'"category_id"', b'"supercategory"')
_PLACES = (".", "annotations")
_MOST = 50
"""JSON files of a folder that are looked at."""


def looks_like_coco(start: bytes) -> bool:
    """Whether a file that begins so is one JSON object with COCO's lists, not an object a line."""
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{") or not _LIST.search(start):
        return False
    line, ended, _ = start.partition(b"\n")
    try:
        whole = json.loads(line) if ended or len(start) < 1 << 15 else None
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict):
        lists = sum(isinstance(whole.get(name), list) for name in LISTS)
        return lists >= 2 and is_named((whole.get("images") or [{"file_name": ""}])[0])
    return any(mark in start for mark in _MARKS)


def is_named(image: Any) -> bool:
    """Whether this is an image as COCO lists it: an object with the name of a file."""
    return isinstance(image, Mapping) and isinstance(image.get("file_name"), str)


def coco_files(folder: Path) -> list[Path]:
    """The COCO files in a folder, and in the folder `annotations` in it."""
    try:
        found = [file for place in _PLACES for file in sorted((folder / place).glob("*.json"))]
        return [file for file in islice(found, _MOST) if looks_like_coco(head(file))]
    except (OSError, DataError):
        return []


def coco_splits(folder: Path) -> dict[str, Path]:
    """Which file is which split of a recipe, by the words of its name; none without a training one.

    Of several for a split, the one called `instances`.
    """
    found: dict[str, list[Path]] = {"train": [], "validation": [], "test": []}
    for file in coco_files(folder):
        words = re.split(r"[\W_]+", file.stem.lower())
        for role, held in found.items():
            if any(word.startswith(role[:3] if role == "validation" else role) for word in words):
                held.append(file)
                break
    chosen = {}
    for role, held in found.items():
        usual = [file for file in held if file.name.startswith("instances")] or held
        if len(usual) == 1:
            chosen[role] = usual[0]
    return chosen if "train" in chosen else {}
