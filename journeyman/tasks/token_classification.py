"""Labelled spans of words: named entities and their like."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.text_encoder import Text
from journeyman.backbones.text_inputs import TextInputs
from journeyman.data.options import DataOptions
from journeyman.evaluation.calibration import fit_temperature
from journeyman.evaluation.intervals import Groups
from journeyman.evaluation.spans import evaluate_spans, evaluate_tags, span_f1_score
from journeyman.heads.base import Unit
from journeyman.tasks.base import (
    IGNORED,
    TASKS,
    Array,
    Calibration,
    Encoded,
    Evaluated,
    Outputs,
    Schema,
    Task,
)
from journeyman.tasks.bio import OUTSIDE, best_path, forbidden, spans_of, tag_set
from journeyman.tasks.words import TokenText, first_tokens, words_of
from journeyman.types import EntitiesPrediction, Entity, Metric, Prediction, Row

CERTAIN = 1e4
"""The score of O for a word that no token is read for: larger than any the model gives."""


@TASKS.register("token-classification")
class TokenClassification(Task):
    """Outputs are one row of tag scores a word, read at the word's first token.

    The tags of a text are the best valid BIO sequence, so an I never stands without its B. Words
    beyond the backbone's longest input are tagged O.
    """

    name = "token-classification"
    kind = "tags"
    usual = True
    unit: ClassVar[Unit] = "token"
    primary_metric = "span_f1"
    metric_names: ClassVar[tuple[str, ...]] = ("span_f1",)
    default_head: ClassVar[str] = "linear"
    default_tuner: ClassVar[str] = "full"
    needs = ("tokens", "tags")
    reads = ("tokens", "tags")
    weighs_classes = True
    pipeline = "token-classification"

    def text(self, row: Row, data: DataOptions) -> Text:
        """The row's tokens joined by spaces; a plain text where a row has no tokens."""
        tokens = row.get(data.tokens or "tokens")
        if tokens is None:
            return str(row["text"])
        return TokenText(json.loads(tokens) if isinstance(tokens, str) else list(tokens))

    def target(self, row: Row, data: DataOptions) -> tuple[str, ...]:
        """One BIO tag a word."""
        tags = row[data.tags or "tags"]
        return tuple(json.loads(tags) if isinstance(tags, str) else tags)

    def schema(self, targets: Sequence[Sequence[str]]) -> Schema:
        """O, then B and I of each type in alphabetical order, and how often each occurs."""
        counts = Counter(tag for tags in targets for tag in tags)
        labels = tag_set(sorted({tag[2:] for tag in counts if tag != OUTSIDE}))
        return Schema(labels, tuple(counts[label] for label in labels))

    def encode(
        self,
        targets: Sequence[Sequence[str]],
        schema: Schema,
        inputs: Inputs,
        texts: Sequence[Text],
    ) -> Encoded:
        """One [T] row of tag indices a text, IGNORED but at the first token of each word."""
        place = {tag: at for at, tag in enumerate(schema.labels)}
        rows = []
        for at, tags in enumerate(targets):
            row = np.full(int(inputs.lengths[at]), IGNORED, dtype=np.int64)
            tokens = _places(inputs, texts, at)
            kept = tokens >= 0
            row[tokens[kept]] = np.array([place.get(tag, 0) for tag in tags], dtype=np.int64)[kept]
            rows.append(torch.from_numpy(row))
        return Encoded(rows)

    def matrix(self, encoded: Encoded, schema: Schema) -> Tensor:
        """[W, C] one-hot rows of every word, text after text."""
        flat = torch.cat(list(encoded.rows))
        return torch.nn.functional.one_hot(flat[flat != IGNORED], len(schema.labels)).float()

    def loss(self, outputs: Tensor, encoded: Tensor, weights: Tensor | None) -> Tensor:
        """Cross-entropy at the first token of each word."""
        return torch.nn.functional.cross_entropy(
            outputs.flatten(0, 1), encoded.flatten(), weight=weights, ignore_index=IGNORED
        )

    def split_outputs(self, outputs: Tensor, inputs: Inputs, texts: Sequence[Text]) -> list[Array]:
        """[W, C] a text; words that were cut off are certain to be O."""
        rows = []
        for at, scores in enumerate(outputs.detach().cpu().numpy()):
            tokens = _places(inputs, texts, at)
            row = scores[tokens]
            lost = np.zeros(scores.shape[-1], dtype=row.dtype)
            lost[0] = CERTAIN
            row[tokens < 0] = lost
            rows.append(row)
        return rows

    def score(
        self, outputs: Outputs, targets: Sequence[Sequence[str]], schema: Schema, metric: str
    ) -> float:
        """Span F1 of the best valid sequences."""
        guesses = [spans_of(tags) for tags in _tags(outputs, schema)]
        return span_f1_score([spans_of(tags) for tags in targets], guesses)

    def calibrate(
        self,
        outputs: Outputs,
        targets: Sequence[Sequence[str]],
        schema: Schema,
        target_accuracy: float | None,
    ) -> dict[str, Any]:
        """One temperature over all words that were read."""
        place = {tag: at for at, tag in enumerate(schema.labels)}
        truths = np.array([place.get(tag, 0) for tags in targets for tag in tags])
        scores = np.concatenate(outputs).astype(np.float64) if len(outputs) else np.zeros((0, 1))
        read = scores[:, 0] < CERTAIN
        if not read.any():
            return {"temperature": 1.0}
        return {"temperature": fit_temperature(scores[read], truths[read])}

    def decode(
        self,
        outputs: Outputs,
        schema: Schema,
        calibration: Calibration,
        ids: Sequence[str],
        texts: Sequence[Text],
    ) -> list[Prediction]:
        """The spans of each text; a span's score is its least certain word's probability."""
        temperature = float(calibration.get("temperature", 1.0))
        answers: list[Prediction] = []
        tagged = _tags(outputs, schema)
        for row_id, text, scores, tags in zip(ids, texts, outputs, tagged, strict=True):
            words = words_of(str_of(text))
            chances = softmax(scores.astype(np.float64) / temperature, axis=-1)
            place = {tag: at for at, tag in enumerate(schema.labels)}
            entities = []
            for first, last, kind in spans_of(tags):
                sure = min(chances[word, place[tags[word]]] for word in range(first, last))
                start, end = words[first][0], words[last - 1][1]
                entities.append(Entity(start, end, str(str_of(text)[start:end]), kind, float(sure)))
            answers.append(EntitiesPrediction(row_id, tuple(entities)))
        return answers

    def evaluate(
        self,
        predictions: Sequence[Prediction],
        targets: Sequence[Sequence[str]],
        schema: Schema,
        *,
        texts: Sequence[Text],
        groups: Groups | None = None,
    ) -> Evaluated:
        """Span F1, precision and recall over all types and for each."""
        answers = cast(Sequence[EntitiesPrediction], predictions)
        truths = [
            {(words[a][0], words[b - 1][1], kind) for a, b, kind in spans_of(tags)}
            for words, tags in zip((words_of(str_of(t)) for t in texts), targets, strict=True)
        ]
        guesses = [{(e.start, e.end, e.label) for e in answer.entities} for answer in answers]
        measured = evaluate_spans(truths, guesses, groups=groups)
        return Evaluated(measured.metrics, measured.classes)

    def plain(self, texts: Sequence[Text], targets: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Lists of words and their tags."""
        flat = [str_of(text) for text in texts]
        return [[t[a:b] for a, b in words_of(t)] for t in flat], [list(tags) for tags in targets]

    def compare(
        self, targets: Sequence[Any], guesses: Sequence[Any], *, groups: Groups | None = None
    ) -> dict[str, Metric]:
        """Span F1, precision and recall."""
        return evaluate_tags(targets, guesses, groups=groups).metrics


def str_of(text: Text) -> str:
    """The text itself; token tasks take no pairs."""
    return text if isinstance(text, str) else text[0]


def _places(inputs: Inputs, texts: Sequence[Text], row: int) -> NDArray[np.int64]:
    return first_tokens(words_of(str_of(texts[row])), cast(TextInputs, inputs), row)


def _tags(outputs: Outputs, schema: Schema) -> list[list[str]]:
    penalties = forbidden(schema.labels)
    return [
        [schema.labels[i] for i in best_path(scores.astype(np.float64), penalties)]
        for scores in outputs
    ]
