"""The model: what a user holds. It answers, is measured, explains itself and is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.base import Backbone
from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.text_encoder import Text
from journeyman.continual.learning import learn
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.taught import Taught
from journeyman.continual.unlearning import unlearn
from journeyman.continual.update import Update
from journeyman.data.record import Refused
from journeyman.evaluation.scope import marked
from journeyman.evaluation.slices import evaluate_slices
from journeyman.explainers.asking import boxes_to_explain, check_boxes
from journeyman.explainers.base import Explainer, explainer_for
from journeyman.explainers.heat_maps import HeatMaps
from journeyman.explainers.options import ExplainOptions
from journeyman.explainers.target import Asked
from journeyman.model_questions import Question, QuestionReader, parts_of
from journeyman.model_state import ModelState
from journeyman.people.recognition import Pictures, Recognition, no_gallery
from journeyman.progress import QUIET, Reporter
from journeyman.saved.folder import read_model, write_model
from journeyman.tasks.base import Array, Evaluated
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.learner import Said
from journeyman.training.scoping import needs_nearest
from journeyman.types import (
    EmbeddingPrediction,
    Explanation,
    FailedPrediction,
    Metric,
    Prediction,
    Row,
    Verification,
)

Recogniser = Callable[[Sequence[Prediction]], Sequence[Prediction]]
CHUNK = 4096
"""Questions of a list that are answered together."""


@dataclass(frozen=True)
class Measured:
    """A model measured on rows: overall, and for each value of each slice column."""

    overall: Evaluated
    slices: Mapping[str, Mapping[str, Mapping[str, Metric]]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Metrics, classes, confusion, coverage and slices as JSON values."""
        whole = self.overall
        return {
            "metrics": {name: metric.to_json() for name, metric in whole.metrics.items()},
            "classes": {name: each.to_json() for name, each in whole.classes.items()},
            "confusion": None if whole.confusion is None else whole.confusion.to_json(),
            "coverage": whole.coverage,
            **({"roc": whole.roc} if whole.roc else {}),
            "slices": {
                column: {
                    value: {name: metric.to_json() for name, metric in metrics.items()}
                    for value, metrics in values.items()
                }
                for column, values in self.slices.items()
            },
        }


