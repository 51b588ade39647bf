"""How a picture becomes pixels: resized, cropped, scaled and normalised.

All as a folder's preprocessor_config.json says, equal to the image processors of the transformers
library (their Pillow variants), whose defaults stand here for what a file leaves out. A backbone
sees all pictures in one size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from journeyman.backbones.placement import Placement
from journeyman.errors import JourneymanError, ModelError

FILE = "preprocessor_config.json"
LEVELS = 255
CROP = 224 / 256
"""Share of the shortest edge that is kept where a crop is asked for and none is stated."""
WHOLE = 384
"""ConvNeXt's processor squeezes the whole picture from this size on, and crops below."""
RESIZES = ("exact", "crop", "letterbox")

HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
SQUARE: Mapping[str, Any] = {"size": 224, "resample": 2, **HALF}
PROCESSORS: Mapping[str, Mapping[str, Any]] = {
    "ViTImageProcessor": SQUARE,
    "DeiTImageProcessor": {
        **{"size": 256, "do_center_crop": True, "crop_size": 224, "resample": 3},
        **HALF,
    },
    "ConvNextImageProcessor": {"shortest": 384, "crop_pct": CROP, "resample": 3, **HALF},
    "BitImageProcessor": {
        **{"shortest": 224, "do_center_crop": True, "crop_size": 224, "resample": 3},
        **CLIP,
    },
    "MobileNetV2ImageProcessor": {
        **{"shortest": 256, "do_center_crop": True, "crop_size": 224, "resample": 2},
        **HALF,
    },
    "RTDetrImageProcessor": {"size": 640, "resample": 2, "do_normalize": False, **IMAGENET},
    "YolosImageProcessor": {"shortest": 800, "resample": 2, **IMAGENET},
    "EfficientNetImageProcessor": {"size": 346, "resample": 3, "include_top": True, **HALF},
}
"""What each processor does where its file does not say; `shortest` is an edge, `size` a square."""


@dataclass(frozen=True)
class Preprocessing:
    """`shortest` is the edge a picture is resized to before the centre is cropped; 0: `resized`.

    `resized` is the exact height and width, before the crop to `height` and `width`. `letterbox`:
    the whole picture in its own shape, the rest filled with the mean colour. Pixels are
    `(value * factor - mean) / std`, channel by channel.
    """

    height: int
    width: int
    shortest: int = 0
    resized: tuple[int, int] | None = None
    resample: int = 2
    factor: float = 1 / LEVELS
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    letterbox: bool = False

    def fitted(self, image: Image.Image) -> NDArray[np.uint8]:
        """[H, W, 3]: the picture, RGB, in the size the network is given."""
        size = self._size(image.height, image.width)
        if size != (image.height, image.width):
            image = image.resize((size[1], size[0]), Image.Resampling(self.resample))
        top, left = self._start(size)
        if self.letterbox:
            colour = tuple(min(max(round(mean / self.factor), 0), LEVELS) for mean in self.mean)
            whole = Image.new("RGB", (self.width, self.height), colour)
            whole.paste(image, (-left, -top))
            image = whole
        elif size != (self.height, self.width):
            image = image.crop((left, top, left + self.width, top + self.height))
        return np.array(image)

    def placement(self, width: int, height: int) -> Placement:
        """Where the points of a picture of this size are in the pixels that the network sees."""
        size = self._size(height, width)
        top, left = self._start(size)
        return Placement(size[1] / width, size[0] / height, -left, -top)

    def _start(self, size: tuple[int, int]) -> tuple[int, int]:
        """Top and left of what is seen in a picture resized so; below 0 where there is more."""
        return (size[0] - self.height) // 2, (size[1] - self.width) // 2

    def _size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width before the crop, of a picture of this height and width."""
        if self.letterbox:
            share = min(self.height / height, self.width / width)
            return max(1, round(height * share)), max(1, round(width * share))
        if not self.shortest:
            return self.resized or (height, width)
        long = int(self.shortest * max(height, width) / min(height, width))
        return (long, self.shortest) if width <= height else (self.shortest, long)

    def normalised(self, values: Tensor) -> Tensor:
        """[B, H, W, 3] of bytes as [B, 3, H, W] in float32, the channels innermost in memory."""
        mean, std = torch.tensor(self.mean), torch.tensor(self.std)
        pixels: Tensor = (values.float() * self.factor - mean) / std
        return pixels.permute(0, 3, 1, 2)

    def changed(self, options: Mapping[str, Any]) -> Preprocessing:
        """With another `image_size`, `resize`, `mean` or `std`, where given."""
        changed = self
        size = options.get("image_size")
        if isinstance(size, Sequence):
            height, width = map(int, size)
            changed = replace(changed, height=height, width=width, resized=(height, width))
            changed = replace(changed, shortest=0)
        elif size:
            changed = changed._scaled(int(size))
        if options.get("resize"):
            changed = changed._resizing(str(options["resize"]))
        mean, std = options.get("mean") or changed.mean, options.get("std") or changed.std
        return replace(changed, mean=tuple(mean), std=tuple(std))

    def _scaled(self, size: int) -> Preprocessing:
        """Square pixels of this size, of the same share of the picture."""
        share = size / min(self.height, self.width)
        resized = self.resized and (round(self.resized[0] * share), round(self.resized[1] * share))
        if resized and (self.height, self.width) == self.resized:
            resized = (size, size)
        shortest = round(self.shortest * share)
        return replace(self, height=size, width=size, shortest=shortest, resized=resized)

    def _resizing(self, way: str) -> Preprocessing:
        if way not in RESIZES:
            raise JourneymanError(
                "There is no such way to resize a picture.",
                place="backbone.resize",
                expected=" | ".join(RESIZES),
                found=repr(way),
                remedy="name one of these, or leave it out",
            )
        if way == "crop":
            edge = self.shortest or int(min(self.height, self.width) / CROP)
            return replace(self, shortest=edge, resized=None, letterbox=False)
        size, boxed = (self.height, self.width), way == "letterbox"
        return replace(self, shortest=0, resized=size, letterbox=boxed)

    @property
    def said(self) -> str:
        """All of it in a line, equal only where pixels are."""
        return json.dumps(asdict(self), sort_keys=True)


def read_preprocessing(folder: Path, processor: str, size: int = 0) -> Preprocessing:
    """What the folder's preprocessor_config.json says.

    `processor` and `size` are of a folder that has none: the name of a processor, and pixels.
    Raises ModelError where the file is not of a picture's preprocessing.
    """
    path = folder / FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        found = preprocessing_of(said, processor)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "The backbone's preprocessing cannot be read.",
            place=str(path),
            expected="size, image_mean and image_std of an image processor",
            found=f"{type(error).__name__}: {error}",
            remedy="fetch the backbone again, or name another folder",
        ) from error
    return found._scaled(size) if size and not said else found


def native_size(config: Any) -> int:
    """Pixels along the shorter side that a network's config.json states; 0 where it does not."""
    size = getattr(config, "image_size", 0)
    return size if isinstance(size, int) else int(min(size))


