"""Rows without labels, read once: what each says, where it lies among others, what is known of it.

Shapes: N rows, M rows that the model has learned, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from journeyman.backbones.base import Features
from journeyman.backbones.text_encoder import Text
from journeyman.continual.holdings import exam_of, solved_head
from journeyman.data.identity import input_hash, row_id
from journeyman.errors import DataError, ModelError
from journeyman.heads.base import SolvedHead
from journeyman.labelling.view import Vectors, directions
from journeyman.model_questions import Question, QuestionReader, parts_of
from journeyman.model_state import ModelState
from journeyman.progress import QUIET, Reporter
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, FeatureSource, in_batches
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.training.ledger import Ledger
from journeyman.types import FailedPrediction, Row

LIMIT = 20_000
"""Rows of a pool that are looked at: of more, a seeded sample."""
BATCH = 32


@dataclass(frozen=True)
class Asked:
    """A row of a pool: its id, a hash of what it reads, its columns, and what it reads."""

    id: str
    inputs: str
    row: Row
    text: Text


@dataclass(frozen=True)
class Read:
    """What was given as a pool: rows in the order of their content, each once.

    `repeated`, `refused` and `beyond` count what was left out: rows that read the same, rows that
    cannot be read (the first of them is `failure`), and rows beyond the limit.
    """

    rows: Sequence[Asked]
    repeated: int = 0
    refused: int = 0
    beyond: int = 0
    failure: FailedPrediction | None = None


def read_pool(
    model: ModelState,
    questions: Iterable[Question],
    *,
    limit: int | None = LIMIT,
    seed: int = 0,
    removed: Callable[[str], bool] = lambda _: False,
) -> Read:
    """The rows of a pool, as questions to the model.

    `removed` says of an id, or of a hash of inputs, whether its row was removed on request: it
    would not be learned, so it is passed over without a word. Raises DataError where there are
    none, or none that can be read.
    """
    columns, task = model.columns, model.learner.task
    listed = list(questions)
    texts, ids, failed = QuestionReader(columns, task.unit).read(listed)
    rows: dict[str, Asked] = {}
    gone = 0
    for at, text in texts.items():
        hashed = row_id(input_hash(parts_of(text)))
        if removed(hashed) or removed(ids[at]):
            gone += 1
            continue
        asked = Asked(ids[at], hashed, row_of(model, listed[at], text), text)
        rows[hashed] = min(rows.get(hashed, asked), asked, key=lambda one: one.id)
    first = failed[min(failed)] if failed else None
    if not rows:
        raise _empty(model, first)
    order = sorted(rows)
    kept = order
    if limit is not None and len(order) > limit:
        drawn = np.random.default_rng(seed).permutation(len(order))[:limit]
        kept = [order[at] for at in sorted(drawn.tolist())]
    return Read(
        [rows[hashed] for hashed in kept],
        repeated=len(texts) - len(rows) - gone,
        refused=len(failed),
        beyond=len(order) - len(kept),
        failure=first,
    )


@dataclass
class Pool:
    """The rows of a pool with their frozen features, which no update of the model changes.

    `source` gives their features, `vectors` [N, D] lie about the pool's own mean.
    """

    rows: Sequence[Asked]
    examples: Examples
    source: FeatureSource
    vectors: Vectors
    centre: Vectors
    learned: Ledger | None = None
    known: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, model: ModelState, rows: Sequence[Asked], *, reporter: Reporter = QUIET) -> Pool:
        """Run the frozen layers over the rows, but for those that the cache has."""
        learner, texts = model.learner, [asked.text for asked in rows]
        examples = Examples(
            texts, learner.backbone.prepare(texts), [None] * len(texts), ids=[r.id for r in rows]
        )
        with closing(FeatureCache()) as cache:
            source = feature_source(learner, examples, cache, reporter)
        raw = _vectors(learner, source, _layers(model))
        centre = raw.mean(axis=0, keepdims=True)
        return cls(rows, examples, source, directions(raw, centre), centre).learnt(model)

    def learnt(self, model: ModelState) -> Pool:
        """The pool as it is once the model has learned more: what it knows is read anew."""
        self.learned = _ledger(model)
        lines = () if self.learned is None else self.learned.lines
        examined = (question.inputs for question in exam_of(model).questions)
        self.known = frozenset(line.inputs for line in lines) | frozenset(examined)
        return self

    @property
    def known_vectors(self) -> Vectors:
        """[M, D]: where the rows lie that the model has learned; none where it keeps none."""
        width = self.vectors.shape[1]
        if self.learned is None or sum(self.learned.widths.values()) != width:
            return np.zeros((0, width), dtype=np.float32)
        layers = self.learned.entries().layers
        return directions(side_by_side([layers[at] for at in self.learned.widths]), self.centre)

    def open(self, done: Container[str]) -> list[int]:
        """The places of rows that the model has not learned, and whose ids are not `done`."""
        return [
            at
            for at, asked in enumerate(self.rows)
            if asked.inputs not in self.known and asked.id not in done
        ]


def row_of(model: ModelState, question: Question, text: Text) -> dict[str, Any]:
    """The question as a row: the columns it came with, or the columns that the model reads."""
    if isinstance(question, Mapping):
        return {name: value for name, value in question.items() if not name.startswith("__")}
    columns = model.columns
    if model.learner.task.unit == "token" and not isinstance(question, str):
        return {columns.tokens or "tokens": list(question)}  # type: ignore[arg-type]
    names = columns.texts or ("text",)
    return dict(zip(names, text if isinstance(text, tuple) else (str(text),), strict=True))


def _layers(model: ModelState) -> tuple[int, ...]:
    """The layers that the head reads of a row; of words and pictures with boxes, the last."""
    learner, ledger = model.learner, _ledger(model)
    if learner.task.unit == "row" and ledger is not None:
        return tuple(ledger.widths)
    return (learner.backbone.spec.depth,)


def _ledger(model: ModelState) -> Ledger | None:
    head = model.learner.head
    if not isinstance(head, SolvedHead) or model.learner.task.unit == "map":
        return None
    try:
        solved_head(model)
    except ModelError:
        return None
    return model.learner.ledger


@torch.no_grad()
def _vectors(learner: Learner, source: FeatureSource, layers: Sequence[int]) -> Vectors:
    """[N, D]: what the layers say of each row, side by side."""
    found: Vectors | None = None
    learner.train(False)
    for indices, features in in_batches(source, BATCH):
        rows = vectors_of(learner.backbone.tuned(features, learner.cut), layers)
        if found is None:
            found = np.zeros((len(source.lengths), rows.shape[1]), dtype=np.float32)
        found[indices] = rows
    return np.zeros((0, 1), dtype=np.float32) if found is None else found


def vectors_of(tuned: Features, layers: Sequence[int]) -> Vectors:
    """[B, D]: what layers of a network say of rows, side by side; of words and maps, their mean."""
    tuned = tuned.to(torch.device("cpu"))
    if tuned.pooled:
        deepest = max(tuned.pooled)
        return side_by_side([tuned.pooled.get(layer, tuned.pooled[deepest]) for layer in layers])
    if tuned.hidden is not None:
        mask = tuned.mask.unsqueeze(-1).float()
        return side_by_side([(tuned.hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0)])
    return side_by_side([values.flatten(2).mean(2) for values in tuned.maps.values()])


def side_by_side(parts: Sequence[torch.Tensor]) -> Vectors:
    """Each layer's vectors at unit length, so that none outweighs another."""
    units = [torch.nn.functional.normalize(part.float(), dim=-1) for part in parts]
    joined: Vectors = torch.cat(units, dim=1).numpy()
    return joined


def _empty(model: ModelState, failure: FailedPrediction | None) -> DataError:
    noun = model.columns.noun
    if failure is None:
        return DataError(
            "The pool has no rows.", place="POOL", expected=f"rows with a {noun}",
            found="none", remedy=f"name a file with {noun}s that have no label yet",
        )  # fmt: skip
    told = {name: failure.error[name] for name in ("place", "expected", "found", "remedy")}
    return DataError("No row of the pool can be read.", **told)
