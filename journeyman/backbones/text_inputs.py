"""Prepared texts: token ids of each row, ragged, with where each token stood in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.ragged import Ragged

KEY_BYTES = 16
MASKS = ("[MASK]", "<mask>")
"""How tokenizers call the token for a word that is hidden."""


@dataclass(frozen=True)
class TextInputs(Inputs):
    """N texts as tokens.

    `ids` and `types` hold one int array [T] a row (`types` tells the two texts of a pair apart;
    empty where the family has none), `offsets` one [T, 2] array of code points into the row's own
    text, (0, 0) on special tokens; `segments` tells which text of a pair a token is from (-1 on
    special tokens). Each is `Ragged`, or a list of arrays where rows are few. `sources` [N] hashes
    the texts themselves.
    """

    ids: Sequence[NDArray[np.int32]]
    types: Sequence[NDArray[np.int32]]
    offsets: Sequence[NDArray[np.int32]]
    segments: Sequence[NDArray[np.int32]]
    padding_id: int = 0
    sources: NDArray[np.uint64] | None = None

    @cached_property
    def lengths(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Tokens of each row, special ones included."""
        if isinstance(self.ids, Ragged):
            return self.ids.lengths
        return np.array([len(row) for row in self.ids], dtype=np.int64)

    @cached_property
    def keys(self) -> Sequence[bytes]:  # type: ignore[override]
        """A hash of each row's token ids and types."""
        return [
            blake2b(row.tobytes() + kinds.tobytes(), digest_size=KEY_BYTES).digest()
            for row, kinds in zip(self.ids, self.types, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, indices: Sequence[int] | NDArray[np.int64]) -> TextInputs:
        """The rows at `indices`, in that order."""
        return TextInputs(
            ids=_taken(self.ids, indices),
            types=_taken(self.types, indices),
            offsets=_taken(self.offsets, indices),
            segments=_taken(self.segments, indices),
            padding_id=self.padding_id,
            sources=None if self.sources is None else self.sources[indices],
        )

    def made_from(self, sources: NDArray[np.uint64] | None) -> TextInputs:
        """The same rows, as copies of texts with these hashes."""
        return replace(self, sources=sources)

    def bare(self) -> TextInputs:
        """The same rows without `offsets` and `segments`, two thirds of what they take."""
        starts = np.zeros(len(self) + 1, dtype=np.int64)
        none = Ragged(np.zeros(0, dtype=np.int32), starts)
        return replace(self, offsets=Ragged(none.values.reshape(-1, 2), starts), segments=none)

    def mask(self) -> Tensor:
        """[B, T] true on real tokens, T the longest row."""
        width = int(self.lengths.max(initial=0))
        return torch.from_numpy(np.arange(width) < self.lengths[:, None])

    def padded(self) -> Mapping[str, Tensor]:
        """Token ids and types as [B, T] tensors, and their mask."""
        tensors = {"input_ids": pad(self.ids, self.padding_id), "attention_mask": self.mask()}
        if any(len(kinds) for kinds in self.types):
            tensors["token_type_ids"] = pad(self.types, 0)
        return tensors


def _taken(
    rows: Sequence[NDArray[np.int32]], indices: Sequence[int] | NDArray[np.int64]
) -> Sequence[NDArray[np.int32]]:
    return rows.take(indices) if isinstance(rows, Ragged) else [rows[i] for i in indices]


def joined(parts: Sequence[TextInputs], padding_id: int) -> TextInputs:
    """The rows of all parts in turn, each field in one array."""
    empty = np.zeros(0, dtype=np.int32)
    return TextInputs(
        ids=_joined([part.ids for part in parts], empty),
        types=_joined([part.types for part in parts], empty),
        offsets=_joined([part.offsets for part in parts], empty.reshape(-1, 2)),
        segments=_joined([part.segments for part in parts], empty),
        padding_id=padding_id,
    )


def _joined(parts: Sequence[Sequence[NDArray[Any]]], empty: NDArray[Any]) -> Ragged:
    held = (part if isinstance(part, Ragged) else Ragged.of(part, empty) for part in parts)
    return Ragged.joined(held, empty)


def pad(rows: Sequence[NDArray[Any]], value: int) -> Tensor:
    """Ragged rows as one [B, T] int64 tensor, filled with `value`."""
    width = max((len(row) for row in rows), default=0)
    out = np.full((len(rows), width), value, dtype=np.int64)
    for line, row in zip(out, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(out)


def mask_id(tokenizer: Any) -> int | None:
    """The id of the tokenizer's mask token, if it has one."""
    for name in MASKS if tokenizer is not None else ():
        found = tokenizer.token_to_id(name)
        if found is not None:
            return int(found)
    return None
