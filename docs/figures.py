"""Writes the tables of figures from benchmarks/results into both READMEs and the pages of docs.

`docs/tables/` has one file a subject.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.tables import (
    backbones,
    contest,
    distil,
    drift,
    forgetting,
    pretraining,
    rows,
    transfer,
)

ROOT = Path(__file__).parent.parent
TABLES: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("README.md", "figures", lambda: f"{rows.table('en')}\n"),
    ("README.zh-CN.md", "figures", lambda: f"{rows.table('zh')}\n"),
    ("docs/figures.md", "figures", lambda: f"{rows.table('en')}\n"),
    ("docs/figures.md", "peers", contest.peers_table),
    ("docs/figures.md", "tuners", contest.tuners_table),
    ("docs/backbones.md", "backbones", backbones.table),
    ("docs/pretraining.md", "pretraining", pretraining.table),
    ("docs/transfer.md", "transfer", transfer.table),
    ("docs/transfer.md", "distil", distil.table),
    ("docs/watching.md", "drift", drift.table),
    ("docs/forgetting.md", "classes", forgetting.classes_table),
    ("docs/forgetting.md", "domains", forgetting.domains_table),
)
"""Page, the name its markers have, and what goes between them."""


def write() -> None:
    """Put the tables between the markers of each page."""
    for page, name, tell in TABLES:
        path, begin, end = ROOT / page, f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, rest = path.read_text(encoding="utf-8").split(begin)
        path.write_text(f"{head}{begin}\n{tell()}{end}{rest.split(end)[1]}", encoding="utf-8")


if __name__ == "__main__":
    write()
