"""The folder of an adapter as PEFT writes and reads it: adapter_config.json and its tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from journeyman.errors import ModelError
from journeyman.files import write_text
from journeyman.tensors import read_tensors, write_tensors

FOLDER = "adapter"
CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT puts before the name that a module has in the network."""
ADAPTER = "default"
"""PEFT's name for the one adapter of a network; it is not saved."""


def write_adapter(folder: Path, config: Any, tensors: Mapping[str, Tensor], **instead: Any) -> None:
    """Write adapter/ under `folder`; `instead` are values that replace those of the PEFT config.

    The same values give the same bytes: sets are written as sorted lists.
    """
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    write_tensors(target / TENSORS, tensors)
    values = {**config.to_dict(), **instead, "inference_mode": True}
    text = json.dumps(_plain(values), indent=2, sort_keys=True, default=str)
    write_text(target / CONFIG, text + "\n")


def read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config and the tensors of adapter/ under `folder`."""
    path = folder / FOLDER / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            "An adapter's config cannot be read.",
            place=str(path),
            expected="the JSON object that was saved",
            found=str(error).splitlines()[0],
            remedy="restore the model folder from a copy, or make the model again",
        ) from error
    return config, read_tensors(folder / FOLDER / TENSORS)[0]


def saved_name(name: str) -> str:
    """PEFT's name in a file for a parameter's name in a network."""
    return PREFIX + name.replace(f".{ADAPTER}.", ".").removesuffix(f".{ADAPTER}")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: sorted(value) if isinstance(value, set) else getattr(value, "value", value)
        for name, value in values.items()
    }
