"""A trained learner on disk before it is a model, for a run that goes on from it later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.files import write_text
from journeyman.heads.base import SolvedHead, SolveReport
from journeyman.tasks.base import Array, Schema, Task
from journeyman.tensors import read_tensors, write_tensors
from journeyman.training.assembly import make_learner
from journeyman.training.ledger import Ledger
from journeyman.training.loop import Fitted
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import Trained

FACTS = "trained.json"


def write_trained(folder: Path, trained: Trained) -> None:
    """Write everything of `trained` under `folder`; the facts come last and say it is whole."""
    head = trained.learner.head
    for name in (FACTS, "ledger.safetensors"):
        (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    trained.learner.tuner.save(folder)
    write_tensors(folder / "head.safetensors", head.state_dict())
    if isinstance(head, SolvedHead) and head.holds_statistics:
        write_tensors(folder / "statistics.safetensors", head.statistics())
    if isinstance(head, SolvedHead) and trained.learner.ledger is not None:
        write_tensors(folder / "ledger.safetensors", *trained.learner.ledger.tensors())
    write_tensors(folder / "outputs.safetensors", _joined(trained.outputs))
    facts = {
        "choices": head.choices,
        "calibration": trained.calibration,
        "fitted": None if trained.fitted is None else vars(trained.fitted),
        "solved": None if trained.solved is None else vars(trained.solved),
        "seconds": trained.seconds,
    }
    write_text(folder / FACTS, json.dumps(facts, sort_keys=True))


def read_trained(
    folder: Path,
    task: Task,
    backbone: Backbone,
    schema: Schema,
    options: FinetuneOptions,
    *,
    seed: int,
) -> Trained:
    """What `write_trained` left there of a learner with these options."""
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    learner = make_learner(task, backbone, schema, options, seed=seed)
    learner.tuner.restore(folder)
    head = learner.head
    head.restore(facts["choices"], read_tensors(folder / "head.safetensors")[0])
    statistics = folder / "statistics.safetensors"
    if isinstance(head, SolvedHead) and statistics.is_file():
        head.load_statistics(read_tensors(statistics)[0])
    if (ledger := folder / "ledger.safetensors").is_file():
        learner.ledger = Ledger.from_tensors(*read_tensors(ledger))
    learner.train(False)
    return Trained(
        learner,
        facts["calibration"],
        _fitted(facts["fitted"]),
        _solved(facts["solved"]),
        facts["seconds"],
        _apart(read_tensors(folder / "outputs.safetensors")[0]),
    )


def _fitted(facts: Mapping[str, Any] | None) -> Fitted | None:
    return None if facts is None else Fitted(**{**facts, "history": tuple(facts["history"])})


def _solved(facts: Mapping[str, Any] | None) -> SolveReport | None:
    return None if facts is None else SolveReport(facts["chosen"], tuple(facts["candidates"]))


def _joined(outputs: Any) -> dict[str, Tensor]:
    """Outputs of rows [C], or of the words of each row [W, C], as one matrix and row lengths."""
    lengths = [len(row) if row.ndim > 1 else -1 for row in outputs]
    flat = [np.atleast_2d(row) for row in outputs]
    width = flat[0].shape[1] if flat else 0
    matrix = np.concatenate(flat) if flat else np.zeros((0, width), dtype=np.float32)
    return {"outputs": torch.from_numpy(matrix), "lengths": torch.tensor(lengths)}


def _apart(tensors: Mapping[str, Tensor]) -> list[Array]:
    matrix, rows, at = tensors["outputs"].numpy(), list[Array](), 0
    for length in tensors["lengths"].tolist():
        rows.append(matrix[at] if length < 0 else matrix[at : at + length])
        at += abs(length)
    return rows
