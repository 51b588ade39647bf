"""What a warm start saves in labels: tweets and films to product reviews."""

from __future__ import annotations

import statistics
from typing import Any

from docs.tables.results import held_of, lined

WARM, PLAIN = "this run's model", "plain backbone"
HEAD = ("labels", "warm start", "plain backbone", "labels the plain backbone needs for as much")


def table() -> str:
    """Macro-F1 by labels, with and without the warm start; nothing before it has run."""
    held = held_of("transfer")
    if not held:
        return ""
    runs, threads = held["figures"]["runs"], held["machine"]["threads"]
    lines = []
    for at, count in enumerate(point["labels"] for point in runs[0]["curves"][WARM]):
        warm, plain = (_mean(runs, who, at) for who in (WARM, PLAIN))
        lines.append((f"{count:,}", f"{warm:.3f}", f"{plain:.3f}", _needed(runs, at)))
    seconds = ", ".join(f"{run['whole seconds']:.0f}" for run in runs)
    return (
        f"Macro-F1 on {_rows(runs[0])} product reviews by labelled ones, "
        f"mean of {len(runs)} seeds and of the draws of each, the head solved "
        f"(`python -m benchmarks.transfer`; {threads} thread{'s' * (threads > 1)}, the source "
        f"included {seconds} s):\n\n{lined(HEAD, lines)}\n"
    )


def row(figures: Any) -> tuple[str, str, str]:
    """At the fewest labels, and at 128."""
    runs = figures["runs"]
    counts = [point["labels"] for point in runs[0]["curves"][WARM]]
    chosen = [at for at, count in enumerate(counts) if count in (8, 128)]
    asked = " and ".join(str(counts[at]) for at in chosen)
    what = f"`snippets`, tweets and films to product reviews, macro-F1 with {asked} labels; "
    what += f"mean of {len(runs)} seeds"
    warm, plain = (
        ", ".join(f"{_mean(runs, who, at):.3f}" for at in chosen) for who in (WARM, PLAIN)
    )
    needed = ", ".join(_needed(runs, at) for at in chosen)
    return what, f"warm start {warm}", f"plain backbone {plain}, which needs {needed} for as much"


def _mean(runs: list[Any], who: str, at: int) -> float:
    return statistics.mean(float(run["curves"][who][at]["metric"]["value"]) for run in runs)


def _needed(runs: list[Any], at: int) -> str:
    """By seed; more than there are where a seed's plain curve never comes as far."""
    saved = [next((s for s in run["labels saved"] if s["labels"] == _count(run, at)), None)
             for run in runs]  # fmt: skip
    told = [each["needed"] for each in saved if each is not None]
    if any(each is None for each in told):
        return "more than there are"
    return f"{statistics.mean(told):,.0f}"


def _rows(run: Any) -> int:
    return int(run["curves"][WARM][0]["metric"]["n"])


def _count(run: Any, at: int) -> int:
    return int(run["curves"][WARM][at]["labels"])
