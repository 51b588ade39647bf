"""The solved head: ridge regression on features of the backbone, exact to the last row.

Shapes: N rows (or tokens), D width, L layers, F features, C outputs, M validation rows. Every
choice (layers, kernel or none, penalty) is made once, by `solve`; after that the head
follows rows that come and go through its statistics alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from journeyman.backbones.base import Features
from journeyman.errors import JourneymanError
from journeyman.heads.base import (
    HEADS,
    HeadOptions,
    HeadShape,
    Layers,
    SolveReport,
    check_layers,
)
from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.gram import GramHead
from journeyman.heads.kernel_rows import KernelRows, KernelSolution
from journeyman.heads.regulariser import Trial, is_distribution
from journeyman.heads.ridge_search import Candidate, RidgeOptions, RidgeSearch, Score
from journeyman.heads.statistics import (
    FEATURE_STEP,
    TARGET_STEP,
    RidgeSolution,
    RidgeStatistics,
    in_columns,
    on_grid,
)

BALANCES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)
"""Strengths of the correction for imbalance that are tried."""
LEFT_OUT_SHARE = 0.25
"""Validation rows to each training row up to which one solution serves both: beyond, leaving them
out of it takes more time and memory than a solution without them."""


@HEADS.register("ridge")
class RidgeHead(GramHead):
    """Ridge regression on pooled vectors, or kernel ridge regression, solved in closed form.

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
        self._rows: KernelRows | None = None
        self._solution: RidgeSolution | None = None
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
        report = self.choose(train, targets, validation, score, leave_one_out)
        self.resolve()
        return report

    def solve_with(
        self,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        held: Tensor,
        score: Score,
        *,
        leave_one_out: bool,
    ) -> tuple[SolveReport, Tensor]:
        """As `SolvedHead.solve_with` has it.

        A kernel that is solved exactly is solved once, with the validation rows: how they would be
        answered without follows from the same solution. Of many such rows that would cost more.
        """
        report = self.choose(train, targets, validation, score, leave_one_out)
        rows, room = self._rows, self.options.exact_rows - len(targets)
        if rows is None or len(held) > min(room, LEFT_OUT_SHARE * len(targets)):
            self.resolve()
            return report, self.take_in(validation, held)
        shift = float(self.choices["balance"]) * self._shift()
        self.add(validation, held)
        solution = self._solve_rows(rows)
        group = rows.places(self._chosen_map().stacked(validation), self._standard(held))
        outputs = solution.left_out(group, rows.targets[group])
        return report, (outputs * self.target_deviation + self.target_center).float() + shift

    def choose(
        self,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        score: Score,
        leave_one_out: bool,
    ) -> SolveReport:
        """Choose map, penalty and balance as `solve` does, without solving."""
        self._standardise_targets(targets)
        standard = self._standard(targets)
        center, deviation = self.target_center.float(), self.target_deviation.float()
        search = RidgeSearch(
            self.options,
            self.shape,
            self.seed,
            train,
            standard,
            validation,
            lambda outputs: score(outputs * deviation + center),
            leave_one_out,
        )
        found = search.best(self._candidates(train))
        self.map, self._statistics = found.map, found.statistics
        self._rows = None
        if found.statistics is None:
            self._rows = KernelRows(found.map.stacked(train), standard)
        self.choices = self._describe(found.candidate, found.trials[0])
        if is_distribution(targets):
            self.choices["balance"] = self._balance(found.outputs * deviation + center, score)
        return SolveReport(dict(self.choices), (*found.compared, *map(vars, found.trials)))

    @property
    def features(self) -> int:
        """How many features the chosen map gives."""
        return self._chosen_map().features

    def penalty(self) -> Tensor | None:
        """The landmarks' kernel, or None."""
        return self._chosen_map().penalty()

    @property
    def reads(self) -> tuple[int, ...]:
        """The layers of the chosen map."""
        return self._chosen_map().layers

    def nearest(self, layers: Layers, *, own: bool = False) -> Tensor | None:
        """As `Head` has it, of rows that are landmarks."""
        return self._chosen_map().nearest(layers, own=own)

    def kept_vectors(self) -> Tensor | None:
        """Of exact kernel ridge regression, every row's."""
        return None if self._rows is None else self._rows.vectors

    def kept_places(self, layers: Layers, targets: Tensor) -> Tensor | None:
        """As `SolvedHead` has it; rows that are alike stand at places of their own."""
        if self._rows is None:
            return None
        return self._rows.places(self._chosen_map().stacked(layers), self._standard(targets))

    def rearrange(self, columns: Sequence[int | None]) -> None:
        """As `SolvedHead` has it, of classes: values have a scale of their own."""
        super().rearrange(columns)
        if self._rows is not None:
            self._rows.rearrange(columns)
        self.target_center = in_columns(self.target_center, columns)
        deviation = in_columns(self.target_deviation, columns)
        self.target_deviation = torch.where(deviation > 0, deviation, 1.0)

    @property
    def holds_statistics(self) -> bool:
        """Whether rows may be added and removed."""
        return self._rows is not None or super().holds_statistics

    def statistics(self) -> Mapping[str, Tensor]:
        """Of exact kernel ridge regression the rows' targets, else sums over them."""
        return super().statistics() if self._rows is None else self._rows.tensors()

    def load_statistics(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `statistics` gave, so that rows may be added and removed again."""
        self._statistics = self._rows = None
        if "targets" not in tensors:
            super().load_statistics(tensors)
            return
        self.check_statistics(*tensors["targets"].shape)
        self._rows = KernelRows.from_tensors(tensors, self._chosen_map().rows())

    def add(self, layers: Layers, targets: Tensor) -> None:
        """Take in rows; call `resolve` when all changes are in."""
        if self._rows is not None:
            self._rows.add(self._chosen_map().stacked(layers), self._standard(targets))
        else:
            self._accumulate(self._held().add, layers, targets)

    def remove(self, layers: Layers, targets: Tensor) -> None:
        """Give up rows that were taken in before, and landmarks among them; see `add`."""
        chosen = self._chosen_map()
        if self._rows is not None:
            self._rows.remove(chosen.stacked(layers), self._standard(targets))
            return
        self._accumulate(self._held().remove, layers, targets)
        before, kept = chosen.features, chosen.forget(layers)
        if len(kept) < before:
            self._held().select(kept, chosen.penalty())
            self.choices["features"] = len(kept)

    def resolve(self, *, keep: bool = False) -> None:
        """Solve anew from the statistics, with the penalty and balance already chosen."""
        if self._rows is not None and self._rows.count > self.options.exact_rows:
            self._thin(self._rows)
        if self._rows is not None:
            solution: RidgeSolution = self._solve_rows(self._rows)
        else:
            solution = self._held().resolve(float(self.choices["alpha"]))
            self._adopt(solution)
        self._solution = solution if keep else None

    def left_out(self, layers: Layers, targets: Tensor) -> Tensor | None:
        """As `SolvedHead` has it."""
        solution, self._solution = self._solution, None
        if solution is None:
            return None
        chosen, standard = self._chosen_map(), self._standard(targets)
        if self._rows is not None and isinstance(solution, KernelSolution):
            places = self._rows.places(chosen.stacked(layers), standard)
            outputs = solution.each_left_out(places, self._rows.targets[places])
        else:
            features = torch.cat([part for _, part in chosen.chunks(layers)])
            exact = on_grid(features, FEATURE_STEP)
            outputs = solution.leave_one_out(exact, on_grid(standard, TARGET_STEP))
        shift = float(self.choices["balance"]) * self._shift()
        return (outputs * self.target_deviation + self.target_center).float() + shift

    def _solve_rows(self, rows: KernelRows) -> KernelSolution:
        chosen = self._chosen_map()
        chosen.place(rows.vectors)
        self.choices["features"] = rows.count
        solution = rows.resolve(float(self.choices["alpha"]), chosen.kernel())
        self._adopt(solution)
        return solution

    def restore(self, choices: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Take back a saved state; statistics follow by `load_statistics`."""
        self._statistics = self._rows = None
        layers = tuple(int(layer) for layer in choices["layers"])
        features = int(choices["features"])
        widths = self.shape.widths_of(layers)
        self.map = FeatureMap(layers, widths, features if choices["kernel"] else None)
        self.weight = torch.zeros(features, self.shape.outputs)
        super().restore(choices, tensors)

    def _thin(self, rows: KernelRows) -> None:
        """Go over to sums: rows have become too many for each to be a landmark."""
        chosen = self._chosen_map()
        order = torch.randperm(rows.count, generator=torch.Generator().manual_seed(self.seed))
        chosen.place(rows.vectors[order[: self.options.features].sort().values])
        parts = torch.split(rows.vectors, list(chosen.widths), dim=1)
        layers = dict(zip(chosen.layers, parts, strict=True))
        held = RidgeStatistics(chosen.features, self.shape.outputs, chosen.penalty())
        for span, part in chosen.chunks(layers):
            held.add(part, rows.targets[span])
        self._statistics, self._rows = held, None
        self.choices["features"] = chosen.features

    def _candidates(self, train: Layers) -> list[Candidate]:
        asked = self.options.kernel
        kinds = (False, True) if asked == "auto" else (asked,)
        sets = self._layer_sets(train)
        found = [
            Candidate(layers, kernel)
            for layers in sets
            for kernel in kinds
            if kernel or self._fits_plain(layers, sets)
        ]
        if found:
            return found
        raise JourneymanError(
            "The ridge head has no feature map to choose from.",
            place="finetune.head.features",
            expected=f"at least {self.shape.width} features, one for each of the vector's entries",
            found=str(self.options.features),
            remedy="raise features, name fewer layers, or leave kernel at auto",
        )

    def _fits_plain(self, layers: tuple[int, ...], sets: list[tuple[int, ...]]) -> bool:
        """Whether plain vectors are tried: of the richest layer sets, or where nothing else is."""
        rich = layers in sets[-2:] or self.options.kernel is False
        return rich and self.shape.stacked(layers) <= self.options.features

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
            "kernel": kept.kernel,
            "features": chosen.features,
            "alpha": trial.alpha,
            "relative_alpha": trial.relative,
            "balance": 0.0,
        }

    def _balance(self, outputs: Tensor, score: Score) -> float:
        """Strength of the correction for imbalance by `score` of the validation rows' `outputs`.

        It must beat none by more than noise would.
        """
        if self.options.balance is False:
            return 0.0
        enough = score(outputs) + 0.1 * len(outputs) ** -0.5
        shift = self._shift()
        merits = {tau: score(outputs + tau * shift) for tau in BALANCES[1:]}
        best = max(merits, key=lambda tau: merits[tau])
        return best if merits[best] > enough else 0.0

    def _adopt(self, solution: RidgeSolution) -> None:
        weight = solution.weight * self.target_deviation
        offset = solution.offset * self.target_deviation + self.target_center
        self.weight = weight.float().contiguous()
        self.offset = (offset - solution.center @ weight).float()
        self.offset += float(self.choices["balance"]) * self._shift()

    def _shift(self) -> Tensor:
        """Negative log share of each class (Menon et al. 2021, logit adjustment), from counts."""
        held = self._held() if self._rows is None else self._rows
        share = (held.target_sum.clamp(min=0.0) + 1.0) / (held.count + len(held.target_sum))
        return -(share.log() - share.log().mean()).float()

    def outputs(self, layers: Layers) -> Tensor:
        """[N, C] of rows whose layers are at hand."""
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
