"""A finished run's stamp: enough to answer "nothing changed" without importing anything heavy.

Sizes and times of change stand for contents, as in make. When the stamp does not match, the
journal, which goes by contents, decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from journeyman.files import write_json

FILE = "stamp.json"


def stamped_folder(recipe: Path) -> Path | None:
    """The folder of the finished run of this recipe file when nothing changed since, else None."""
    try:
        content = recipe.read_bytes()
        said = yaml.safe_load(content)
        folder = Path(said.get("output") or f"runs/{said.get('name') or recipe.stem}").expanduser()
        stamp = json.loads((folder / FILE).read_text(encoding="utf-8"))
        same = stamp == _stamp(content, [Path(name) for name in stamp["files"]])
    except (OSError, ValueError, AttributeError, KeyError, TypeError, yaml.YAMLError):
        return None
    return folder if same else None


def stamp(recipe: Path, folder: Path, inputs: Iterable[Path]) -> None:
    """Mark the run in `folder` as finished for this recipe file, these inputs and its results."""
    results = [folder / "report.html", folder / "metrics.json"]
    for model in (folder / "model", folder / "transfer" / "model"):
        results += [path for path in sorted(model.rglob("*")) if path.is_file()]
    files = [*(path.absolute() for path in inputs), *results]
    write_json(folder / FILE, _stamp(recipe.read_bytes(), files))


def _stamp(recipe: bytes, files: Iterable[Path]) -> dict[str, Any]:
    return {
        "recipe": sha256(recipe).hexdigest(),
        "program": version("journeyman"),
        "files": {str(path): _state(path) for path in files},
    }


def _state(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
