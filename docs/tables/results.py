"""Results that benchmarks have kept, and lines of Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
DOMAINS = ("tweets", "movie", "amazon", "nyt")


def held_of(name: str) -> dict[str, Any]:
    """What a benchmark has kept, facts of the machine included; nothing before it has run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def figures_of(name: str) -> Any:
    """The figures a benchmark has kept; nothing before it has run."""
    return held_of(name).get("figures", {})


def lined(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    every = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in every)
