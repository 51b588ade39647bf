"""What a ridge head chooses, and how: layers, kernel or none, and the penalty.

Shapes: N rows (or tokens), F features, C outputs, M validation rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from journeyman.heads.base import HeadOptions, HeadShape, Layers
from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.kernel_rows import KernelSystem
from journeyman.heads.regulariser import (
    ALPHAS,
    Judge,
    Solvable,
    Trial,
    choose_alpha,
    is_distribution,
    left_out_judge,
)
from journeyman.heads.statistics import FEATURE_STEP, RidgeSolution, RidgeStatistics, on_grid

Score = Callable[[Tensor], float]

EXACT_ROWS = 2048
"""Up to so many training rows, candidates for the kernel are compared as they will be solved."""
FINALISTS = 2
"""Candidates that are compared again, more finely."""
PROXY_ROWS = 20_000
"""Rows on which candidates are compared; sentences seldom reach it, tokens do."""
START = 1e-2
"""Where the walk along the penalties starts, relative to the features' scale."""


class RidgeOptions(HeadOptions):
    """What a recipe may say of the ridge head."""

    features: int = Field(
        4096,
        ge=8,
        description="Most features it may use, or training rows that others are compared with "
        "where there are more than `exact_rows`; memory and time grow with the square.",
    )
    exact_rows: int = Field(
        10_240,
        ge=0,
        description="Up to how many training rows the kernel compares each row with all of them; "
        "memory grows with the square (1.1 GB at 10,240), the model's size in proportion.",
    )
    layers: Literal["auto"] | list[int] = Field(
        "auto",
        description="Layers whose pooled vectors it reads; `auto` compares a few sets.",
    )
    kernel: Literal["auto"] | bool = Field(
        "auto",
        description="Whether vectors are compared with those of training rows by the ReLU kernel "
        "(kernel ridge regression) or taken as they are; `auto` tries both.",
    )
    alphas: Literal["auto"] | Annotated[list[PositiveFloat], Field(min_length=1)] = Field(
        "auto",
        description="Penalties to try, relative to n times the features' mean variance, or to the "
        "kernel's.",
    )
    balance: Literal["auto"] | bool = Field(
        "auto",
        description="Whether outputs are corrected for unequal class counts; `auto`: if it pays.",
    )


@dataclass(frozen=True)
class Candidate:
    """A feature map that may be chosen."""

    layers: tuple[int, ...]
    kernel: bool


@dataclass(frozen=True)
class Round:
    """How finely candidates are compared.

    With so many `landmarks`, which is cheap, and a little unfair to kernels of several layers, for
    they gain more from further ones; and by so many training rows at most whose leave-one-out
    outputs are computed, each of them exactly.
    """

    landmarks: int
    judged: int


ROUNDS = Round(1024, 2048), Round(2048, 4096)


@dataclass(frozen=True)
class Setting:
    """A fitted map, what is solved on it, and how solutions are judged: on so many rows."""

    map: FeatureMap
    system: Solvable
    judge: Judge
    judged: int


@dataclass(frozen=True)
class Found:
    """The best candidate and its map, penalties tried (the best first), each candidate's record.

    `statistics` are of all training rows; None where every row is to be a landmark. `outputs`
    [M, C] are those of the validation rows by which it was judged.
    """

    candidate: Candidate
    map: FeatureMap
    statistics: RidgeStatistics | None
    trials: list[Trial]
    outputs: Tensor
    compared: list[dict[str, Any]]


