"""The ledger: what a solved head was given, row by row, so that a row can be given up by its id.

Shapes: R rows, N vectors of theirs (a word each where words are judged, one more for each view of
a picture), S entries of the head's layers side by side, C outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from heapq import nsmallest
from typing import Any

import torch
from torch import Tensor

from journeyman.errors import ModelError
from journeyman.heads.base import Layers
from journeyman.heads.statistics import in_columns

LARGEST = 80 << 20
"""Bytes of vectors up to which a ledger is kept: a model's folder stays small."""


@dataclass(frozen=True, order=True)
class Line:
    """One row that was learned: its id, a hash of its inputs, and which update brought it."""

    id: str
    inputs: str
    origin: str = ""


@dataclass(frozen=True)
class Entries:
    """What a head was given of some rows: `layers` {layer: [N, D]} and `targets` [N, C]."""

    layers: Layers
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Ledger:
    """Lines sorted by id, and for each vector the line it is of (`owner` [N], in order).

    `widths` {layer: D} are of the layers that the head reads. `vectors` [N, S] are in half
    precision where that loses nothing. Lines and their vectors stand in an order of their own
    content, so a ledger does not tell in what order rows came, or that others have left.
    """

    widths: Mapping[int, int]
    lines: Sequence[Line] = ()
    owner: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    vectors: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float16))
    targets: Tensor = field(default_factory=lambda: torch.zeros(0, 0))

    @classmethod
    def empty(cls, widths: Mapping[int, int], outputs: int) -> Ledger:
        """A ledger that nothing stands in yet."""
        vectors = torch.zeros(0, sum(widths.values()), dtype=torch.float16)
        return cls(dict(widths), vectors=vectors, targets=torch.zeros(0, outputs))

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def ids(self) -> frozenset[str]:
        """Every id that stands in it."""
        return frozenset(line.id for line in self.lines)

    def with_rows(self, lines: Sequence[Line], owner: Tensor, given: Entries) -> Ledger:
        """With more rows: `owner` [n] says which of `lines` each vector of `given` is of."""
        vectors = torch.cat([given.layers[layer].float() for layer in self.widths], dim=1)
        half = vectors.half()
        if self.vectors.dtype == torch.float16 and torch.equal(half.float(), vectors):
            vectors = half
        mine = self.vectors.float() if vectors.dtype == torch.float32 else self.vectors
        return Ledger(
            self.widths,
            [*self.lines, *lines],
            torch.cat([self.owner, owner + len(self.lines)]),
            torch.cat([mine, vectors.to(mine.dtype)]),
            torch.cat([self.targets, given.targets.float()]),
        ).in_order()

    def find(self, ids: Iterable[str]) -> list[int]:
        """The lines with one of these ids."""
        wanted = frozenset(ids)
        return [at for at, line in enumerate(self.lines) if line.id in wanted]

    def same(self, rows: Iterable[tuple[str, str]]) -> list[int]:
        """The lines of just these rows: by id, and by a hash of what each reads."""
        wanted = frozenset(rows)
        return [at for at, line in enumerate(self.lines) if (line.id, line.inputs) in wanted]

    def with_inputs(self, hashes: Iterable[str]) -> list[int]:
        """The lines of rows that read just this (`Line.inputs`)."""
        wanted = frozenset(hashes)
        return [at for at, line in enumerate(self.lines) if line.inputs in wanted]

    def sample(self, count: int) -> list[int]:
        """At most so many lines, drawn by a hash of their ids: the same in whatever order they
        came."""
        drawn = nsmallest(count, ((_drawn(line.id), at) for at, line in enumerate(self.lines)))
        return sorted(at for _, at in drawn)

    def entries(self, lines: Sequence[int] | None = None) -> Entries:
        """What the head was given of some lines; of all when absent."""
        which = slice(None) if lines is None else self._places(lines)
        parts = torch.split(self.vectors[which].float(), list(self.widths.values()), dim=1)
        return Entries(dict(zip(self.widths, parts, strict=True)), self.targets[which])

    def row_targets(self) -> Tensor:
        """[R, C]: of each line the target of its first vector."""
        first = torch.ones(len(self.owner), dtype=torch.bool)
        first[1:] = self.owner[1:] != self.owner[:-1]
        return self.targets[first]

    def without(self, lines: Sequence[int]) -> Ledger:
        """With these lines left out."""
        stays = torch.ones(len(self.lines), dtype=torch.bool)
        stays[list(lines)] = False
        number, held = stays.cumsum(0) - 1, stays[self.owner]
        return Ledger(
            self.widths,
            [line for line, kept in zip(self.lines, stays.tolist(), strict=True) if kept],
            number[self.owner[held]],
            self.vectors[held],
            self.targets[held],
        )

    def with_outputs(self, columns: Sequence[int | None]) -> Ledger:
        """With targets in these columns [C']: a number is where it was, None a new one of 0."""
        return replace(self, targets=in_columns(self.targets, columns))

    def in_order(self) -> Ledger:
        """Lines by id, and the vectors of a line by their bytes."""
        order = sorted(range(len(self.lines)), key=self.lines.__getitem__)
        number = torch.empty(len(order), dtype=torch.int64)
        number[order] = torch.arange(len(order))
        owner = number[self.owner]
        places = owner.argsort(stable=True)
        if len(owner) > len(order):
            pairs = zip(owner.tolist(), self.vectors.numpy(), self.targets.numpy(), strict=True)
            keys = [(line, row.tobytes(), target.tobytes()) for line, row, target in pairs]
            places = torch.tensor(sorted(range(len(owner)), key=keys.__getitem__))
        return Ledger(
            self.widths,
            [self.lines[at] for at in order],
            owner[places],
            self.vectors[places],
            self.targets[places],
        )

    def tensors(self, places: Tensor | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """As it is stored: tensors, and JSON values about them.

        Where the head itself keeps each row's vectors, `places` [N] says where, in their stead.
        """
        held = {"vectors": self.vectors} if places is None else {"places": places}
        about = {
            "lines": [[line.id, line.inputs, line.origin] for line in self.lines],
            "widths": {str(layer): width for layer, width in self.widths.items()},
        }
        return {"owner": self.owner, "targets": self.targets, **held}, about

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], about: Mapping[str, Any], kept: Tensor | None = None
    ) -> Ledger:
        """The ledger again, from what `tensors` gave; `kept` [n, S] are the vectors in the head."""
        try:
            places = tensors.get("places")
            if places is not None and kept is None:
                raise ValueError("the head keeps no vectors")
            vectors = tensors["vectors"] if places is None or kept is None else kept[places]
            lines = [Line(*line) for line in about["lines"]]
            widths = {int(layer): int(width) for layer, width in about["widths"].items()}
            return cls(widths, lines, tensors["owner"], vectors, tensors["targets"])
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise ModelError(
                "The model's ledger cannot be read.",
                place="ledger.safetensors",
                expected="the rows that the head has learned, and their vectors",
                found=f"{type(error).__name__}: {error}"[:200],
                remedy="restore the model folder from where it was saved",
            ) from error

    def _places(self, lines: Sequence[int]) -> Tensor:
        wanted = torch.zeros(len(self.lines), dtype=torch.bool)
        wanted[list(lines)] = True
        return torch.nonzero(wanted[self.owner]).flatten()


@lru_cache(maxsize=1 << 16)
def _drawn(row_id: str) -> bytes:
    return blake2b(row_id.encode(), digest_size=8, person=b"sample").digest()


def fits(count: int, widths: Mapping[int, int], size: int) -> bool:
    """Whether the vectors of so many entries, of `size` bytes a number, are few enough to keep."""
    return size * count * sum(widths.values()) <= LARGEST
