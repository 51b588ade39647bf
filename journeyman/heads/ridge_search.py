"""What a ridge head chooses, and how: layers, kernel or none, and the penalty.

Shapes: N rows (or tokens), F features, C outputs, M validation rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from journeyman.heads.base import HeadOptions, Layers
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

PROXY_LANDMARKS = 2048
"""Candidates for the kernel are compared with this many landmarks: cheap, and a little unfair to
those of several layers, which gain more from further ones."""
PROXY_ROWS = 20_000
"""Rows on which candidates are compared; sentences seldom reach it, tokens do."""
JUDGED_ROWS = 4096
"""Training rows at most whose leave-one-out outputs are computed; each of them exactly."""
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
class Setting:
    """A fitted map, what is solved on it, and how solutions are judged: on so many rows."""

    map: FeatureMap
    system: Solvable
    judge: Judge
    judged: int


@dataclass(frozen=True)
class Found:
    """The best candidate and its map, penalties tried (the best first), each candidate's record.

    `statistics` are of all training rows; None where every row is to be a landmark.
    """

    candidate: Candidate
    map: FeatureMap
    statistics: RidgeStatistics | None
    trials: list[Trial]
    compared: list[dict[str, Any]]


@dataclass
class RidgeSearch:
    """What the choices of one `solve` share: the rows, and how solutions on them are judged.

    `targets` [N, C] are standardised, and `score` takes outputs [M, C] on that scale.
    """

    options: RidgeOptions
    width: int
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
        compared: list[dict[str, Any]] = []
        best: tuple[tuple[float, float], Candidate, Setting, float] | None = None
        for candidate in candidates:
            proxy = self._proxy(candidate)
            record = self._compared(candidate, proxy)
            compared.append(record)
            standing = record["rank"], record["merit"]
            if best is None or standing > best[0]:
                best = standing, candidate, proxy, record["relative_alpha"]
        if best is None:
            raise ValueError("no candidate to choose from")
        _, candidate, setting, start = best
        statistics = None
        if not (candidate.kernel and len(self.targets) <= self.options.exact_rows):
            landmarks = self.options.features if candidate.kernel else None
            setting, statistics = self._summed(candidate, landmarks, None)
        _, trials = self._penalty(setting, start)
        return Found(candidate, setting.map, statistics, trials, compared)

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

    def _proxy(self, candidate: Candidate) -> Setting:
        """A setting that is fast to solve; of few rows the one that is asked for itself."""
        if not candidate.kernel:
            return self._summed(candidate, None, PROXY_ROWS)[0]
        if len(self.targets) <= min(PROXY_LANDMARKS, self.options.exact_rows):
            return self._exact(candidate)
        landmarks = min(self.options.features, PROXY_LANDMARKS)
        return self._summed(candidate, landmarks, PROXY_ROWS)[0]

    def _exact(self, candidate: Candidate) -> Setting:
        built = self._map(candidate, 0)
        built.place(built.stacked(self.train))
        everything = torch.arange(len(self.targets))
        system = KernelSystem(built.kernel(), self.targets)
        return Setting(built, system, self._judge(built, everything), len(everything))

    def _summed(
        self, candidate: Candidate, landmarks: int | None, draft: int | None
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
        judged = self.order[first : first + JUDGED_ROWS].sort().values
        used = self.order[:draft].sort().values if draft is not None else None
        layers = self.train if used is None else self._rows(built, used)
        targets = self.targets if used is None else self.targets[used]
        statistics = RidgeStatistics(
            built.features, targets.shape[1], built.penalty(), draft=draft is not None
        )
        for span, part in built.chunks(layers):
            statistics.add(part, targets[span])
        return Setting(built, statistics, self._judge(built, judged), len(judged)), statistics

    def _map(self, candidate: Candidate, landmarks: int | None) -> FeatureMap:
        built = FeatureMap(candidate.layers, self.width, landmarks)
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