class Model(ModelState):
    """What `finetune` and `load` give."""

    update: Update | None = None
    """What led to it, of a model that `learn` or `unlearn` gave."""

    @classmethod
    def load(cls, folder: str | Path, backbone: Backbone | None = None) -> Model:
        """Read the model in `folder`, checked against its version; its backbone is found by
        name."""
        return cls(**vars(read_model(Path(folder).expanduser(), backbone)))

    def save(self, folder: str | Path) -> Model:
        """Write the model folder, replacing a model that stands there; gives the version."""
        return write_model(self, Path(folder).expanduser())

    def predict(
        self, questions: Question | Iterable[Question], *, reporter: Reporter = QUIET
    ) -> list[Prediction]:
        """One answer a question, in their order; a question that has no answer says why."""
        return list(self.stream(self._listed(questions), CHUNK, reporter=reporter))

    def stream(
        self, questions: Iterable[Question], size: int = 512, *, reporter: Reporter = QUIET
    ) -> Iterator[Prediction]:
        """Answers as `predict` gives them, `size` at a time as questions come in.

        Where people are enrolled, a picture is answered with whom it shows.
        """
        yield from self._answered(questions, size, self._recogniser(), reporter)

    def _answered(
        self,
        questions: Iterable[Question],
        size: int,
        recognise: Recogniser,
        reporter: Reporter = QUIET,
    ) -> Iterator[Prediction]:
        reader = self._reader()
        for part in _parts(questions, size):
            texts, ids, failed = reader.read(part)
            answers: dict[int, Prediction] = dict(failed)
            asked = list(texts.values())
            if asked:
                examples = Examples(asked, self.learner.backbone.prepare(asked), ())
                said = self.heard(examples, None, reporter)
                names = [ids[i] for i in texts]
                decoded = self.decoded(said.outputs, asked, ids=names, nearest=said.nearest)
                told = map(self.learner.task.told, recognise(decoded))
                answers.update(zip(texts, told, strict=True))
            yield from (self._signed(answers[i]) for i in range(len(part)))

    def evaluate(self, rows: Sequence[Row], *, reporter: Reporter = QUIET) -> Measured:
        """Every figure on rows with targets, overall and by slice."""
        return self.measure(rows, reporter=reporter)[1]

    def measure(
        self,
        rows: Sequence[Row],
        *,
        examples: Examples | None = None,
        source: FeatureSource | None = None,
        reporter: Reporter = QUIET,
    ) -> tuple[list[Prediction], Measured]:
        """Answers to rows with targets and every figure; `examples` and `source` spare making
        them anew."""
        predictions, texts, targets = self.answers(rows, examples, source, reporter)
        groups = None
        if self.columns.group:
            groups = [str(row.get(self.columns.group)) for row in rows]
        task = self.learner.task

        def measure(which: Any) -> Evaluated:
            return task.evaluate(
                [predictions[i] for i in which],
                [targets[i] for i in which],
                self.schema,
                texts=[texts[i] for i in which],
                groups=None if groups is None else [groups[i] for i in which],
            )

        columns = {name: [row.get(name) for row in rows] for name in self.columns.slices}
        slices = evaluate_slices(columns, lambda which: measure(which).metrics)
        return predictions, Measured(measure(range(len(rows))), slices)

    def answers(
        self,
        rows: Sequence[Row],
        examples: Examples | None,
        source: FeatureSource | None,
        reporter: Reporter = QUIET,
    ) -> tuple[list[Prediction], Sequence[Text], Sequence[Any]]:
        """Answers to rows with targets, their texts and their raw targets."""
        task, columns = self.learner.task, self.columns
        if examples is None:
            texts = [task.text(row, columns) for row in rows]
            targets = [task.target(row, columns) for row in rows]
            examples = Examples(texts, self.learner.backbone.prepare(texts), targets)
        said = self.heard(examples, source, reporter)
        reader = self._reader()
        named = zip(rows, examples.texts, strict=True)
        ids = [reader.id_of(row, parts_of(text)) for row, text in named]
        answers = self.decoded(said.outputs, examples.texts, ids=ids, nearest=said.nearest)
        return [self._signed(answer) for answer in answers], examples.texts, examples.targets

    def explain(
        self,
        questions: Question | Iterable[Question],
        options: ExplainOptions | None = None,
        *,
        output: str | Path | None = None,
        boxes: int = 1,
        reporter: Reporter = QUIET,
    ) -> list[Explanation | FailedPrediction]:
        """Why each question is answered as it is: a weight for each word, or cell of a picture.

        In the folder `output`, new or empty, pictures get a file each that shows their weights; its
        path is `heatmap`. Of a model that finds boxes, up to `boxes` of each picture are explained,
        the surest first. Raises JourneymanError where the model has no pictures or boxes to explain
        so, or the folder is taken.
        """
        asked = self._listed(questions)
        explained = self._explainer(options, output, boxes)
        with reporter.bar("explaining", len(asked)) as advance:
            found: list[Explanation | FailedPrediction] = []
            for question in asked:
                found.extend(explained(question))
                advance(1)
        return found

    def stream_explanations(
        self,
        questions: Iterable[Question],
        options: ExplainOptions | None = None,
        *,
        output: str | Path | None = None,
        boxes: int = 1,
    ) -> Iterator[Explanation | FailedPrediction]:
        """Explanations as `explain` gives them, each as soon as it is made."""
        explained = self._explainer(options, output, boxes)
        for question in questions:
            yield from explained(question)

    def _explainer(
        self, options: ExplainOptions | None, output: str | Path | None, boxes: int
    ) -> Callable[[Question], Iterator[Explanation | FailedPrediction]]:
        """What explains one question after another of a sitting."""
        modality, learner = self.learner.task.modality, self.learner
        explainer = explainer_for(modality, options or ExplainOptions())
        check_boxes(learner.task, boxes)
        maps = None if output is None else HeatMaps.into(output, modality)
        reader = self._reader()

        def explained(question: Question) -> Iterator[Explanation | FailedPrediction]:
            texts, ids, failed = reader.read([question])
            if failed:
                yield self._signed(failed[0])
                return
            for asked in self._asked(texts[0], boxes):
                why = self._explained(explainer, texts[0], ids[0], asked)
                if maps is not None:
                    why = maps.keep(why, learner.backbone, cast(Picture, texts[0]))
                yield self._signed(why)

        return explained

    def _asked(self, text: Text, boxes: int) -> Sequence[Asked]:
        """What is explained of a row: its answer, or several of its boxes."""
        if boxes == 1:
            return [None]
        examples = Examples([text], self.learner.backbone.prepare([text]), ())
        (answer,) = self.decoded(self.heard(examples, None, QUIET).outputs, [text])
        return boxes_to_explain(self.learner.task.told(answer), boxes)

    def learn(
        self,
        rows: Sequence[Row],
        options: UpdateOptions | None = None,
        *,
        origin: str = "",
        reporter: Reporter = QUIET,
    ) -> Model:
        """A new model that has learned these rows too, with new classes where they have any.

        `origin` names what brought them, such as a domain. What the update was and what the gate
        says of it is in `update`; this model stays as it is. Raises ModelError for a model whose
        head is not solved, DataError where nothing can be learned.
        """
        return self._taught(learn(self.single(), rows, options, origin=origin, reporter=reporter))

    def unlearn(
        self,
        rows: Sequence[Row] = (),
        *,
        ids: Iterable[str] = (),
        label: str | None = None,
        options: UpdateOptions | None = None,
    ) -> Model:
        """A new model that has never seen these rows (or a class), as far as `update` says.

        Rows are given themselves, or by id. The folder this model was read from still has them:
        `journeyman unlearn` also removes them there. Raises DataError where none of it is known.
        """
        named = Named.of(self, rows, ids, label)
        return self._taught(unlearn(self.single(), named, options))

    def single(self) -> Model:
        """The model itself; of an ensemble, a ModelError: its members are taught one by one."""
        return self

    def _taught(self, taught: Taught) -> Model:
        made = type(self)(**vars(taught.state))
        made.update = taught.update
        return made

    @property
    def people(self) -> dict[str, int]:
        """How many pictures are enrolled of each person."""
        found = Recognition(self).gallery.people
        return {name: len(found[name]) for name in sorted(found)}

    def enrol(self, person: str, pictures: Pictures) -> int:
        """Enrol a person from a few pictures, without training; gives how many there are now.

        Raises DataError for a picture that cannot be read; then nothing is enrolled.
        """
        return Recognition(self).enrol(person, pictures)

    def remove_person(self, person: str) -> None:
        """Remove a person from the gallery, which is then as if they had never been enrolled."""
        Recognition(self).remove(person)

    def verify(
        self, one: str | Path, other: str | Path, *, false_accepts: float | None = None
    ) -> Verification:
        """Whether two pictures show one person; of pairs of two people `false_accepts` pass
        (1 % when absent)."""
        return Recognition(self).verify(one, other, false_accepts)

    def identify(
        self, pictures: Question | Iterable[Question], *, false_accepts: float | None = None
    ) -> list[Prediction]:
        """Whom of those enrolled each picture shows; `abstained` where it seems to be no one.

        About `false_accepts` of the pictures of strangers are taken for someone (1 % when absent).
        Raises JourneymanError where no one is enrolled.
        """
        recognition = Recognition(self)
        if not recognition.gallery.people:
            raise no_gallery(self)
        recognise = self._recogniser(false_accepts)
        return list(self._answered(self._listed(pictures), CHUNK, recognise))

    def _recogniser(self, false_accepts: float | None = None) -> Recogniser:
        """What makes names of vectors, where anyone is enrolled; else answers stay as they are."""
        if self.learner.task.kind != "identity":
            return lambda answers: answers
        recognition = Recognition(self)
        gallery = recognition.gallery
        if not gallery.people:
            return lambda answers: answers
        return lambda answers: recognition.identify(
            cast(Sequence[EmbeddingPrediction], answers), gallery, false_accepts
        )

    def _reader(self) -> QuestionReader:
        return QuestionReader(self.columns, self.learner.task.unit)

    def heard(self, examples: Examples, source: FeatureSource | None, reporter: Reporter) -> Said:
        """What the head makes of rows, by a source of their features or the frozen layers."""
        found = source if source is not None else self.learner.uncached(examples)
        near = needs_nearest(self.calibration)
        return self.learner.said(examples, found, reporter, nearest=near)

    def _explained(
        self, explainer: Explainer, text: Text, row_id: str, asked: Asked = None
    ) -> Explanation:
        how = self.calibration
        return explainer.explain(self.learner, self.schema, [text], [row_id], how, [asked])[0]

    def decoded(
        self,
        outputs: Sequence[Array],
        texts: Sequence[Text],
        *,
        ids: Sequence[str] | None = None,
        calibration: Mapping[str, Any] | None = None,
        nearest: NDArray[np.float32] | None = None,
    ) -> list[Prediction]:
        """Outputs as answers; another `calibration` than the model's may be tried.

        Whether a row is in scope is said only where how near a learned row is ([N]) need not be
        known, or is.
        """
        how = self.calibration if calibration is None else calibration
        names = [""] * len(texts) if ids is None else ids
        answers = self.learner.task.decode(outputs, self.schema, how, names, texts)
        return marked(answers, outputs, self.schema.labels, nearest, how)

    def _signed(self, answer: Any) -> Any:
        object.__setattr__(answer, "model", self.name)
        object.__setattr__(answer, "version", self.version)
        return answer

    def _listed(self, questions: Question | Iterable[Question]) -> list[Question]:
        if isinstance(questions, str | Mapping | Refused):
            return [questions]
        return list(questions)


def _parts(questions: Iterable[Question], size: int) -> Iterator[list[Question]]:
    asked = iter(questions)
    while part := list(islice(asked, size)):
        yield part
