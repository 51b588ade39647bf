"""Tensors on disk as safetensors: the same tensors give the same bytes, and no pickle is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from journeyman.errors import ModelError
from journeyman.files import write_bytes

METADATA_KEY = "journeyman"
"""The one metadata key: the order of several is not fixed by the format's writer."""


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None
) -> None:
    """Write named tensors, and JSON values about them, atomically."""
    ready = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    metadata = {"format": "pt"} if about is None else {METADATA_KEY: _json(about)}
    write_bytes(path, save(ready, metadata=metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The named tensors in memory of their own, and the values about them."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in sorted(file.keys())}
            about = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(
            "A file of tensors cannot be read.",
            place=str(path),
            expected="a whole safetensors file",
            found=str(error).splitlines()[0],
            remedy="make the model again, or restore the file from a copy",
        ) from error
    return tensors, about


def _json(about: Mapping[str, Any]) -> str:
    return json.dumps(about, sort_keys=True, allow_nan=False)
