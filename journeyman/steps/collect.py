"""Collect: read, check and split the data."""

from __future__ import annotations

from journeyman.data.collection import Collection
from journeyman.data.options import DataOptions
from journeyman.errors import DataError
from journeyman.files import write_bytes
from journeyman.section import Section
from journeyman.sections.collected import collected
from journeyman.workspace import Workspace


def run(workspace: Workspace) -> Section:
    """Leaves the collection, and quarantine.jsonl with the rows that could not be used."""
    data = workspace.option(DataOptions)
    workspace.collection = workspace.gather(data, workspace.data_folder)
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
