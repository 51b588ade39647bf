"""The contract of the last layer: from a backbone's features to a task's outputs.

Shapes: B rows, T tokens, D width, C outputs, N training rows (or training tokens). A head is
trained by gradient in the loop, or *solved*: given all features once, and exact.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from journeyman.backbones.base import Backbone, Features
from journeyman.errors import JourneymanError
from journeyman.evaluation.verification import Pairs
from journeyman.heads.detection.outputs import BoxOutputs
from journeyman.registry import Registry
from journeyman.types import Modality, TargetKind

Unit = Literal["row", "token", "map"]
Layers = Mapping[int, Tensor]
"""Layer to features [N, D]: pooled vectors of rows, or hidden states of tokens."""


class HeadOptions(BaseModel):
    """What a recipe may say of a head; each head extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


LISTS = ("layers", "widths", "strides", "cells")
"""Fields of a shape that have an entry for each layer."""


@dataclass(frozen=True)
class HeadShape:
    """Where a head stands: features of width D from `layers`, C `outputs`, for each `unit`.

    `widths` has the width of each of the layers where they differ; `strides`, for the unit `map`,
    how many pixels of the network's picture lie between neighbouring vectors of each. `cells` says
    of how many means, side by side, the vector of each layer is; empty where each is of one.
    """

    width: int
    layers: tuple[int, ...]
    outputs: int
    unit: Unit
    widths: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    cells: tuple[int, ...] = ()

    def widths_of(self, layers: Sequence[int]) -> tuple[int, ...]:
        """D of each of these layers."""
        known = dict(zip(self.layers, self.widths, strict=False))
        return tuple(known.get(layer, self.width) for layer in layers)

    def of(self, layers: tuple[int, ...]) -> HeadShape:
        """The same place, reading these layers alone."""
        widths = self.widths_of(layers)
        cells = tuple(map(self.cells_of, layers)) if self.cells else ()
        widths, width = widths if self.widths else (), widths[-1]
        return replace(self, layers=layers, width=width, widths=widths, cells=cells)

    def cells_of(self, layer: int) -> int:
        """Of how many means the vector of this layer is."""
        return dict(zip(self.layers, self.cells, strict=False)).get(layer, 1)

    def stacked(self, layers: Sequence[int]) -> int:
        """How wide the vectors of these layers are side by side."""
        return sum(self.widths_of(layers))

    def to_json(self) -> dict[str, Any]:
        """The shape as model.json holds it."""
        said = {"width": self.width, "layers": list(self.layers), "outputs": self.outputs}
        more = {name: list(getattr(self, name)) for name in LISTS[1:]}
        return {**said, "unit": self.unit, **{name: value for name, value in more.items() if value}}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> HeadShape:
        """Read what `to_json` wrote."""
        lists = {name: tuple(saved.get(name, ())) for name in LISTS}
        return cls(**{**saved, **lists})


