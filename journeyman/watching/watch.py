"""The watch over a model: rows are answered, drift is seen, labels are asked for and learned.

One loop, each decision of which is told: a shift is seen; where it leads back to rows that the
model knows, nothing more is done; else labels are asked for, learned, examined by the gate, and the
new version serves, on probation: it is rolled back where labelled rows speak against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import binom

from journeyman.drift.detectors.base import DETECTORS, Alarm, Detector, MeanShift
from journeyman.drift.error_estimate import ErrorEstimate, Threshold, share_of
from journeyman.drift.moved import Shares, moved
from journeyman.drift.shift import Normal
from journeyman.errors import JourneymanError
from journeyman.labelling.queue import Wanted, label_queue
from journeyman.model import Model
from journeyman.model_questions import Question, QuestionReader
from journeyman.progress import QUIET, Reporter
from journeyman.training.cache import FeatureCache
from journeyman.training.examples import content_ids
from journeyman.types import FailedPrediction, LabelPrediction, Row
from journeyman.watching.events import DECISIONS, Event, Kind
from journeyman.watching.memory import Memory, Probation, Recent
from journeyman.watching.options import WatchOptions
from journeyman.watching.sight import Look, Sight
from journeyman.watching.teacher import Teacher

SHOWN = 5
BY_CHANCE = 0.01
"""How likely a new version's losses may be by chance, that it is rolled back."""
POOL = 2
"""Times the rows that are asked about: so many are looked at to choose them."""


