"""Tiny random backbones, made in a moment: real transformers folders with a real tokenizer."""

import json
from pathlib import Path

import numpy as np
import torch

WORDS = (
    "the a cat dog mat sat ran good bad fine awful lovely poor great terrible film plot "
    "actor story is was and not very about much longer text on in london paris anna bob acme"
).split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
FAMILIES_TINY = {
    "bert": {},
    "roberta": {"type_vocab_size": 1, "pad_token_id": 0},
    "xlm-roberta": {"type_vocab_size": 1, "pad_token_id": 0},
    "camembert": {"type_vocab_size": 1, "pad_token_id": 0},
    "ernie": {},
    "electra": {"embedding_size": 8},
    "distilbert": {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32},
    "mpnet": {"pad_token_id": 0},
    "modernbert": {"pad_token_id": 0, "global_attn_every_n_layers": 2, "local_attention": 8},
    "deberta": {
        "relative_attention": True,
        "pos_att_type": ["c2p", "p2c"],
        "position_biased_input": False,
        "type_vocab_size": 0,
    },
    "deberta-v2": {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "conv_kernel_size": 3,
        "type_vocab_size": 0,
    },
}

SHARED_TINY = {"albert": {"embedding_size": 8}}
"""Families that share all layers, and can be cut at the ends alone."""


def tiny_folder(folder: Path, family: str = "bert", seed: int = 0) -> Path:
    """A model folder of `family` with random weights and a word-level tokenizer."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    sizes = {} if family == "distilbert" else SIZES
    config = AutoConfig.for_model(
        family, vocab_size=len(vocabulary), **{**sizes, **{**FAMILIES_TINY, **SHARED_TINY}[family]}
    )
    AutoModel.from_config(config).eval().save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["model_type"] == family
    return folder


def tiny_backbone(folder: Path, family: str = "bert", seed: int = 0, max_tokens: int = 32):
    """The loaded backbone of `tiny_folder`."""
    from journeyman.backbones.text_encoder import load_backbone

    path = tiny_folder(Path(folder) / f"tiny-{family}", family, seed)
    spec = {"name": f"tiny-{family}", "licence": "none", "source": "made", "sha256": "0" * 64}
    return load_backbone(path, spec, {"max_tokens": max_tokens})


VISION_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "patch_size": 8,
    "image_size": 32,
}
VISION_TINY = {
    "vit": VISION_SIZES,
    "deit": VISION_SIZES,
    "dinov2": {**VISION_SIZES, "mlp_ratio": 2, "drop_path_rate": 0.1},
    "swin": {
        "embed_dim": 8,
        "depths": [2, 1],
        "num_heads": [2, 2],
        "window_size": 2,
        "patch_size": 4,
        "image_size": 32,
    },
    "convnext": {"hidden_sizes": [8, 16], "depths": [2, 1], "num_stages": 2, "image_size": 32},
    "convnextv2": {"hidden_sizes": [8, 16], "depths": [2, 1], "num_stages": 2, "image_size": 32},
    "efficientnet": {
        "in_channels": [32, 16],
        "out_channels": [16, 24],
        "kernel_sizes": [3, 5],
        "strides": [1, 2],
        "num_block_repeats": [1, 2],
        "expand_ratios": [1, 6],
        "width_coefficient": 0.5,
        "depth_coefficient": 1.0,
        "hidden_dim": 640,
        "image_size": 32,
    },
    "mobilenet_v2": {"depth_multiplier": 0.25, "image_size": 32, "tf_padding": False},
}
"""Families of pictures, by model type."""

INVERTED_TINY = {
    "model_type": "inverted-residual",
    "padding": "same",
    "norm_eps": 1e-3,
    "stochastic_depth": 0.2,
    "stem": {"width": 8, "kernel": 3, "stride": 2},
    "stages": [
        {"repeats": 1, "kernel": 3, "stride": 1, "expansion": 1, "width": 8},
        {"repeats": 2, "kernel": 5, "stride": 2, "expansion": 2, "width": 12},
    ],
    "head": {"width": 20},
}
PIXELS_TINY = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def tiny_vision_folder(folder: Path, family: str = "inverted-residual", seed: int = 0) -> Path:
    """A model folder of a vision family with random weights and statistics, for 32 pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    if family == "inverted-residual":
        _inverted_folder(folder, seed)
    else:
        from transformers import AutoConfig, AutoModel

        model = AutoModel.from_config(AutoConfig.for_model(family, **VISION_TINY[family]))
        _unsettled(model, seed).eval().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PIXELS_TINY))
    return folder


def _inverted_folder(folder: Path, seed: int) -> None:
    from safetensors.torch import save_file

    from journeyman.backbones.inverted_residual import (
        InvertedResidualNetwork,
        InvertedResidualSaid,
    )

    network = InvertedResidualNetwork(InvertedResidualSaid.model_validate(INVERTED_TINY))
    save_file(_unsettled(network, seed).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(INVERTED_TINY))


