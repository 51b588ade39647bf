"""Rows made ready to learn from: texts, targets and prepared inputs, side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import HALF_LIMIT, Backbone, Features, Inputs
from journeyman.backbones.text_encoder import Text
from journeyman.data.identity import input_hash, row_id
from journeyman.data.options import DataOptions
from journeyman.model_questions import QuestionReader, parts_of
from journeyman.tasks.base import Encoded, Schema, Task
from journeyman.types import Row


class FeatureSource(Protocol):
    """Features of N rows, a batch at a time: from the cache, or made on the spot."""

    lengths: NDArray[np.int64]

    def gather(self, indices: Sequence[int] | NDArray[np.int64]) -> Features:
        """The features of the rows at `indices`."""


@dataclass
class Uncached:
    """Makes features when they are asked for: at cut 0, and where nothing should be stored."""

    backbone: Backbone
    inputs: Inputs
    cut: int
    keep_hidden: bool = True

    def __post_init__(self) -> None:
        self.lengths = self.inputs.lengths

    def gather(self, indices: Sequence[int] | NDArray[np.int64]) -> Features:
        """As the cache would give them back, through half precision."""
        rows = self.inputs.select(indices)
        return rounded(self.backbone.frozen(rows, self.cut, keep_hidden=self.keep_hidden))


def rounded(features: Features) -> Features:
    """Each row through half precision, unless a number of it is beyond: as the cache decides."""
    survives = torch.ones(len(features), dtype=torch.bool, device=features.mask.device)
    parts = [*features.pooled.values(), *features.maps.values()]
    if features.hidden is not None:
        parts.append(features.hidden.masked_fill(~features.mask.unsqueeze(-1), 0.0))
    for part in parts:
        survives &= (part.abs() <= HALF_LIMIT).flatten(1).all(1)

    def half(part: Tensor) -> Tensor:
        chosen = survives.reshape(-1, *[1] * (part.dim() - 1))
        return torch.where(chosen, part.to(torch.float16).to(part.dtype), part)

    return replace(
        features,
        hidden=None if features.hidden is None else half(features.hidden),
        pooled={layer: half(vectors) for layer, vectors in features.pooled.items()},
        maps={layer: half(values) for layer, values in features.maps.items()},
    )


@dataclass(frozen=True)
class Examples:
    """N rows of one split. `encoded` needs a schema and is absent from rows to answer.

    `slices` has each row's value in the columns of `data.slices`; `ids` each row's id, and is empty
    where rows are not told apart.
    """

    texts: Sequence[Text]
    inputs: Inputs
    targets: Sequence[Any]
    encoded: Encoded | None = None
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ids: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, which: NDArray[np.int64]) -> Examples:
        """The rows at these positions, in that order; rows without targets stay without."""
        encoded = self.encoded
        if encoded is not None:
            rows = encoded.rows
            part = rows[which.tolist()] if isinstance(rows, Tensor) else [rows[i] for i in which]
            encoded = Encoded(part)
        return Examples(
            [self.texts[i] for i in which],
            self.inputs.select(which),
            [self.targets[i] for i in which],
            encoded,
            {name: [values[i] for i in which] for name, values in self.slices.items()},
            [self.ids[i] for i in which] if len(self.ids) else (),
        )


def make_examples(
    task: Task, backbone: Backbone, rows: Iterable[Row], data: DataOptions, schema: Schema
) -> Examples:
    """Rows with targets, prepared and encoded; the rows themselves are not held."""
    texts: list[Text] = []
    targets: list[Any] = []
    slices: dict[str, list[str]] = {name: [] for name in data.slices}
    reader, ids = QuestionReader(data, task.unit), list[str]()
    for row in rows:
        texts.append(task.text(row, data))
        ids.append(reader.id_of(row, parts_of(texts[-1])))
        targets.append(task.target(row, data))
        for name, values in slices.items():
            values.append(sys.intern(str(row.get(name, ""))))
    inputs = backbone.prepare(texts)
    encoded = task.encode(targets, schema, inputs, texts)
    inputs = inputs.bare() if task.unit == "row" else inputs
    return Examples(texts, inputs, targets, encoded, slices, ids)


def content_ids(texts: Iterable[Text]) -> list[str]:
    """Ids of rows that have none of their own: a hash of what each reads."""
    return [row_id(input_hash(parts_of(text))) for text in texts]


def in_batches(source: FeatureSource, size: int) -> Iterator[tuple[NDArray[np.int64], Features]]:
    """All features of a source in batches of like length, with which rows they are."""
    order = np.argsort(source.lengths, kind="stable")
    for at in range(0, len(order), size):
        yield order[at : at + size], source.gather(order[at : at + size])
