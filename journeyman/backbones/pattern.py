"""Patterns: a text within a sentence with a hidden word in it, by which it is read.

"{text} It was [MASK]." asks a network that was pretrained to foretell hidden words what it makes of
a text, in the form of its pretraining (Schick and Schütze 2021, "Exploiting cloze questions for
few-shot text classification and natural language inference"). A row's vector is then the hidden
state where the word is hidden, in place of the mean over all tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.text_inputs import TextInputs, mask_id
from journeyman.errors import JourneymanError

TEXT, HIDDEN = "{text}", "[MASK]"
"""Where the text stands, and each hidden word, in a pattern as it is written."""
REMEDY = "write it like '{text} It was [MASK].', or leave it out"


def mistake(written: str) -> str | None:
    """What is wrong with a pattern as it is written, or None."""
    if written.count(TEXT) != 1:
        return f"{TEXT} {written.count(TEXT)} times"
    return None if HIDDEN in written else f"no {HIDDEN}"


@dataclass(frozen=True)
class Pattern:
    """A pattern for one tokenizer.

    `before` and `after` stand around the text, hidden words as the tokenizer calls them. `places`
    are the hidden words' tokens, counted from a row's start, or back from its end where the text
    comes before: so they follow from a row's length. `tokenizer` is one that cuts nothing off.
    """

    written: str
    before: str
    after: str
    places: tuple[int, ...]
    tokenizer: Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, written: str, tokenizer: Any, max_tokens: int) -> Pattern:
        """Raises JourneymanError for a pattern without text or hidden word, for one that leaves the
        text no room, and for a tokenizer that hides no words."""
        wrong, hidden = mistake(written), mask_id(tokenizer)
        if wrong is not None:
            wanted = f"{TEXT} once, and {HIDDEN} where a word is hidden"
            raise _error("The pattern is no sentence with a hidden word.", wanted, wrong)
        if hidden is None:
            raise _error("The backbone hides no words.", "a tokenizer with a mask token", "none")
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.no_truncation()
        name = tokenizer.id_to_token(hidden)
        before, after = (part.replace(HIDDEN, name) for part in written.split(TEXT))
        ids = tokenizer.encode(before + after).ids
        found = [at for at, each in enumerate(ids) if each == hidden]
        first = before.count(name)
        places = tuple(at if n < first else at - len(ids) for n, at in enumerate(found))
        if len(ids) >= max_tokens:
            room = f"fewer than {max_tokens} tokens (backbone.max_tokens)"
            raise _error("The pattern leaves the text no room.", room, f"{len(ids)} tokens")
        return cls(written, before, after, places, tokenizer)

    def prepared(self, texts: Sequence[str], max_tokens: int) -> TextInputs:
        """Texts within the pattern, as tokens; a text that is too long is cut off, the pattern
        never. Offsets point into the text, and tokens of the pattern count as special ones.
        """
        encodings = self.tokenizer.encode_batch([self.before + text + self.after for text in texts])
        rows = [self._row(e, len(t), max_tokens) for e, t in zip(encodings, texts, strict=True)]
        return TextInputs(
            ids=[ids for ids, _, _ in rows],
            types=[np.zeros(0, dtype=np.int32)] * len(rows),
            offsets=[offsets for _, offsets, _ in rows],
            segments=[segments for _, _, segments in rows],
        )

    def _row(
        self, encoding: Any, length: int, max_tokens: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Ids [T], offsets [T, 2] and segments [T] of one row."""
        ids = np.array(encoding.ids, dtype=np.int32)
        offsets = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2) - len(self.before)
        starts, ends = offsets.T
        special = np.array(encoding.special_tokens_mask, dtype=bool)
        own = (starts >= 0) & (ends <= length) & (ends > starts) & ~special
        surplus = np.flatnonzero(own)[max(max_tokens - int((~own).sum()), 0) :]
        kept = np.ones(len(ids), dtype=bool)
        kept[surplus] = False
        offsets[~own] = 0
        segments = np.where(own, 0, -1).astype(np.int32)
        return ids[kept], offsets[kept], segments[kept]

    def pooled(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """[B, D]: of hidden states [B, T, D] those of the hidden words, their mean where several;
        `mask` [B, T] is true on real tokens."""
        places = torch.tensor(self.places, device=hidden.device)
        lengths = mask.to(hidden.device).sum(1, keepdim=True)
        at = torch.where(places < 0, lengths + places, places)
        picked = hidden.gather(1, at.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
        return picked.mean(1)


def _error(problem: str, expected: str, found: str) -> JourneymanError:
    return JourneymanError(
        problem, place="backbone.pattern", expected=expected, found=found, remedy=REMEDY
    )
