"""What a model got right and wrong, one case at a time: what may be shown of it.

A row is one case, but where it has several labels, entities or boxes every one of these is one. A
number is always a candidate for the closest ones, and an error where its interval missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from journeyman.backbones.text_encoder import Text
from journeyman.evaluation.box_verdicts import Verdict, verdicts
from journeyman.explainers.target import Asked
from journeyman.tasks.base import Task
from journeyman.tasks.bio import spans_of
from journeyman.tasks.words import words_of
from journeyman.types import (
    BoxesPrediction,
    EntitiesPrediction,
    Entity,
    LabelledBox,
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
        for case in find(row, task.told(answer), truth, texts[row])
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


def _of_boxes(
    row: int, answer: Prediction, truth: Sequence[LabelledBox], _text: Text
) -> Iterator[Case]:
    for verdict in verdicts(cast(BoxesPrediction, answer).boxes, truth):
        found, true = verdict.found, verdict.true
        yield Case(
            row,
            _box_group(verdict),
            verdict.kind == "correct",
            found.score if found else 0.0,
            true.label if true else NOTHING,
            found.label if found else NOTHING,
            asked=found or true,
            score=found.score if found else None,
        )


def _box_group(verdict: Verdict) -> str:
    given = verdict.true.label if verdict.true else ""
    label = verdict.found.label if verdict.found else given
    return {
        "correct": f"correct: {label}",
        "wrong label": f"error: {given} taken for {label}",
        "wrong bounds": f"error: wrong bounds of {label}",
        "found twice": f"error: {label} found twice",
        "spurious": f"error: spurious {label}",
        "missed": f"error: missed {label}",
    }[verdict.kind]


def _of_identity(row: int, answer: Prediction, truth: str, _text: Text) -> Iterator[Case]:
    """None: a report shows no faces. A picture is explained where that is asked for."""
    return iter(())


KINDS: dict[TargetKind, Callable[[int, Prediction, Any, Text], Iterator[Case]]] = {
    "label": _of_label,
    "labels": _of_labels,
    "value": _of_value,
    "tags": _of_tags,
    "boxes": _of_boxes,
    "identity": _of_identity,
}
