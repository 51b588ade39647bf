"""Collect: read, check and split the data."""

from __future__ import annotations

from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.collection import Collection, collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.errors import DataError
from journeyman.files import write_bytes
from journeyman.section import Section
from journeyman.sections.collected import collected
from journeyman.tasks.base import TASKS
from journeyman.workspace import Workspace


def run(workspace: Workspace) -> Section:
    """Leaves the collection, and quarantine.jsonl with the rows that could not be used."""
    data = workspace.option(DataOptions)
    files = None
    if data.dataset is not None:
        found = resolve_dataset(data.dataset)
        files = found.files
        said = data.model_dump(exclude_unset=True, exclude_none=True)
        data = DataOptions(**{**found.columns, **said})
    workspace.collection = collect(
        data,
        workspace.option(CollectOptions),
        folder=workspace.data_folder,
        seed=workspace.seed,
        files=files,
        kind=TASKS[workspace.task_name].kind if workspace.task_name else None,
    )
    _require_validation(workspace.collection)
    refused = (workspace.data_folder / "quarantine.jsonl").read_bytes()
    write_bytes(workspace.folder / "quarantine.jsonl", refused)
    return collected(workspace.collection, workspace.schema)


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
