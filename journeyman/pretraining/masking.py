"""Hidden tokens: which are to be foretold, and what stands in their place.

Shapes: B texts, T tokens. Devlin et al. (2019), "BERT": of the chosen tokens, 80 % become the mask
token, 10 % a random one and 10 % stay. They are drawn anew each time a text is read (Liu et al.,
2019, "RoBERTa").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Backbone, Features
from journeyman.backbones.text_encoder import Text
from journeyman.backbones.text_inputs import TextInputs, pad
from journeyman.tasks.base import IGNORED
from journeyman.tasks.words import words_of

MASKED, REPLACED = 0.8, 0.1
SPECIAL = -1
"""The unit of a token that is never hidden."""

Units = NDArray[np.int64]


@dataclass(frozen=True)
class MaskedFeatures(Features):
    """Features of texts with hidden tokens; `labels` [B, T] are those tokens, IGNORED elsewhere."""

    labels: Tensor | None = None


@dataclass(frozen=True)
class Masker:
    """Hides about `share` of the units of each text, at least one.

    `mask` is the id of the mask token, `words` how many ids there are to replace a token by.
    """

    share: float
    mask: int
    words: int

    def hide(self, inputs: TextInputs, units: Sequence[Units]) -> tuple[TextInputs, Tensor]:
        """The texts with tokens hidden, and the labels [B, T]; draws from torch's generator."""
        ids, labels = [], []
        for row, own in zip(inputs.ids, units, strict=True):
            chosen = self._chosen(own)
            labels.append(np.where(chosen, row, IGNORED).astype(np.int64))
            ids.append(self._hidden(row, chosen))
        return replace(inputs, ids=ids), pad(labels, IGNORED)

    def _chosen(self, units: Units) -> NDArray[np.bool_]:
        """[T]: whether a token is to be foretold; all tokens of a unit are, or none."""
        count = int(units.max(initial=SPECIAL)) + 1
        if count == 0:
            return np.zeros(len(units), dtype=bool)
        draws = torch.rand(count).numpy()
        hidden: NDArray[np.bool_] = (draws < self.share) | (draws == draws.min())
        return np.where(units == SPECIAL, False, hidden[units])

    def _hidden(self, row: NDArray[np.int32], chosen: NDArray[np.bool_]) -> NDArray[np.int32]:
        lot = torch.rand(len(row)).numpy()
        other = torch.randint(self.words, (len(row),)).numpy()
        shown = np.where(lot < MASKED, self.mask, np.where(lot < MASKED + REPLACED, other, row))
        return np.where(chosen, shown, row).astype(np.int32)


def units_of(inputs: TextInputs, texts: Sequence[Text], whole_words: bool) -> list[Units]:
    """[T] of each text: which unit a token belongs to, counted from 0; SPECIAL for no unit."""
    found = []
    for row, text in enumerate(texts):
        real = inputs.segments[row] >= 0
        units = np.full(len(real), SPECIAL, dtype=np.int64)
        if whole_words:
            words = _words(inputs, row, text)
            units[real] = np.unique(words[real], return_inverse=True)[1]
        else:
            units[real] = np.arange(int(real.sum()))
        found.append(units)
    return found


def _words(inputs: TextInputs, row: int, text: Text) -> NDArray[np.int64]:
    """[T]: a number for the word that each token begins in, of all texts of the row."""
    numbers = np.zeros(len(inputs.ids[row]), dtype=np.int64)
    before = 0
    for segment, part in enumerate((text,) if isinstance(text, str) else text):
        own = inputs.segments[row] == segment
        ends = np.array([end for _, end in words_of(part)], dtype=np.int64)
        starts = inputs.offsets[row][own, 0].astype(np.int64)
        numbers[own] = before + np.searchsorted(ends, starts, side="right")
        before += len(ends) + 1
    return numbers


@dataclass
class MaskedSource:
    """Features at the cut of texts with tokens hidden.

    They are hidden anew at each gathering, and so nothing can be cached; or once, from `seed`,
    where texts are held out and losses are to be compared.
    """

    backbone: Backbone
    inputs: TextInputs
    units: Sequence[Units]
    masker: Masker
    cut: int
    seed: int | None = None

    def __post_init__(self) -> None:
        self.lengths = self.inputs.lengths
        self._fixed: list[tuple[TextInputs, Tensor]] = []
        if self.seed is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                self._fixed = [self._one(row) for row in range(len(self.inputs))]

    def gather(self, indices: Sequence[int] | NDArray[np.int64]) -> MaskedFeatures:
        """The features of the texts at `indices`, with what was hidden."""
        parts = [self._fixed[i] if self._fixed else self._one(int(i)) for i in indices]
        rows = self.inputs.select(indices)
        rows = replace(rows, ids=[hidden.ids[0] for hidden, _ in parts])
        labels = pad([label[0].numpy() for _, label in parts], IGNORED)
        found = self.backbone.frozen(rows, self.cut)
        return MaskedFeatures(
            found.mask, found.hidden, found.pooled, found.grid, inputs=rows, labels=labels
        )

    def _one(self, row: int) -> tuple[TextInputs, Tensor]:
        inputs = self.inputs.select([row])
        return self.masker.hide(inputs, [self.units[row]])
