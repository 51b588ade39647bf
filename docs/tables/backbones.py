"""The text backbones of the catalogue on the same rows."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from docs.tables.results import held_of, lined
from journeyman.catalogue.entry import backbone_entries

TOGETHER = "together"
HEAD = ("backbone", "what", "MB to fetch", "`banking77`", "whole run, s", "cache filled, s")


def table() -> str:
    """Accuracy and seconds of the solved head on each, frozen; nothing before it has run."""
    held = held_of("ensemble_intents")
    if not held:
        return ""
    runs, threads = held["figures"]["runs"], held["machine"]["threads"]
    lines = []
    for name, entry in backbone_entries().items():
        if entry.modality == "text":
            size = f"{entry.size / 1e6:,.0f}"
            lines.append((f"`{name}`", entry.what, size, *_told(held["figures"], name)))
    lines.append(
        (TOGETHER, "the mean of what they hold probable", "", *_told(held["figures"], TOGETHER))
    )
    command = f"python -m benchmarks.ensembles intents {len(runs)} threads={threads} "
    return (
        f"Test accuracy of the solved head on frozen layers, mean of {len(runs)} seeds, whole runs "
        f"on {threads} thread{'s' * (threads > 1)} of a machine with other work "
        f"(`{command}collect.fractions.exam=0`):\n\n{lined(HEAD, lines)}\n"
    )


def row(figures: Any) -> tuple[str, str, str]:
    """The most accurate of them, beside the others and all together."""
    means = {name: by["all"] for name, by in figures["mean"].items()}
    best = max((name for name in means if name != TOGETHER), key=lambda name: means[name])
    what = "`banking77`, test accuracy of the solved head on the frozen layers of each backbone; "
    what += f"mean of {len(figures['runs'])} seeds"
    others = (f"{name} {100 * means[name]:.1f} %" for name in means if name != best)
    return what, f"{best} {100 * means[best]:.1f} %", "; ".join(others)


def _told(figures: Mapping[str, Any], name: str) -> tuple[str, str, str]:
    """Accuracy, seconds of the first run, which found nothing in the cache, and of later ones."""
    if name not in figures["mean"]:
        return "", "", ""
    first, *later = (run[name]["seconds"] for run in figures["runs"])
    warm = f"{statistics.mean(later):,.0f}" if later else ""
    return f"{100 * figures['mean'][name]['all']:.1f} %", f"{first:,.0f}", warm
