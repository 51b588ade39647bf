"""Tiny random backbones, made in a moment: real transformers folders with a real tokenizer."""

import json
from pathlib import Path

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
