"""What a run finished, a line each, so that running it again goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from journeyman.files import write_text

FILE = "journal.jsonl"


@dataclass(frozen=True)
class Journal:
    """The journal of the run in `folder`; a line torn by a kill counts as not written."""

    folder: Path

    def finished(self, step: str, key: str) -> bool:
        """Whether `step` was finished under this very key."""
        return bool(self.facts(step, key))

    def facts(self, step: str, key: str) -> dict[str, Any]:
        """The newest line of `step` under `key`; empty when there is none."""
        lines = [
            line for line in self._lines() if (line.get("step"), line.get("key")) == (step, key)
        ]
        return lines[-1] if lines else {}

    def steps(self) -> list[tuple[str, dict[str, Any]]]:
        """What was finished, in that order: each step with its line."""
        return [(str(line.get("step")), line) for line in self._lines()]

    def finish(self, step: str, key: str, **facts: Any) -> None:
        """Note that `step` is done under `key`."""
        self._write([*self._lines(), {"step": step, "key": key, **facts}])

    def forget(self, steps: Iterable[str]) -> None:
        """Strike out every line of `steps`: what they left is about to be replaced."""
        struck = set(steps)
        kept = [line for line in self._lines() if line.get("step") not in struck]
        self._write(kept)

    def _write(self, lines: list[dict[str, Any]]) -> None:
        told = [json.dumps(line, sort_keys=True, ensure_ascii=False) for line in lines]
        write_text(self.folder / FILE, "".join(f"{line}\n" for line in told))

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = (self.folder / FILE).read_text(encoding="utf-8")
        except OSError:
            return []
        lines = []
        for line in text.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
        return lines


def key_of(*parts: Any) -> str:
    """A hash of everything a step's result depends on, the program's own version included."""
    text = json.dumps([version("journeyman"), *parts], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()


def file_digest(path: str) -> str:
    """SHA-256 of a file, or over all files of a folder; the name itself of anything else."""
    target = Path(path)
    if target.is_dir():
        files = sorted(p for p in target.rglob("*") if p.is_file())
        return key_of([[str(p.relative_to(target)), file_digest(str(p))] for p in files])
    if not target.is_file():
        return path
    with target.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
