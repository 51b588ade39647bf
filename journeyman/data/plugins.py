"""Modules that register themselves when they are imported: ours, and those of other packages."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points


@cache
def load_plugins(package: str) -> None:
    """Import every module of `package`, and every entry point of the group of the same name."""
    folder = importlib.import_module(package)
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda found: found.name):
        importlib.import_module(f"{package}.{module.name}")
    for entry in entry_points(group=package):
        entry.load()
