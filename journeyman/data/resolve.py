"""Columns a recipe leaves out, filled in by looking at the training file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeyman.data.findings import Finding
from journeyman.data.options import DataOptions
from journeyman.data.readers.box_columns import BOX_FORMATS, box_columns
from journeyman.data.readers.picture_folder import columns_of
from journeyman.data.readers.registry import READERS, reader_for
from journeyman.data.sniff import sniff
from journeyman.errors import DataError
from journeyman.types import Modality, TargetKind

_TARGETS: Mapping[TargetKind, str] = {
    "label": "a label", "labels": "labels", "value": "a number", "tags": "tags", "boxes": "boxes",
    "identity": "whom they show",
}  # fmt: skip
_PLAIN: tuple[TargetKind, ...] = ("label", "labels", "value", "tags", "identity")


def resolve(
    source: str, data: DataOptions, kind: TargetKind | None, modality: Modality | None = None
) -> tuple[DataOptions, list[Finding]]:
    """The options with input and target columns named, and a note for each that was guessed.

    Raises DataError when a column cannot be guessed.
    """
    known = _known(source, data, kind)
    if known is not None:
        return known, []
    looked = data.model_copy(update={"train": source, "dataset": None})
    found = sniff(source, looked, modality, kind)
    if kind == "boxes":
        _require(found.boxes, "boxes", found.columns, source)
    if found.boxes is not None:
        update: dict[str, Any] = {"image": found.image, "boxes": found.boxes}
    elif found.tags is not None and not data.label:
        update = {
            "text": "text",
            "tokens": found.tokens,
            "tags": found.tags,
        }
    else:
        update = {
            "text": data.text or found.text,
            "image": data.image or found.image,
            "label": data.label or (None if data.soft_label else found.label),
            "label_separator": data.label_separator
            or (found.label_separator if kind in (None, found.kind) else None),
        }
        given = update["image"] or update["text"]
        _require(given, "image" if modality == "image" else "text", found.columns, source)
        spare = tuple(name for name in found.columns if name != given)
        _require(update["label"] or data.soft_label, "label", spare, source)
    resolved = data.model_copy(update=update)
    _differ(resolved, source)
    notes = [
        Finding(
            name="guessed_column",
            severity="note",
            count=1,
            detail=reason,
            action=f"set data.{'image' if resolved.image else 'text'} and "
            f"data.{'boxes' if resolved.boxes else 'label'} if this is wrong",
            source=source,
        )
        for reason in found.reasons
    ]
    return resolved, notes


def _known(source: str, data: DataOptions, kind: TargetKind | None) -> DataOptions | None:
    """The columns that the format or the recipe says; None where they are to be guessed."""
    reader = type(reader_for(source, data))
    if reader in map(READERS.__getitem__, BOX_FORMATS):
        _require_kind(kind, ("boxes",), "boxes", source)
        return data.model_copy(update=box_columns(data))
    if reader is READERS["picture-folder"] and data.text is None:
        _require_kind(kind, _PLAIN, "a class for each picture", source)
        return data.model_copy(update=columns_of(data))
    if reader is READERS["conll"]:
        return data.model_copy(update={"text": "text", "tokens": "tokens", "tags": "tags"})
    if data.tags is not None:
        return data.model_copy(update={"text": "text", "tokens": data.tokens or "tokens"})
    if data.boxes is not None:
        _require_kind(kind, ("boxes",), "boxes", source)
        return data
    if data.texts and (data.label or data.soft_label):
        _differ(data, source)
        return data
    return None


def _require_kind(
    kind: TargetKind | None, fits: tuple[TargetKind, ...], held: str, source: str
) -> None:
    """Raise where the task's targets are of another kind than the rows can have."""
    if kind is None or kind in fits:
        return
    raise DataError(
        "The rows hold other targets than the task learns.",
        place=source,
        expected=f"rows with {_TARGETS[kind]}",
        found=held,
        remedy="Name another task, or leave `task` out.",
    )


def _differ(data: DataOptions, source: str) -> None:
    if data.label is None or data.label not in data.texts:
        return
    field = "text" if data.image is None else "image"
    raise DataError(
        f"The {data.noun} and the label are the same column {data.label!r}.",
        place=f"{source}, recipe fields data.{field} and data.label",
        expected="two different columns",
        found=data.label,
        remedy="Name the label's own column in data.label.",
    )


def _require(name: str | None, what: str, columns: tuple[str, ...], source: str) -> None:
    if name is not None:
        return
    raise DataError(
        f"No column of the file looks like the {what}.",
        place=source,
        expected=f"a column named in data.{what}",
        found=f"columns {', '.join(columns[:30])}" if columns else "no other column",
        remedy=(f"Set data.{what} to one of them." if columns else f"Add a column with the {what}.")
        + (what == "label") * " Without any label, `journeyman zero-shot` makes a first model.",
    )