class Head(nn.Module):
    """Maps features to outputs; an `nn.Module`, so its state is its state_dict.

    Choices made while fitting that are not tensors go into `choices`, which is saved as JSON and
    given back before the tensors are loaded.
    """

    name: ClassVar[str]
    solved: ClassVar[bool]
    units: ClassVar[tuple[Unit, ...]] = ("row", "token")
    """What it may give outputs for."""
    kinds: ClassVar[tuple[TargetKind, ...] | None] = None
    """The kinds of target it can learn; None for any."""
    modalities: ClassVar[tuple[Modality, ...]] = ("text", "image")
    """What it may read."""
    reads_hidden: ClassVar[bool] = False
    """Whether it takes hidden states where others of its unit take maps."""
    Options: ClassVar[type[HeadOptions]] = HeadOptions

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__()
        self.options = options
        self.shape = shape
        self.seed = seed
        self.choices: dict[str, Any] = {}

    @classmethod
    def fits(cls, kind: TargetKind, unit: Unit, modality: Modality = "text") -> bool:
        """Whether it serves tasks of this kind of target, with outputs for each such unit."""
        able = unit in cls.units and modality in cls.modalities
        return able and (cls.kinds is None or kind in cls.kinds)

    @property
    def output_width(self) -> int:
        """How many numbers it gives for each row: the C of its shape, unless it makes vectors."""
        return self.shape.outputs

    @classmethod
    def permits(cls, backbone: Backbone) -> str | None:
        """Why it cannot stand on this backbone, or None when it can."""
        return None

    def begin(self, backbone: Backbone, labels: Sequence[str]) -> None:
        """Take what it starts from out of the backbone, before anything is trained: nothing."""

    @abstractmethod
    def forward(self, features: Features) -> Tensor | BoxOutputs:
        """Outputs [B, C] of rows, [B, T, C] of tokens, or the boxes of B pictures."""

    def against(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What the task's loss is taken of [B, C], with the targets [B, C] at hand.

        The outputs themselves, unless the head makes vectors: then what these say of each class,
        and a head that wants a margin takes it off the class that is meant.
        """
        return outputs

    def nearest(self, layers: Layers, *, own: bool = False) -> Tensor | None:
        """[N]: how like each row is to the one most like it among those learned from, 1 at most.

        With `own` a row that was itself learned is passed over for itself. None where the head
        keeps no rows.
        """
        return None

    def restore(self, choices: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Take back a saved state: `choices` first, then the tensors of `state_dict`."""
        self.choices = dict(choices)
        self.load_state_dict(dict(tensors))

    def stack(self, features: Features, layers: tuple[int, ...]) -> Tensor:
        """Features of `layers` side by side: [B, sum of D] of rows, [B, T, D] of tokens."""
        if self.shape.unit == "token":
            if features.hidden is None:
                raise ValueError("token outputs need hidden states, and only pooled were kept")
            return features.hidden
        return torch.cat([features.pooled[layer] for layer in layers], dim=-1)


def check_layers(head: str, wanted: Sequence[int], present: Sequence[int]) -> None:
    """A JourneymanError unless `wanted` are some of the layers whose vectors are at hand."""
    if wanted and set(wanted) <= set(present):
        return
    raise JourneymanError(
        f"The head {head!r} is asked for layers whose vectors are not at hand.",
        place="finetune.head.layers",
        expected=f"some of {', '.join(map(str, present))}",
        found=", ".join(map(str, wanted)) or "none",
        remedy="name layers from the list, or leave `layers` out",
    )


def at_unit_scale(layers: Layers, chosen: tuple[int, ...]) -> Tensor:
    """[N, F]: the vector of each chosen layer at length sqrt(D), side by side."""
    parts = [layers[layer].float() for layer in chosen]
    lengths = [part.norm(dim=-1, keepdim=True).clamp(min=1e-6) for part in parts]
    return torch.cat(
        [p / length * p.shape[-1] ** 0.5 for p, length in zip(parts, lengths, strict=True)], dim=-1
    )


@dataclass(frozen=True)
class SolveReport:
    """What solving decided: the chosen settings, and each candidate with its score."""

    chosen: Mapping[str, Any]
    candidates: tuple[Mapping[str, Any], ...] = field(default=())


class SolvedHead(Head):
    """A head with an exact solution from sufficient statistics; nothing for the loop to do."""

    solved = True
    stand_in: ClassVar[str] = "linear"
    """The head in its place while layers are tuned."""
    leaves_out: ClassVar[Literal["row", "class"]] = "row"
    """What `leave_one_out` leaves out at a time: a class goes with every view of its rows."""
    views = 0
    """How many of the last rows that `solve` is given are views of rows before them."""
    pairs: Pairs | None = None
    """Pairs of rows that were left out when it was solved, to calibrate by; not saved."""

    @abstractmethod
    def solve(
        self,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        score: Callable[[Tensor], float],
        *,
        leave_one_out: bool,
    ) -> SolveReport:
        """Solve on `train` against `targets` [N, C] (one-hot, probabilities or values).

        `score` maps outputs [M, C] on the validation rows to the primary metric, higher is
        better. The regulariser is chosen by exact leave-one-out, or by `score` where
        `leave_one_out` is false because the features have already seen these labels.
        """

    @abstractmethod
    def outputs(self, layers: Layers) -> Tensor:
        """[N, C] of rows whose layers are at hand."""

    def solve_with(
        self,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        held: Tensor,
        score: Callable[[Tensor], float],
        *,
        leave_one_out: bool,
    ) -> tuple[SolveReport, Tensor]:
        """Solve, then learn the validation rows too, whose targets are `held` [M, C].

        Gives also their outputs [M, C] by a head that has not learned them.
        """
        report = self.solve(train, targets, validation, score, leave_one_out=leave_one_out)
        return report, self.take_in(validation, held)

    def take_in(self, layers: Layers, targets: Tensor) -> Tensor:
        """Learn rows; gives their outputs [M, C] by the head that had not learned them."""
        outputs = self.outputs(layers)
        self.add(layers, targets)
        self.resolve()
        return outputs

    @abstractmethod
    def add(self, layers: Layers, targets: Tensor) -> None:
        """Take in rows; call `resolve` when all changes are in."""

    @abstractmethod
    def remove(self, layers: Layers, targets: Tensor) -> None:
        """Give up rows that were taken in before; call `resolve` when all changes are in."""

    @abstractmethod
    def resolve(self, *, keep: bool = False) -> None:
        """Solve anew from the statistics, everything chosen staying as it is.

        With `keep` the solution stays in memory until `left_out` has asked of it.
        """

    def rearrange(self, columns: Sequence[int | None]) -> None:
        """Give outputs for other classes, once `resolve` is called: a number of `columns` is where
        a class was, None a new one that no row has; one that is left out is forgotten."""
        self.shape = replace(self.shape, outputs=len(columns))

    @property
    def reads(self) -> tuple[int, ...]:
        """The layers it was solved on."""
        return self.shape.layers

    def kept_vectors(self) -> Tensor | None:
        """[n, S]: every row's vectors, of the layers it reads side by side, where it keeps them."""
        return None

    def kept_places(self, layers: Layers, targets: Tensor) -> Tensor | None:
        """[N]: where rows that it was given stand among `kept_vectors`."""
        return None

    def left_out(self, layers: Layers, targets: Tensor) -> Tensor | None:
        """[N, C]: outputs of rows it has learned, by a head that had learned all but the one.

        None where it does not know. Exact, for what it has chosen as it is. Asked once, after
        `resolve(keep=True)`.
        """
        return None

    @property
    @abstractmethod
    def holds_statistics(self) -> bool:
        """Whether the statistics are in memory: after `solve` or `load_statistics`."""

    @abstractmethod
    def statistics(self) -> Mapping[str, Tensor]:
        """The sufficient statistics (float64) that exact learning and unlearning need."""

    @abstractmethod
    def load_statistics(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `statistics` gave, so that rows may be added and removed again."""


HEADS: Registry[type[Head]] = Registry("head", "journeyman.heads")
