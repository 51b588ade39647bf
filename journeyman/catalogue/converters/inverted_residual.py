"""MobileNetV2 and EfficientNet-Lite0 as files of torch, to folders of inverted residuals.

Sizes are those of Sandler et al., 2018, table 2, and of EfficientNet-Lite as published with its
code, https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: B0 of Tan
and Le, 2019, without squeeze-and-excitation, ReLU6 for swish. The classifiers on top are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.numpy import save

from journeyman.catalogue.converters.base import CONVERTERS
from journeyman.catalogue.entry import BackboneEntry
from journeyman.catalogue.torch_file import read_torch_file
from journeyman.errors import FetchError
from journeyman.files import write_bytes, write_json

FIELDS = ("repeats", "kernel", "stride", "expansion", "width")
MOBILENET_V2 = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (3, 3, 2, 6, 32),
    (4, 3, 2, 6, 64),
    (3, 3, 1, 6, 96),
    (3, 3, 2, 6, 160),
    (1, 3, 1, 6, 320),
)
EFFICIENTNET_LITE0 = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
LEFT_OUT = re.compile(r"(classifier|_fc)\.|.*\.num_batches_tracked$")


def _config(stages: tuple[tuple[int, ...], ...], **said: Any) -> dict[str, Any]:
    return {
        "model_type": "inverted-residual",
        "stem": {"width": 32, "kernel": 3, "stride": 2},
        "stages": [dict(zip(FIELDS, stage, strict=True)) for stage in stages],
        "head": {"width": 1280},
        **said,
    }


def _preprocessing(mean: tuple[float, ...], std: tuple[float, ...], resample: int) -> Any:
    """A crop of 224 of a picture whose shortest edge is 256."""
    return {
        "do_resize": True,
        "size": {"shortest_edge": 256},
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
        "resample": resample,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(mean),
        "image_std": list(std),
    }


@CONVERTERS.register("mobilenet_v2")
def convert_mobilenet(raw: Path, out: Path, entry: BackboneEntry) -> None:
    """Of torchvision's names, `features.<place>.conv.<place>` and the like."""
    config = _config(MOBILENET_V2, padding="even", norm_eps=1e-5)
    preprocessing = _preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 2)
    _convert(raw, out, entry, _mobilenet_name, config, preprocessing)


@CONVERTERS.register("efficientnet_lite0")
def convert_efficientnet(raw: Path, out: Path, entry: BackboneEntry) -> None:
    """Of names such as `_blocks.<place>._depthwise_conv`."""
    config = _config(EFFICIENTNET_LITE0, padding="same", norm_eps=1e-3, stochastic_depth=0.2)
    preprocessing = _preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 3)
    _convert(raw, out, entry, _efficientnet_name, config, preprocessing)


def _convert(
    raw: Path,
    out: Path,
    entry: BackboneEntry,
    named: Callable[[str], str],
    config: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
) -> None:
    """Write config.json, preprocessor_config.json and model.safetensors."""
    path = raw / entry.files[0].path
    tensors = {}
    for name, values in sorted(read_torch_file(path).items()):
        if not LEFT_OUT.match(name):
            tensors[_known(named, name, path)] = values.astype("float32")
    write_bytes(out / "model.safetensors", save(tensors, metadata={"format": "pt"}))
    write_json(out / "config.json", config)
    write_json(out / "preprocessor_config.json", preprocessing)


def _known(named: Callable[[str], str], name: str, path: Path) -> str:
    try:
        return named(name)
    except (ValueError, KeyError, IndexError) as error:
        raise FetchError(
            "The weights have a tensor that the network has not.",
            place=str(path),
            expected="the names of the published network",
            found=name,
            remedy="Remove the folder `partial` of Journeyman's home, and fetch again.",
        ) from error


def _mobilenet_name(name: str) -> str:
    """`features.2.conv.1.0.weight` is `blocks.1.depthwise.convolution.weight`.

    Of the three convolutions the first two stand in pairs with their norms; the first block does
    not expand.
    """
    _, at, *rest, kind = name.split(".")
    place, head = int(at), len([1 for stage in MOBILENET_V2 for _ in range(stage[0])]) + 1
    if place in (0, head):
        return f"{'stem' if place == 0 else 'head'}.{('convolution', 'norm')[int(rest[0])]}.{kind}"
    steps = ("depthwise", "project") if place == 1 else ("expand", "depthwise", "project")
    step, *inner = map(int, rest[1:])
    second = inner[0] if inner else step - len(steps) + 1
    part = steps[min(step, len(steps) - 1)]
    return f"blocks.{place - 1}.{part}.{('convolution', 'norm')[second]}.{kind}"


def _efficientnet_name(name: str) -> str:
    """`_blocks.1._bn0.weight` is `blocks.1.expand.norm.weight`."""
    *place, layer, kind = name.split(".")
    if place:
        at = int(place[1])
        return f"blocks.{at}.{_BLOCK[layer]}.{kind}"
    return f"{_ENDS[layer]}.{kind}"


_BLOCK = {
    "_expand_conv": "expand.convolution",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.convolution",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.convolution",
    "_bn2": "project.norm",
}
_ENDS = {
    "_conv_stem": "stem.convolution",
    "_bn0": "stem.norm",
    "_conv_head": "head.convolution",
    "_bn1": "head.norm",
}