@dataclass
class RidgeSearch:
    """What the choices of one `solve` share: the rows, and how solutions on them are judged.

    `targets` [N, C] are standardised, and `score` takes outputs [M, C] on that scale.
    """

    options: RidgeOptions
    shape: HeadShape
    seed: int
    train: Layers
    targets: Tensor
    validation: Layers
    score: Score
    leave_one_out: bool

    def __post_init__(self) -> None:
        draw = torch.Generator().manual_seed(self.seed)
        self.order = torch.randperm(len(self.targets), generator=draw)

    def best(self, candidates: Sequence[Candidate]) -> Found:
        """The candidate that is best on a proxy, and its penalty.

        The penalty of a kernel that is solved exactly is the proxy's: landmarks do not change it.
        """
        records: dict[Candidate, dict[str, Any]] = {}
        left, setting = list(candidates), None
        for each in self._rounds(len(left)):
            best = None
            for candidate in left:
                proxy = self._proxy(candidate, each)
                records[candidate] = self._compared(candidate, proxy)
                standing = _standing(records[candidate])
                if best is None or standing > best:
                    best, setting = standing, proxy
            left.sort(key=lambda one: _standing(records[one]), reverse=True)
            left = left[:FINALISTS]
        if setting is None:
            raise ValueError("no candidate to choose from")
        candidate, start = left[0], records[left[0]]["relative_alpha"]
        statistics = None
        if not (candidate.kernel and len(self.targets) <= self.options.exact_rows):
            landmarks = self.options.features if candidate.kernel else None
            setting, statistics = self._summed(candidate, landmarks)
        solution, trials = self._penalty(setting, start)
        outputs = self._validation(setting.map)(solution)
        compared = [records[each] for each in candidates]
        return Found(candidate, setting.map, statistics, trials, outputs, compared)

    def _rounds(self, candidates: int) -> Sequence[Round]:
        """One round where candidates or rows are few."""
        several = candidates > FINALISTS and len(self.targets) > EXACT_ROWS
        return ROUNDS if several else ROUNDS[-1:]

    def _compared(self, candidate: Candidate, proxy: Setting) -> dict[str, Any]:
        """The candidate's merits, at its own best penalty, on the proxy."""
        solution, trials = self._penalty(proxy, START, coarse=True)
        score, trial = self.score(self._validation(proxy.map)(solution)), trials[0]
        return {
            "layers": list(candidate.layers),
            "kernel": candidate.kernel,
            "relative_alpha": trial.relative,
            "merit": trial.merit,
            "score": score,
            "rank": self._rank(score, trial.merit, proxy.judged),
        }

    def _penalty(
        self, setting: Setting, start: float, *, coarse: bool = False
    ) -> tuple[RidgeSolution, list[Trial]]:
        usual = ALPHAS[1::2] if coarse else ALPHAS
        grid = usual if self.options.alphas == "auto" else self.options.alphas
        return choose_alpha(setting.system, grid, start, setting.judge)

    def _proxy(self, candidate: Candidate, how: Round) -> Setting:
        """A setting that is fast to solve; of few rows the one that is asked for itself."""
        if not candidate.kernel:
            return self._summed(candidate, None, PROXY_ROWS, how.judged)[0]
        if len(self.targets) <= min(EXACT_ROWS, self.options.exact_rows):
            return self._exact(candidate)
        landmarks = min(self.options.features, how.landmarks)
        return self._summed(candidate, landmarks, PROXY_ROWS, how.judged)[0]

    def _exact(self, candidate: Candidate) -> Setting:
        built = self._map(candidate, 0)
        built.place(built.stacked(self.train))
        everything = torch.arange(len(self.targets))
        system = KernelSystem(built.kernel(), self.targets)
        return Setting(built, system, self._judge(built, everything), len(everything))

    def _summed(
        self,
        candidate: Candidate,
        landmarks: int | None,
        draft: int | None = None,
        judged: int = ROUNDS[-1].judged,
    ) -> tuple[Setting, RidgeStatistics]:
        """Statistics of the training rows; a draft takes no more rows than it says.

        Judged on rows that are no landmarks, so these are half of the rows at most: where a row is
        left out and its landmark is not, the landmark is free to fit noise, and the error there
        says nothing of other rows.
        """
        built, first = self._map(candidate, landmarks), 0
        if landmarks is not None:
            first = min(landmarks, (len(self.order) + 1) // 2)
            built.place(built.stacked(self._rows(built, self.order[:first].sort().values)))
        left_out = self.order[first : first + judged].sort().values
        used = self.order[:draft].sort().values if draft is not None else None
        layers = self.train if used is None else self._rows(built, used)
        targets = self.targets if used is None else self.targets[used]
        statistics = RidgeStatistics(
            built.features, targets.shape[1], built.penalty(), draft=draft is not None
        )
        for span, part in built.chunks(layers):
            statistics.add(part, targets[span])
        judge = self._judge(built, left_out)
        return Setting(built, statistics, judge, len(left_out)), statistics

    def _map(self, candidate: Candidate, landmarks: int | None) -> FeatureMap:
        built = FeatureMap(candidate.layers, self.shape.widths_of(candidate.layers), landmarks)
        built.fit(self.train)
        return built

    def _rank(self, score: float, merit: float, judged: int) -> float:
        """What candidates are compared by: `score`, steadied by leave-one-out of distributions.

        Validation alone has too few rows to tell maps apart that differ by half a percent.
        """
        if not (self.leave_one_out and is_distribution(self.targets)):
            return score
        rows = len(next(iter(self.validation.values())))
        return (score * rows + merit * judged) / (rows + judged)

    def _judge(self, chosen: FeatureMap, rows: Tensor) -> Judge:
        """What penalties are compared by: these training rows left out, or validation."""
        if not self.leave_one_out:
            outputs = self._validation(chosen)
            return lambda solution: self.score(outputs(solution))
        parts = [part for _, part in chosen.chunks(self._rows(chosen, rows))]
        features = on_grid(torch.cat(parts), FEATURE_STEP).float()
        return left_out_judge(features, self.targets[rows].float())

    def _validation(self, chosen: FeatureMap) -> Callable[[RidgeSolution], Tensor]:
        parts = chosen.kept_chunks(self.validation)

        def outputs(solution: RidgeSolution) -> Tensor:
            return torch.cat([solution.outputs(part) for part in parts()])

        return outputs

    def _rows(self, chosen: FeatureMap, which: Tensor) -> Layers:
        return {layer: self.train[layer][which] for layer in chosen.layers}


def _standing(record: Mapping[str, Any]) -> tuple[float, float]:
    return record["rank"], record["merit"]
