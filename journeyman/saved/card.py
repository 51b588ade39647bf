"""The model card: what a model is and how well it did, with the hub's metadata on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from journeyman.tasks.base import TASKS, model_of


def model_card(manifest: Mapping[str, Any]) -> str:
    """README.md of a model folder, in the format of the model hub."""
    about, backbone = manifest["about"], manifest["backbone"]
    asked = "photo.jpg" if TASKS[manifest["task"]].modality == "image" else "a text"
    lines = [
        f"# {manifest['name']}",
        "",
        f"{model_of(manifest['task'])}: {backbone['name']} ({backbone['licence'] or 'no licence'}),"
        f" tuner `{manifest['tuner']['name']}` above layer {manifest['cut']},"
        f" head `{manifest['head']['name']}`. Version `{manifest['version']}`.",
        "",
        *_labels(manifest),
        *_figures(about),
        "## Use",
        "",
        "```python",
        "import journeyman",
        "",
        'model = journeyman.load("path/to/this/folder")',
        f'model.predict(["{asked}"])',
        "```",
        "",
        "## Limits",
        "",
        _limits(about),
        "",
    ]
    metadata = {
        "library_name": "journeyman",
        "pipeline_tag": TASKS[manifest["task"]].pipeline,
        "base_model": backbone["name"],
        "tags": ["journeyman", manifest["task"]],
        **({"license": str(backbone["licence"]).lower()} if backbone["licence"] else {}),
    }
    return f"---\n{yaml.safe_dump(metadata, sort_keys=True)}---\n" + "\n".join(lines)


def _labels(manifest: Mapping[str, Any]) -> list[str]:
    said = manifest["schema_of_targets"]
    if TASKS[manifest["task"]].kind == "identity":
        count = len(said["labels"])
        return [f"Tells people apart, also those it has not seen; learned from {count}.", ""]
    if not said["labels"]:
        low, high = said["range"] or (None, None)
        return [f"Predicts a number; training values lay between {low:g} and {high:g}.", ""]
    shown = ", ".join(f"`{label}`" for label in said["labels"][:20])
    more = len(said["labels"]) - 20
    return [f"Labels: {shown}{f' and {more} more' if more > 0 else ''}.", ""]


def _limits(about: Mapping[str, Any]) -> str:
    if "descriptions" in (about.get("rows") or {}):
        return (
            "It was made of descriptions of its labels alone. Nothing was measured, and its"
            " probabilities are not calibrated: measure it with `journeyman evaluate` before"
            " anything hangs on it."
        )
    return (
        "The figures hold for rows like those it was measured on. Its probabilities are calibrated"
        " on validation rows of the same source; on other data, measure again with"
        " `journeyman evaluate`."
    )


def _figures(about: Mapping[str, Any]) -> list[str]:
    test = about.get("test") or {}
    if not test:
        return []
    rows = [
        f"| {name} | {_number(m['value'])} | {_number(m['low'])} to {_number(m['high'])} "
        f"| {m['n']} |"
        for name, m in test.items()
    ]
    return [
        "## Test figures",
        "",
        "Rows that chose nothing; intervals at 95 %.",
        "",
        "| metric | value | interval | rows |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
