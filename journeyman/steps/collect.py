"""Collect: read, check and split the data."""

from __future__ import annotations

from journeyman.data.collection import Collection
from journeyman.data.options import DataOptions
from journeyman.errors import DataError
from journeyman.files import write_bytes
from journeyman.heads.base import HEADS, SolvedHead
from journeyman.section import Section
from journeyman.sections.collected import collected
from journeyman.training.options import FinetuneOptions
from journeyman.workspace import Workspace


def run(workspace: Workspace) -> Section:
    """Leaves the collection, and quarantine.jsonl with the rows that could not be used."""
    data = workspace.option(DataOptions)
    workspace.collection = workspace.gather(data, workspace.data_folder, keeps_unlabelled=True)
    _require_unlabelled(workspace)
    if not _judges_itself(workspace):
        _require_validation(workspace.collection)
    refused = (workspace.data_folder / "quarantine.jsonl").read_bytes()
    write_bytes(workspace.folder / "quarantine.jsonl", refused)
    return collected(workspace.collection, workspace.schema)


def _judges_itself(workspace: Workspace) -> bool:
    """Whether all is chosen and calibrated by classes that a solved head leaves out in turn."""
    options, task = workspace.option(FinetuneOptions), workspace.task
    head = HEADS[getattr(options.head, "name", task.default_head)]
    tuner = getattr(options.tuner, "name", options.tuner or task.default_tuner)
    alone = tuner == "none" and issubclass(head, SolvedHead)
    return alone and getattr(head, "leaves_out", "row") == "class"


def _require_unlabelled(workspace: Workspace) -> None:
    """Raise where the recipe asks for self-training and every row there is has a label."""
    if not workspace.option(FinetuneOptions).self_training or workspace.without_labels:
        return
    raise DataError(
        "There is nothing to learn from beside the labels.",
        place=f"recipe field finetune.self_training, {workspace.collection.train.source}",
        expected="training rows without a label, or files of texts or pictures in data.unlabelled",
        found="a label in every training row, and no data.unlabelled",
        remedy="name a file: `data: {unlabelled: more.txt}`, or remove finetune.self_training",
    )


def _require_validation(collection: Collection) -> None:
    if len(collection.validation):
        return
    raise DataError(
        "There are no validation rows, by which tuning is chosen.",
        place=collection.train.source,
        expected="classes and groups with rows enough to set some aside",
        found=f"{len(collection.train):,} training rows and nothing to set aside",
        remedy="Give more rows, name a file in data.validation, or check data.group and "
        "collect.fractions.",
    )
