"""A font for labels of any script, as far as the machine has one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib import font_manager, get_data_path
from matplotlib.ft2font import FT2Font
from PIL import ImageFont


@dataclass(frozen=True)
class Lettering:
    """A font file, and what stands for the labels that it cannot spell."""

    file: Path
    others: dict[str, str] = field(default_factory=dict)

    def font(self, size: int) -> ImageFont.FreeTypeFont:
        """The font, letters about `size` pixels high."""
        return ImageFont.truetype(str(self.file), size)

    def spelled(self, label: str) -> str:
        """The label on one line, or its number among the labels where the font lacks letters."""
        return self.others.get(label, " ".join(label.split()))


def lettering_for(labels: Sequence[str]) -> Lettering:
    """The usual font where it has all letters, else one of the machine's that has the most."""
    wanted = {ord(letter) for label in labels for letter in label if not letter.isspace()}
    best, held = Path(), -1
    for file in _files():
        known = _letters(file)
        if len(wanted & known) > held:
            best, held = file, len(wanted & known)
        if held == len(wanted):
            break
    known = _letters(best)
    others = {
        label: f"#{number}" for number, label in enumerate(labels, 1) if not _spells(known, label)
    }
    return Lettering(best, others)


def _files() -> Iterator[Path]:
    """DejaVu Sans, which matplotlib brings along, then what the machine has."""
    yield Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    found = {entry.fname for entry in font_manager.fontManager.ttflist}
    yield from (Path(name) for name in sorted(found) if Path(name).is_file())


def _letters(file: Path) -> set[int]:
    try:
        return set(FT2Font(str(file)).get_charmap())
    except (OSError, RuntimeError):
        return set()


def _spells(known: set[int], label: Iterable[str]) -> bool:
    return all(ord(letter) in known for letter in label if not letter.isspace())
