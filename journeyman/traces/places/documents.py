"""JSON, JSON Lines and CSV of a run: sections of the report, answers, suspects, refused rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.files import write_text
from journeyman.people.gallery import SHELF
from journeyman.traces.known import folders
from journeyman.traces.places.base import PLACES, Place, Request
from journeyman.traces.removed import Removed, pruned

OWN = ("model", "backbone", f"model{SHELF}")
"""Folders of a run whose files hang together: a new model, or the store of versions, sees to
them."""
KEPT = ("removals.json", "journal.jsonl", "recipe.yaml", "stamp.json")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


@PLACES.register("documents")
class Documents(Place):
    """Every file of records that a run's folder holds, whoever wrote it there."""

    name = "documents"
    rank = 2

    def clear(self, request: Request) -> int:
        """Leave the records of removed rows out, and write the rest as it was."""
        found = 0
        for path in documents(request.run):
            found += _cleared(path, request.removed)
        return found


def clear_documents(folder: Path, removed: Removed) -> int:
    """Leave the records of removed rows out of every file of records under a folder."""
    kinds = (".json", ".jsonl", *_DELIMITERS)
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in kinds]
    return sum(_cleared(path, removed) for path in paths)


def documents(run: Path) -> Iterator[Path]:
    """The files it goes through: none of a model's or of the stored tables, and no source."""
    sources, tables = _sources(run), set(folders(run))
    for path in sorted(run.rglob("*")):
        names = path.relative_to(run).parts[:-1]
        if set(names) & set(OWN) or path.name in KEPT or path.resolve() in sources:
            continue
        if tables & set(path.parents):
            continue
        if path.suffix in (".json", ".jsonl", ".ndjson", *_DELIMITERS) and path.is_file():
            yield path


def _sources(run: Path) -> set[Path]:
    """The user's own files, which are never touched, in case they lie in the run's folder."""
    found: set[Path] = set()
    for folder in folders(run):
        try:
            content = json.loads((folder / "collection.json").read_text(encoding="utf-8"))
            named = [*content["sources"].values(), *content.get("extra", ())]
        except (OSError, ValueError, KeyError):
            continue
        found |= {Path(name).resolve() for name in named}
    return found


def _cleared(path: Path, removed: Removed) -> int:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return 0
    if path.suffix in _DELIMITERS:
        new, count = _rows(text, _DELIMITERS[path.suffix], removed)
    elif path.suffix == ".json":
        new, count = _document(text, removed)
    else:
        new, count = _lines(text, removed)
    if count:
        write_text(path, new)
    return count


def _document(text: str, removed: Removed) -> tuple[str, int]:
    value = _parsed(text)
    value, count = pruned(value, removed)
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", count


def _lines(text: str, removed: Removed) -> tuple[str, int]:
    kept, count = [], 0
    for line in text.splitlines(keepends=True):
        value = _parsed(line)
        if removed.in_record(value):
            count += 1
            continue
        value, found = pruned(value, removed)
        kept.append(json.dumps(value, ensure_ascii=False) + "\n" if found else line)
        count += found
    return "".join(kept), count


def _rows(text: str, delimiter: str, removed: Removed) -> tuple[str, int]:
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    column = rows[0].index("id") if rows and "id" in rows[0] else None
    kept = [
        row
        for row in rows
        if not removed.in_record(row)
        and not (column is not None and column < len(row) and row[column] in removed.ids)
    ]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(kept)
    return out.getvalue(), len(rows) - len(kept)


def _parsed(text: str) -> Any:
    """The value that the text is of; the text itself where it is none of JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text.rstrip("\n")
