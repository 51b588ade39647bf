"""Who is gone: rows by id, by what they read, or by the texts themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from journeyman.data.identity import input_hash, row_id
from journeyman.data.quarantine import SHOWN_CHARACTERS

LEAST = 12
"""Characters from which a text or an id is looked for everywhere; a shorter one, which much else
may be spelled like, only in fields of that name."""
FEW = 64
"""Parts up to which each is looked for by itself; beyond, all at once by how they start."""
BLANK = "removed on request"
"""What stands in place of a text that cannot be left out."""


@dataclass(frozen=True)
class Removed:
    """Rows by `ids`, by `inputs` (a hash of what each reads, 16 hexadecimal digits as `content_ids`
    gives), and by `texts`: what they read, or the paths of pictures."""

    ids: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, ids: Iterable[str] = (), inputs: Iterable[str] = (), texts: Iterable[str] = ()
    ) -> Removed:
        """From any lists of them; a text tells its own hash."""
        said = frozenset(texts)
        hashed = (row_id(input_hash((text,))) for text in said)
        return cls(frozenset(ids), frozenset([*inputs, *hashed]), said)

    def joined(self, other: Removed) -> Removed:
        """These rows and others."""
        return Removed(self.ids | other.ids, self.inputs | other.inputs, self.texts | other.texts)

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Strings that are a trace wherever they stand, within longer ones too."""
        cut = {text[:SHOWN_CHARACTERS] for text in self.texts}
        return tuple(sorted(said for said in self.inputs | self.ids | cut if len(said) >= LEAST))

    @cached_property
    def _by_start(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for part in self.parts:
            found.setdefault(part[:LEAST], []).append(part)
        return found

    def in_text(self, said: str) -> bool:
        """Whether a text is a trace of one of the rows, or holds one."""
        if len(self.parts) <= FEW:
            return any(part in said for part in self.parts)
        starts = self._by_start
        return any(
            said.startswith(part, at)
            for at in range(len(said) - LEAST + 1)
            for part in starts.get(said[at : at + LEAST], ())
        )

    def _reads(self, said: Any) -> bool:
        return isinstance(said, str) and said in self.texts

    def in_record(self, value: Any) -> bool:
        """Whether a value of JSON is about one of the rows itself: by the text of a field, or by
        its id; not by what is nested in it."""
        if isinstance(value, dict):
            if ("id" in value and str(value["id"]) in self.ids) or self._reads(value.get("text")):
                return True
            return any(self.in_record(v) for v in value.values() if isinstance(v, str))
        if isinstance(value, list):
            plain = not any(isinstance(part, dict | list) for part in value)
            return plain and any(self.in_record(part) for part in value)
        return isinstance(value, str) and self.in_text(value)


def pruned(value: Any, removed: Removed) -> tuple[Any, int]:
    """A value of JSON without the records about removed rows, and how many traces that took.

    A record is left out of the list it stands in. A text that stands elsewhere is blanked.
    """
    if isinstance(value, str):
        return (BLANK, 1) if removed.in_text(value) else (value, 0)
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if not removed.in_text(name)}
        parts = {name: pruned(part, removed) for name, part in kept.items()}
        count = sum(found for _, found in parts.values()) + len(value) - len(kept)
        return {name: part for name, (part, _) in parts.items()}, count
    if isinstance(value, list):
        left = [p for p in value if isinstance(p, str) or not removed.in_record(p)]
        items = [pruned(part, removed) for part in left]
        return [part for part, _ in items], sum(n for _, n in items) + len(value) - len(left)
    return value, 0
