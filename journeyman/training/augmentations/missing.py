"""Rows as they would be asked with parts missing: words, or one of the two texts of a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text
from journeyman.tasks.base import Encoded
from journeyman.training.augmentations.word_dropout import WordDropout
from journeyman.training.examples import Examples
from journeyman.training.missing_options import MissingOptions


def missing_views(
    backbone: Backbone, examples: Examples, said: MissingOptions, seed: int, turn: int
) -> Examples:
    """The rows with parts left out of their texts, drawn anew for each `turn`; targets, ids and
    values of slices as they were."""
    random = np.random.default_rng([seed, turn, len(examples)])
    texts = [_lacking(text, said, random) for text in examples.texts]
    inputs = backbone.prepare(texts).made_from(examples.inputs.sources)
    return replace(examples, texts=texts, inputs=inputs)


def changed(views: Examples, rows: Examples) -> Examples:
    """The views that lack something of the rows they are of: others would say nothing new, and only
    weigh more."""
    pairs = zip(views.texts, rows.texts, strict=True)
    return views.select(np.flatnonzero([view != row for view, row in pairs]))


def joined(backbone: Backbone, parts: Sequence[Examples]) -> Examples:
    """Rows and views of them, in turn."""
    texts = [text for part in parts for text in part.texts]
    sources = [part.inputs.sources for part in parts]
    known = [source for source in sources if source is not None]
    inputs = backbone.prepare(texts)
    if len(known) == len(parts):
        inputs = inputs.made_from(np.concatenate(known))
    rows = [part.encoded.rows for part in parts if part.encoded is not None]
    encoded = torch.cat([each for each in rows if isinstance(each, Tensor)])
    first = parts[0]
    slices = {name: [v for part in parts for v in part.slices[name]] for name in first.slices}
    targets: list[Any] = [target for part in parts for target in part.targets]
    ids = [said for part in parts for said in part.ids]
    return Examples(texts, inputs, targets, Encoded(encoded), slices, ids)


def _lacking(text: Text, said: MissingOptions, random: np.random.Generator) -> Text:
    """A text without some of its words; a pair may lack one of its texts."""
    if not isinstance(text, tuple):
        return _shortened(str(text), said.words, random)
    first, second = (_shortened(part, said.words, random) for part in text)
    gone, side = random.random() < said.fields, int(random.integers(2))
    if not gone or not first or not second:
        return first, second
    return ("", second) if side else (first, "")


def _shortened(text: str, share: float, random: np.random.Generator) -> str:
    return WordDropout().change(text, share, random) if share else text
