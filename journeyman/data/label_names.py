"""What labels are called, as rows to learn from: a text for each label that says what it means.

With few rows of a label its description weighs as much as one of them, with many it hardly counts;
with none it is all there is (Chang et al. 2008, "Importance of semantic representation: dataless
classification").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from journeyman.data.options import DataOptions
from journeyman.types import Row, TargetKind

NAMED: tuple[TargetKind, ...] = ("label", "labels")
"""The kinds of target that labels describe."""


def described(labels: Sequence[str], names: Mapping[str, str] | bool | None) -> dict[str, str]:
    """A description of each label: the given one, else its own name with underscores as spaces."""
    if not names:
        return {}
    given = names if isinstance(names, Mapping) else {}
    return {label: given.get(label) or _spelled(label) for label in labels}


def name_rows(labels: Sequence[str], data: DataOptions, kind: TargetKind) -> list[Row]:
    """A training row for each label, where `data.label_names` asks for them."""
    if kind not in NAMED:
        return []
    column = data.texts[0] if data.texts else "text"
    return [
        {column: data.label_template.format(text), **_target(label, data, kind)}
        for label, text in described(labels, data.label_names).items()
    ]


def _target(label: str, data: DataOptions, kind: TargetKind) -> dict[str, Any]:
    if data.label is not None:
        return {data.label: [label] if kind == "labels" else label}
    return {} if data.soft_label is None else {data.soft_label: {label: 1.0}}


def _spelled(label: str) -> str:
    return " ".join(label.replace("_", " ").split()) or label