def preprocessing_of(said: Mapping[str, Any], processor: str) -> Preprocessing:
    """The preprocessing of a parsed preprocessor_config.json; `processor` where it names none."""
    named = str(said.get("image_processor_type") or said.get("feature_extractor_type") or processor)
    named = named.removesuffix("Pil").removesuffix("Fast")
    named = named.replace("FeatureExtractor", "ImageProcessor")
    defaults = PROCESSORS.get(named, SQUARE)
    given = {name: value for name, value in said.items() if value is not None}
    chosen = {**defaults, **given}
    shortest, resized = _size(chosen, given.get("size"), named)
    if named == "ConvNextImageProcessor":
        edge = shortest or _pair(chosen["size"])[0]
        return replace(_convnext(edge, float(chosen["crop_pct"])), **_values(chosen))
    if chosen.get("do_center_crop"):
        height, width = _pair(chosen["crop_size"])
    else:
        height, width = resized or (shortest, shortest)
    return Preprocessing(height, width, shortest, resized, **_values(chosen))


def _size(
    chosen: Mapping[str, Any], given: Any, processor: str
) -> tuple[int, tuple[int, int] | None]:
    """The shortest edge and no exact size, or nought and the exact size.

    Neither where a picture is cropped as it is; one that is not even cropped is resized anyway.
    """
    edge = "shortest" in PROCESSORS.get(processor, SQUARE)
    size = given if given is not None else chosen["shortest" if edge else "size"]
    if isinstance(size, Mapping):
        edge = "shortest_edge" in size
        size = size["shortest_edge"] if edge else size
    if chosen.get("do_center_crop") and not chosen.get("do_resize", True):
        return 0, None
    return (int(size), None) if edge else (0, _pair(size))


def _convnext(size: int, share: float) -> Preprocessing:
    """ConvNeXt's own way: a crop of small pictures, the whole of large ones."""
    if size < WHOLE:
        return Preprocessing(size, size, shortest=int(size / share))
    return Preprocessing(size, size, resized=(size, size))


def _values(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Resampling, factor, mean and std; EfficientNet's processor divides by the std twice."""
    mean, std = [0.0] * 3, [1.0] * 3
    if chosen.get("do_normalize", True):
        mean, std = list(chosen["image_mean"]), list(chosen["image_std"])
    if chosen.get("rescale_offset"):
        mean = [value + 1 for value in mean]
    if chosen.get("include_top"):
        std = [value * float(twice) for value, twice in zip(std, chosen["image_std"], strict=True)]
    rescaled = chosen.get("do_rescale", True)
    return {
        "resample": int(chosen["resample"]),
        "factor": float(chosen.get("rescale_factor", 1 / LEVELS)) if rescaled else 1.0,
        "mean": tuple(map(float, mean)),
        "std": tuple(map(float, std)),
    }


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        return int(size["height"]), int(size["width"])
    return int(size), int(size)
