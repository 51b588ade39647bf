"""Detectors of the transformers library as backbones: YOLOS, RT-DETR and D-FINE.

What predicts classes and boxes is their native head (`native_head.py`); the rest is a backbone as
any other is. YOLOS: layers on patches and detection tokens. RT-DETR and D-FINE: the stages of a
convolutional network, and above them, as the last layer, the hybrid encoder, which takes the maps
of several stages and gives as many again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from journeyman.backbones.base import FAMILIES, BackboneFamily
from journeyman.backbones.native_head import NATIVE_HEADS
from journeyman.backbones.preprocessing import Preprocessing, native_size, read_preprocessing
from journeyman.backbones.pretrained import read_pretrained
from journeyman.backbones.vision_backbone import Split, VisionBackbone
from journeyman.backbones.vision_parts import Block, VisionParts, flattened
from journeyman.errors import JourneymanError, ModelError

Size = tuple[int, int]
STAGED = ("rt_detr_resnet", "hgnet_v2")
"""Convolutional networks whose stages are known."""


def _yolos(module: nn.Module, size: Size) -> VisionParts:
    """Detection tokens are moved before the patches; attention does not mind the order."""
    network: Any = module
    count = network.config.num_detection_tokens
    middle = network.encoder.interpolation

    def run_stem(pixels: Tensor) -> Tensor:
        return _moved(network.embeddings(pixels), count)

    layers = list(network.encoder.layer)
    blocks = [_yolos_block(layer, middle, at, size, count) for at, layer in enumerate(layers[:-1])]
    blocks.append(Block.of(layers[-1], network.layernorm))
    return VisionParts(network.embeddings, run_stem, blocks, int(network.config.patch_size))


def _yolos_block(layer: Any, middle: Any, at: int, size: Size, count: int) -> Block:
    """A layer, and the places that are told again above it where the network has them.

    These are one parameter of all layers, and so of none.
    """
    if middle is None:
        return Block.of(layer)

    def run(tokens: Tensor) -> Tensor:
        places: Tensor = _moved(middle(size)[at], count)
        found: Tensor = layer(tokens) + places
        return found

    return Block([layer], run)


def _moved(tokens: Tensor, count: int) -> Tensor:
    """Class token, `count` detection tokens, patches; from their order in the library."""
    first, patches, detecting = tokens[:, :1], tokens[:, 1:-count], tokens[:, -count:]
    return torch.cat([first, detecting, patches], dim=1)


def _staged(module: nn.Module, size: Size) -> VisionParts:
    """A convolutional network's stages, and the hybrid encoder on those that it reads."""
    network: Any = module
    convolutions = network.backbone.model
    reads = tuple(int(index) for index in convolutions.config.out_indices)
    blocks = [Block.of(stage) for stage in convolutions.encoder.stages]
    modules = [network.encoder_input_proj, network.encoder]

    def encode(maps: list[Tensor]) -> Tensor:
        pairs = zip(network.encoder_input_proj, maps, strict=True)
        levels = network.encoder([project(each) for project, each in pairs]).last_hidden_state
        return torch.cat([flattened(level) for level in reversed(levels)], dim=1)

    stride = int(network.config.feat_strides[0])
    blocks.append(Block(modules, encode, joins=reads, stride=stride))
    return VisionParts(convolutions.embedder, convolutions.embedder, blocks)


SPLITS: Mapping[str, tuple[Split, str]] = {
    "d_fine": (_staged, "RTDetrImageProcessor"),
    "rt_detr": (_staged, "RTDetrImageProcessor"),
    "rt_detr_v2": (_staged, "RTDetrImageProcessor"),
    "yolos": (_yolos, "YolosImageProcessor"),
}
"""Each model type's parts, and the processor of a folder that names none."""


@FAMILIES.register("detector")
class DetectorFamily(BackboneFamily):
    """Folders with a config.json of a detector and safetensors weights."""

    name = "detector"
    model_types = frozenset(SPLITS)
    finds_boxes = True

    @classmethod
    def recognises(cls, config: Mapping[str, Any]) -> bool:
        """Whether the model type is one whose parts are known."""
        return config.get("model_type") in SPLITS

    @classmethod
    def load(
        cls, folder: str, spec: Mapping[str, str], options: Mapping[str, Any]
    ) -> VisionBackbone:
        """Read `folder`; `options` as of other networks for pictures.

        The square that the network is given holds the whole of a picture.
        """
        network = read_pretrained(folder)
        kind = network.config.model_type
        split, processor = SPLITS[kind]
        if split is _staged:
            _check_stages(folder, network)
        for name, _ in list(network.named_children()):
            if name in ABOVE:
                setattr(network, name, None)
        preprocessing = _preprocessing(folder, processor, network).changed(options)
        _check_size(preprocessing, network.config)
        backbone = VisionBackbone(network, split, spec, preprocessing, options)
        backbone.native_head = NATIVE_HEADS[kind]
        return backbone


ABOVE = (
    "decoder",
    "decoder_input_proj",
    "denoising_class_embed",
    "enc_bbox_head",
    "enc_output",
    "enc_score_head",
    "pooler",
    "weight_embedding",
)
"""What the native head has, or no one needs, and the backbone does not have."""


def _preprocessing(folder: str, processor: str, network: Any) -> Preprocessing:
    """YOLOS was taught on pictures in their own shape, the others on squeezed ones."""
    found = read_preprocessing(Path(folder), processor, native_size(network.config))
    whole = replace(found, shortest=0, resized=(found.height, found.width))
    return replace(whole, letterbox=network.config.model_type == "yolos")


def _check_size(preprocessing: Preprocessing, config: Any) -> None:
    """Levels are doubled and halved, so the coarsest must fit the picture."""
    stride = int(max(getattr(config, "feat_strides", None) or [1]))
    if preprocessing.height % stride or preprocessing.width % stride:
        raise JourneymanError(
            "The detector cannot read pictures of this size.",
            place="backbone.image_size",
            expected=f"a multiple of {stride}",
            found=f"{preprocessing.height} x {preprocessing.width}",
            remedy=f"set backbone.image_size to {-(-preprocessing.height // stride) * stride}",
        )


def _check_stages(folder: str, network: Any) -> None:
    said = getattr(getattr(network.config, "backbone_config", None), "model_type", "none")
    if said not in STAGED:
        raise ModelError(
            "The detector stands on a network whose parts are not known.",
            place=f"{folder}/config.json, backbone_config",
            expected=" | ".join(STAGED),
            found=str(said),
            remedy="name another detector",
        )
