"""Files and records of a store as one: each change in an order that a kill cannot break.

Files are written whole, then recorded, then swapped in, then marked. `settle` finishes what a kill
left between two of these, and knows what others put into the model folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeyman.continual.update import Update
from journeyman.saved.folder import standing_version
from journeyman.saved.manifest import MANIFEST, check_files, read_manifest
from journeyman.versions.keeper import Keeper
from journeyman.versions.version import Version, decision, time_of

if TYPE_CHECKING:
    from journeyman.versions.records import Records


class Register:
    """What a keeper keeps, and the records of it. Changes are made by one process at a time."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._records: Records | None = None

    @property
    def records(self) -> Records:
        """The records, opened when they are first asked for."""
        if self._records is None:
            self._records = self.keeper.records()
        return self._records

    def recorded(self) -> list[Version]:
        """Every version as it is recorded, the newest first."""
        with self.records.transaction(reading=True):
            return self.records.all()

    def versions(self) -> list[Version]:
        """Every version, the newest first; its state tells where files are missing."""
        if not self.keeper.made:
            return self._unrecorded()
        found = []
        with self.records.transaction(reading=True):
            current = self.keeper.standing()
            for each in self.records.all():
                missing = each.stands and not self.keeper.holds(each.version)
                state = "missing" if missing else each.state
                found.append(replace(each, state=state, current=each.version == current))
        return found

    def lines(self) -> list[str]:
        """Every decision, as a line of JSON: those recorded, then those only the folder knows."""
        if not self.keeper.made:
            return self.keeper.lines()
        with self.records.transaction(reading=True):
            told = self.records.lines()
        known = set(told)
        return [*told, *(line for line in self.keeper.lines() if line not in known)]

    def settle(self) -> None:
        """Put the records right by the files: after a kill, or another writer of the folder."""
        if self.keeper.serving is None:
            return
        recorded = {each.version: each for each in self.recorded()}
        for update in self.keeper.unfinished():
            if update.version not in recorded:
                self.write(Version.of(update))
        standing = self.keeper.standing()
        for each in recorded.values():
            if each.state in ("pruned", "purged") and each.version != standing:
                self.keeper.drop(each.version)
            old = recorded.get(each.replaces or "")
            if old is not None and each.stands and old.stands:
                self.finish(old, each)
        self._adopt(self.keeper.serving)
        self._merge_decisions()

    def write(self, version: Version) -> None:
        """Record a version that was learned, or refused."""
        with self.records.transaction():
            self.records.put(version)
            if version.kind != "made":
                what = version.kind if version.accepted else "refuse"
                self.records.tell([_line(decision(what, version, *version.update.reasons))])
        self.keeper.tell(self.lines())

    def decide(self, version: Version, what: str, *reasons: str) -> None:
        """Record a version as it is given, and what was decided on it."""
        with self.records.transaction():
            self.records.put(version)
            self.records.tell([_line(decision(what, version, *reasons))])
        self.keeper.tell(self.lines())

    def known(self, version: Version) -> Version:
        """The record of a version that is added; one that was there keeps its time and parent."""
        with self.records.transaction(reading=True):
            before = self.records.find(version.version)
        if before is None:
            return version
        return replace(before, update=version.update, accepted=version.accepted, state="kept")

    def know_parent(self, folder: Path | None, update: Update) -> None:
        """Record the version an update came from, where it stands in this folder."""
        if folder is None or update.parent is None or standing_version(folder) != update.parent:
            return
        with self.records.transaction():
            if self.records.find(update.parent) is None:
                made = self.take_in(folder, None)
                if self.keeper.standing() is None:
                    self.records.serve(made.version)

    def take_in(self, folder: Path, update: Update | None) -> Version:
        """Keep and record the model in a folder, unless it is known and stands."""
        made = _made(folder) if update is None else Version.of(update)
        with self.records.transaction():
            before = self.records.find(made.version)
            if before is not None and before.stands and self.keeper.holds(made.version):
                return before
            known = made if before is None else replace(before, state="kept")
            self.keeper.keep_folder(folder, known.update)
            self.records.put(known)
        return known

    def serve(self, version: Version, what: str, *reasons: str) -> None:
        """Swap a version in, then mark that it serves; the decision comes with the swap."""
        before = self.keeper.standing()
        served = (f"{before} served before",) if before else ()
        line = _line(decision(what, version, *served, *reasons))
        self.keeper.serve(version.version, [*self.lines(), line])
        with self.records.transaction():
            self.records.serve(version.version)
            self.records.tell([line])

    def finish(self, old: Version, new: Version) -> None:
        """Put `new`, which is recorded, in the place of `old`, and purge that."""
        reasons = (f"in place of {old.version}", *new.update.reasons)
        if old.version == self.keeper.standing():
            self.serve(new, "unlearn", *reasons)
        told = any(_tells(line, "unlearn", new.version) for line in self.lines())
        with self.records.transaction():
            fewer = new.update.removed - new.update.added
            self.records.adopt_children(old.version, new.version, fewer)
            known = self.records.find(new.version) or new
            self.records.put(replace(known, promoted=known.promoted or old.promoted))
            self.records.put(old.forgotten())
            if not told:
                self.records.tell([_line(decision("unlearn", new, *reasons))])
        self.keeper.drop(old.version)
        self.keeper.tell(self.lines())

    def check(self, version: Version) -> None:
        """Raise ModelError unless a version's files are as they were saved."""
        folder = self.keeper.folder(version.version)
        check_files(folder, read_manifest(folder))

    def _unrecorded(self) -> list[Version]:
        """The only version of a model that has no store: the one that stands in its folder."""
        if self.keeper.serving is None or self.keeper.standing() is None:
            return []
        made = _made(self.keeper.serving)
        return [replace(made, current=True, promoted=made.created)]

    def _adopt(self, folder: Path) -> None:
        """Know the model that stands in the folder, and that it serves."""
        standing = self.keeper.standing()
        if standing is None:
            return
        known = self.take_in(folder, None)
        if not known.current:
            with self.records.transaction():
                self.records.serve(standing)

    def _merge_decisions(self) -> None:
        """Let the records and the model folder tell the same decisions."""
        lines = self.lines()
        with self.records.transaction(reading=True):
            told = len(self.records.lines())
        if told < len(lines):
            with self.records.transaction():
                self.records.tell(lines[told:])
        self.keeper.tell(lines)


def _made(folder: Path) -> Version:
    """A model folder as a version that was made, or taught in a way that is not known."""
    manifest = read_manifest(folder)
    about = manifest["about"]
    rows, parent = about.get("rows"), about.get("parent")
    added = rows.get("train", 0) if isinstance(rows, dict) and not parent else 0
    update = Update("made", manifest["name"], manifest["version"], parent, True, added=added)
    return Version.of(update, created=time_of((folder / MANIFEST).stat().st_mtime))


def _line(said: dict[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False)


def _tells(line: str, what: str, version: str) -> bool:
    said = json.loads(line)
    return (said.get("what"), said.get("version")) == (what, version)


def listed(versions: Sequence[Version]) -> str:
    """Versions that stand, the newest first, as a message names them."""
    known = [each.version for each in versions if each.stands]
    more = f" and {len(known) - 6} more" * (len(known) > 6)
    return ", ".join(known[:6]) + more or "no version"
