"""VADER, a lexicon and rules for the sentiment of short English texts.

Hutto and Gilbert (2014), "VADER: a parsimonious rule-based model for sentiment analysis of
social media text". It learns nothing; only the scale of its number is fitted.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from journeyman.errors import MissingExtraError
from journeyman.evaluation.baselines.base import BASELINES, Baseline, Inputs, Targets

NEUTRAL = 0.05
"""A compound score this far from zero is no longer neutral, as its authors recommend."""

LABELS = ("negative", "neutral", "positive")


@BASELINES.register("vader")
class Vader(Baseline):
    """The compound score as a class, or as a value on the scale of the training targets.

    Only for English texts whose labels are negative, neutral and positive; for values, name it.
    """

    name = "vader"
    purpose = "the VADER lexicon and rules"
    kinds = ("label", "value")
    modality = "text"

    @classmethod
    def applies(cls, inputs: Inputs, targets: Targets) -> bool:
        """Whether targets are these three labels and most letters are ASCII."""
        letters = [letter for text in inputs[:1000] for letter in text if letter.isalpha()]
        ascii_letters = sum(letter.isascii() for letter in letters)
        return set(targets) == set(LABELS) and 2 * ascii_letters > len(letters)

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Load the lexicon; for values, fit a straight line from compound score to target."""
        try:
            from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
        except ImportError as error:
            raise MissingExtraError("vaderSentiment", "vader", "The VADER baseline") from error
        self._analyzer = SentimentIntensityAnalyzer()
        if self.kind == "value":
            compounds = self._compounds(inputs)
            values = np.asarray(targets, dtype=np.float64)
            scale = float(compounds.var())
            covariance = float(((compounds - compounds.mean()) * values).mean())
            self._slope = covariance / scale if scale > 0 else 0.0
            self._shift = float(values.mean()) - self._slope * float(compounds.mean())
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """A class or a value for each text."""
        compounds = self._compounds(inputs)
        if self.kind == "value":
            return [float(value) for value in self._shift + self._slope * compounds]
        sides = 1 + (compounds >= NEUTRAL).astype(int) - (compounds <= -NEUTRAL).astype(int)
        return [LABELS[int(side)] for side in sides]

    def _compounds(self, inputs: Inputs) -> Any:
        return np.array([self._analyzer.polarity_scores(text)["compound"] for text in inputs])
