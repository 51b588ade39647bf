"""Networks of inverted residuals: MobileNetV2 and EfficientNet-Lite, from one description.

Sandler et al., 2018, "MobileNetV2: inverted residuals and linear bottlenecks"; Tan and Le, 2019,
"EfficientNet: rethinking model scaling for convolutional neural networks", of which Lite leaves
out squeeze-and-excitation. A folder's config.json says

    {"model_type": "inverted-residual", "padding": "even" | "same", "norm_eps": 1e-5,
     "stem": {"width": 32, "kernel": 3, "stride": 2}, "head": {"width": 1280},
     "stages": [{"repeats": 2, "kernel": 3, "stride": 2, "expansion": 6, "width": 24}, ...]}

"even" pads each side alike; "same" as TensorFlow does, so that a map shrinks by the stride, with
the odd row or column at the bottom and the right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from journeyman.backbones.base import FAMILIES, BackboneFamily
from journeyman.backbones.preprocessing import read_preprocessing
from journeyman.backbones.vision_backbone import VisionBackbone
from journeyman.backbones.vision_parts import Block, VisionParts
from journeyman.errors import ModelError
from journeyman.tensors import read_tensors

MODEL_TYPE = "inverted-residual"
COUNTER = "num_batches_tracked"
"""A buffer that says nothing where statistics are fixed."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ConvolutionSaid(_Said):
    """A convolution over all channels, at either end of the network."""

    width: int = Field(ge=1)
    kernel: int = Field(1, ge=1)
    stride: int = Field(1, ge=1)


class StageSaid(_Said):
    """Blocks of one width; the first has the stride."""

    repeats: int = Field(ge=1)
    kernel: int = Field(ge=1)
    stride: int = Field(ge=1)
    expansion: int = Field(ge=1)
    width: int = Field(ge=1)


class InvertedResidualSaid(_Said):
    """What config.json says. `stochastic_depth` is the share of paths the last block drops."""

    padding: Literal["even", "same"]
    norm_eps: float = Field(gt=0)
    stochastic_depth: float = Field(0.0, ge=0, lt=1)
    stem: ConvolutionSaid
    stages: tuple[StageSaid, ...] = Field(min_length=1)
    head: ConvolutionSaid


class SameConvolution(nn.Conv2d):
    """A convolution that pads as TensorFlow's "same" does."""

    def forward(self, input: Tensor) -> Tensor:
        """Pads the bottom and the right by the odd one, where there is one."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = []
        for size in (input.shape[3], input.shape[2]):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(nn.functional.pad(input, pads))


class NormedConvolution(nn.Sequential):
    """A convolution without bias, batch normalisation, and ReLU6 where it is `active`."""

    def __init__(
        self,
        said: InvertedResidualSaid,
        inner: int,
        width: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
    ) -> None:
        same = said.padding == "same" and stride > 1
        kind, padding = (SameConvolution, 0) if same else (nn.Conv2d, (kernel - 1) // 2)
        super().__init__()
        self.convolution = kind(
            inner, width, kernel, stride=stride, padding=padding, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(width, eps=said.norm_eps)
        if active:
            self.activation = nn.ReLU6(inplace=True)


class StochasticDepth(nn.Module):
    """Drops a whole path of some rows while training (Huang et al., 2016)."""

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...]: each row whole and scaled up, or nought."""
        if not self.training:
            return x
        kept = 1 - self.drop_prob
        rows = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device, dtype=x.dtype)
        return x * (rows < kept) / kept


class InvertedResidual(nn.Module):
    """Expand, convolve each channel for itself, project without activation; add where it fits."""

    def __init__(
        self,
        said: InvertedResidualSaid,
        stage: StageSaid,
        inner: int,
        stride: int,
        drop: float,
    ) -> None:
        super().__init__()
        wide = inner * stage.expansion
        if stage.expansion > 1:
            self.expand = NormedConvolution(said, inner, wide)
        self.depthwise = NormedConvolution(
            said, wide, wide, kernel=stage.kernel, stride=stride, groups=wide
        )
        self.project = NormedConvolution(said, wide, stage.width, active=False)
        self.adds = stride == 1 and inner == stage.width
        if self.adds and drop:
            self.drop_path = StochasticDepth(drop)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, D, H / stride, W / stride]."""
        y: Tensor = self.expand(x) if hasattr(self, "expand") else x
        y = self.project(self.depthwise(y))
        if not self.adds:
            return y
        return x + (self.drop_path(y) if hasattr(self, "drop_path") else y)


class InvertedResidualNetwork(nn.Module):
    """The stem, the blocks of all stages, and the convolution at the end."""

    def __init__(self, said: InvertedResidualSaid) -> None:
        super().__init__()
        stem, head = said.stem, said.head
        self.stem = NormedConvolution(said, 3, stem.width, kernel=stem.kernel, stride=stem.stride)
        self.blocks = nn.ModuleList(_blocks(said))
        self.head = NormedConvolution(said, said.stages[-1].width, head.width, kernel=head.kernel)

    def forward(self, pixels: Tensor) -> Tensor:
        """[B, 3, H, W] to [B, D, h, w]."""
        x = self.stem(pixels)
        for block in self.blocks:
            x = block(x)
        maps: Tensor = self.head(x)
        return maps


def _blocks(said: InvertedResidualSaid) -> Iterator[InvertedResidual]:
    total = sum(stage.repeats for stage in said.stages)
    inner, at = said.stem.width, 0
    for stage in said.stages:
        for repeat in range(stage.repeats):
            stride, drop = 1 if repeat else stage.stride, said.stochastic_depth * at / total
            yield InvertedResidual(said, stage, inner, stride, drop)
            inner, at = stage.width, at + 1


def split(module: nn.Module, size: tuple[int, int]) -> VisionParts:
    """The stem; each inverted residual a block, and the head's convolution the last."""
    network: Any = module
    blocks = [Block.of(block) for block in (*network.blocks, network.head)]
    return VisionParts(network.stem, network.stem, blocks)


@FAMILIES.register("inverted-residual")
class InvertedResidualFamily(BackboneFamily):
    """Folders with a config.json of this description and weights in model.safetensors."""

    name = "inverted-residual"
    model_types = frozenset({MODEL_TYPE})

    @classmethod
    def recognises(cls, config: Mapping[str, Any]) -> bool:
        """By the model type."""
        return config.get("model_type") == MODEL_TYPE

    @classmethod
    def load(
        cls, folder: str, spec: Mapping[str, str], options: Mapping[str, Any]
    ) -> VisionBackbone:
        """Read `folder`; `options` may give any of `vision_backbone.OPTIONS`."""
        network = _read_network(Path(folder))
        preprocessing = read_preprocessing(Path(folder), "MobileNetV2ImageProcessor")
        return VisionBackbone(network, split, spec, preprocessing.changed(options), options)


def _read_network(folder: Path) -> InvertedResidualNetwork:
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        network = InvertedResidualNetwork(InvertedResidualSaid.model_validate(said))
        found = network.load_state_dict(read_tensors(folder / "model.safetensors")[0], strict=False)
        missing = [name for name in found.missing_keys if not name.endswith(COUNTER)]
        lacking = [*missing, *found.unexpected_keys]
    except (ValidationError, RuntimeError) as error:
        lacking = [str(error).splitlines()[-1].strip()]
    if lacking:
        raise ModelError(
            "The network's weights are not those that its config.json describes.",
            place=str(folder),
            expected="stem, stages and head, and a tensor for each of their parameters",
            found=f"{lacking[0]} and {len(lacking) - 1} more",
            remedy="fetch the backbone again, or name another folder",
        )
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.eval()
