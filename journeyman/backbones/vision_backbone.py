"""Networks for pictures, whatever the family: a stem and blocks, cut between them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from journeyman.backbones.base import Backbone, BackboneSpec, Features, Inputs
from journeyman.backbones.folding import folded
from journeyman.backbones.modes import evaluating, hold_statistics
from journeyman.backbones.picture_inputs import Picture, PictureInputs
from journeyman.backbones.precision import holding_bfloat16, in_bfloat16
from journeyman.backbones.preprocessing import Preprocessing
from journeyman.backbones.vision_parts import VisionParts, flattened, unflattened

OPTIONS = ("image_size", "resize", "mean", "std", "precision", "cells", "mirror")
"""What a recipe may say of a network for pictures."""
DEFAULTS = (None, 0, "float32")
"""Values of an option that say nothing."""
STRIDES = (8, 16, 32)
"""Pixels between neighbouring vectors, of the maps that detectors look at."""
WIDENED = 2
"""How many times as wide as the layer below a last one is that is there for a classifier."""
UNUSED = "mask_token"
"""A parameter of stems that pretraining alone uses."""

Split = Callable[[nn.Module, tuple[int, int]], VisionParts]
"""From a network, and the height and width of its pixels, to its parts."""


@dataclass(frozen=True)
class Shape:
    """What leaves a layer, of one picture: `positions` vectors of `width`, patches in a `grid`."""

    positions: int
    width: int
    grid: tuple[int, int]


class VisionBackbone(Backbone):
    """A network that `split` takes apart, and how pictures are made pixels for it.

    Rows are paths, or `Picture`s. Layer k is block k; the stem lies below layer 1, and belongs to
    what is frozen at any cut above 0. Statistics of batch normalisation are never changed.
    `precision` is of the frozen layers. With `cells` C a layer's pooled vector has the mean of each
    of C by C cells of its map, row by row, or of each position where there are fewer; with `mirror`
    it is the mean of that and of the mirror image's.
    """

    def __init__(
        self,
        module: nn.Module,
        split: Split,
        spec: Mapping[str, str],
        preprocessing: Preprocessing,
        options: Mapping[str, Any],
        shapes: Sequence[Shape] = (),
    ) -> None:
        self.module = module
        self.preprocessing = preprocessing
        said = {name: options.get(name) for name in OPTIONS}
        self.options = {name: value for name, value in said.items() if value not in DEFAULTS}
        self.precision = str(options.get("precision") or "float32")
        self.cells = int(options.get("cells") or 1)
        self.mirrors = bool(options.get("mirror"))
        self._split = split
        self._quick: dict[bool, tuple[object, nn.Module]] = {}
        hold_statistics(module)
        self.shapes = tuple(shapes) or self._measured()
        width, depth = self.shapes[-1].width, len(self.shapes) - 1
        self.spec = BackboneSpec(modality="image", width=width, depth=depth, **spec)

    @property
    def manner(self) -> str:
        """How pixels are made, arithmetic where it is not float32, how vectors are pooled, and
        which maps are kept."""
        said = f" {self.preprocessing.said}" + " in bfloat16" * self.in_half(self.precision)
        said += f" cells {self.cells}" * (self.cells > 1) + " with mirror images" * self.mirrors
        return said + f" maps {self.mapped}" * bool(self.mapped)

    def prepare(self, rows: Sequence[str | Path]) -> PictureInputs:
        """Paths of pictures; no file is read yet."""
        pictures = [row if isinstance(row, Picture) else Picture(row) for row in rows]
        return PictureInputs(pictures, self.preprocessing)

    def frozen(
        self, inputs: Inputs, cut: int, *, grad: bool = False, keep_hidden: bool = True
    ) -> Features:
        """The stem and layers [0, cut), dropout off; at cut 0 the rows themselves.

        The map at the cut is left out where hidden states are kept, which are the same numbers.
        By the network itself, in float32, where the graph is kept: hooks see it, and a gradient
        wants steps smaller than bfloat16 has.
        """
        self.check_cut(cut)
        rows = cast(PictureInputs, inputs)
        if cut == 0:
            mask = torch.ones(len(rows), self.shapes[0].positions, dtype=torch.bool)
            return Features(mask=mask, grid=self.grid_at(0), inputs=rows)
        in_half = self.in_half(self.precision) and not grad
        lower = self.module if grad else self._quickened(in_half)
        half = in_bfloat16(self.device.type, in_half)
        with torch.set_grad_enabled(grad), evaluating(lower), half:
            parts, pixels = self._parts(lower), self._pixels(rows)
            features = self._run(parts, parts.run_stem(pixels), 0, cut, {}).floats()
            if self.mirrors:
                other = self._run(parts, parts.run_stem(pixels.flip(3)), 0, cut, {}).floats()
                features = replace(features, pooled=_means(features.pooled, other.pooled))
        kept = [layer for layer in self.mapped_at(cut) if layer != cut or not keep_hidden]
        features = replace(features, maps={layer: features.maps[layer] for layer in kept})
        return features if keep_hidden else replace(features, hidden=None)

    def tuned(self, features: Features, cut: int) -> Features:
        """Layers [cut, depth) on cached features (everything, at cut 0)."""
        if cut == self.spec.depth and (features.hidden is None or cut not in self.mapped):
            return features
        parts = self._parts(self.module)
        if cut == 0:
            x = parts.run_stem(self._pixels(cast(PictureInputs, features.inputs)))
            return self._asked(self._run(parts, x, 0, self.spec.depth, {}))
        features = features.to(self.device)
        if features.hidden is None:
            raise ValueError("layers above the cut need hidden states, and only pooled were kept")
        x = features.hidden
        if not parts.tokens_at(cut):
            x = unflattened(x, self.shapes[cut].grid)
        below = dict(features.maps)
        if cut in self.mapped_at(cut):
            below[cut] = self._map(x, cut)
        above = self._run(parts, x, cut, self.spec.depth, below)
        return self._asked(replace(above, pooled={**features.pooled, **above.pooled}))

    def _asked(self, features: Features) -> Features:
        """With the maps that were asked for, and none that only a layer needed."""
        return replace(features, maps={layer: features.maps[layer] for layer in self.mapped})

    def clone(self, owned_from: int | None) -> VisionBackbone:
        """A second network sharing weights below `owned_from`, owning copies above."""
        owned = set() if owned_from is None else set(self.layer_parameters(owned_from))
        shared: dict[int, Any] = {
            id(parameter): parameter
            for name, parameter in self.module.named_parameters()
            if name not in owned
        }
        shared.update({id(buffer): buffer for buffer in self.module.buffers()})
        said = {name: getattr(self.spec, name) for name in TOLD}
        twin = VisionBackbone(
            copy.deepcopy(self.module, shared),
            self._split,
            said,
            self.preprocessing,
            self.options,
            self.shapes,
        )
        twin.folder, twin.mapped, twin.native_head = self.folder, self.mapped, self.native_head
        return twin

    def mapping(self, layers: Sequence[int]) -> VisionBackbone:
        """A second network sharing all weights, whose features have the maps of these layers."""
        twin = self.clone(None)
        twin.mapped = tuple(sorted(layers))
        return twin

    def dropping(self, share: float) -> VisionBackbone:
        """A second network sharing all weights, with this dropout, of units and of paths."""
        twin = self.clone(None)
        for module in twin.module.modules():
            if isinstance(module, nn.Dropout):
                module.p = share
            for name in ("attention_dropout", "drop_prob"):
                if isinstance(getattr(module, name, None), float):
                    setattr(module, name, share)
        return twin

    def layer_parameters(self, first: int) -> Mapping[str, nn.Parameter]:
        """Parameters of layers [first, depth) by name; the stem's too at 0."""
        parts = self._parts(self.module)
        modules = [each for block in parts.blocks[first:] for each in block.modules]
        modules += [parts.stem] if first == 0 else []
        own = {id(parameter) for module in modules for parameter in module.parameters()}
        return {
            name: parameter
            for name, parameter in self.module.named_parameters()
            if id(parameter) in own and not name.endswith(UNUSED)
        }

    def embedding_module(self) -> nn.Module:
        """The stem; of some families its output is a map, or has more beside it."""
        return self._parts(self.module).stem

    def mapped_at(self, cut: int) -> tuple[int, ...]:
        """Layers up to the cut whose maps are kept there: they are asked for, or needed above."""
        above = self._parts(self.module).blocks[cut:]
        needed = {*self.mapped, *(layer for block in above for layer in block.joins)}
        return tuple(sorted(layer for layer in needed if layer <= cut))

    def width_at(self, layer: int) -> int:
        """D after this layer; 0: after the stem."""
        return self.shapes[layer].width

    def cells_at(self, layer: int) -> int:
        """As many as were asked for, where the layer has as many positions."""
        height, width = self._cells(layer)
        return height * width

    def positions(self, lengths: NDArray[np.int64], cut: int) -> NDArray[np.int64]:
        """T at the cut, the same for every picture."""
        return np.full_like(lengths, self.shapes[cut].positions)

    def grid_at(self, cut: int) -> tuple[int, int]:
        """Height and width of the map, or of the patches, after this layer."""
        return self.shapes[cut].grid

    @property
    def stage_ends(self) -> Mapping[int, int]:
        """{stride: layer}: the last layer with one vector every `stride` pixels, or nearly so.

        A last layer that only widens what the one below puts out, for a classifier, is left out.
        """
        height = self.preprocessing.height
        rows = {layer: shape.grid[0] for layer, shape in enumerate(self.shapes) if layer}
        below, last = self.shapes[-2:]
        if below.grid == last.grid and last.width > WIDENED * below.width:
            del rows[self.spec.depth]
        ends = {2 ** round(math.log2(height / high)): layer for layer, high in rows.items()}
        return {stride: ends[stride] for stride in STRIDES if stride in ends}

    def _parts(self, module: nn.Module) -> VisionParts:
        return self._split(module, (self.preprocessing.height, self.preprocessing.width))

    def _pixels(self, rows: PictureInputs) -> Tensor:
        return rows.pixels().to(self.device)

    def _run(
        self, parts: VisionParts, x: Tensor, first: int, last: int, below: Mapping[int, Tensor]
    ) -> Features:
        """Blocks [first, last) on what the one before put out, and on maps from below."""
        pooled, maps = {}, dict(below)
        wanted = {*self.mapped, *(layer for block in parts.blocks for layer in block.joins)}
        for layer, block in enumerate(parts.blocks[first:last], first + 1):
            x = block.of_maps(x, maps)
            pooled[layer] = self._pooled(x, layer)
            if layer in wanted:
                maps[layer] = self._map(x, layer)
        hidden = x if x.dim() == 3 else flattened(x)
        mask = torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
        grid = self.shapes[last].grid
        return Features(mask=mask, hidden=hidden, pooled=pooled, grid=grid, maps=maps)

    def _pooled(self, x: Tensor, layer: int) -> Tensor:
        """[B, cells * D] of what a layer puts out: all of it, or the mean of each cell in turn."""
        cells = self._cells(layer)
        if cells == (1, 1):
            return x.float().mean(1 if x.dim() == 3 else (2, 3))
        means = nn.functional.adaptive_avg_pool2d(self._map(x, layer).float(), cells)
        return flattened(means).flatten(1)

    def _cells(self, layer: int) -> tuple[int, int]:
        height, width = self.shapes[layer].grid
        return min(self.cells, height), min(self.cells, width)

    def _map(self, x: Tensor, layer: int) -> Tensor:
        """[B, D, H, W] of what a layer puts out."""
        height, width = self.shapes[layer].grid
        return unflattened(x[:, -height * width :], (height, width)) if x.dim() == 3 else x

    def _measured(self) -> tuple[Shape, ...]:
        """The shape after the stem and after every block, from one black picture."""
        size = (self.preprocessing.height, self.preprocessing.width)
        with torch.no_grad(), evaluating(self.module):
            parts = self._parts(self.module)
            x = parts.run_stem(torch.zeros(1, 3, *size, device=self.device))
            shapes = [_shape(x, parts.patch, size)]
            maps: dict[int, Tensor] = {}
            for layer, block in enumerate(parts.blocks, 1):
                x = block.of_maps(x, maps)
                maps[layer] = x
                shapes.append(_shape(x, parts.patch or block.stride, size))
        return tuple(shapes)

    def _quickened(self, in_half: bool) -> nn.Module:
        """A twin that is quicker to run, made again where the weights have changed.

        Its normalisations are folded into convolutions; in half its linear weights are bfloat16.
        """
        version = tuple((id(each), each._version, each.device) for each in self.module.parameters())
        kept = self._quick.get(in_half)
        if kept is None or kept[0] != version:
            twin = folded(self.module)
            kept = version, holding_bfloat16(twin) if in_half else twin
            self._quick[in_half] = kept
        return kept[1]


def _means(pooled: Mapping[int, Tensor], other: Mapping[int, Tensor]) -> dict[int, Tensor]:
    """The mean of both, layer by layer."""
    return {layer: (vectors + other[layer]) / 2 for layer, vectors in pooled.items()}


TOLD = ("name", "licence", "source", "sha256", "reference", "own")
"""What a spec says that is not measured."""


def _shape(x: Tensor, patch: int, size: tuple[int, int]) -> Shape:
    if patch:
        return Shape(x.shape[1], x.shape[2], (size[0] // patch, size[1] // patch))
    height, width = x.shape[2:]
    return Shape(height * width, x.shape[1], (height, width))