@dataclass
class Watch:
    """Watches a model over a stream of questions, some of which may have labels.

    `asked` is told of rows that labels are wanted for. The model that serves is `model`.
    """

    model: Model
    teacher: Teacher
    options: WatchOptions = field(default_factory=WatchOptions)
    memory: Memory = field(default_factory=Memory)
    asked: Callable[[Sequence[Wanted]], None] = lambda _: None
    reporter: Reporter = QUIET
    arrival: str | None = None
    """What a lesson after an alarm is called in later exams; by its number when absent."""
    cache: FeatureCache | None = None
    """Where features of rows are kept, if anywhere: a stream has no end."""
    last: Look | None = None
    """The rows of the last step, as they were seen."""

    def __post_init__(self) -> None:
        self.detectors: dict[str, Detector] = {}
        self._earlier: Model | None = None
        self._acts = self.options.act != "tell"
        self._normals: dict[str, Normal] = {}
        self.shares = Shares(self.memory.shares)
        self.shares.dropped |= set(self.memory.dropped)
        self._see(self.model)
        for name in self.options.detectors:
            self.detectors[name] = DETECTORS[name]()
            self.detectors[name].begin(self._usual.views.get(DETECTORS[name].view, _NOTHING))
        self._know_origins()
        self.estimate = ErrorEstimate(self._threshold(), self.memory.below)

    def step(self, questions: Sequence[Question], *, act: bool = True) -> list[Event]:
        """Take in the next rows of the stream; what befell.

        Without `act`, alarms are told and lead to nothing.
        """
        self._acts = act and self.options.act != "tell"
        look = self.last = self._looked(self._named(questions))
        alarms = self._alarms(look)
        events: list[Event] = []
        self._judge(look)
        self._remember(look)
        if alarms:
            events += self._alarmed(alarms)
        elif self.memory.phase == "calm":
            self._count(self.memory.recent[-len(look) :] if len(look) else ())
        events += self._confirmed()
        if act:
            events += self.act()
        return events

    def label(self, rows: Iterable[Row]) -> None:
        """Labels that were asked for: rows with their ids, as a person gave them."""
        name = self.model.columns.id or "id"
        for row in rows:
            row_id = str(row.get(name, ""))
            if row_id in self.memory.pool and self.sight.has_target(row):
                self.memory.labelled[row_id] = dict(row)

    def act(self) -> list[Event]:
        """Ask for labels where rows are there to choose from; learn those that came."""
        memory = self.memory
        if memory.phase != "asking":
            return []
        events = self._ask(least=POOL * self.options.ask)
        enough = len(memory.labelled) >= self.options.ask
        if memory.wanted and not enough:
            enough = all(row_id in memory.labelled for row_id in memory.wanted)
        if enough and self.options.act == "learn":
            events += self._learned()
        return events

    def ask(self) -> list[Event]:
        """Ask for labels now, with however few rows there are since the alarm."""
        return self._ask(least=1)

    def status(self, kind: Kind = "status") -> Event:
        """How things are: rows seen, how near each detector is to an alarm, errors estimated."""
        strengths = {name: round(each.strength, 3) for name, each in self.detectors.items()}
        told = {"failed": self.memory.failed, "phase": self.memory.phase, "strength": strengths}
        return self._event(kind, {**told, **self._errors()})

    def refresh(self) -> None:
        """Drop rows that were removed from the model since, and go on with the version that serves
        if it is another by now."""
        task, columns, removed = self.model.learner.task, self.model.columns, self.teacher.removed()

        def gone(row_id: str, row: Mapping[str, Any]) -> bool:
            return removed(row_id) or removed(content_ids([task.text(row, columns)])[0])

        self.memory.forget(gone)
        if (serving := self.teacher.serving(self.model)) is not None:
            self._serve(serving)

    def kept(self) -> Memory:
        """What is remembered, with all that is counted on the way."""
        memory = self.memory
        memory.shares = {name: dict(counts) for name, counts in self.shares.counts.items()}
        memory.dropped = sorted(self.shares.dropped)
        memory.below = list(self.estimate.below)
        return memory

    def _see(self, model: Model) -> None:
        self.model = model
        self.sight = Sight(model)
        self._reader = QuestionReader(model.columns, model.learner.task.unit)
        self._usual = self.sight.usual()

    def _know_origins(self) -> None:
        """What rows of each earlier lesson look like, by those that examine it."""
        seeing = self.detectors.get("input-shift")
        if not isinstance(seeing, MeanShift) or seeing.coordinates is None:
            return
        for name, rows in self._usual.origins.items():
            if len(rows) >= 2:
                self._normals[name] = Normal.of(seeing.coordinates.place(rows))

    def _threshold(self) -> Threshold:
        sure = self._usual.views.get("confidence", _NOTHING)
        return Threshold.of(sure[:, 0] if len(sure) else np.zeros(0), self._usual.wrong)

    def _named(self, questions: Sequence[Question]) -> list[Question]:
        """The rows; a label that comes after its row is put to it, and is no row of its own."""
        columns, held = self.model.columns, {one.id: one for one in self.memory.recent}
        found: list[Question] = []
        for question in questions:
            late = isinstance(question, Mapping) and not any(
                question.get(name) for name in columns.texts
            )
            row_id = str(question.get(columns.id or "id", "")) if late else ""  # type: ignore[union-attr]
            if late and row_id and columns.texts:
                row = self.memory.pool.get(row_id) or getattr(held.get(row_id), "row", None)
                if row is not None:
                    self._late(row_id, {**row, **question})  # type: ignore[dict-item]
                    continue
            found.append(question)
        return found

    def _late(self, row_id: str, row: Row) -> None:
        if self.memory.phase == "asking" and self.sight.has_target(row):
            self.memory.labelled[row_id] = dict(row)

    def _looked(self, questions: Sequence[Question]) -> Look:
        """The rows that can be read, answered and seen."""
        if len(self._reader.seen) > _TOLD_APART:
            self._reader = QuestionReader(self.model.columns, self.model.learner.task.unit)
        texts, ids, failed = self._reader.read(list(questions))
        self.memory.rows += len(questions)
        self.memory.failed += len(failed)
        rows = [self._row(questions[at], ids[at], texts[at]) for at in texts]
        named = [ids[at] for at in texts]
        return self.sight.look(list(texts.values()), named, rows, self.cache)

    def _row(self, question: Question, row_id: str, text: Any) -> dict[str, Any]:
        columns = self.model.columns
        if isinstance(question, Mapping):
            row = {name: value for name, value in question.items() if not name.startswith("__")}
        else:
            names = columns.texts or (columns.tokens or "text",)
            parts = text if isinstance(text, tuple) else (str(text),)
            row = dict(zip(names, parts, strict=False))
        return {columns.id or "id": row_id, **row}

    def _alarms(self, look: Look) -> list[Alarm]:
        """The alarms among these rows; a detector that gave one starts anew."""
        if "confidence" in look.views:
            self.estimate.update(look.views["confidence"][:, 0])
        found = []
        for name, detector in self.detectors.items():
            rows = look.views.get(DETECTORS[name].view)
            if rows is not None and len(rows):
                alarm = detector.update(rows)
                if alarm is not None:
                    found.append(alarm)
        return sorted(found, key=lambda one: -one.strength)

    def _remember(self, look: Look) -> None:
        seeing = self.detectors.get("input-shift")
        placed = None
        if isinstance(seeing, MeanShift) and seeing.coordinates is not None and len(look):
            placed = seeing.coordinates.place(look.views["input"])
        for at, row_id in enumerate(look.ids):
            answer = look.predictions[at]
            label = answer.label if isinstance(answer, LabelPrediction) else None
            unlike = None if placed is None else float(np.mean(placed[at] ** 2))
            row = dict(look.rows[at])
            self.memory.remember(Recent(row_id, row, label, unlike, look.targets[at]))
            if self.memory.phase == "asking" and look.targets[at]:
                self.memory.labelled[row_id] = row
            if (wrong := look.wrong(at)) is not None:
                self.memory.right.append(not wrong)
        del self.memory.right[:-200]

    def _count(self, recent: Sequence[Recent]) -> None:
        self.shares.add([self._slices(one) for one in recent])

    def _slices(self, one: Recent) -> dict[str, Any]:
        """The columns of a row by which it may belong to a slice, and its answer."""
        columns = self.model.columns
        own = {columns.id or "id", *columns.texts, *columns.targets, columns.tokens}
        found = {name: value for name, value in one.row.items() if name not in own}
        return found if one.answer is None else {**found, "answer": one.answer}

    def _alarmed(self, alarms: Sequence[Alarm]) -> list[Event]:
        memory = self.memory
        memory.alarms += 1
        since = memory.recent[-200:]
        now = Shares()
        now.add([self._slices(one) for one in since])
        slices = moved(self.shares, now)
        known = self._known(alarms)
        odd = sorted(since, key=lambda one: -(one.unlike or 0.0))[:SHOWN]
        told = {
            "detectors": {one.detector: round(one.strength, 2) for one in alarms},
            "moved": [one.to_json() for one in slices],
            "examples": [{"id": one.id, **one.row, "answer": one.answer} for one in odd],
            **self._errors(),
        }
        said = [f"{one.detector} at {one.strength:.1f} times its limit" for one in alarms]
        said += [str(one) for one in slices]
        events = [self._event("alarm", told, said)]
        if known is not None:
            events.append(self._event("returned", {"to": known}, [f"the rows are like {known}"]))
        for detector in self.detectors.values():
            detector.renew()
        self.shares = Shares()
        if known is None and self._acts and memory.phase == "calm":
            memory.phase = "asking"
            memory.episode += 1
            memory.pool = {one.id: one.row for one in memory.recent[-_SINCE:]}
            memory.labelled = {one.id: one.row for one in memory.recent[-_SINCE:] if one.labelled}
        return events

    def _known(self, alarms: Sequence[Alarm]) -> str | None:
        """The earlier lesson that the rows of the window are like, if that is what moved."""
        seeing = self.detectors.get("input-shift")
        if not isinstance(seeing, MeanShift) or seeing.shift is None:
            return None
        if all(one.detector == "label-shift" for one in alarms):
            return None
        far = {name: seeing.shift.distance(normal) for name, normal in self._normals.items()}
        near = min(far, key=lambda name: far[name], default=None)
        if near is None or far[near] >= seeing.limit:
            return None
        return near or "the first training"

    def _ask(self, least: int) -> list[Event]:
        memory = self.memory
        if memory.phase != "asking" or memory.wanted or len(memory.pool) < least:
            return []
        count = self.options.ask - len(memory.labelled)
        if count <= 0:
            return []
        rows = list(memory.pool.values())
        queue = label_queue(
            self.model, rows, batch=count, labelled=memory.labelled, reporter=self.reporter
        )
        memory.wanted = [one.id for one in queue]
        if not queue and not memory.labelled:
            memory.calm()  # The model knows all of them already.
        if not queue:
            return []
        self.asked(queue)
        said = [f"labels of {len(queue)} rows, of {len(rows)} since the alarm"]
        return [self._event("asked", {"rows": len(queue), "of": len(rows)}, said)]

    def _learned(self) -> list[Event]:
        memory = self.memory
        origin = self.arrival or f"drift-{memory.episode}"
        before = self.model
        try:
            model, update = self.teacher.learn(before, list(memory.labelled.values()), origin)
        except JourneymanError as error:
            memory.calm()
            return [self._event("refused", {"reasons": [str(error)]}, [str(error)])]
        memory.calm()
        told = update.to_json()
        if not update.accepted:
            return [self._event("refused", told, update.reasons)]
        self._earlier = before
        memory.probation = Probation(before.version)
        self._serve(model)
        return [self._event("learned", told, update.reasons)]

    def _serve(self, model: Model) -> None:
        """Go on with another version: what answers look like is usual anew."""
        self._see(model)
        for name, detector in self.detectors.items():
            if DETECTORS[name].view != "input":
                detector.begin(_NOTHING)
        self._know_origins()
        self.estimate = ErrorEstimate(self._threshold())
        self.memory.right = []

    def _judge(self, look: Look) -> None:
        """Compare the version on probation with the one before, on rows that have labels."""
        probation = self.memory.probation
        places = [at for at, label in enumerate(look.labels) if label is not None]
        if probation is None or not places:
            return
        if self._earlier is None:
            self._earlier = self.teacher.earlier(probation.parent, self.model)
        questions = [look.rows[at] for at in places]
        for at, old in zip(places, self._earlier.predict(questions), strict=True):
            if isinstance(old, FailedPrediction):
                continue
            right, was = not look.wrong(at), getattr(old, "label", None) == look.labels[at]
            probation.better += right and not was
            probation.worse += was and not right
            probation.rows += 1

    def _confirmed(self) -> list[Event]:
        probation = self.memory.probation
        if probation is None:
            return []
        apart = probation.better + probation.worse
        told = {"better": probation.better, "worse": probation.worse, "rows": probation.rows}
        said = [f"alone right on {probation.better}, alone wrong on {probation.worse} rows"]
        if apart and binom.sf(probation.worse - 1, apart, 0.5) < BY_CHANCE:
            model = self.teacher.roll_back(f"{said[0]} of {probation.rows} with labels")
            self.memory.probation, self._earlier = None, None
            self._serve(model)
            return [self._event("rolled_back", told, said)]
        if probation.rows >= self.options.confirm:
            self.memory.probation, self._earlier = None, None
            return [self._event("confirmed", told, said)]
        return []

    def _errors(self) -> dict[str, Any]:
        """The share of wrong answers: usual, estimated of late, and of late labels."""
        found: dict[str, Any] = {}
        if self.estimate.below and self.estimate.threshold.rows:
            found["usual_error"] = round(self.estimate.threshold.usual, 4)
            found["estimated_error"] = self.estimate.now().to_json()
        if self.memory.right:
            wrong = len(self.memory.right) - sum(self.memory.right)
            found["labelled_error"] = share_of(wrong, len(self.memory.right)).to_json()
        return found

    def _event(self, kind: Kind, told: Mapping[str, Any], said: Sequence[str] = ()) -> Event:
        event = Event(kind, self.memory.rows, self.model.version, dict(told), tuple(said))
        if kind in DECISIONS and self._acts:
            self.teacher.note(kind, [f"row {self.memory.rows}", *said])
        return event


_NOTHING = np.zeros((0, 1))
_TOLD_APART = 10_000
"""Rows without ids of their own that are told apart by what they read and how often they came."""
_SINCE = 100
"""Rows before an alarm that it is about: about as many as it takes to see a shift."""
