"""The contest with the usual stack, and every tuner on the same rows."""

from __future__ import annotations

from typing import Any

from docs.tables.results import figures_of, held_of, lined

PEERS_HEAD = (
    "who",
    "test accuracy, %",
    "reference less it, points",
    "wall s",
    "times the reference's",
    "processor s",
    "peak MB",
    "seeds",
    "choosing, s",
)
TUNERS_HEAD = ("rows", "tuner", "test figure", "learning, s", "trained parameters", "tuner on disk")


def peers_table() -> str:
    """The contest's standings under a heading; nothing before it has run."""
    figures = figures_of("peers")
    if not figures:
        return ""
    rows, threads = figures["rows"], figures["threads"]
    return (
        f"## Beside the usual stack\n\n`{figures['dataset']}`, {rows['train']:,} training, "
        f"{rows['validation']:,} validation and {rows['test']:,} test rows, {threads} "
        f"thread{'s' * (threads > 1)}, `python -m benchmarks.peers`. The reference is "
        "`journeyman ridge`, from an empty cache; times it are of the same processor and day.\n\n"
        + lined(PEERS_HEAD, map(_peer, figures["standings"]))
        + "\n"
    )


def _peer(entry: dict[str, Any]) -> tuple[str, ...]:
    apart = entry.get("reference less it")
    difference = ""
    if apart:
        value, low, high = (100 * apart[name] for name in ("value", "low", "high"))
        difference = f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
    return (
        entry["contestant"],
        f"{100 * entry['accuracy']['value']:.2f}",
        difference,
        f"{entry['seconds']:,.0f}",
        f"{entry['times the reference']:.1f}",
        f"{entry['processor_seconds']:,.0f}",
        f"{entry['peak_mb']:,.0f}",
        _seeds(entry),
        f"{entry['choosing seconds']:,.0f}" if entry["choosing seconds"] else "",
    )


def _seeds(entry: dict[str, Any]) -> str:
    count = len(entry["processors"])
    return f"{entry['seeds']}, on {count} processors" if count > 1 else str(entry["seeds"])


def tuners_table() -> str:
    """Every tuner on the same rows, under a heading; nothing before they have run."""
    held = held_of("tuners")
    if not held:
        return ""
    figures = held["figures"]
    first = figures["runs"][0]
    return (
        f"## Every tuner on the same rows\n\nMiniLM and a linear head, files of at most "
        f"{figures['rows at most']:,} rows ({first['training rows']:,} to learn from), seeds: "
        f"{figures['table'][0]['seeds']}, empty cache, each tuner's own cut: "
        f"`python -m benchmarks.tuners`, threads: {held['machine']['threads']}. The figure is "
        f"accuracy on banking77, macro-F1 on snippets. [Choosing a tuner](tuners.md).\n\n"
        + lined(TUNERS_HEAD, map(_tuner, figures["table"]))
        + "\n"
    )


def _tuner(line: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"`{line['data']}`",
        f"`{line['tuner']}`",
        f"{line['figure']:.3f}",
        f"{line['learning seconds']:,.0f}",
        f"{line['trained parameters']:,.0f}",
        f"{line['tuner bytes'] / 1e6:.3f} MB",
    )
