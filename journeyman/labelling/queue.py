"""The queue: rows that are worth a label next, and labels that are worth a second look."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.base import Features
from journeyman.backbones.text_encoder import Text
from journeyman.errors import JourneymanError
from journeyman.labelling.committee import committee
from journeyman.labelling.doubt import chances_of, doubts_of
from journeyman.labelling.pool import LIMIT, Pool, read_pool
from journeyman.labelling.strategies.base import STRATEGIES, choose
from journeyman.labelling.suspects import Suspect
from journeyman.labelling.view import View
from journeyman.model import Model
from journeyman.model_questions import Question
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import TASKS
from journeyman.training.examples import FeatureSource
from journeyman.types import Prediction, Row

BATCH = 20
SUSPECT = "suspect"
FEW = 10
"""Classes up to which they are few: what to ask about is then chosen by `design`."""
SHOWN = 5
"""Labels of an answer that are written out with their probabilities, the likeliest."""


@dataclass(frozen=True)
class Wanted:
    """A row that a person should look at.

    `row` has its columns, `text` what the model reads of it, `answer` what the model makes of it.
    `why` is the strategy that chose it, or `suspect`: then `suspect` says which label is doubted.
    `doubt` is from 0 to 1, None where the task has none.
    """

    id: str
    row: Row
    text: Text
    why: str
    answer: Prediction
    doubt: float | None = None
    suspect: Suspect | None = None

    @property
    def given(self) -> Any:
        """The label that is doubted, None of a row without one."""
        return None if self.suspect is None else self.suspect.given

    def to_json(self) -> dict[str, Any]:
        """The row's columns, and beside them why it is asked about and what the model says."""
        answer = self.answer.to_json()
        told = {name: answer[name] for name in answer if name not in ("id", "model", "version")}
        if "scores" in told:
            likeliest = sorted(told["scores"].items(), key=lambda pair: (-pair[1], pair[0]))
            told["scores"] = dict(likeliest[:SHOWN])
        doubt = None if self.doubt is None else round(self.doubt, 4)
        said = {"why": self.why, "doubt": doubt, "answer": told}
        if self.suspect is not None:
            more = asdict(self.suspect)
            said["suspect"] = {name: more[name] for name in ("given", "likely", "score", "reasons")}
        return {"id": self.id, **{k: v for k, v in self.row.items() if k != "id"}, **said}


def label_queue(
    model: Model,
    rows: Iterable[Question],
    *,
    batch: int = BATCH,
    strategy: str | None = None,
    labelled: Iterable[str] = (),
    suspects: Sequence[Suspect] = (),
    limit: int | None = LIMIT,
    seed: int = 0,
    reporter: Reporter = QUIET,
) -> list[Wanted]:
    """Which of these rows are worth a label next, the most wanted first: at most `batch`.

    `rows` are what `Model.predict` takes. Rows that the model has learned or is examined by, and
    those whose ids are `labelled`, are left out; of more than `limit` rows a seeded sample is
    looked at. `suspects` of an audit take turns with them. The same rows in another order give the
    same queue. Raises JourneymanError for a strategy that does not fit the model, DataError where
    no row can be read, ModelError for an ensemble.
    """
    single = model.single()
    check_task(single)
    read = read_pool(single, rows, limit=limit, seed=seed)
    pool = Pool.of(single, read.rows, reporter=reporter)
    return Queue(single, pool, strategy, seed).next(batch, suspects, done=frozenset(labelled))


