"""Where networks are computed: a CUDA device where there is one, else the processor."""

from __future__ import annotations

import os

import torch

from journeyman.errors import ResourceError

VARIABLE = "JOURNEYMAN_DEVICE"


def best_device() -> torch.device:
    """The device that JOURNEYMAN_DEVICE names, or the CUDA device of this process, or the CPU.

    Processes that share a step take the device of their own number on the machine.
    """
    named = os.environ.get(VARIABLE, "")
    if named:
        return _named(named)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def _named(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _unknown(name, str(error).splitlines()[0]) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise _unknown(name, "no CUDA device that this PyTorch can use")
    return device


def _unknown(name: str, found: str) -> ResourceError:
    return ResourceError(
        f"There is no device {name!r} to compute on.",
        place=VARIABLE,
        expected="cpu, cuda, or cuda and a number",
        found=found,
        remedy=f"unset {VARIABLE}",
    )
