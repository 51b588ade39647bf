"""The numbers of a run as JSON: `metrics.json` without a clock, `timing.json` with it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from journeyman.files import write_bytes
from journeyman.section import Figure, Matrix, Section
from journeyman.types import Metric

SCHEMA = 1
_CLOCK_UNITS = frozenset({"ns", "µs", "us", "ms", "s", "sec", "second", "seconds", "min"})
_CLOCK_UNITS |= {"minute", "minutes", "h", "hour", "hours", "times faster"}


def metrics_json(
    *,
    task: str,
    backbone: str,
    seed: int | None,
    threads: int | None,
    data: Mapping[str, int],
    test: Mapping[str, Metric],
    slices: Mapping[str, Mapping[str, Mapping[str, Metric]]] | None = None,
    baselines: Mapping[str, Mapping[str, Metric]] | None = None,
    confusion: Matrix | None = None,
    coverage: Sequence[tuple[float, float | None]] = (),
    roc: Sequence[Mapping[str, float]] = (),
    sections: Iterable[Section] = (),
) -> dict[str, Any]:
    """The document of `metrics.json`, schema 1, as plain values.

    `data` counts rows by split; `coverage` pairs coverage with accuracy, `roc` is there where
    rows are compared in pairs. Figures that a clock
    measured differ from run to run and are left to `timing_json`.
    """
    document = {
        "schema": SCHEMA,
        "task": task,
        "backbone": backbone,
        "seed": seed,
        "threads": threads,
        "data": data,
        "test": test,
        "slices": slices or {},
        "baselines": baselines or {},
        "confusion": confusion
        and {"labels": list(confusion.labels), "counts": [list(row) for row in confusion.counts]},
        "coverage": [{"coverage": share, "accuracy": accuracy} for share, accuracy in coverage],
        **({"roc": roc} if roc else {}),
        "steps": _steps(sections, clock=False),
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def timing_json(
    seconds: Mapping[str, float], machine: Mapping[str, Any], sections: Iterable[Section] = ()
) -> dict[str, Any]:
    """The document of `timing.json`: seconds by part, the machine, and the steps' clock figures."""
    plain: dict[str, Any] = _plain(
        {"seconds": seconds, "machine": machine, "steps": _steps(sections, clock=True)}
    )
    return plain


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write `document` atomically, keys sorted, without NaN; same document, same bytes."""
    text = json.dumps(document, allow_nan=False, sort_keys=True, ensure_ascii=False, indent=1)
    write_bytes(path, f"{text}\n".encode("utf-8", errors="backslashreplace"))


def is_clock(figure: Figure) -> bool:
    """Whether a clock measured the figure, told by its mark or by a unit of time or speed."""
    unit = figure.unit.strip().lower()
    return figure.clock or unit in _CLOCK_UNITS or unit.endswith(("/s", "/sec", "per second"))


def _steps(sections: Iterable[Section], clock: bool) -> dict[str, dict[str, Any]]:
    steps: dict[str, dict[str, Any]] = {}
    for section in sections:
        figures = steps.setdefault(section.step, {})
        for figure in section.figures:
            if is_clock(figure) == clock:
                figures[_free(figure.name, figures)] = {
                    "value": figure.value,
                    "low": figure.low,
                    "high": figure.high,
                    "n": figure.n,
                    "unit": figure.unit,
                }
    return {step: figures for step, figures in steps.items() if figures or not clock}


def _free(name: str, taken: Mapping[str, Any]) -> str:
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    return free


def _plain(value: Any) -> Any:
    """`value` in JSON's own types: numbers of numpy unwrapped, not-finite ones null."""
    if isinstance(value, Metric):
        return _plain(value.to_json())
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
