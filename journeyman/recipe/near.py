"""The nearest of some names, for a remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


def nearest(name: object, names: Iterable[str]) -> str:
    """The one name most like `name`; empty when none is."""
    spelled = {other.casefold().replace("-", "_"): other for other in names}
    key = str(name).casefold().replace("-", "_").replace(" ", "_")
    near = difflib.get_close_matches(key, spelled, n=1, cutoff=0.6)
    return spelled[near[0]] if near else ""


def near_files(path: Path) -> str:
    """Files of the same folder with names like this one, joined; empty when there are none."""
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    return " or ".join(str(path.parent / name) for name in near)
