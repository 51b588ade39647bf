"""Columns a recipe leaves out, filled in by looking at the training file."""

from __future__ import annotations

from typing import Any

from journeyman.data.findings import Finding
from journeyman.data.options import DataOptions
from journeyman.data.readers.picture_folder import columns_of
from journeyman.data.readers.registry import READERS, reader_for
from journeyman.data.sniff import sniff
from journeyman.errors import DataError
from journeyman.types import Modality, TargetKind


def resolve(
    source: str, data: DataOptions, kind: TargetKind | None, modality: Modality | None = None
) -> tuple[DataOptions, list[Finding]]:
    """The options with input and target columns named, and a note for each that was guessed.

    Raises DataError when a column cannot be guessed.
    """
    reader = type(reader_for(source, data))
    if reader is READERS["picture-folder"] and data.text is None:
        return data.model_copy(update=columns_of(data)), []
    if reader is READERS["conll"]:
        return data.model_copy(update={"text": "text", "tokens": "tokens", "tags": "tags"}), []
    if data.tags is not None:
        return data.model_copy(update={"text": "text", "tokens": data.tokens or "tokens"}), []
    if data.texts and (data.label or data.soft_label):
        _differ(data, source)
        return data, []
    looked = data.model_copy(update={"train": source, "dataset": None})
    found = sniff(source, looked, modality)
    if found.tags is not None and not data.label:
        update: dict[str, Any] = {
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
            action=f"set data.{'image' if resolved.image else 'text'} and data.label if this is "
            "wrong",
            source=source,
        )
        for reason in found.reasons
    ]
    return resolved, notes


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
        remedy=f"Set data.{what} to one of them." if columns else f"Add a column with the {what}.",
    )
