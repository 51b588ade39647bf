"""Who takes part, and with what settings: read from settings.toml, which is committed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("settings.toml")


@dataclass(frozen=True)
class Contestant:
    """One row of the table; `seeds` is fewer than the contest's."""

    name: str
    runs: str
    fixed: dict[str, Any] = field(default_factory=dict)
    grid: tuple[dict[str, Any], ...] = ({},)
    seeds: int | None = None


@dataclass(frozen=True)
class Contest:
    """What all contestants share, and who they are."""

    backbone: str
    threads: int
    seeds: int
    split_seed: int
    validation: float
    reference: str
    contestants: tuple[Contestant, ...]


def read_settings(path: Path = FILE) -> Contest:
    """The contest of a settings file."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    contestants = []
    for entry in content["contestant"]:
        grid = tuple(entry.pop("grid", ({},)))
        contestants.append(Contestant(**entry, grid=grid))
    return Contest(**content["contest"], contestants=tuple(contestants))
