"""Fine-tuning as scikit-learn estimators: texts and targets in, predictions out.

The estimators clone, search and sit in pipelines as any other; all their fits share the feature
cache, so a grid search runs the frozen layers once for each distinct text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from journeyman.backbones.precision import Precision
from journeyman.backbones.text_encoder import Text
from journeyman.continual.options import UpdateOptions
from journeyman.estimators.fitting import Rows, backbone_of, fitted, packed, rows_of, unpacked
from journeyman.estimators.inputs import (
    InputError,
    all_classes,
    hold_out,
    read_classes,
    read_texts,
    read_values,
)
from journeyman.model import Model
from journeyman.outsiders import check_scope
from journeyman.progress import Reporter
from journeyman.tasks.base import Task, usual_task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Said
from journeyman.training.options import FinetuneOptions
from journeyman.types import LabelPrediction, MultiLabelPrediction, Prediction, ValuePrediction

CHUNK = 4096
CACHED_FROM = 32
"""Rows from which a call to predict goes through the feature cache: fewer are not worth a file."""
TAUGHT = UpdateOptions(retain=None, exam=0.0)
"""What `partial_fit` is given is all learned: who calls it has rows of their own to examine by."""
SAID = (
    "tuner", "head", "cut", "budget", "epochs", "batch_size", "learning_rate", "patience",
)  # fmt: skip
"""Parameters that are options of fine-tuning under the same name."""


class _TextEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: parameters, holding out rows, training, answering, pickling."""

    def __init__(
        self,
        backbone: str | Path = "minilm-l6",
        *,
        tuner: str | Mapping[str, Any] | None = "none",
        head: str | Mapping[str, Any] | None = "ridge",
        cut: int | Literal["auto"] = "auto",
        budget: str | float | None = None,
        epochs: int = 4,
        batch_size: int = 32,
        learning_rate: float | None = None,
        patience: int = 2,
        metric: str | None = None,
        validation_fraction: float = 0.1,
        max_tokens: int | None = None,
        precision: Precision = "float32",
        cache_predictions: bool = True,
        random_state: Any = 0,
        threads: int | None = None,
        quiet: bool = True,
    ) -> None:
        self.backbone = backbone
        self.tuner = tuner
        self.head = head
        self.cut = cut
        self.budget = budget
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.metric = metric
        self.validation_fraction = validation_fraction
        self.max_tokens = max_tokens
        self.precision = precision
        self.cache_predictions = cache_predictions
        self.random_state = random_state
        self.threads = threads
        self.quiet = quiet

    def to_model(self, folder: str | Path | None = None) -> Model:
        """The fitted `Model`; written to `folder` first when one is given."""
        check_is_fitted(self, "model_")
        return self.model_ if folder is None else self.model_.save(folder)

    def __sklearn_tags__(self) -> Any:
        """Texts in a sequence, or in the one or two columns of an array."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """The fitted model as the bytes of its folder: neither modules nor the backbone."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = packed(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpack the model; its backbone is found by name as when a model is loaded."""
        if "model_" in state:
            state = {**state, "model_": unpacked(state["model_"])}
        super().__setstate__(state)

    def _train(
        self,
        task: Task,
        texts: Sequence[Text],
        targets: Sequence[Any],
        member: NDArray[np.bool_],
        strata: NDArray[Any],
    ) -> None:
        """Hold out rows, train on the others; `member` [N, C] tells which class each row has."""
        options = self._options(task)
        seed = self._seed()
        held = hold_out(texts, member, strata, self._share(), seed)
        backbone = backbone_of(
            str(self.backbone), self.max_tokens, self.precision, quiet=self.quiet
        )
        with self._threads(), closing(FeatureCache()) as cache:
            made = fitted(
                task,
                backbone,
                Rows(texts, targets, held),
                options,
                name=type(self).__name__,
                seed=seed,
                cache=cache,
                reporter=Reporter(quiet=self.quiet),
            )
            self.cache_stats_ = asdict(cache.stats)
        self.model_ = made.model
        self.ladder_ = [asdict(attempt) for attempt in made.ladder.attempts] if made.ladder else []

    def _teach(self, texts: Sequence[Text], targets: Sequence[Any]) -> None:
        """Learn rows beside those that were learned before; nothing is chosen anew."""
        with self._threads():
            self.model_ = self.model_.learn(rows_of(texts, targets), TAUGHT)

    def _answers(self, X: Any) -> Iterator[Prediction]:
        check_is_fitted(self, "model_")
        texts = read_texts(X, self, len(self.model_.columns.texts))
        for at in range(0, len(texts), CHUNK):
            part = texts[at : at + CHUNK]
            said = self._heard(part)
            yield from self.model_.decoded(said.outputs, part, nearest=said.nearest)

    def _heard(self, texts: Sequence[Text]) -> Said:
        learner = self.model_.learner
        examples = Examples(texts, learner.backbone.prepare(texts), ())
        reporter = Reporter(quiet=self.quiet)
        with self._threads():
            if not self.cache_predictions or len(texts) < CACHED_FROM:
                return self.model_.heard(examples, None, reporter)
            with closing(FeatureCache()) as cache:
                source = feature_source(learner, examples, cache, reporter)
                return self.model_.heard(examples, source, reporter)

    def _options(self, task: Task, **more: Any) -> FinetuneOptions:
        said = {name: getattr(self, name) for name in SAID}
        try:
            options = FinetuneOptions(**said, metric=self.metric, **more)
        except ValidationError as error:
            first = error.errors()[0]
            name, *_ = first["loc"] or ("",)
            raise self._wrong(str(name), first["msg"], repr(first["input"])) from error
        for name, least in (("threads", 1), ("max_tokens", 8)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | np.integer) and value >= least):
                raise self._wrong(name, f"a whole number of at least {least}, or None", repr(value))
        if self.precision not in get_args(Precision):
            raise self._wrong("precision", " | ".join(get_args(Precision)), repr(self.precision))
        if self.metric is not None and self.metric not in task.metric_names:
            raise self._wrong("metric", " | ".join(task.metric_names), repr(self.metric))
        return options

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            if not 0 <= self.random_state < 2**32:
                raise self._wrong(
                    "random_state", "a seed from 0 to 2**32 - 1", str(self.random_state)
                )
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _share(self) -> float:
        share = self.validation_fraction
        if not isinstance(share, float | int) or not 0 < share < 1:
            raise self._wrong("validation_fraction", "a number between 0 and 1", repr(share))
        return float(share)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """Within, torch uses as many threads as asked for."""
        before = torch.get_num_threads()
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _wrong(self, name: str, expected: str, found: str) -> InputError:
        return InputError(
            f"The parameter {name!r} of {type(self).__name__} cannot be used.",
            place=f"{type(self).__name__}({name}=...)",
            expected=expected,
            found=found,
            remedy=f"set it: set_params({name}=...)",
        )


