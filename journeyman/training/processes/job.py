"""What a follower needs to have the leader's learner and rows, in a folder that both can read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.picture_inputs import Picture, PictureInputs
from journeyman.backbones.ragged import Ragged
from journeyman.backbones.text_encoder import load_backbone
from journeyman.backbones.text_inputs import TextInputs
from journeyman.errors import JourneymanError
from journeyman.files import write_text
from journeyman.heads.base import HEADS, Head, HeadShape
from journeyman.tasks.base import TASKS, Encoded, Schema
from journeyman.tensors import read_tensors, write_tensors
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.cache.features import CachedFeatures
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.gradients import Gradients
from journeyman.training.learner import Learner
from journeyman.training.options import LoopOptions
from journeyman.tuners.base import TUNERS, Tuner

JOB = "job.json"
ROWS = "rows.safetensors"


def write_job(folder: Path, gradients: Gradients, seed: int) -> None:
    """Write what `read_job` makes the same gradients of."""
    learner, source = gradients.learner, gradients.source
    _check(learner, gradients)
    head = learner.head
    spec = {n: v for n, v in vars(learner.backbone.spec).items() if n not in MEASURED}
    job = {
        "seed": seed,
        "task": learner.task.name,
        "schema": gradients.schema.to_json(),
        "cut": learner.cut,
        "backbone": [learner.backbone.folder, spec, dict(learner.backbone.options)],
        "tuner": [learner.tuner.name, _said(learner.tuner.options), learner.tuner.seed],
        "head": [head.name, _said(head.options), head.seed],
        "shape": head.shape.to_json(),
        "options": gradients.options.model_dump(mode="json", include=set(LoopOptions.model_fields)),
        "cache": str(source.folder) if isinstance(source, CachedFeatures) else None,
        "weights": weights_of(learner),
    }
    inputs = gradients.examples.inputs
    if isinstance(inputs, PictureInputs):
        job["pictures"] = [[str(each), each.view, each.digest] for each in inputs.pictures]
    told = _token_tensors(inputs) if isinstance(inputs, TextInputs) else {}
    write_tensors(folder / ROWS, {**told, **_targets(gradients.encoded)})
    write_text(folder / JOB, json.dumps(job))


def read_job(folder: Path) -> tuple[Gradients, int]:
    """The gradients that `write_job` was given, and the seed of the run."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    options = LoopOptions.model_validate(job["options"])
    place, spec, said = job["backbone"]
    backbone = load_backbone(Path(place), spec, said)
    name, chosen, seed = job["tuner"]
    tuner = TUNERS[name](TUNERS[name].Options.model_validate(chosen), seed)
    if options.dropout is not None and tuner.trains:
        backbone = backbone.dropping(options.dropout)
    name, chosen, seed = job["head"]
    shape = HeadShape.from_json(job["shape"])
    head = HEADS[name](HEADS[name].Options.model_validate(chosen), shape, seed)
    learner = Learner(TASKS[job["task"]](), backbone, tuner, head, job["cut"])
    if weights_of(learner) != job["weights"]:
        raise RuntimeError("the backbone's weights are not those of the process that leads")
    tensors = read_tensors(folder / ROWS)[0]
    inputs: Inputs
    if "pictures" in job:
        inputs = learner.backbone.prepare([Picture(*each) for each in job["pictures"]])
    else:
        inputs = _token_inputs(tensors)
    examples = _examples(inputs, tensors)
    source: FeatureSource = learner.uncached(examples)
    if job["cache"] is not None:
        cache = FeatureCache(Path(job["cache"]))
        source = cache.features(
            learner.backbone, examples.inputs, learner.cut, keep_hidden=learner.keep_hidden
        )
    schema = Schema.from_json(job["schema"])
    return Gradients(learner, schema, examples, source, options), job["seed"]


MEASURED = ("modality", "width", "depth")
"""What a backbone's spec takes from the network itself."""


def weights_of(learner: Learner) -> int:
    """CRC-32 over all that training does not change."""
    trained = {parameter.data_ptr() for parameter in learner.parameters().values()}
    value = 0
    for _, tensor in sorted(learner.backbone.module.state_dict().items()):
        if tensor.data_ptr() not in trained:
            value = zlib.crc32(tensor.contiguous().cpu().numpy().tobytes(), value)
    return value


def _check(learner: Learner, gradients: Gradients) -> None:
    """Only what a follower can make anew: a learner of this room, and a tuner without steps."""
    reason = None
    if type(learner) is not Learner or not learner.backbone.folder:
        reason = "this kind of training"
    elif type(learner.tuner).after_step is not Tuner.after_step:
        reason = f"the tuner {learner.tuner.name}, which changes from step to step"
    elif type(learner.head).begin is not Head.begin:
        reason = f"the head {learner.head.name}, which starts from the backbone"
    elif not isinstance(gradients.examples.inputs, TextInputs | PictureInputs):
        reason = "inputs other than texts and pictures"
    if reason is not None:
        raise JourneymanError(
            "The rows of a step cannot be shared between processes here.",
            place=f"{gradients.options.field}.processes",
            expected=f"1, because of {reason}",
            found=str(gradients.options.processes),
            remedy=f"remove {gradients.options.field}.processes",
        )


def _said(options: Any) -> dict[str, Any]:
    said: dict[str, Any] = options.model_dump(mode="json", exclude={"name"})
    return said


def _token_tensors(inputs: TextInputs) -> dict[str, Tensor]:
    none = np.zeros(0, dtype=np.int32)
    parts = {name: Ragged.of(list(getattr(inputs, name)), none) for name in ("ids", "types")}
    tensors = {f"{name}/values": torch.from_numpy(part.values) for name, part in parts.items()}
    tensors.update({f"{name}/starts": torch.from_numpy(p.starts) for name, p in parts.items()})
    if inputs.sources is not None:
        tensors["sources"] = torch.from_numpy(inputs.sources.view(np.int64))
    return {**tensors, "padding": torch.tensor([inputs.padding_id])}


def _targets(encoded: Encoded) -> dict[str, Tensor]:
    if isinstance(encoded.rows, Tensor):
        return {"targets": encoded.rows}
    lengths = torch.tensor([len(row) for row in encoded.rows])
    return {"targets": torch.cat(list(encoded.rows)), "lengths": lengths}


def _token_inputs(tensors: dict[str, Tensor]) -> TextInputs:
    ids, types = (
        Ragged(tensors[f"{name}/values"].numpy(), tensors[f"{name}/starts"].numpy())
        for name in ("ids", "types")
    )
    nothing = Ragged(ids.values[:0], np.zeros(len(ids) + 1, dtype=np.int64))
    sources = tensors["sources"].numpy().view(np.uint64) if "sources" in tensors else None
    return TextInputs(ids, types, nothing, nothing, int(tensors["padding"]), sources)


def _examples(inputs: Inputs, tensors: dict[str, Tensor]) -> Examples:
    targets = tensors["targets"]
    rows: Tensor | Sequence[Tensor] = targets
    if "lengths" in tensors:
        rows = torch.split(targets, tensors["lengths"].tolist())
    count = len(inputs)
    return Examples([""] * count, inputs, [None] * count, Encoded(rows))
