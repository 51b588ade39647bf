"""Heads solved from sums of rows and of their products: what these heads hold and give back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor

from journeyman.errors import ModelError
from journeyman.heads.base import HeadOptions, HeadShape, SolvedHead
from journeyman.heads.statistics import RidgeStatistics


class GramHead(SolvedHead):
    """A head whose solution follows from `RidgeStatistics` of its F features and C outputs."""

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        self._statistics: RidgeStatistics | None = None

    @property
    @abstractmethod
    def features(self) -> int:
        """How many features F the head reads."""

    def penalty(self) -> Tensor | None:
        """What its weights are penalised by [F, F]; None for their squares."""
        return None

    @property
    def holds_statistics(self) -> bool:
        """Whether rows may be added and removed."""
        return self._statistics is not None

    def rearrange(self, columns: Sequence[int | None]) -> None:
        """As `SolvedHead` has it."""
        super().rearrange(columns)
        if self._statistics is not None:
            self._statistics.rearrange(columns)

    def statistics(self) -> Mapping[str, Tensor]:
        """The sufficient statistics, the Gram matrix as a packed triangle."""
        return self._held().tensors()

    def load_statistics(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `statistics` gave, so that rows may be added and removed again."""
        self.check_statistics(*tensors["cross"].shape)
        self._statistics = RidgeStatistics.from_tensors(tensors, self.penalty())

    def check_statistics(self, features: int, outputs: int) -> None:
        """A ModelError unless statistics of such sizes are the head's own."""
        if (features, outputs) != (self.features, self.shape.outputs):
            raise ModelError(
                "The model's statistics do not fit its head.",
                place="statistics.safetensors",
                expected=f"{self.features} features, {self.shape.outputs} outputs",
                found=f"{features} features, {outputs} outputs",
                remedy="restore the model folder from where it was saved",
            )

    def _held(self) -> RidgeStatistics:
        if self._statistics is None:
            raise RuntimeError("the head holds no statistics; solve or load_statistics first")
        return self._statistics
