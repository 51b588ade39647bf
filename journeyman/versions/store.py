"""The store of a model's versions: what was learned when, and which version serves.

Of a model folder, what stands in it is what serves: to ask the model, nobody needs the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from journeyman.continual.update import Update
from journeyman.errors import ModelError
from journeyman.model_state import ModelState
from journeyman.versions.difference import ancestors, difference
from journeyman.versions.folders import Folders
from journeyman.versions.keeper import Keeper
from journeyman.versions.register import Register, listed
from journeyman.versions.version import GONE, Difference, Version

SHORTEST = 4
"""Digits of a version that are enough to name it, if no other begins so."""
CURRENT = "current"
KEEP = 10


class Store:
    """The versions of one model: `beside` its folder, or in a database (`open`).

    One process changes a store at a time, and others wait; hold it `alone` over several calls that
    belong together. Every method takes a version by enough of its first digits, or `current`.
    Raises ModelError for a version that there is not, ResourceError where disk or database refuse.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._register = Register(keeper)
        self._depth = 0

    @classmethod
    def beside(cls, folder: str | Path) -> Store:
        """The store of the model in `folder`; nothing is written before a version is added."""
        return cls(Folders(Path(folder).expanduser()))

    @classmethod
    def open(cls, url: str, model: str) -> Store:
        """The store in a database of SQLite or PostgreSQL, for the model of a name."""
        from journeyman.versions.chunks import Chunks
        from journeyman.versions.records import Records

        remedy = "check the URL of the store (JOURNEYMAN_STORE), and that it can be reached"
        return cls(Chunks(Records(url, model, remedy)))

    @property
    def place(self) -> str:
        """Where the store is, as it may be shown."""
        return self._keeper.place

    @property
    def serving(self) -> Path | None:
        """The folder of the version that serves; None of a store in a database."""
        return self._keeper.serving

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the store for this process; in a database, all that happens within is one change."""
        with self._keeper.alone():
            self._depth += 1
            try:
                if self._depth == 1:
                    self._register.settle()
                yield
            finally:
                self._depth -= 1

    @property
    def current(self) -> str | None:
        """The version that serves; None where none does."""
        return self._keeper.standing()

    def add(self, model: ModelState, update: Update, came_from: Path | None = None) -> Version:
        """Write a version whole and record it; it serves once it is promoted.

        The model stands in the version's folder from then on. An update without a `version` gets
        the model's. The version it came from is recorded first where it is not known yet and stands
        in the folder `came_from`.
        """
        with self.alone():
            self._register.know_parent(came_from or model.folder, update)
            named = self._keeper.keep(model, update, update.parent)
            version = self._register.known(Version.of(named))
            self._register.write(version)
            return version

    def take_in(self, folder: Path, update: Update | None = None) -> Version:
        """Record the model in a folder as a version, by what led to it; "made" if absent."""
        with self.alone():
            return self._register.take_in(folder, update)

    def promote(self, version: str, *reasons: str) -> Version:
        """Let a version serve; one that does already stays.

        One that was refused may serve too, and it is noted that it was.
        """
        with self.alone():
            found = self.find(version)
            self._check(found)
            refused = () if found.accepted else ("it was refused", *found.update.reasons)
            if found.version != self.current:
                self._register.serve(found, "promote", *reasons, *refused)
            return self.find(found.version)

    def rollback(self, *reasons: str) -> Version:
        """Let the nearest ancestor serve that did before and still stands; gives it."""
        with self.alone():
            versions = self._register.versions()
            for each in _before(versions):
                if each.promoted and each.stands:
                    self._check(each)
                    self._register.serve(each, "rollback", *reasons)
                    return self.find(each.version)
            raise ModelError(
                "There is no earlier version to go back to.",
                place=self.place,
                expected="an ancestor of the version that serves, that served before and stands",
                found=listed(versions),
                remedy="promote a version by name: journeyman promote MODEL VERSION",
            )

    def history(self) -> list[Version]:
        """Every version, the newest first."""
        with self._reading():
            return self._register.versions()

    def find(self, version: str) -> Version:
        """The version that begins so, or that is `current`."""
        versions = self.history()
        wanted = (self.current or version) if version == CURRENT else version
        found = [each for each in versions if each.version.startswith(wanted)]
        if len(found) == 1 and len(wanted) >= SHORTEST:
            return found[0]
        near = [each.version for each in versions]
        close = get_close_matches(wanted, near, n=3, cutoff=0.4) or near[:3]
        several = bool(found) and len(wanted) >= SHORTEST
        raise ModelError(
            f"Several versions begin with {wanted}." if several else "There is no such version.",
            place=self.place,
            expected=f"{CURRENT}, or {SHORTEST} digits or more of {listed(versions)}",
            found=repr(version),
            remedy="give more digits"
            if several
            else f"did you mean {' or '.join(close)}?"
            if close
            else "name a model that has versions",
        )

    def load(self, version: str) -> Path:
        """A folder with a version's files, not to be changed; it stays as long as the version."""
        found = self.find(version)
        self._check_stands(found)
        return self._keeper.folder(found.version)

    def diff(self, a: str, b: str) -> Difference:
        """What lies between two versions."""
        one, other = self.find(a), self.find(b)
        folders = None
        if one.stands and other.stands:
            folders = [self._keeper.folder(each.version) for each in (one, other)]
        return difference(one, other, self.history(), folders)

    def refuse(self, version: str, *reasons: str) -> None:
        """Note that a version is not to serve; what its update told already is not told again."""
        with self.alone():
            found = self.find(version)
            if found.accepted or not set(reasons) <= set(found.update.reasons):
                self._register.decide(replace(found, accepted=False), "refuse", *reasons)

    def note(self, what: str, *reasons: str) -> None:
        """Tell, among the decisions, what befell the version that serves, and why."""
        with self.alone():
            self._register.decide(self.find(CURRENT), what, *reasons)

    def replace(self, old: str, model: ModelState | None, update: Update) -> Version | None:
        """Put a rebuilt version in place of one that held rows to be removed, and purge that.

        The new one has its parent and children, and serves if it did. Without a `model` the version
        is only purged. Raises ModelError where that is the one that serves.
        """
        with self.alone():
            gone = self.find(old)
            if model is None:
                self._purge(gone, update)
                return None
            named = self._keeper.keep(model, update, gone.version)
            if named.version != gone.version:
                version = Version.of(
                    named,
                    parent=gone.parent,
                    added=gone.added + named.added,
                    removed=gone.removed + named.removed,
                    replaces=gone.version,
                )
                with self._register.records.transaction():
                    self._register.records.put(version)
                self._register.finish(gone, version)
            return self.find(named.version)

    def prune(self, keep: int = KEEP) -> list[str]:
        """Delete the files of old versions; gives which.

        There remain the newest `keep` that ever served, the one that serves and the nearest before
        it, and what came of the one that serves: it may still be promoted.
        """
        with self.alone():
            versions, records = self._register.versions(), self._register.records
            standing = [each for each in versions if each.stands]
            before = [each for each in _before(versions) if each.promoted and each.stands]
            stays = [each for each in standing if each.promoted][:keep] + before[:1]
            stays += [e for e in standing if e.current or e.parent == self.current]
            kept = {each.version for each in stays}
            gone = [each for each in standing if each.version not in kept]
            with records.transaction():
                for each in gone:
                    records.put(replace(each, state="pruned"))
            for each in gone:
                self._keeper.drop(each.version)
            return [each.version for each in gone]

    def record_removal(self, version: str, ids: Iterable[str], what: str = "row") -> None:
        """Note that rows are not in `version` any more, by their salted ids.

        `what` is "row", or the name of the class they went with, of which a salted hash is kept.
        """
        with self.alone(), self._register.records.transaction():
            self._register.records.remove(version, ids, what)

    def was_removed(self, row_id: str) -> bool:
        """Whether a row of this id was ever removed."""
        return self.removals()(row_id)

    def removals(self) -> Callable[[str], bool]:
        """Says of any number of ids, by one look into the store, whether its row was removed."""
        if not self._keeper.made:
            return lambda _: False
        records = self._register.records
        with self._reading(), records.transaction(reading=True):
            return records.removals()

    def decisions(self) -> list[dict[str, Any]]:
        """What was decided, in its order: when, what, version, parent, reasons."""
        with self._reading():
            return [json.loads(line) for line in self._register.lines()]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Put the records right before they are read, unless another process holds the store."""
        if self._depth or not self._keeper.made:
            yield
            return
        with self._keeper.reading() as free:
            if free:
                self._register.settle()
            yield

    def _purge(self, version: Version, update: Update) -> None:
        if version.version == self.current:
            raise ModelError(
                "The version that serves cannot be purged.",
                place=self.place,
                expected="a version that does not serve",
                found=version.version,
                remedy="promote another version first, or roll back",
            )
        self._register.decide(version.forgotten(), "unlearn", "purged", *update.reasons)
        self._keeper.drop(version.version)

    def _check(self, version: Version) -> None:
        """Raise unless a version's files are here and as they were saved."""
        self._check_stands(version)
        self._register.check(version)

    def _check_stands(self, version: Version) -> None:
        if not version.stands:
            raise ModelError(
                f"The version {version.version} does not stand any more.",
                place=self.place,
                expected=f"one of {listed(self.history())}",
                found=GONE[version.state],
                remedy="name one of those",
            )


def _before(versions: list[Version]) -> Iterator[Version]:
    """The ancestors of the version that serves, the nearest first."""
    known = {each.version: each for each in versions}
    for each in versions:
        if each.current:
            yield from ancestors(each, known)
