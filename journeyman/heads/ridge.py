"""The solved head: ridge regression on features of the backbone, exact to the last row.

Shapes: N rows (or tokens), D width, L layers, F features, C outputs, M validation rows. Every
choice (layers, random features or none, penalty) is made once, by `solve`; after that the head
follows rows that come and go through its statistics alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from journeyman.backbones.base import Features
from journeyman.errors import JourneymanError, ModelError
from journeyman.heads.base import (
    HEADS,
    HeadOptions,
    HeadShape,
    Layers,
    SolveReport,
    check_layers,
)
from journeyman.heads.gram import GramHead
from journeyman.heads.random_features import FeatureMap
from journeyman.heads.regulariser import (
    ALPHAS,
    Judge,
    Trial,
    choose_alpha,
    is_distribution,
    left_out_judge,
)
from journeyman.heads.statistics import RidgeSolution, RidgeStatistics

Score = Callable[[Tensor], float]

PROXY_FEATURES = 2048
"""Candidates for the map are compared at this many features: cheap, and a little unfair to maps
of several layers, which gain more from further features."""
PROXY_ROWS = 20_000
"""Rows on which candidates are compared; sentences seldom reach it, tokens do."""
JUDGED_ROWS = 2048
"""Training rows whose leave-one-out outputs are computed; each of them exactly."""
LEAST_FEATURES = 512
START = 1e-2
"""Where the walk along the penalties starts, relative to the features' scale."""
BALANCES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)
"""Strengths of the correction for imbalance that are tried."""


class RidgeOptions(HeadOptions):
    """What a recipe may say of the ridge head."""

    features: int = Field(
        4096, ge=8, description="Most features it may use; memory and time grow with the square."
    )
    layers: Literal["auto"] | list[int] = Field(
        "auto",
        description="Layers whose pooled vectors it reads; `auto` compares a few sets.",
    )
    random_features: Literal["auto"] | bool = Field(
        "auto",
        description="Whether vectors pass through random ReLU features first; `auto` tries both.",
    )
    alphas: Literal["auto"] | Annotated[list[PositiveFloat], Field(min_length=1)] = Field(
        "auto",
        description="Penalties to try, relative to the mean of n times a feature's variance.",
    )
    balance: Literal["auto"] | bool = Field(
        "auto",
        description="Whether outputs are corrected for unequal class counts; `auto`: if it pays.",
    )


@dataclass(frozen=True)
class Candidate:
    """A feature map that may be chosen."""

    layers: tuple[int, ...]
    random: bool


