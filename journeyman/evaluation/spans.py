"""How well spans are found in texts: F1, precision and recall of exact matches.

A span counts when its boundaries and its type are both right (Tjong Kim Sang and De Meulder,
2003, the CoNLL-2003 measure). Tag sequences are read by seqeval in strict IOB2: a span begins
with B, so an I without one begins nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from scipy.sparse import csr_array
from seqeval.scheme import IOB2, Tokens

from journeyman.errors import DataError
from journeyman.evaluation.fscore import (
    ClassEvaluation,
    class_columns,
    class_metrics,
    precision_recall_f1,
)
from journeyman.evaluation.intervals import (
    DEFAULT_RESAMPLING,
    Array,
    Groups,
    Resampling,
    additive_metrics,
)

Span = tuple[int, int, str]
"""Start, end (exclusive) and type; in tokens or in code points, as long as both sides agree."""

SpanSets = Sequence[Collection[Span]]
TagSequences = Sequence[Sequence[str]]


def evaluate_tags(
    truths: TagSequences,
    predictions: TagSequences,
    *,
    types: Sequence[str] | None = None,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> ClassEvaluation:
    """Span figures of IOB2 tag sequences, a sequence a sentence."""
    if [len(tags) for tags in truths] != [len(tags) for tags in predictions]:
        raise ValueError("true and predicted tag sequences differ in length")
    return evaluate_spans(
        [tag_spans(tags) for tags in truths],
        [tag_spans(tags) for tags in predictions],
        types=types,
        groups=groups,
        resampling=resampling,
    )


def evaluate_spans(
    truths: SpanSets,
    predictions: SpanSets,
    *,
    types: Sequence[str] | None = None,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> ClassEvaluation:
    """span_f1, span_precision and span_recall over all types, and each type, with intervals over
    sentences (or over groups of them).

    A metric's n is its number of sentences; a type's support its number of true spans. With no
    span in truth or prediction there is nothing to measure, and the metrics are None.
    """
    names = tuple(types) if types is not None else _types(truths, predictions)
    statistics = span_statistics(truths, predictions, names)
    metrics = additive_metrics(statistics, _measures, groups=groups, resampling=resampling)
    totals = np.asarray(statistics.sum(axis=0), dtype=np.float64).reshape(1, -1)
    return ClassEvaluation(
        dict(zip(("span_f1", "span_precision", "span_recall"), metrics, strict=False)),
        class_metrics(names, metrics[3:], class_columns(totals)[2][0]),
    )


def span_f1_score(truths: SpanSets, predictions: SpanSets) -> float:
    """Micro F1 without an interval, 0 when there is no span at all; for choosing on validation."""
    hits = sum(
        len(set(true) & set(predicted)) for true, predicted in zip(truths, predictions, strict=True)
    )
    spans = sum(len(set(row)) for side in (truths, predictions) for row in side)
    return 2 * hits / spans if spans else 0.0


def tag_spans(tags: Sequence[str]) -> list[Span]:
    """The spans of one IOB2 sequence, in tokens."""
    try:
        entities = Tokens(list(tags), scheme=IOB2).entities if tags else []
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(
            "A tag is not in IOB2 form.",
            expected="O, B-TYPE or I-TYPE",
            found=", ".join(sorted({repr(tag) for tag in tags})[:8]),
            remedy="rewrite the tags as IOB2",
        ) from error
    return [(int(entity.start), int(entity.end), str(entity.tag)) for entity in entities]


def span_statistics(truths: SpanSets, predictions: SpanSets, names: tuple[str, ...]) -> csr_array:
    """Additive statistics [sentences, 3T]: hit, predicted and actual spans of each type."""
    if len(truths) != len(predictions):
        raise ValueError(f"{len(truths)} sentences in truth, {len(predictions)} predicted")
    places = {name: place for place, name in enumerate(names)}
    cells: Counter[tuple[int, int]] = Counter()
    for row, (true, predicted) in enumerate(zip(truths, predictions, strict=True)):
        actual, found = set(true), set(predicted)
        for part, spans in enumerate((actual & found, found, actual)):
            cells.update((row, part * len(names) + places[span[2]]) for span in spans)
    index = np.array(list(cells), dtype=np.intp).reshape(-1, 2)
    counts = np.fromiter(cells.values(), np.float64, len(cells))
    return csr_array((counts, (index[:, 0], index[:, 1])), shape=(len(truths), 3 * len(names)))


def _types(truths: SpanSets, predictions: SpanSets) -> tuple[str, ...]:
    return tuple(
        sorted({span[2] for side in (truths, predictions) for row in side for span in row})
    )


def _measures(sums: Array) -> Array:
    columns = class_columns(sums)
    precision, recall, f1 = precision_recall_f1(*(part.sum(axis=1) for part in columns))
    overall = np.stack([f1, precision, recall], axis=1)
    return np.concatenate([overall, *precision_recall_f1(*columns)], axis=1)
