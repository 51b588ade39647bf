"""A backbone that a run made itself, on disk: a whole folder in the Hugging Face layout."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import (
    ResolvedBackbone,
    check_folder,
    content_of,
    content_sha256,
)
from journeyman.errors import ModelError
from journeyman.files import write_json, write_text
from journeyman.tensors import write_tensors

TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
)
UNUSED = ("pooler.",)
"""Parts of a checkpoint that no feature comes from."""

CARD = """---
license: {licence}
base_model: {base}
library_name: transformers
---

# {name}

{base}, pretrained further by Journeyman on text without labels (`{method}`). `transformers` loads
this folder as it is.
"""


def write_backbone(
    kind: str, weights: Mapping[str, Tensor], base: ResolvedBackbone, folder: Path, method: str
) -> None:
    """Write weights of the class `kind` of transformers with the config and tokenizer of `base`.

    The folder is written whole beside its place and then takes it.
    """
    with _beside(folder) as beside:
        kept = {name: value for name, value in weights.items() if not name.startswith(UNUSED)}
        write_tensors(beside / "model.safetensors", kept)
        config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
        config["architectures"] = [kind]
        config["dtype"] = "float32"
        config.pop("torch_dtype", None)
        write_json(beside / "config.json", config)
        for path in sorted({path for name in TOKENIZER for path in base.folder.glob(name)}):
            shutil.copyfile(path, beside / path.name)
        name = f"{base.name}-{method}"
        card = CARD.format(licence=base.licence, base=base.name, name=name, method=method)
        write_text(beside / "README.md", card)


def copy_backbone(base: ResolvedBackbone, folder: Path) -> None:
    """Put `base` where a run's own backbone stands, byte for byte: its cached features serve on."""
    with _beside(folder) as beside:
        for path in content_of(base.folder):
            shutil.copyfile(path, beside / path.name)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder to fill, which then takes the place of `folder` whole."""
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        beside.mkdir(parents=True)
        yield beside
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read_backbone(
    folder: Path, base: ResolvedBackbone, method: str, options: Mapping[str, Any]
) -> Backbone:
    """The backbone that a run left in `folder`, with a SHA-256 of its own unless it is `base`."""
    if not folder.is_dir():
        raise _gone(folder)
    check_folder(folder)
    sha256 = content_sha256(folder)
    made = sha256 != base.sha256
    spec = {
        "name": f"{base.name}-{method}" if made else base.name,
        "reference": str(folder),
        "licence": base.licence,
        "source": f"{base.name} pretrained further by {method}" if made else base.source,
        "sha256": sha256,
        "own": str(folder),
    }
    return load_backbone(folder, cast(Mapping[str, str], spec), options)


def _gone(folder: Path) -> ModelError:
    return ModelError(
        "The backbone that the run pretrained is gone.",
        place=str(folder),
        expected="the folder that pretraining left",
        found="no such folder",
        remedy="remove sections/pretrain.json of the run: the step then runs again",
    )
