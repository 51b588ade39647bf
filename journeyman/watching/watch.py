"""The watch over a model: rows are answered, drift is seen, labels are asked for and learned.

One loop, each decision of which is told: a shift is seen; where it leads back to rows that the
model knows, nothing more is done; else labels are asked for, learned, examined by the gate, and the
new version serves, on probation: it is rolled back where labelled rows speak against it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from journeyman.continual.holdings import exam_of, solved_head
from journeyman.drift.detectors.base import DETECTORS, Alarm, Detector, MeanShift
from journeyman.drift.error_estimate import ErrorEstimate, share_of
from journeyman.drift.moved import Shares, moved
from journeyman.drift.shift import Normal
from journeyman.errors import JourneymanError
from journeyman.labelling.queue import Wanted, label_queue
from journeyman.model import Model
from journeyman.model_questions import Question
from journeyman.progress import QUIET, Reporter
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import content_ids
from journeyman.types import LabelPrediction, Row
from journeyman.watching.arrivals import Arrivals, Read
from journeyman.watching.events import DECISIONS, Event, Kind
from journeyman.watching.memory import Memory, Probation, Recent
from journeyman.watching.options import WatchOptions
from journeyman.watching.sight import Look, Sight
from journeyman.watching.teacher import Teacher

PART = 64
"""Rows that are judged at a time."""
SHOWN = 5
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
    notes: bool = True
    """Whether a step notes its decisions; else who keeps the memory does, once it is kept."""
    last: Look | None = None
    """The rows of the last step, as they were seen; those alone that the last version answered."""

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
        self.estimate = ErrorEstimate(self._usual.threshold, self.memory.below)

    def step(self, questions: Sequence[Question], *, act: bool = True) -> list[Event]:
        """Take in the next rows of the stream; what befell.

        They are answered together, which is faster, and judged a part at a time; rows behind one
        after which another version serves are answered by that. Without `act`, alarms are told and
        lead to nothing.
        """
        self._acts = act and self.options.act != "tell"
        read, events = self._arrivals.read(questions), list[Event]()
        look, seen = self._looked(read), self.sight
        for first in range(0, max(len(questions), 1), PART):
            if self.sight is not seen:
                read, seen = read.behind(first), self.sight
                look = self._looked(read)
            part = questions[first : first + PART]
            span = (bisect_left(read.places, at) for at in (first, first + PART))
            events += self._taken(part, look.part(*span), act=act)
        self.last = look
        if self.notes:
            self.teacher.note(events)
        return events

    def _taken(self, questions: Sequence[Question], look: Look, *, act: bool) -> list[Event]:
        """What befell by some questions, of which `look` are those that could be read."""
        late = self._arrivals.late(questions, self.memory)
        self.memory.rows += len(questions) - len(late)
        self.memory.failed += len(questions) - len(late) - len(look)
        said = [look, self._looked(self._arrivals.read(late))] if late else [look]
        alarms = self._alarms(look, said)
        events: list[Event] = []
        for each in said:
            self._judge(each)
        self._remember(look)
        if alarms:
            events += self._alarmed(alarms)
        elif len(look):
            self.shares.add([self._slices(one) for one in self.memory.recent[-len(look) :]])
        events += self._confirmed()
        if act:
            events += self.act()
        return events

    def label(self, rows: Iterable[Row]) -> None:
        """Labels that were asked for: rows with their ids, as a person gave them."""
        for row in rows:
            row_id = str(row.get(self._arrivals.id, ""))
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
            self.memory.probation, self._earlier = None, None  # It was of another version.
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
        self._arrivals = Arrivals(model)
        self._usual = self.sight.usual()

    def _know_origins(self) -> None:
        """What rows of each earlier lesson look like, by those that examine it."""
        seeing = self.detectors.get("input-shift")
        if not isinstance(seeing, MeanShift) or seeing.coordinates is None:
            return
        for name, rows in self._usual.origins.items():
            if len(rows) >= 2:
                self._normals[name] = Normal.of(seeing.coordinates.place(rows))

    def _looked(self, read: Read) -> Look:
        """Rows that were read, answered and seen."""
        asked = read.texts, read.ids, read.rows
        if self.cache is None and self.memory.gathers:
            with closing(FeatureCache()) as cache:  # They are ranked, and some learned, from it.
                return self.sight.look(*asked, cache)
        return self.sight.look(*asked, self.cache)

    def _alarms(self, look: Look, said: Sequence[Look]) -> list[Alarm]:
        """The alarms among these rows, and those of which labels came."""
        if "confidence" in look.views:
            self.estimate.update(look.views["confidence"][:, 0])
        found = []
        labels = np.concatenate([each.views["labels"] for each in said])
        for name, detector in self.detectors.items():
            view = DETECTORS[name].view
            rows = labels if view == "labels" else look.views.get(view)
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
        try:
            queue = label_queue(
                self.model, rows, batch=count, labelled=memory.labelled, reporter=self.reporter
            )
        except JourneymanError as error:
            memory.calm()
            return [self._event("refused", {"reasons": [str(error)]}, [str(error)])]
        if not queue:  # The model knows all the others already.
            memory.wanted = list(memory.labelled)
            if not memory.wanted:
                memory.calm()
            return []
        memory.wanted = [one.id for one in queue]
        self.asked(queue)
        said = [f"labels of {len(queue)} rows, of {len(rows)} since the alarm"]
        return [self._event("asked", {"rows": len(queue), "of": len(rows)}, said)]

    def _learned(self) -> list[Event]:
        memory = self.memory
        origin = self.arrival or f"drift-{memory.episode}"
        before = self.model
        try:
            if self._knows(origin):
                parent = before.about.get("parent")
                memory.calm()
                memory.probation = None if parent is None else Probation(parent)
                return [self._event("learned", {"parent": parent, "accepted": True})]
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

    def _knows(self, origin: str) -> bool:
        """Whether the version that serves learned just these rows as this lesson: a kill may have
        come before that was remembered."""
        solved_head(self.model)  # The ledger too.
        exam, ledger = exam_of(self.model), self.model.learner.ledger
        known = {question.id for question in exam.questions if question.origin == origin}
        known |= {line.id for line in (ledger.lines if ledger else ()) if line.origin == origin}
        return set(self.memory.labelled) <= known

    def _serve(self, model: Model) -> None:
        """Go on with another version: what answers look like is usual anew."""
        layers = self.sight.layers
        self._see(model)
        for name, detector in self.detectors.items():
            if DETECTORS[name].view != "input":
                detector.begin(_NOTHING)
            elif self.sight.layers != layers:
                detector.begin(self._usual.views.get("input", _NOTHING))
        self._know_origins()
        self.estimate = ErrorEstimate(self._usual.threshold)
        self.memory.right = []

    def _judge(self, look: Look) -> None:
        """Take note of labels that came: what they are to be learned for, whether answers were
        right, and whether a version on probation does better than the one before."""
        memory, probation = self.memory, self.memory.probation
        places = [at for at, has in enumerate(look.targets) if has]
        if memory.phase == "asking":
            memory.labelled |= {look.ids[at]: dict(look.rows[at]) for at in places}
        judged = [at for at in places if look.wrong(at) is not None]
        memory.right += [not look.wrong(at) for at in judged]
        del memory.right[:-200]
        if probation is None or not judged:
            return
        if self._earlier is None:
            self._earlier = self.teacher.earlier(probation.parent, self.model)
        before = self._earlier.predict([look.rows[at] for at in judged])
        for at, old in zip(judged, before, strict=True):
            was = getattr(old, "label", None) == look.labels[at]
            probation.take(right=not look.wrong(at), was=was)

    def _confirmed(self) -> list[Event]:
        probation = self.memory.probation
        if probation is None:
            return []
        told = {"better": probation.better, "worse": probation.worse, "rows": probation.rows}
        said = [f"alone right on {probation.better}, alone wrong on {probation.worse} rows"]
        if probation.lost():
            reason = f"{said[0]} of {probation.rows} with labels"
            model = self.teacher.roll_back(reason, self.model)
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
        decision = kind in DECISIONS and self._acts
        version, row = self.model.version, self.memory.rows
        return Event(kind, row, version, dict(told), tuple(said), decision)


_NOTHING = np.zeros((0, 1))
_SINCE = 100
"""Rows before an alarm that it is about: about as many as it takes to see a shift."""
