"""What a model got right and wrong, one case at a time: what may be shown of it.

A row is one case, but for multi-label and token tasks, where every label or entity is one. A
number is always a candidate for the closest ones, and an error where its interval missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from journeyman.backbones.text_encoder import Text
from journeyman.explainers.target import Asked
from journeyman.tasks.base import Task
from journeyman.tasks.bio import spans_of
from journeyman.tasks.words import words_of
from journeyman.types import (
    EntitiesPrediction,
    Entity,
    LabelPrediction,
    MultiLabelPrediction,
    Prediction,
    TargetKind,
    ValuePrediction,
)

NOTHING = "nothing"


@dataclass(frozen=True)
class Case:
    """One thing right or wrong at `row`, of the kind `group`.

    `weight` says how telling it is of its group, larger is more: the model's confidence, or the
    size of an error. `asked` is what an explanation of it is about. `score` is the answer's
    probability, where it has one.
    """

    row: int
    group: str
    right: bool
    weight: float
    given: str
    predicted: str
    asked: Asked = None
    score: float | None = None


def cases(
    task: Task,
    predictions: Sequence[Prediction],
    targets: Sequence[Any],
    texts: Sequence[Text],
) -> list[Case]:
    """Every case of these answers against their raw targets, in the order of the rows."""
    plain = task.plain(texts, targets)[1]
    find = KINDS[task.kind]
    return [
        case
        for row, (answer, truth) in enumerate(zip(predictions, plain, strict=True))
        for case in find(row, answer, truth, texts[row])
    ]


def _of_label(row: int, answer: Prediction, truth: str, _text: Text) -> Iterator[Case]:
    found = cast(LabelPrediction, answer)
    right = found.label == truth
    group = f"correct: {truth}" if right else f"error: {truth} taken for {found.label}"
    yield Case(row, group, right, found.score, truth, found.label, score=found.score)


def _of_labels(row: int, answer: Prediction, truth: frozenset[str], _text: Text) -> Iterator[Case]:
    found = cast(MultiLabelPrediction, answer)
    guesses = {scored.label for scored in found.labels}
    given = ", ".join(sorted(truth)) or NOTHING
    predicted = ", ".join(sorted(guesses)) or NOTHING
    for label in sorted(truth | guesses):
        score = found.scores.get(label)
        if score is None:
            continue
        kind = "error: missed" if label not in guesses else "error: spurious"
        right = label in truth and label in guesses
        yield Case(
            row,
            f"{'correct:' if right else kind} {label}",
            right,
            score if label in guesses else 1.0 - score,
            given,
            predicted,
            asked=label,
            score=score,
        )


def _of_value(row: int, answer: Prediction, truth: float, _text: Text) -> Iterator[Case]:
    found = cast(ValuePrediction, answer)
    off = found.value - truth
    given, predicted = f"{truth:.4g}", f"{found.value:.4g}"
    yield Case(row, "closest", True, -abs(off), given, predicted)
    if found.low is None or found.high is None or not found.low <= truth <= found.high:
        group = f"error: too {'high' if off > 0 else 'low'}"
        yield Case(row, group, False, abs(off), given, predicted)


def _of_tags(row: int, answer: Prediction, truth: Sequence[str], text: Text) -> Iterator[Case]:
    guesses = cast(EntitiesPrediction, answer).entities
    truths = _entities(truth, text)
    for guess in guesses:
        met = [each for each in truths if each.start < guess.end and guess.start < each.end]
        same = next((each for each in met if _span(each) == _span(guess)), None)
        nearest = same or (met[0] if met else None)
        right = same is not None and same.label == guess.label
        yield Case(
            row,
            _entity_group(nearest, guess, right),
            right,
            guess.score,
            _named(nearest),
            _named(guess),
            asked=guess,
            score=guess.score,
        )
    for each in truths:
        if not any(each.start < guess.end and guess.start < each.end for guess in guesses):
            group = f"error: missed {each.label}"
            yield Case(row, group, False, 0.0, _named(each), NOTHING, asked=each)


def _entity_group(truth: Entity | None, guess: Entity, right: bool) -> str:
    if right:
        return f"correct: {guess.label}"
    if truth is None:
        return f"error: spurious {guess.label}"
    if truth.label != guess.label:
        return f"error: {truth.label} taken for {guess.label}"
    return f"error: wrong bounds of {guess.label}"


def _entities(tags: Sequence[str], text: Text) -> list[Entity]:
    whole = text if isinstance(text, str) else text[0]
    words = words_of(whole)
    found = [(words[a][0], words[b - 1][1], kind) for a, b, kind in spans_of(tags)]
    return [Entity(a, b, str(whole[a:b]), kind, 1.0) for a, b, kind in found]


def _span(entity: Entity) -> tuple[int, int]:
    return entity.start, entity.end


def _named(entity: Entity | None) -> str:
    return NOTHING if entity is None else f"{entity.label}: {entity.text}"


def _of_identity(row: int, answer: Prediction, truth: str, _text: Text) -> Iterator[Case]:
    """None: a report shows no faces. A picture is explained where that is asked for."""
    return iter(())


KINDS: dict[TargetKind, Callable[[int, Prediction, Any, Text], Iterator[Case]]] = {
    "label": _of_label,
    "labels": _of_labels,
    "value": _of_value,
    "tags": _of_tags,
    "identity": _of_identity,
}
