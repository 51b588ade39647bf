"""A training run as it stood at the end of an epoch, in one safetensors file."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from journeyman.errors import ModelError
from journeyman.tensors import read_tensors, write_tensors

STATE = ("exp_avg", "exp_avg_sq", "step")
RANDOM = "random"
CHECKSUM = "checksum"


@dataclass
class Standing:
    """Where a run stands: epochs done, the best so far, and the history of each epoch."""

    epoch: int = 0
    best_score: float | None = None
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    tuner: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    path: Path,
    standing: Standing,
    parameters: Mapping[str, nn.Parameter],
    best: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write everything a resumed run needs to go on as if it had never stopped."""
    tensors = {f"now/{name}": value.detach() for name, value in parameters.items()}
    tensors.update({f"best/{name}": value for name, value in best.items()})
    for name, parameter in parameters.items():
        for part, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer/{part}/{name}"] = torch.as_tensor(value)
    held = {name: v for name, v in standing.tuner.items() if isinstance(v, Tensor)}
    tensors.update({f"tuner/{name}": value for name, value in held.items()})
    said = {name: value for name, value in standing.tuner.items() if name not in held}
    tensors[RANDOM] = torch.get_rng_state()
    about = {**vars(standing), "tuner": said, CHECKSUM: _checksum(tensors)}
    write_tensors(path, tensors, about)


def load_checkpoint(
    path: Path, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[Standing, dict[str, Tensor]]:
    """Put back what `save_checkpoint` wrote; gives the standing and the best parameters.

    Raises ModelError, and changes nothing, when the file is not a whole checkpoint of these
    parameters.
    """
    tensors, about = read_tensors(path)
    _check(path, tensors, about, parameters)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"now/{name}"])
            state = {
                part: tensors[f"optimizer/{part}/{name}"].to(parameter.device)
                for part in STATE
                if f"optimizer/{part}/{name}" in tensors
            }
            if state:
                optimizer.state[parameter] = state
        torch.set_rng_state(tensors[RANDOM])
    about["tuner"].update(_part(tensors, "tuner"))
    return Standing(**about), _part(tensors, "best")


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}/"
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 over the numbers in the order of their names; the file format has none."""
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].detach().cpu().contiguous().numpy().tobytes(), value)
    return value


def _check(
    path: Path,
    tensors: Mapping[str, Tensor],
    about: dict[str, Any],
    parameters: Mapping[str, nn.Parameter],
) -> None:
    shapes = {name: parameter.shape for name, parameter in parameters.items()}
    wanted = {f"{part}/{name}": s for name, s in shapes.items() for part in ("now", "best")}
    found = {n: t.shape for n, t in tensors.items() if n.partition("/")[0] in ("now", "best")}
    fields = set(Standing.__dataclass_fields__)
    whole = about.pop(CHECKSUM, None) == _checksum(tensors) and set(about) == fields
    if found == wanted and whole:
        return
    raise ModelError(
        "A checkpoint is not one of this run.",
        place=str(path),
        expected="a whole checkpoint of the same tuner, head and cut",
        found="other parameters" if found != wanted else "numbers that were changed",
        remedy="delete it: training then starts anew",
    )
