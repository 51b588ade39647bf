"""What lies between two versions: rows, retention, settings of model.json, and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from journeyman.model_state import EXAM
from journeyman.saved.manifest import read_manifest
from journeyman.versions.shelf import files_of
from journeyman.versions.version import Difference, Version, balanced


def difference(
    a: Version, b: Version, versions: Sequence[Version], folders: Sequence[Path] | None
) -> Difference:
    """Between `a` and `b` of `versions`; `folders` are theirs, None where one has no files."""
    known = {each.version: each for each in versions}
    added, removed = _rows(a, b, known)
    settings, files = None, None
    if folders is not None:
        settings = _settings(*map(_said, folders))
        files = _files(*folders)
    retention = _retention(a, b, versions)
    return Difference(a.version, b.version, added, removed, retention, settings, files)


def ancestors(version: Version, known: Mapping[str, Version]) -> Iterator[Version]:
    """The versions it came from, the nearest first."""
    seen = {version.version}
    while version.parent is not None and version.parent in known and version.parent not in seen:
        version = known[version.parent]
        seen.add(version.version)
        yield version


def _rows(a: Version, b: Version, known: Mapping[str, Version]) -> tuple[int | None, int | None]:
    """Rows added and removed on the way up from `a` to where both come from, and down to `b`."""
    up, down = [a, *ancestors(a, known)], [b, *ancestors(b, known)]
    above = {each.version for each in down}
    meeting = next((each.version for each in up if each.version in above), None)
    if meeting is None:
        return None, None
    added = removed = 0
    for way, sign in ((up, -1), (down, 1)):
        for each in way:
            if each.version == meeting:
                break
            came, went = (each.added, each.removed)[::sign]
            added += came
            removed += went
    return balanced(added, removed)


def _retention(a: Version, b: Version, versions: Sequence[Version]) -> list[dict[str, Any]]:
    values = [_measured(each, versions) for each in (a, b)]
    names = sorted({name for each in values for name in each})
    return [
        {"slice": part, "metric": metric, "a": values[0].get(key), "b": values[1].get(key)}
        for key in names
        for part, metric in (key,)
    ]


def _measured(version: Version, versions: Sequence[Version]) -> dict[tuple[str, str], float]:
    """What was measured on a version: after its own update, or before one that it led to."""
    found: dict[tuple[str, str], float] = {}
    for each in versions:
        if each.update.parent == version.version:
            for line in each.update.retention:
                if line.before is not None:
                    found[line.slice, line.metric] = line.before
    own = {(line.slice, line.metric): line.after for line in version.update.retention}
    return {**found, **own}


def _said(folder: Path) -> dict[str, Any]:
    """Everything that model.json says by its name, and the rows of the exam."""
    manifest = read_manifest(folder)
    left = {name: value for name, value in manifest.items() if name not in ("files", "version")}
    flat = dict(_flat(left, ""))
    path = folder / EXAM
    if path.is_file():
        with safe_open(path, framework="pt") as file:
            flat["exam.rows"] = file.get_slice("counts").get_shape()[0]
    return flat


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for part, inner in value.items():
            yield from _flat(inner, f"{name}.{part}" if name else str(part))
    else:
        yield name, value


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = sorted({*a, *b})
    return {name: [a.get(name), b.get(name)] for name in names if a.get(name) != b.get(name)}


def _files(a: Path, b: Path) -> list[dict[str, Any]]:
    """Signed files whose contents differ, and their sizes in bytes."""
    sums = [read_manifest(folder)["files"] for folder in (a, b)]
    sizes = [{name: (f / name).stat().st_size for name in files_of(f)} for f in (a, b)]
    return [
        {"path": name, "a": sizes[0].get(name), "b": sizes[1].get(name)}
        for name in sorted({*sums[0], *sums[1]})
        if sums[0].get(name) != sums[1].get(name)
    ]