@HEADS.register("ridge")
class RidgeHead(GramHead):
    """Ridge regression on pooled vectors or random features of them, solved in closed form.

    Outputs are on the scale of the targets: class shares for one-hot targets (they may leave
    [0, 1]), values for values.
    """

    name = "ridge"
    Options = RidgeOptions
    options: RidgeOptions
    weight: Tensor
    offset: Tensor
    target_center: Tensor
    target_deviation: Tensor

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        self.map: FeatureMap | None = None
        self.register_buffer("weight", torch.zeros(0, shape.outputs))
        self.register_buffer("offset", torch.zeros(shape.outputs))
        self.register_buffer("target_center", torch.zeros(shape.outputs, dtype=torch.float64))
        self.register_buffer("target_deviation", torch.ones(shape.outputs, dtype=torch.float64))

    def forward(self, features: Features) -> Tensor:
        """Outputs [B, C] of rows, or [B, T, C] of tokens."""
        chosen = self._chosen_map()
        mapped: Tensor = chosen(self.stack(features, chosen.layers))
        return mapped @ self.weight + self.offset

    def solve(
        self,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        score: Score,
        *,
        leave_one_out: bool,
    ) -> SolveReport:
        """Choose map, penalty and balance, and solve; see `SolvedHead.solve`."""
        self._standardise_targets(targets)
        search = _Search(self, train, self._standard(targets), validation, score, leave_one_out)
        candidates = self._candidates(train)
        compared = [search.compare(candidate) for candidate in candidates]
        best = max(compared, key=lambda record: (record["rank"], record["merit"]))
        kept = Candidate(tuple(best["layers"]), bool(best["random_features"]))
        self.map = search.build(kept, self.options.features)
        self._statistics = search.accumulate(self.map)
        start, judge = best["relative_alpha"], search.judge(self.map)
        solution, trials = self._penalty(self._statistics, start, judge)
        self.choices = self._describe(kept, trials[0])
        self._adopt(solution)
        self._choose_balance(validation, score, is_distribution(targets))
        return SolveReport(dict(self.choices), (*compared, *map(vars, trials)))

    @property
    def features(self) -> int:
        """How many features the chosen map gives."""
        return self._chosen_map().features

    def add(self, layers: Layers, targets: Tensor) -> None:
        """Take in rows; call `resolve` when all changes are in."""
        self._accumulate(self._held().add, layers, targets)

    def remove(self, layers: Layers, targets: Tensor) -> None:
        """Give up rows that were taken in before; call `resolve` when all changes are in."""
        self._accumulate(self._held().remove, layers, targets)

    def resolve(self) -> None:
        """Solve anew from the statistics, with the penalty and balance already chosen."""
        self._adopt(self._held().resolve(float(self.choices["alpha"])))

    def restore(self, choices: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Take back a saved state; the random projection is drawn again and checked."""
        layers = tuple(int(layer) for layer in choices["layers"])
        features = int(choices["features"])
        drawn = features if choices["random_features"] else None
        self.map = FeatureMap(layers, self.shape.width, drawn, int(choices["projection_seed"]))
        if self.map.digest() != choices["projection"]:
            raise ModelError(
                "The random projection of the ridge head did not come out as it was saved.",
                place="model.json: head.choices.projection",
                expected=str(choices["projection"]),
                found=self.map.digest(),
                remedy="install the numpy version named in model.json, or train the head again",
            )
        self.weight = torch.zeros(features, self.shape.outputs)
        super().restore(choices, tensors)

    def _penalty(
        self, statistics: RidgeStatistics, start: float, judge: Judge, *, coarse: bool = False
    ) -> tuple[RidgeSolution, list[Trial]]:
        usual = ALPHAS[1::2] if coarse else ALPHAS
        grid = usual if self.options.alphas == "auto" else self.options.alphas
        return choose_alpha(statistics, grid, start, judge)

    def _candidates(self, train: Layers) -> list[Candidate]:
        asked = self.options.random_features
        kinds = (False, True) if asked == "auto" else (asked,)
        sets = self._layer_sets(train)
        found = [
            Candidate(layers, random)
            for layers in sets
            for random in kinds
            if random or self._fits_plain(layers, sets)
        ]
        if found:
            return found
        raise JourneymanError(
            "The ridge head has no feature map to choose from.",
            place="finetune.head.features",
            expected=f"at least {self.shape.width} features, one for each of the vector's entries",
            found=str(self.options.features),
            remedy="raise features, name fewer layers, or leave random_features at auto",
        )

    def _fits_plain(self, layers: tuple[int, ...], sets: list[tuple[int, ...]]) -> bool:
        """Whether plain vectors are tried: of the richest layer sets, or where nothing else is."""
        rich = layers in sets[-2:] or self.options.random_features is False
        return rich and len(layers) * self.shape.width <= self.options.features

    def _layer_sets(self, train: Layers) -> list[tuple[int, ...]]:
        """The last layer, the last two, the last two thirds, all; or what the recipe names."""
        present = sorted(train)
        if self.options.layers != "auto":
            check_layers(self.name, self.options.layers, present)
            return [tuple(sorted(set(self.options.layers)))]
        sizes = {1, 2, (2 * len(present) + 2) // 3, len(present)}
        return [tuple(present[-size:]) for size in sorted(sizes) if size <= len(present)]

    def _describe(self, kept: Candidate, trial: Trial) -> dict[str, Any]:
        chosen = self._chosen_map()
        return {
            "layers": list(kept.layers),
            "random_features": kept.random,
            "features": chosen.features,
            "projection_seed": self.seed,
            "projection": chosen.digest(),
            "alpha": trial.alpha,
            "relative_alpha": trial.relative,
            "balance": 0.0,
        }

    def _choose_balance(self, validation: Layers, score: Score, classes: bool) -> None:
        """Strength of the correction by `score`; it must beat none by more than noise would."""
        if self.options.balance is False or not classes:
            return
        outputs = self._outputs(validation)
        enough = score(outputs) + 0.1 * len(outputs) ** -0.5
        shift = self._prior_shift()
        merits = {tau: score(outputs + tau * shift) for tau in BALANCES[1:]}
        best = max(merits, key=lambda tau: merits[tau])
        if merits[best] > enough:
            self.choices["balance"] = best
            self.offset += best * shift

    def _prior_shift(self) -> Tensor:
        """Negative log share of each class (Menon et al. 2021, logit adjustment), from counts."""
        held = self._held()
        share = (held.target_sum.clamp(min=0.0) + 1.0) / (held.count + len(held.target_sum))
        return -(share.log() - share.log().mean()).float()

    def _adopt(self, solution: RidgeSolution) -> None:
        weight = solution.weight * self.target_deviation
        offset = solution.offset * self.target_deviation + self.target_center
        self.weight = weight.float().contiguous()
        self.offset = (offset - solution.center @ weight).float()
        self.offset += float(self.choices["balance"]) * self._prior_shift()

    def _outputs(self, layers: Layers) -> Tensor:
        parts = [part @ self.weight + self.offset for _, part in self._chosen_map().chunks(layers)]
        return torch.cat(parts)

    def _accumulate(
        self, take: Callable[[Tensor, Tensor], None], layers: Layers, targets: Tensor
    ) -> None:
        standard = self._standard(targets)
        for span, part in self._chosen_map().chunks(layers):
            take(part, standard[span])

    def _standardise_targets(self, targets: Tensor) -> None:
        """Fix the scale of values; shares and one-hot targets are left as they are."""
        if float(targets.min()) >= 0.0 and 0.5 <= float(targets.max()) <= 1.0:
            return
        exact = targets.double()
        self.target_center = exact.mean(0)
        deviation = exact.std(0, correction=0)
        self.target_deviation = torch.where(deviation > 0, deviation, 1.0)

    def _standard(self, targets: Tensor) -> Tensor:
        if not self.target_center.any() and bool((self.target_deviation == 1).all()):
            return targets  # Sums take them in float64 a chunk at a time: many rows stay small.
        return (targets.double() - self.target_center) / self.target_deviation

    def _chosen_map(self) -> FeatureMap:
        if self.map is None:
            raise RuntimeError("the ridge head has not been solved or restored")
        return self.map


class _Search:
    """What the choices of one `solve` share: the rows, and how solutions on them are judged."""

    def __init__(
        self,
        head: RidgeHead,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        score: Score,
        leave_one_out: bool,
    ) -> None:
        self.head = head
        self.train = train
        self.targets = targets
        self.validation = validation
        self.score = score
        self.leave_one_out = leave_one_out
        self.order = torch.randperm(
            len(targets), generator=torch.Generator().manual_seed(head.seed)
        )

    def build(self, candidate: Candidate, features: int) -> FeatureMap:
        """The candidate's map, fitted: no more than twice as many features as rows."""
        enough = max(LEAST_FEATURES, 2 ** (2 * len(self.targets) - 1).bit_length())
        drawn = min(features, enough) if candidate.random else None
        built = FeatureMap(candidate.layers, self.head.shape.width, drawn, self.head.seed)
        built.fit(self.train)
        return built

    def accumulate(self, chosen: FeatureMap, draft: int | None = None) -> RidgeStatistics:
        """Statistics of the training rows; a draft takes no more rows than it says."""
        whole = (self.train, self.targets)
        layers, targets = whole if draft is None else self._some(chosen, draft)
        statistics = RidgeStatistics(chosen.features, targets.shape[1], draft=draft is not None)
        for span, part in chosen.chunks(layers):
            statistics.add(part, targets[span])
        return statistics

    def compare(self, candidate: Candidate) -> dict[str, Any]:
        """The candidate's merits, at its own best penalty, on the proxy."""
        proxy = self.build(candidate, min(self.head.options.features, PROXY_FEATURES))
        statistics = self.accumulate(proxy, PROXY_ROWS)
        judge = self.judge(proxy)
        solution, trials = self.head._penalty(statistics, START, judge, coarse=True)
        score, trial = self.score(self._validation(proxy)(solution)), trials[0]
        return {
            "layers": list(candidate.layers),
            "random_features": candidate.random,
            "relative_alpha": trial.relative,
            "merit": trial.merit,
            "score": score,
            "rank": self._rank(score, trial.merit),
        }

    def _rank(self, score: float, merit: float) -> float:
        """What candidates are compared by: `score`, steadied by leave-one-out of distributions.

        Validation alone has too few rows to tell maps apart that differ by half a percent.
        """
        if not (self.leave_one_out and is_distribution(self.targets)):
            return score
        rows = len(next(iter(self.validation.values())))
        judged = min(JUDGED_ROWS, len(self.targets))
        return (score * rows + merit * judged) / (rows + judged)

    def judge(self, chosen: FeatureMap) -> Judge:
        """What penalties are compared by, on training rows left out or on validation."""
        if not self.leave_one_out:
            outputs = self._validation(chosen)
            return lambda solution: self.score(outputs(solution))
        layers, targets = self._some(chosen, JUDGED_ROWS)
        features = torch.cat([part for _, part in chosen.chunks(layers)])
        return left_out_judge(features, targets.float())

    def _validation(self, chosen: FeatureMap) -> Callable[[RidgeSolution], Tensor]:
        parts = chosen.kept_chunks(self.validation)
        center, deviation = self.head.target_center.float(), self.head.target_deviation.float()

        def outputs(solution: RidgeSolution) -> Tensor:
            return torch.cat([solution.outputs(part) for part in parts()]) * deviation + center

        return outputs

    def _some(self, chosen: FeatureMap, most: int) -> tuple[Layers, Tensor]:
        rows = self.order[:most].sort().values
        return {layer: self.train[layer][rows] for layer in chosen.layers}, self.targets[rows]