def _unsettled(model: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """With statistics and norms that are not those of a fresh network."""
    draw = _Draw(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if not tensor.is_floating_point():
            continue
        if tensor.dim() == 1 or tensor.unique().numel() == 1:
            draw.evenly(tensor, 0.5, 1.5)
        else:
            draw.normally(tensor, _size(name, tensor))
    return model


def _size(name: str, tensor: torch.Tensor) -> float:
    """The deviation of weights: of convolutions more than is usual, or pictures fade."""
    if "position" in name:
        return 0.5
    return float(tensor.detach().std()) * (2.0 if tensor.dim() == 4 else 1.0)


class _Draw:
    """Numbers that are the same on every processor: those of torch depend on its instructions."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def evenly(self, tensor: torch.Tensor, low: float, high: float) -> None:
        tensor.data.copy_(torch.from_numpy(self.random.uniform(low, high, tensor.shape)))

    def normally(self, tensor: torch.Tensor, deviation: float) -> None:
        tensor.data.copy_(torch.from_numpy(self.random.normal(0.0, deviation, tensor.shape)))


def tiny_vision(folder: Path, family: str = "inverted-residual", seed: int = 0, **options):
    """The loaded backbone of `tiny_vision_folder`."""
    from journeyman.backbones.text_encoder import load_backbone

    path = tiny_vision_folder(Path(folder) / f"tiny-{family}", family, seed)
    spec = {"name": f"tiny-{family}", "licence": "none", "source": "made", "sha256": "0" * 64}
    return load_backbone(path, spec, options)


RESNET_TINY = {
    "model_type": "rt_detr_resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 12, 16, 20],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
    "out_features": ["stage2", "stage3", "stage4"],
}
HGNET_TINY = {
    "model_type": "hgnet_v2",
    "embedding_size": 8,
    "stem_channels": [3, 8, 8],
    "stage_in_channels": [8, 8, 12, 16],
    "stage_mid_channels": [4, 4, 8, 8],
    "stage_out_channels": [8, 12, 16, 20],
    "stage_num_blocks": [1, 1, 1, 1],
    "stage_downsample": [False, True, True, True],
    "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 5, 5],
    "stage_numb_of_layers": [2, 2, 2, 2],
    "hidden_sizes": [8, 12, 16, 20],
    "depths": [1, 1, 1, 1],
    "out_features": ["stage2", "stage3", "stage4"],
}
DECODER_TINY = {
    "encoder_hidden_dim": 16,
    "encoder_in_channels": [12, 16, 20],
    "encoder_ffn_dim": 24,
    "encoder_attention_heads": 2,
    "d_model": 16,
    "decoder_in_channels": [16, 16, 16],
    "decoder_ffn_dim": 24,
    "decoder_layers": 2,
    "decoder_attention_heads": 2,
    "decoder_n_points": 2,
    "num_queries": 12,
    "num_denoising": 4,
    "hidden_expansion": 0.5,
    "num_labels": 5,
}
DETECTORS_TINY = {
    "yolos": {
        **VISION_SIZES,
        "image_size": [64, 64],
        "num_detection_tokens": 10,
        "use_mid_position_embeddings": True,
        "num_labels": 5,
    },
    "rt_detr": {**DECODER_TINY, "backbone_config": RESNET_TINY},
    "rt_detr_v2": {**DECODER_TINY, "backbone_config": RESNET_TINY, "decoder_method": "default"},
    "d_fine": {
        **DECODER_TINY,
        "backbone_config": HGNET_TINY,
        "max_num_bins": 8,
        "depth_mult": 0.34,
        "lqe_hidden_dim": 8,
    },
}
"""Detectors with a head of their own, by model type."""


def tiny_detector_folder(folder: Path, family: str, seed: int = 0, **said) -> Path:
    """A folder of a whole detector of five classes with random numbers, for 64 pixels."""
    from transformers import AutoConfig, AutoModelForObjectDetection

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    sizes = {**DETECTORS_TINY[family], **said}
    if backbone := sizes.get("backbone_config"):
        kind = {name: value for name, value in backbone.items() if name != "model_type"}
        sizes["backbone_config"] = AutoConfig.for_model(backbone["model_type"], **kind)
    model = AutoModelForObjectDetection.from_config(AutoConfig.for_model(family, **sizes))
    _shaken(model, seed, family).eval().save_pretrained(folder)
    size = {"height": 64, "width": 64}
    (folder / "preprocessor_config.json").write_text(json.dumps({**PIXELS_TINY, "size": size}))
    return folder


def _shaken(model: torch.nn.Module, seed: int, family: str) -> torch.nn.Module:
    """With what starts as nought moved a little, and norms and statistics of some size."""
    draw = _Draw(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
            draw.evenly(tensor, 0.5, 1.5)
        elif tensor.is_floating_point() and tensor.dim() > 1:
            usual = float(tensor.detach().std())
            if family == "d_fine" and tensor.dim() == 4:  # Of its own, pictures fade in it.
                usual = float(1.5 / tensor[0].numel()) ** 0.5
            draw.normally(tensor, (usual**2 + 0.01) ** 0.5)
        elif tensor.is_floating_point() and tensor.numel() > 1:
            moved = tensor.clone()
            draw.normally(tensor, 0.1)
            tensor.data.add_(moved)
    return model


def tiny_detector(folder: Path, family: str, seed: int = 0, **options):
    """The loaded backbone of `tiny_detector_folder`, which knows its folder."""
    from journeyman.backbones.text_encoder import load_backbone

    path = tiny_detector_folder(Path(folder) / f"tiny-{family}", family, seed)
    spec = {"name": f"tiny-{family}", "licence": "none", "source": "made", "sha256": "0" * 64}
    return load_backbone(path, spec, options)


def tiny_pictures(folder: Path, count: int = 3, size: tuple[int, int] = (40, 36)) -> list[Path]:
    """Files of seeded noise, with a smooth part so that resizing leaves something of it."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{at}.png" for at in range(count)]
    for at, path in enumerate(paths):
        draw = np.random.default_rng(at)
        coarse = Image.fromarray(draw.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(path)
    return paths