class TextClassifier(ClassifierMixin, _TextEstimator):  # type: ignore[misc]
    """Classifies texts, or pairs of texts, by a pretrained backbone fine-tuned on them.

    `fit(X, y)` takes texts (a sequence, an array, a pandas Series) or pairs of texts, and a label
    for each, or an indicator matrix [N, C] of several. A stratified share of the rows,
    `validation_fraction`, is held out to choose settings and to calibrate probabilities; a solved
    head then takes them in as well. `tuner` and `head` are names, or mappings of a name and
    options; `tuner="auto"` tunes more as long as that pays, within `budget` (seconds, or "5m"), and
    `head=None` leaves it the choice of the head. With `cache_predictions` the rows asked of predict
    enter the feature cache, which makes searches cheap; turn it off for a served model.

    Fitted: `classes_`, `model_` (a `journeyman.Model`), `cache_stats_` (what the fit asked of the
    feature cache), `ladder_` (what `tuner="auto"` tried). Pickles hold the model's folder and need
    its backbone where they are loaded; `estimator.model_.save(folder)` keeps a model without a
    pickle.
    """

    def __init__(
        self,
        backbone: str | Path = "minilm-l6",
        *,
        tuner: str | Mapping[str, Any] | None = "none",
        head: str | Mapping[str, Any] | None = "ridge",
        cut: int | Literal["auto"] = "auto",
        budget: str | float | None = None,
        epochs: int = 4,
        batch_size: int = 32,
        learning_rate: float | None = None,
        patience: int = 2,
        metric: str | None = None,
        class_weights: bool = False,
        scope: bool | Mapping[str, Any] | None = None,
        validation_fraction: float = 0.1,
        max_tokens: int | None = None,
        precision: Precision = "float32",
        cache_predictions: bool = True,
        random_state: Any = 0,
        threads: int | None = None,
        quiet: bool = True,
    ) -> None:
        super().__init__(
            backbone,
            tuner=tuner,
            head=head,
            cut=cut,
            budget=budget,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            patience=patience,
            metric=metric,
            validation_fraction=validation_fraction,
            max_tokens=max_tokens,
            precision=precision,
            cache_predictions=cache_predictions,
            random_state=random_state,
            threads=threads,
            quiet=quiet,
        )
        self.class_weights = class_weights
        self.scope = scope

    def fit(self, X: Any, y: Any) -> Self:
        """Train on texts and their labels, some of them held out."""
        member, classes, several = read_classes(y, self)
        texts = read_texts(X, self)
        check_consistent_length(texts, member)
        names = [str(each) for each in classes]
        places = [np.flatnonzero(row) for row in member]
        if several:
            task = usual_task("labels")
            targets: list[Any] = [[names[i] for i in row] for row in places]
        else:
            task = usual_task("label")
            targets = [names[row[0]] for row in places]
        strata = np.unique(member, axis=0, return_inverse=True)[1].reshape(-1)
        self._train(task(), texts, targets, member, strata)
        self.classes_ = classes
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Learn more texts, with new labels where they have any, as if they had been there before.

        The first call fits: it chooses settings on rows that it holds out. Later calls add to the
        sums (or rows) of the solved head alone, and take all rows; a text that comes again is
        learned anew in place of what it was. `classes` [C] may name labels still to come. Raises
        ModelError for a head that is not solved.
        """
        if not hasattr(self, "model_"):
            self.fit(X, y)
        else:
            member, found, several = read_classes(y, self, least=1)
            texts = read_texts(X, self, len(self.model_.columns.texts))
            check_consistent_length(texts, member)
            known = all_classes(self.classes_, found, several=several)
            names = [str(each) for each in found]
            places = (np.flatnonzero(row) for row in member)
            several_names = [[names[i] for i in row] for row in places]
            self._teach(texts, several_names if several else [row[0] for row in several_names])
            self.classes_ = known
        if classes is not None:
            self.classes_ = all_classes(self.classes_, np.asarray(classes), several=False)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each text; an indicator matrix after a fit on one."""
        chances = self.predict_proba(X)
        if self.model_.learner.task.kind == "labels":
            return (chances >= 0.5).astype(np.int64)
        labels: NDArray[Any] = self.classes_[chances.argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """[N, C] calibrated probabilities, columns in the order of `classes_`."""
        answers = cast(Iterator[LabelPrediction | MultiLabelPrediction], self._answers(X))
        rows = [answer.scores for answer in answers]
        names = [str(each) for each in self.classes_]
        return np.array([[row.get(name, 0.0) for name in names] for row in rows])

    def in_scope(self, X: Any) -> NDArray[np.bool_]:
        """[N]: whether each text seems to be of any of the classes; asked for by `scope`."""
        check_is_fitted(self, "model_")
        check_scope(self.model_)
        answers = cast(Iterator[LabelPrediction], self._answers(X))
        return np.array([(answer.scope or 0.0) >= 0 for answer in answers], dtype=bool)

    def __sklearn_tags__(self) -> Any:
        """Labels may be one a row or several."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _options(self, task: Task, **more: Any) -> FinetuneOptions:
        return super()._options(task, class_weights=self.class_weights, scope=self.scope, **more)


class TextRegressor(RegressorMixin, _TextEstimator):  # type: ignore[misc]
    """Predicts a number for each text, or pair of texts, by a fine-tuned pretrained backbone.

    Parameters and fitted attributes are those of `TextClassifier`, as far as they do not concern
    classes.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on texts and their numbers, some of them held out."""
        values = read_values(y, self)
        texts = read_texts(X, self)
        check_consistent_length(texts, values)
        nobody = np.zeros((len(values), 0), dtype=bool)
        self._train(usual_task("value")(), texts, values.tolist(), nobody, values)
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Learn more texts and their numbers, as `TextClassifier.partial_fit` learns labels."""
        if not hasattr(self, "model_"):
            return self.fit(X, y)
        values = read_values(y, self)
        texts = read_texts(X, self, len(self.model_.columns.texts))
        check_consistent_length(texts, values)
        self._teach(texts, values.tolist())
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """One number a text."""
        answers = cast(Iterator[ValuePrediction], self._answers(X))
        return np.array([answer.value for answer in answers], dtype=np.float64)
