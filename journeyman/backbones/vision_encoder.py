"""Networks for pictures of the transformers library, by folder: ViT and Swin, ConvNeXt and others.

Each model type says in one function where its stem and its layers are. What stands between the
layers of two stages (a merging of patches, a convolution with a stride) begins the layer above
it, and the norm at a transformer's end belongs to its last layer. ConvNeXt's norm comes after the
mean over places and so is left out: `pooled` is the mean itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from journeyman.backbones.base import FAMILIES, BackboneFamily
from journeyman.backbones.preprocessing import Preprocessing, native_size, read_preprocessing
from journeyman.backbones.pretrained import read_pretrained
from journeyman.backbones.vision_backbone import Split, VisionBackbone
from journeyman.backbones.vision_parts import Block, Run, VisionParts, flattened, unflattened

Size = tuple[int, int]


def _vit(module: nn.Module, size: Size) -> VisionParts:
    """ViT, DeiT: tokens; places are those of pretraining, or between them where the size is not."""
    network: Any = module
    stem = network.embeddings
    native = tuple(stem.image_size) == size

    def run_stem(pixels: Tensor) -> Tensor:
        embedded: Tensor = stem(pixels, interpolate_pos_encoding=not native)
        return embedded

    return _tokens(network, run_stem, list(network.layers))


def _dinov2(module: nn.Module, size: Size) -> VisionParts:
    network: Any = module
    return _tokens(network, network.embeddings, list(network.encoder.layer))


def _tokens(network: Any, run_stem: Run, layers: list[nn.Module]) -> VisionParts:
    """Layers on tokens, the norm of the network at the end of the last."""
    blocks = [Block.of(layer) for layer in layers[:-1]]
    blocks.append(Block.of(layers[-1], network.layernorm))
    return VisionParts(network.embeddings, run_stem, blocks, int(network.config.patch_size))


def _swin(module: nn.Module, size: Size) -> VisionParts:
    network: Any = module
    stem = network.embeddings
    native = tuple(stem.patch_embeddings.grid_size)
    patch = stem.patch_embeddings.patch_size
    moved = native != (-(-size[0] // patch[0]), -(-size[1] // patch[1]))

    def run_stem(pixels: Tensor) -> Tensor:
        return unflattened(*stem(pixels, interpolate_pos_encoding=moved))

    blocks: list[Block] = []
    merging = None
    for stage in network.encoder.layers:
        for layer in stage.blocks:
            last = stage is network.encoder.layers[-1] and layer is stage.blocks[-1]
            blocks.append(_swin_block(merging, layer, network.layernorm if last else None))
            merging = None
        merging = stage.downsample
    return VisionParts(stem, run_stem, blocks)


def _swin_block(merging: Any, layer: Any, norm: nn.Module | None) -> Block:
    def run(maps: Tensor) -> Tensor:
        grid: Size = (maps.shape[2], maps.shape[3])
        tokens = flattened(maps).contiguous()
        if merging is not None:
            tokens = merging(tokens, grid)
            grid = (grid[0] + 1) // 2, (grid[1] + 1) // 2
        tokens = layer(tokens, grid)[0]
        return unflattened(tokens if norm is None else norm(tokens), grid)

    return Block([each for each in (merging, layer, norm) if each is not None], run)


def _convnext(module: nn.Module, size: Size) -> VisionParts:
    network: Any = module
    blocks = []
    for stage in network.encoder.stages:
        first, *others = stage.layers
        blocks += [Block.of(*stage.downsampling_layer, first), *map(Block.of, others)]
    return VisionParts(network.embeddings, network.embeddings, blocks)


def _efficientnet(module: nn.Module, size: Size) -> VisionParts:
    network: Any = module
    encoder = network.encoder
    end = Block.of(encoder.top_conv, encoder.top_bn, encoder.top_activation)
    blocks = [*map(Block.of, encoder.blocks), end]
    return VisionParts(network.embeddings, network.embeddings, blocks)


def _mobilenet(module: nn.Module, size: Size) -> VisionParts:
    """The stem has the first inverted residual in it."""
    network: Any = module
    blocks = [*map(Block.of, network.layer), Block.of(network.conv_1x1)]
    return VisionParts(network.conv_stem, network.conv_stem, blocks)


SPLITS: Mapping[str, tuple[Split, str]] = {
    "convnext": (_convnext, "ConvNextImageProcessor"),
    "convnextv2": (_convnext, "ConvNextImageProcessor"),
    "deit": (_vit, "DeiTImageProcessor"),
    "dinov2": (_dinov2, "BitImageProcessor"),
    "efficientnet": (_efficientnet, "EfficientNetImageProcessor"),
    "mobilenet_v2": (_mobilenet, "MobileNetV2ImageProcessor"),
    "swin": (_swin, "ViTImageProcessor"),
    "vit": (_vit, "ViTImageProcessor"),
}
"""Each model type's parts, and the processor of a folder that names none."""


@FAMILIES.register("vision-encoder")
class VisionEncoderFamily(BackboneFamily):
    """Folders with a config.json of a network for pictures and safetensors weights."""

    name = "vision-encoder"
    model_types = frozenset(SPLITS)

    @classmethod
    def recognises(cls, config: Mapping[str, Any]) -> bool:
        """Whether the model type is one whose parts are known."""
        return config.get("model_type") in SPLITS

    @classmethod
    def load(
        cls, folder: str, spec: Mapping[str, str], options: Mapping[str, Any]
    ) -> VisionBackbone:
        """Read `folder`; `options` may give any of `vision_backbone.OPTIONS`."""
        network = read_pretrained(folder)
        # Drawn at random where the checkpoint has none, and never run here.
        pooler = getattr(network, "pooler", None)
        if pooler is not None and any(True for _ in pooler.parameters()):
            network.pooler = None
        split, processor = SPLITS[network.config.model_type]
        preprocessing = _preprocessing(folder, processor, network).changed(options)
        return VisionBackbone(network, split, spec, preprocessing, options)


def _preprocessing(folder: str, processor: str, network: Any) -> Preprocessing:
    """As the folder says; where it says nothing, in the size that config.json states."""
    return read_preprocessing(Path(folder), processor, native_size(network.config))
