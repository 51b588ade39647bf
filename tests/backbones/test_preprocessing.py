"""Pixels are those of the library's own image processors."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from journeyman.backbones.preprocessing import preprocessing_of, read_preprocessing
from journeyman.errors import JourneymanError, ModelError

SIZES = [(61, 40), (40, 61), (50, 50), (20, 17)]
CASES = {
    "vit": ("ViTImageProcessor", {"size": {"height": 32, "width": 24}}),
    "vit, legacy": ("ViTFeatureExtractor", {"size": 32, "resample": 3}),
    "deit": ("DeiTImageProcessor", {"size": {"height": 36, "width": 36}, "crop_size": 31}),
    "dinov2": (
        "BitImageProcessor",
        {
            "size": {"shortest_edge": 36},
            "crop_size": {"height": 32, "width": 32},
            "image_mean": [0.485, 0.456, 0.406],
            "image_std": [0.229, 0.224, 0.225],
        },
    ),
    "convnext": ("ConvNextImageProcessor", {"size": {"shortest_edge": 32}, "crop_pct": 0.9}),
    "convnext, legacy": ("ConvNextFeatureExtractor", {"size": 32}),
    "convnext, large": ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
    "mobilenet": ("MobileNetV2ImageProcessor", {"size": {"shortest_edge": 40}, "crop_size": 32}),
    "efficientnet": (
        "EfficientNetImageProcessor",
        {"size": {"height": 32, "width": 32}, "resample": 0, "image_std": [0.4, 0.5, 0.6]},
    ),
    "efficientnet, offset": (
        "EfficientNetImageProcessor",
        {"size": 32, "rescale_factor": 1 / 127.5, "rescale_offset": True, "include_top": False},
    ),
    "rt-detr": ("RTDetrImageProcessor", {"size": {"height": 32, "width": 24}}),
    "rt-detr, unsaid": ("RTDetrImageProcessor", {}),
    "not resized": (
        "BitImageProcessor",
        {"do_resize": False, "crop_size": 32, "do_normalize": False},
    ),
    "not rescaled": ("ViTImageProcessor", {"size": 32, "do_rescale": False}),
}


def picture(width, height):
    draw = np.random.default_rng(width)
    return Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8))


def library(processor, said):
    import transformers

    name = processor.replace("FeatureExtractor", "ImageProcessor")
    return getattr(transformers, f"{name}Pil")(**said)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_pixels_equal_the_library_s(case, size):
    processor, said = CASES[case]
    ours = preprocessing_of({"image_processor_type": processor, **said}, "ViTImageProcessor")
    theirs = library(processor, said)(picture(*size), return_tensors="pt").pixel_values
    fitted = torch.from_numpy(ours.fitted(picture(*size)))[None]
    torch.testing.assert_close(ours.normalised(fitted), theirs, atol=1e-5, rtol=1e-5)


def test_a_saved_processor_is_read_and_one_unsaid_has_the_size_of_the_network(tmp_path):
    library("BitImageProcessor", {"size": {"shortest_edge": 36}, "crop_size": 32}).save_pretrained(
        tmp_path
    )
    found = read_preprocessing(tmp_path, "ViTImageProcessor", 999)
    assert (found.shortest, found.height, found.width, found.resample) == (36, 32, 32, 3)
    bare = read_preprocessing(tmp_path / "nowhere", "ViTImageProcessor", 64)
    assert (bare.resized, bare.height, bare.width) == ((64, 64), 64, 64)


@pytest.mark.parametrize("content", ["{", "[]", '{"size": "large"}', '{"image_mean": 3}'])
def test_a_file_that_says_something_else_is_refused(content, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(content)
    with pytest.raises(ModelError, match="preprocessing"):
        read_preprocessing(tmp_path, "ViTImageProcessor")


def test_options_change_the_size_the_way_and_the_normalisation():
    crop = preprocessing_of({"size": {"shortest_edge": 256}, "crop_size": 224}, "BitImageProcessor")
    smaller = crop.changed({"image_size": 112})
    assert (smaller.shortest, smaller.height, smaller.width) == (128, 112, 112)
    whole = crop.changed({"resize": "exact"})
    assert (whole.shortest, whole.resized) == (0, (224, 224))
    assert whole.changed({"resize": "crop"}).shortest == 256
    other = crop.changed({"mean": [0, 0, 0], "std": [1, 1, 1]})
    assert other.mean == (0, 0, 0)
    assert len({each.said for each in (crop, smaller, whole, other)}) == 4
    assert crop.changed({}).said == crop.said
    assert json.loads(crop.said)["height"] == 224
    with pytest.raises(JourneymanError, match="resize"):
        crop.changed({"resize": "stretch"})
    deit = preprocessing_of({}, "DeiTImageProcessor").changed({"image_size": 112})
    assert (deit.resized, deit.height) == ((128, 128), 112)
