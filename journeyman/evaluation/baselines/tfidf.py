"""Linear models on weighted n-grams, long the strongest simple text classifiers.

Words and word pairs where words are written apart; where they are not (Chinese, Japanese, Thai
...), sequences of 1 to 4 characters. Wang and Manning (2012), "Baselines and bigrams: simple,
good sentiment and topic classification".
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from journeyman.evaluation.baselines.base import (
    BASELINES,
    Baseline,
    Inputs,
    Targets,
)
from journeyman.evaluation.classification import macro_f1_score
from journeyman.evaluation.multilabel import indicators

PENALTIES = (0.1, 0.3, 1.0, 3.0)
"""LinearSVC's C."""

RIDGE_PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)
UNSPACED_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
_SAMPLE = 1000


@BASELINES.register("tfidf_linear")
class TfidfLinear(Baseline):
    """A linear support vector machine on TF-IDF n-grams; one a label for label sets.

    The penalty is the one with the best macro-F1 (micro-F1 for label sets) on validation rows.
    """

    name = "tfidf_linear"
    purpose = "linear support vector machine on TF-IDF n-grams"
    kinds = ("label", "labels")
    modality = "text"

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Fit once a penalty and keep the best."""
        self._vectorizer, features = _features(inputs)
        labels = sorted({one for row in targets for one in self._set(row)})
        self._labels = tuple(labels)
        self._constant = self._only_answer(targets)
        if self._constant is not None:
            return self
        answers = list(targets) if self.kind == "label" else indicators(targets, self._labels)
        held = _transform(self._vectorizer, validation[0])

        def candidate(penalty: float) -> tuple[float, Any]:
            model = self._model(penalty)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                # One-vs-rest warns of a label that every row has; it predicts it always.
                warnings.filterwarnings("ignore", message="Label .* present in all")
                model.fit(features, answers)
            return self._score(self._decode(_ask(model, held)), validation[1]), model

        self.penalty, self._fitted = _best(candidate, PENALTIES, len(validation[0]))
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """A label, or a sorted list of labels, for each text."""
        if self._constant is not None:
            return [self._constant] * len(inputs)
        return self._decode(_ask(self._fitted, _transform(self._vectorizer, inputs)))

    def _only_answer(self, targets: Targets) -> Any:
        """The one target of rows that all have the same, else None."""
        answers = {tuple(sorted(self._set(row))) for row in targets}
        if len(answers) != 1:
            return None
        return targets[0] if self.kind == "label" else sorted(targets[0])

    def _set(self, target: Any) -> Sequence[str]:
        return [target] if self.kind == "label" else list(target)

    def _model(self, penalty: float) -> Any:
        machine = LinearSVC(C=penalty, random_state=self.seed, max_iter=3000)
        return machine if self.kind == "label" else OneVsRestClassifier(machine)

    def _decode(self, answers: Any) -> list[Any]:
        if self.kind == "label":
            return [str(label) for label in answers]
        matrix = np.asarray(answers).reshape(-1, len(self._labels))
        return [[self._labels[int(place)] for place in np.flatnonzero(row)] for row in matrix]

    def _score(self, predictions: list[Any], truths: Targets) -> float:
        if self.kind == "label":
            return macro_f1_score(list(truths), predictions)
        pairs = [(set(true), set(found)) for true, found in zip(truths, predictions, strict=True)]
        marks = sum(len(true) + len(found) for true, found in pairs)
        return 2 * sum(len(true & found) for true, found in pairs) / marks if marks else 0.0


@BASELINES.register("tfidf_ridge")
class TfidfRidge(Baseline):
    """Ridge regression on TF-IDF n-grams; the penalty has the least squared validation error."""

    name = "tfidf_ridge"
    purpose = "ridge regression on TF-IDF n-grams"
    kinds = ("value",)
    modality = "text"

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Fit once a penalty and keep the best."""
        self._vectorizer, features = _features(inputs)
        values = np.asarray(targets, dtype=np.float64)
        held = _transform(self._vectorizer, validation[0])
        truths = np.asarray(validation[1], dtype=np.float64)

        def candidate(penalty: float) -> tuple[float, Any]:
            model = Ridge(alpha=penalty, solver="sparse_cg").fit(features, values)
            error = _ask(model, held) - truths
            return -float(error @ error), model

        self.penalty, self._fitted = _best(candidate, RIDGE_PENALTIES, len(validation[0]))
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """A number for each text."""
        values = _ask(self._fitted, _transform(self._vectorizer, inputs))
        return [float(value) for value in values]


def unspaced(texts: Sequence[str]) -> bool:
    """Whether most letters of the first texts are of a script without spaces between words."""
    letters = [letter for text in texts[:_SAMPLE] for letter in text if letter.isalpha()]
    scripts = (unicodedata.name(letter, "").startswith(UNSPACED_SCRIPTS) for letter in letters)
    return 2 * sum(scripts) > len(letters)


def _features(texts: Inputs) -> tuple[TfidfVectorizer | None, Any]:
    if unspaced(texts):
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    else:
        words = r"(?u)\b\w+\b"
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=words)
    try:
        return vectorizer, vectorizer.fit_transform(texts)
    except ValueError:
        # No text has a single word; only the constant is left to learn.
        return None, _transform(None, texts)


def _transform(vectorizer: TfidfVectorizer | None, texts: Inputs) -> Any:
    if vectorizer is None or not len(texts):
        width = 1 if vectorizer is None else len(vectorizer.vocabulary_)
        return np.zeros((len(texts), width))
    return vectorizer.transform(texts)


def _ask(model: Any, features: Any) -> Any:
    """The model's answers; scikit-learn refuses to be asked nothing."""
    return model.predict(features) if features.shape[0] else np.empty(0)


def _best(
    candidate: Callable[[float], tuple[float, Any]], penalties: Sequence[float], rows: int
) -> tuple[float, Any]:
    """The best-scoring penalty, the first among equals; 1 when there is no row to choose on."""
    fitted = [(penalty, *candidate(penalty)) for penalty in (penalties if rows else (1.0,))]
    penalty, _, model = max(fitted, key=lambda entry: entry[1])
    return penalty, model
