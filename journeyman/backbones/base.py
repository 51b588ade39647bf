"""The contract of a pretrained network with a depth.

Shapes: B rows, T tokens or patches, D width. A backbone is cut at a depth: layers below are
frozen and their output may be cached, layers above are tuned. `frozen` then `tuned` at any cut
equals one whole forward.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from journeyman.backbones.precision import wants_bfloat16
from journeyman.errors import JourneymanError
from journeyman.registry import Registry

if TYPE_CHECKING:
    from journeyman.backbones.native_head import NativeHead

Cut = int | Literal["auto"]


@dataclass(frozen=True)
class BackboneSpec:
    """What a backbone is and where it came from; `depth` counts layers, `width` is D.

    `reference` is how the user named it: a catalogue name, a hub id or a folder. `own` is the
    folder of a network that a run made itself: no one else has it, so a model takes it along.
    """

    name: str
    modality: str
    width: int
    depth: int
    licence: str
    source: str
    sha256: str
    reference: str = ""
    own: str = ""


class Inputs(ABC):
    """Prepared rows: what `frozen` eats, ragged, one entry a row.

    `lengths` [N] is each row's cost (tokens of a text, more or less the patches of a picture);
    `keys` identify each row's prepared content, so equal keys mean equal features. `sources` [N] is
    a hash of what each row was made from (`data.identity`), the same whatever prepared it; None
    where that is not known.
    """

    lengths: NDArray[np.int64]
    keys: Sequence[bytes]
    sources: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @abstractmethod
    def select(self, indices: Sequence[int] | NDArray[np.int64]) -> Inputs:
        """The rows at `indices`, in that order."""

    def bare(self) -> Inputs:
        """The same rows without what only the decoding of their parts needs."""
        return self

    def made_from(self, sources: NDArray[np.uint64] | None) -> Inputs:
        """The same rows as changed copies of others, whose `sources` they have."""
        return self


@dataclass(frozen=True)
class Features:
    """What a depth of the network makes of B rows.

    `hidden` [B, T, D] (None when only pooled vectors were kept, or at cut 0), `mask` [B, T] true
    on real tokens, `pooled` {layer: [B, D]} (means over the mask; layer 1 is the first; where
    `cells_at` has several, a mean of each cell of a picture, side by side), `grid`
    (height, width) where the last height * width tokens are patches, row by row, `inputs` the rows
    themselves at cut 0, `maps` {layer: [B, D, H, W]} of those layers that were asked for. D may
    differ from layer to layer (`Backbone.width_at`).
    """

    mask: Tensor
    hidden: Tensor | None = None
    pooled: Mapping[int, Tensor] = field(default_factory=dict)
    grid: tuple[int, int] | None = None
    inputs: Inputs | None = None
    maps: Mapping[int, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.mask.shape[0]

    def to(self, device: torch.device) -> Features:
        """The features on this device; themselves where they are there already."""
        if self.mask.device == device:
            return self
        return replace(
            self,
            mask=self.mask.to(device),
            hidden=None if self.hidden is None else self.hidden.to(device),
            pooled={layer: vectors.to(device) for layer, vectors in self.pooled.items()},
            maps={layer: values.to(device) for layer, values in self.maps.items()},
        )

    def rounded(self) -> Features:
        """The features as the cache would give them back: through half precision."""
        return self._each(through_half)

    def floats(self) -> Features:
        """The features in float32, whatever they were computed in."""
        return self._each(lambda values: values.float())

    def _each(self, change: Callable[[Tensor], Tensor]) -> Features:
        hidden = None if self.hidden is None else change(self.hidden)
        pooled = {layer: change(vectors) for layer, vectors in self.pooled.items()}
        maps = {layer: change(values) for layer, values in self.maps.items()}
        return replace(self, hidden=hidden, pooled=pooled, maps=maps)


HALF_LIMIT = 65504.0
HALF_TOLERANCE = 2.0**-11
"""Relative rounding of half precision; values below its normal range err by at most 2**-25."""


def fits_half(values: Tensor) -> bool:
    """Whether every value survives half precision: finite and within its range."""
    return bool(torch.isfinite(values).all()) and bool(values.abs().max() <= HALF_LIMIT)


def through_half(values: Tensor) -> Tensor:
    """`values` rounded to half precision and back; left alone where they would not survive."""
    if values.numel() == 0 or not fits_half(values):
        return values
    return values.to(torch.float16).to(values.dtype)


class Backbone(ABC):
    """A pretrained network, cut at any depth it permits."""

    spec: BackboneSpec
    module: nn.Module
    options: Mapping[str, Any]
    """What `load` was told beyond the folder; JSON values."""
    folder: str = ""
    """Where the weights were read from."""
    pooling: str = ""
    """How a row's vector is made, where it is not the mean of its tokens."""
    mapped: tuple[int, ...] = ()
    """Layers whose maps are among the features it makes."""
    mirrors: bool = False
    """Whether pooled vectors are the mean of a picture's and of its mirror image's, which only
    layers below the cut can tell."""
    native_head: type[NativeHead] | None = None
    """The kind of its own detector, whose prediction layers came with it."""

    @property
    def manner(self) -> str:
        """How features are made, where not as usual: those of one manner are cached apart."""
        return self.pooling

    @property
    def device(self) -> torch.device:
        """Where the network is computed."""
        return next(self.module.parameters()).device

    @property
    def fits_bfloat16(self) -> bool:
        """Whether its products can be in bfloat16."""
        return True

    def in_half(self, precision: str) -> bool:
        """Whether its products are in bfloat16 under this option.

        Raises JourneymanError where that is asked for and the network cannot.
        """
        if self.fits_bfloat16 or precision == "float32":
            return wants_bfloat16(precision, self.device.type)
        if precision == "auto":
            return False
        raise JourneymanError(
            f"The backbone {self.spec.name} cannot compute in bfloat16.",
            place=f"precision, of the backbone {self.spec.name}",
            expected="float32, or auto",
            found=precision,
            remedy="leave precision out",
        )

    @abstractmethod
    def prepare(self, rows: Sequence[Any]) -> Inputs:
        """Raw rows (texts, pairs of texts, pictures) to tensors, with what decoding needs."""

    @abstractmethod
    def frozen(
        self, inputs: Inputs, cut: int, *, grad: bool = False, keep_hidden: bool = True
    ) -> Features:
        """Layers [0, cut) in evaluation mode. `grad` keeps the graph, for explainers."""

    @abstractmethod
    def tuned(self, features: Features, cut: int) -> Features:
        """Layers [cut, depth), in the module's present mode; adds their pooled vectors."""

    @abstractmethod
    def clone(self, owned_from: int | None) -> Backbone:
        """A second network that shares every weight, but owns copies from a layer on.

        `owned_from` is the first layer whose parameters are copied (0: embeddings too); None
        shares all of them.
        """

    @abstractmethod
    def dropping(self, share: float) -> Backbone:
        """A second network that shares every weight, with this dropout wherever it has any."""

    @abstractmethod
    def layer_parameters(self, first: int) -> Mapping[str, nn.Parameter]:
        """The parameters of layers [first, depth) by name (0: embeddings too)."""

    @abstractmethod
    def embedding_module(self) -> nn.Module:
        """The module whose output [B, T, D] enters the first layer; explainers hook it."""

    def mapping(self, layers: Sequence[int]) -> Backbone:
        """A second network sharing all weights, whose features have the maps of these layers.

        Raises JourneymanError where it has none.
        """
        raise JourneymanError(
            f"The backbone {self.spec.name!r} has no maps.",
            place="backbone",
            expected="a backbone for pictures, whose layers have maps",
            found=f"{self.spec.name}, for {self.spec.modality}s",
            remedy="name another backbone (`journeyman backbones`)",
        )

    def mapped_at(self, cut: int) -> tuple[int, ...]:
        """Layers up to the cut whose maps are kept there: they are asked for, or needed above."""
        return tuple(layer for layer in self.mapped if layer <= cut)

    def width_at(self, layer: int) -> int:
        """D after this layer, where layers differ."""
        return self.spec.width

    def cells_at(self, layer: int) -> int:
        """How many means of D numbers each the pooled vector of this layer has, side by side."""
        return 1

    def pooled_width_at(self, layer: int) -> int:
        """How many numbers the pooled vector of this layer has."""
        return self.width_at(layer) * self.cells_at(layer)

    def positions(self, lengths: NDArray[np.int64], cut: int) -> NDArray[np.int64]:
        """T at the cut, of rows of these lengths: how many vectors the cache keeps of each."""
        return lengths

    def grid_at(self, cut: int) -> tuple[int, int] | None:
        """Height and width of the patches at the cut, where tokens are patches."""
        return None

    @property
    def stage_ends(self) -> Mapping[int, int]:
        """{stride: layer}: the last layer with one vector every `stride` pixels of a picture."""
        return {}

    def permitted_cuts(self) -> tuple[int, ...]:
        """Depths at which the network may be cut."""
        return tuple(range(self.spec.depth + 1))

    def cut_below(self, wanted: int) -> int:
        """The deepest permitted cut that is not above `wanted`."""
        return max(cut for cut in self.permitted_cuts() if cut <= wanted)

    def check_cut(self, cut: int) -> int:
        """`cut` itself when permitted; a JourneymanError otherwise."""
        if cut in self.permitted_cuts():
            return cut
        raise JourneymanError(
            f"The backbone {self.spec.name!r} cannot be cut at {cut}.",
            place="finetune.cut",
            expected=f"one of {', '.join(map(str, self.permitted_cuts()))}, or auto",
            found=str(cut),
            remedy="lower the cut, or leave it out",
        )


class BackboneFamily(ABC):
    """Networks of one kind: knows its own folders, and loads them."""

    name: ClassVar[str]
    model_types: ClassVar[frozenset[str]] = frozenset()
    """Model types of config.json that are told where none is recognised."""
    finds_boxes: ClassVar[bool] = False
    """Whether its networks were made to find boxes, and know how pictures are best seen for it."""

    @classmethod
    @abstractmethod
    def recognises(cls, config: Mapping[str, Any]) -> bool:
        """Whether a folder with this config.json is of the family."""

    @classmethod
    @abstractmethod
    def load(cls, folder: str, spec: Mapping[str, str], options: Mapping[str, Any]) -> Backbone:
        """The network in `folder`; `spec` has name, licence, source and sha256."""


FAMILIES: Registry[type[BackboneFamily]] = Registry("backbone family", "journeyman.backbones")
