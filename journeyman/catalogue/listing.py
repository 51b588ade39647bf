"""What the catalogue offers, as rows to print."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from journeyman.catalogue.entry import Entry, backbone_entries, dataset_entries
from journeyman.catalogue.fetch import receipt_of
from journeyman.catalogue.home import home


@dataclass(frozen=True)
class ListingRow:
    """One entry: `size` is what it takes to fetch, `bytes_on_disk` what lies there now.

    `source` is where it came from when it is on disk, else the sources it would be asked from;
    `modality` is what a backbone reads, and "" of a dataset.
    """

    name: str
    what: str
    size: int
    licence: str
    source: str
    on_disk: bool
    bytes_on_disk: int
    notes: str
    modality: str


def listing(kind: Literal["backbones", "datasets"]) -> list[ListingRow]:
    """Every entry of that kind, in the catalogue's order. Nothing is fetched."""
    entries: Iterable[Entry] = (
        backbone_entries().values() if kind == "backbones" else dataset_entries().values()
    )
    return [_row(entry) for entry in entries]


def _row(entry: Entry) -> ListingRow:
    receipt = receipt_of(entry)
    folder = home() / entry.kind / entry.name
    lying = (
        0 if receipt is None else sum((folder / name).stat().st_size for name in receipt["files"])
    )
    offered = " | ".join(str(source) for source in entry.sources)
    return ListingRow(
        name=entry.name,
        what=entry.what,
        size=entry.size,
        licence=entry.licence,
        source=offered if receipt is None else str(receipt["source"]),
        on_disk=receipt is not None,
        bytes_on_disk=lying,
        notes=" ".join(entry.notes.split()),
        modality=str(getattr(entry, "modality", "")),
    )
