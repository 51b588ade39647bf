"""Networks of the transformers library, read from a folder."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from journeyman.errors import ModelError


def read_pretrained(folder: str) -> Any:
    """The network in `folder` without a task's head, in float32, frozen and in evaluation mode.

    Only safetensors on disk are read. Raises ModelError where they cannot be.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            "The backbone's weights cannot be read.",
            place=folder,
            expected="config.json and model.safetensors of a transformers encoder",
            found=str(error).splitlines()[0],
            remedy="fetch the backbone again, or name another folder",
        ) from error
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()
