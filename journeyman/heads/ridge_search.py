"""What a ridge head chooses, and how: layers, kernel or none, and the penalty.

Shapes: N rows (or tokens), F features, C outputs, M validation rows.
"""

from __future__ import annotations

from collections.abc import Callable
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
        "memory grows with the square (1.7 GB at 10,240), the model's size in proportion.",
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
    """A fitted map, what is solved on it, and how solutions are judged."""

    map: FeatureMap
    system: RidgeStatistics | KernelSystem
    judge: Judge


class RidgeSearch:
    """What the choices of one `solve` share: the rows, and how solutions on them are judged.

    `targets` [N, C] are standardised, and `score` takes outputs [M, C] on that scale.
    """

    def __init__(
        self,
        options: RidgeOptions,
        shape: HeadShape,
        seed: int,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        score: Score,
        *,
        leave_one_out: bool,
    ) -> None:
        self.options = options
        self.shape = shape
        self.train = train
        self.targets = targets
        self.validation = validation
        self.score = score
        self.leave_one_out = leave_one_out
        self.order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))
        self.best: tuple[tuple[float, float], Setting] | None = None
        """Rank and merit of the best candidate so far, and its proxy."""

    def compare(self, candidate: Candidate) -> dict[str, Any]:
        """The candidate's merits, at its own best penalty, on the proxy."""
        proxy = self._proxy(candidate)
        solution, trials = self._penalty(proxy, START, coarse=True)
        score, trial = self.score(self._validation(proxy.map)(solution)), trials[0]
        standing = self._rank(score, trial.merit), trial.merit
        if self.best is None or standing > self.best[0]:
            self.best = standing, proxy
        return {
            "layers": list(candidate.layers),
            "kernel": candidate.kernel,
            "relative_alpha": trial.relative,
            "merit": trial.merit,
            "score": score,
            "rank": standing[0],
        }

    def settle(self, start: float) -> tuple[FeatureMap, list[Trial]]:
        """The best map, and the penalty that is best on its proxy: landmarks do not change it."""
        assert self.best is not None
        return self.best[1].map, self._penalty(self.best[1], start)[1]

    def whole(
        self, candidate: Candidate, start: float
    ) -> tuple[FeatureMap, RidgeStatistics, list[Trial]]:
        """The map with all its features, the sums of all rows, and the penalties tried."""
        landmarks = self.options.features if candidate.kernel else None
        found = self._summed(candidate, landmarks, None)
        return found.map, found.system, self._penalty(found, start)[1]  # type: ignore[return-value]

    def _penalty(
        self, setting: Setting, start: float, *, coarse: bool = False
    ) -> tuple[RidgeSolution, list[Trial]]:
        usual = ALPHAS[1::2] if coarse else ALPHAS
        grid = usual if self.options.alphas == "auto" else self.options.alphas
        return choose_alpha(setting.system, grid, start, setting.judge)

    def _proxy(self, candidate: Candidate) -> Setting:
        """A setting that is fast to solve; of few rows the one that is asked for itself."""
        rows, most = len(self.targets), self.options.exact_rows
        if not candidate.kernel:
            return self._summed(candidate, None, PROXY_ROWS)
        if rows <= min(PROXY_LANDMARKS, most):
            return self._exact(candidate)
        landmarks = min(self.options.features, PROXY_LANDMARKS, rows // 2)
        return self._summed(candidate, landmarks, PROXY_ROWS)

    def _exact(self, candidate: Candidate) -> Setting:
        built = self._map(candidate, 0)
        built.place(built.stacked(self.train))
        kernel = built.penalty()
        assert kernel is not None
        everything = torch.arange(len(self.targets))
        return Setting(built, KernelSystem(kernel, self.targets), self._judge(built, everything))

    def _summed(self, candidate: Candidate, landmarks: int | None, draft: int | None) -> Setting:
        """Statistics of the training rows; a draft takes no more rows than it says.

        Judged on rows that are no landmarks: where a row is left out and its landmark is not, the
        landmark is free to fit noise, and the error there says nothing of other rows.
        """
        built = self._map(candidate, landmarks)
        if landmarks is not None:
            built.place(built.stacked(self._rows(built, self.order[:landmarks].sort().values)))
        first = landmarks or 0
        judged = self.order[first : first + JUDGED_ROWS].sort().values
        used = self.order[:draft].sort().values if draft is not None else None
        layers = self.train if used is None else self._rows(built, used)
        targets = self.targets if used is None else self.targets[used]
        statistics = RidgeStatistics(
            built.features, targets.shape[1], built.penalty(), draft=draft is not None
        )
        for span, part in built.chunks(layers):
            statistics.add(part, targets[span])
        return Setting(built, statistics, self._judge(built, judged))

    def _map(self, candidate: Candidate, landmarks: int | None) -> FeatureMap:
        built = FeatureMap(candidate.layers, self.shape.width, landmarks)
        built.fit(self.train)
        return built

    def _rank(self, score: float, merit: float) -> float:
        """What candidates are compared by: `score`, steadied by leave-one-out of distributions.

        Validation alone has too few rows to tell maps apart that differ by half a percent.
        """
        if not (self.leave_one_out and is_distribution(self.targets)):
            return score
        rows = len(next(iter(self.validation.values())))
        judged = min(JUDGED_ROWS, len(self.targets))
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