@dataclass
class Queue:
    """Batches out of one pool, as the model that ranks it learns."""

    model: Model
    pool: Pool
    strategy: str | None = None
    seed: int = 0

    def next(
        self,
        count: int,
        suspects: Sequence[Suspect] = (),
        *,
        done: Container[str] = (),
    ) -> list[Wanted]:
        """The next batch: rows without a label and suspects in turn, `count` in all.

        Rows whose ids are among `done` are left out, and so are `suspects` that cannot be shown,
        since neither the audit nor the pool has their text.
        """
        doubted = self._doubted(suspects, count)
        open_rows = self.pool.open(done)
        taken = {one.id for one in doubted}
        places = [at for at in open_rows if self.pool.rows[at].id not in taken]
        ranked = self._ranked(places, count, done) if places else []
        mixed = [one for pair in zip_longest(ranked, doubted) for one in pair if one is not None]
        return mixed[:count]

    def after(self, model: Model) -> Queue:
        """The queue of a model that has learned more, on the same features."""
        return replace(self, model=model, pool=self.pool.learnt(model))

    def named(self, done: int = 0) -> str:
        """The strategy that is used: the one asked for, else what suits the model.

        With no more than a row of each class labelled (`done` beside those learned), answers say
        less than where rows lie; numbers say nothing of how sure they are. Between few classes,
        what is most in doubt is often what nobody could tell.
        """
        if self.strategy is not None:
            return STRATEGIES[self.strategy].name
        if self.model.learner.task.kind == "value":
            return "coreset"
        ledger = self.pool.learned
        if ledger is not None and len(ledger) + done <= len(self.model.schema.labels):
            return "typical"
        few = self.model.learner.task.kind == "label" and len(self.model.schema.labels) <= FEW
        return "design" if few else "margin"

    def _ranked(self, places: Sequence[int], count: int, done: Container[str]) -> list[Wanted]:
        behind = [at for at, asked in enumerate(self.pool.rows) if asked.id in done]
        name = self.named(len(behind))
        strategy = STRATEGIES[name]()
        answers, view = self._view(places)
        view = view.knowing(self.pool.vectors[behind])
        chosen = choose(strategy, view, count, self.seed)
        found = []
        for at in chosen:
            asked = self.pool.rows[places[at]]
            doubt = None if view.doubts is None else float(view.doubts[at])
            found.append(Wanted(asked.id, asked.row, asked.text, name, answers[at], doubt))
        return found

    def _view(self, places: Sequence[int]) -> tuple[list[Prediction], View]:
        """What the model answers to these rows of the pool, and how a strategy sees them."""
        model, pool, learner = self.model, self.pool, self.model.learner
        examples = pool.examples.select(np.array(places, dtype=np.int64))
        outputs = learner.outputs(examples, _Part(pool.source, places))
        answers = model.decoded(outputs, examples.texts, ids=examples.ids)
        known, vectors = pool.known_vectors, pool.vectors[list(places)]
        heads = None
        if learner.task.kind == "label" and pool.learned is not None and len(known):
            targets = pool.learned.targets.double().numpy()
            heads = cache(lambda: committee(vectors, known, targets, self.seed))
        return answers, View(
            keys=[pool.rows[at].inputs for at in places],
            vectors=vectors,
            known=known,
            doubts=doubts_of(model, outputs, answers),
            chances=chances_of(model, outputs),
            committee=heads,
        )

    def _doubted(self, suspects: Sequence[Suspect], count: int) -> list[Wanted]:
        """Up to `count` suspects with what they read and what the model answers."""
        by_id = {asked.id: asked for asked in self.pool.rows}
        shown: list[tuple[Suspect, Row]] = []
        for suspect in suspects:
            asked = by_id.get(suspect.id)
            row = suspect.row if asked is None else asked.row
            if all(row.get(name) for name in self.model.columns.texts or ("text",)):
                shown.append((suspect, {**row, self.model.columns.id or "id": suspect.id}))
            if len(shown) == count:
                break
        answers = self.model.predict([row for _, row in shown])
        texts = [self.model.learner.task.text(row, self.model.columns) for _, row in shown]
        parts = zip(shown, texts, answers, strict=True)
        return [
            Wanted(suspect.id, row, text, SUSPECT, answer, suspect=suspect)
            for (suspect, row), text, answer in parts
        ]


@dataclass
class _Part:
    """Some rows of a source of features."""

    source: FeatureSource
    places: Sequence[int]

    def __post_init__(self) -> None:
        self.lengths = self.source.lengths[list(self.places)]

    def gather(self, indices: Sequence[int] | NDArray[np.int64]) -> Features:
        """As the source gives them."""
        return self.source.gather(np.asarray(self.places, dtype=np.int64)[np.asarray(indices)])


def check_task(model: Model) -> None:
    """Raises JourneymanError for a task that no queue is made for."""
    task = model.learner.task
    if task.kind == "identity":
        able = [name for name in TASKS if TASKS[name].kind != "identity"]
        raise JourneymanError(
            f"No queue is made for a model of {task.name}.",
            place="MODEL",
            expected=" | ".join(able),
            found=task.name,
            remedy="enrol people by `journeyman enrol`: that takes no training",
        )
