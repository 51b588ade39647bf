"""Label cleaning: what to do with labels that held-out answers speak against, and whether it pays.

The posterior of true labels (`evaluation/true_labels.py`) by out-of-fold answers of kernel ridge
regression over frozen features, all of them from the same sums (`heads/left_out.py`). Whether
learning from the cleaned labels is better is judged by cross-validation too: the rows of a fold are
answered by what was learned from the other folds, whose labels were doubted without that fold.
Shapes: N rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from torch import Tensor

from journeyman.evaluation.calibration import fit_temperature, probabilities
from journeyman.evaluation.label_doubts import UNKNOWN, LabelDoubts
from journeyman.evaluation.true_labels import TrueLabels
from journeyman.heads.left_out import LeftOut
from journeyman.training.gain import ERRORS
from journeyman.training.parts import Indices

Chances = NDArray[np.float64]
Flags = NDArray[np.bool_]
LEAST = 1e-12
"""The least chance that is told from none."""
HOWS = "drop", "replace", "soften"
LEAST_WRONG = {"drop": 0.9, "replace": 0.5, "soften": 0.5}
"""How likely a label is wrong, at least, that is cleaned so: a row that is dropped teaches nothing
any more, so more has to speak against it."""

SHARES = 1.0, 10**-0.5, 0.1
"""Of the penalty, what is tried on cleaned labels: the less noise there is, the less it takes."""


class LabelCleaningOptions(BaseModel):
    """What a recipe may say of label cleaning (recipe field `finetune.label_cleaning`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["auto", "drop", "replace", "soften"] = Field(
        "drop",
        description="What becomes of a doubted label: its row is not learned from, or has the "
        "likely label, or the probability of each; `auto` is what held-out rows gain most by.",
    )
    validation: Literal["doubted", "clean"] = Field(
        "doubted",
        description="Whether validation labels may be wrong like others, or are `clean`: then they "
        "are never changed, and what is done to the others is judged by them alone.",
    )
    folds: int = Field(5, ge=3, le=20, description="Parts of the rows that are answered in turn.")


def _spelled(said: Any) -> Any:
    """True is the defaults."""
    return {} if said is True else said


LabelCleaningChoice = Annotated[
    LabelCleaningOptions | Literal[False],
    BeforeValidator(_spelled, json_schema_input_type=bool | LabelCleaningOptions),
]


@dataclass(frozen=True)
class Held:
    """The probability [N, C] of each true class by out-of-fold answers and the labels as given,
    and the classes that were answered: [N] before and [S, N] after the labels of the other folds
    were cleaned, by the share of the penalty.

    Where some labels are known to be right, `after` is of those rows alone, and learned from the
    others; elsewhere it repeats `before`."""

    chances: Chances
    before: NDArray[np.intp]
    after: NDArray[np.intp]
    answered: Chances
    """[N, C]: the probabilities by the answers alone."""


@dataclass(frozen=True)
class Cleaning:
    """Which labels were doubted, and whether it pays to learn without them.

    `gain` estimates how much more often held-out answers are right by it, by true labels that
    nobody knows (`LabelDoubts.hits`); `error` is the standard error of that.
    """

    doubts: LabelDoubts
    chances: Chances
    gain: float
    error: float

    @property
    def stands(self) -> bool:
        """Whether labels are cleaned: some are doubted, and held-out rows lose no more by it than
        noise would make of nothing. It was asked for, and a gain of a point or two is less than
        noisy labels can show."""
        return bool(self.doubts.suspect.any()) and self.gain >= -ERRORS * self.error


def cleaning_of(
    held: Held, given: NDArray[np.intp], how: str, right: Flags | None = None
) -> Cleaning:
    """What follows from held-out answers to rows of these classes [N], if cleaned one way.

    Labels that are known to be `right` [N] are not doubted, and are what the gain is measured by.
    """
    doubts = doubted(held.answered, held.chances, given, how)
    if right is not None:
        doubts = replace(doubts, suspect=doubts.suspect & ~right)

    def hits(guesses: NDArray[np.intp]) -> Chances:
        if right is None:
            return doubts.hits(guesses)
        return np.asarray(guesses[right] == given[right], dtype=np.float64)

    before, each = hits(held.before), [hits(guesses) for guesses in held.after]
    gains = max((after - before for after in each), key=lambda gained: float(gained.mean()))
    error = float(gains.std() / max(len(gains), 1) ** 0.5)
    return Cleaning(doubts, held.chances, float(gains.mean()), error)


def held_answers(
    left: LeftOut,
    targets: Tensor,
    given: NDArray[np.intp],
    options: LabelCleaningOptions,
    seed: int,
    right: Flags | None = None,
) -> Held:
    """Answers to N rows of which each may be left out, of these targets [N, C] and classes [N]."""
    parts = folds_of(len(given), options.folds, seed)
    outputs = held_outputs(left, targets, parts)
    if right is not None:
        return _held_apart(left, targets, given, outputs, options, right, seed)
    known = given != UNKNOWN
    temperature = fit_temperature(outputs[known], given[known])
    cleaner = [
        _cleaner(*one, targets, given, temperature, options.how)
        for one in zip(parts, _within(left, targets, parts), strict=True)
    ]
    after = np.zeros((len(SHARES), len(given)), dtype=np.intp)
    for at, share in enumerate(SHARES):
        solved = left.at(left.alpha * share)
        for part, (changed, group) in zip(parts, cleaner, strict=True):
            said = solved.outputs(changed, torch.from_numpy(group))[: len(part)]
            after[at, part] = said.argmax(1).numpy()
    answered = probabilities(outputs, temperature)
    return Held(posterior_of(answered, given), outputs.argmax(1), after, answered)


def _held_apart(
    left: LeftOut,
    targets: Tensor,
    given: NDArray[np.intp],
    outputs: Chances,
    options: LabelCleaningOptions,
    right: Flags,
    seed: int,
) -> Held:
    """As `held_answers`: rows whose labels are `right` are answered by what the others teach,
    before and after these are cleaned, by doubts that know nothing of them."""
    known, apart, rest = given != UNKNOWN, np.flatnonzero(right), np.flatnonzero(~right)
    temperature = fit_temperature(outputs[known], given[known])
    among = np.zeros_like(outputs)
    for part in folds_of(len(rest), options.folds, seed):
        both = torch.from_numpy(np.concatenate([rest[part], apart]))
        among[rest[part]] = left.outputs(targets, both)[: len(part)].numpy()
    changed, group = _cleaner(apart, among, targets, given, temperature, options.how)
    before = outputs.argmax(1)
    before[apart] = left.outputs(targets, torch.from_numpy(apart)).numpy().argmax(1)
    after = np.stack([before] * len(SHARES))
    for at, share in enumerate(SHARES):
        said = left.at(left.alpha * share).outputs(changed, torch.from_numpy(group))
        after[at, apart] = said[: len(apart)].argmax(1).numpy()
    answered = probabilities(outputs, temperature)
    return Held(posterior_of(answered, given), before, after, answered)


def folds_of(count: int, folds: int, seed: int) -> list[Indices]:
    """Random parts of `count` rows, of about one size."""
    turns = np.random.default_rng(seed).permutation(count) % min(folds, count)
    return [np.flatnonzero(turns == at) for at in range(min(folds, count))]


def held_outputs(left: LeftOut, targets: Tensor, parts: list[Indices]) -> Chances:
    """[N, C] outputs of the rows of each part, learned from the others."""
    outputs = np.zeros(targets.shape)
    for part in parts:
        outputs[part] = left.outputs(targets, torch.from_numpy(part)).numpy()
    return outputs


def _cleaner(
    part: Indices,
    outputs: Chances,
    targets: Tensor,
    given: NDArray[np.intp],
    temperature: float,
    how: str,
) -> tuple[Tensor, Indices]:
    """Targets [N, C] to learn from where a fold is left out, and all rows that are: the fold first.

    `outputs` [N, C] of the other rows know nothing of the fold.
    """
    rest = np.setdiff1d(np.arange(len(given)), part)
    answered = probabilities(outputs[rest], temperature)
    chances = posterior_of(answered, given[rest])
    doubts = doubted(answered, chances, given[rest], how)
    suspects = rest[doubts.suspect]
    if how == "drop":
        return targets, np.concatenate([part, suspects])
    changed = targets.clone()
    changed[torch.from_numpy(suspects)] = in_place(doubts, chances, how)
    return changed, part


def in_place(doubts: LabelDoubts, chances: Chances, how: str) -> Tensor:
    """[S, C] targets of the suspect rows, in place of their own."""
    if how == "soften":
        return torch.from_numpy(chances[doubts.suspect]).float()
    likely = torch.from_numpy(doubts.likely[doubts.suspect])
    return torch.nn.functional.one_hot(likely, chances.shape[1]).float()


def _within(left: LeftOut, targets: Tensor, parts: list[Indices]) -> list[Chances]:
    """For each fold the outputs [N, C] of the rows of others, which know neither their own fold
    nor this one. Two folds left out together serve both."""
    found = [np.zeros(targets.shape) for _ in parts]
    for first, one in enumerate(parts):
        for second in range(first + 1, len(parts)):
            other = parts[second]
            both = torch.from_numpy(np.concatenate([one, other]))
            outputs = left.outputs(targets, both).numpy()
            found[second][one] = outputs[: len(one)]
            found[first][other] = outputs[len(one) :]
    return found


def posterior_of(chances: Chances, given: NDArray[np.intp]) -> Chances:
    """[N, C] the probability of each true class, by held-out chances [N, C] and the given classes;
    the chances themselves where there is none."""
    known = given != UNKNOWN
    found = chances.copy()
    if known.any() and chances.shape[1] > 1:
        scores = np.log(np.maximum(chances[known], LEAST))
        found[known] = TrueLabels.of(scores, given[known]).posterior
    return found


def doubted(
    answered: Chances, posterior: Chances, given: NDArray[np.intp], how: str
) -> LabelDoubts:
    """Which labels are to be cleaned, never all of a class: by the `posterior` [N, C]; and where it
    sees far fewer wrong labels, by confident learning from the `answered` probabilities [N, C]."""
    found = LabelDoubts.of_posterior(posterior, given, LEAST_WRONG[how])
    other = LabelDoubts.of(answered, given)
    suspect = found.suspect | (other.suspect & other.sees_more(found.noise))
    likely = np.where(found.suspect, found.likely, other.likely)
    return _spared(replace(found, likely=likely, suspect=suspect))


def _spared(doubts: LabelDoubts) -> LabelDoubts:
    """Where every row of a class is suspect, none is: nothing would be left to learn it from."""
    suspect = doubts.suspect.copy()
    for label in np.unique(doubts.given):
        own = doubts.given == label
        if suspect[own].all():
            suspect[own] = False
    return LabelDoubts(doubts.given, doubts.likely, doubts.confidence, suspect, doubts.joint)
