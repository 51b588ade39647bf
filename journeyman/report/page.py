"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from journeyman.files import write_bytes
from journeyman.report.budget import BUDGETS, Budget, trimmed, trimmed_header
from journeyman.report.charts.drawings import Drawings
from journeyman.report.charts.picture import Picture, picture
from journeyman.report.header import VERBS, ReportHeader
from journeyman.report.highlight import cut_at, highlight
from journeyman.report.numbers import finite, measured, number, with_unit
from journeyman.section import Chart, Example, Figure, Matrix, Section, Suspect

Grouped = TypeVar("Grouped", Example, Suspect)

LIMIT = 3_000_000
"""Bytes a page may have; charts and examples give way before it is exceeded."""

_TEMPLATES = Path(__file__).parent / "templates"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_VERB_WORDS = {
    "collect": "check and split the data",
    "pretrain": "load a backbone",
    "finetune": "learn the task",
    "transfer": "carry over",
    "adapt": "learn on, forget nothing",
    "reason": "rules beside learning",
    "explain": "say why",
}


@dataclass(frozen=True)
class Stage:
    """One verb on the journey: whether it ran, and the anchor of its section where it has one."""

    verb: str
    words: str
    ran: bool
    anchor: str


@dataclass(frozen=True)
class Chapter:
    """A section with what is drawn for it; `anchor` is unique on the page."""

    anchor: str
    section: Section
    pictures: tuple[tuple[Chart | Matrix, Picture], ...]
    groups: tuple[tuple[str, tuple[Example, ...]], ...]
    doubts: tuple[tuple[str, tuple[Suspect, ...]], ...]


def render(header: ReportHeader, sections: Sequence[Section], before: str = "") -> str:
    """The whole page, under `LIMIT` bytes; the same input gives the same page.

    Charts that the page `before` shows of the same numbers are taken over from it.
    """
    drawings = Drawings(before)
    sections = [_clean(section) for section in sections]
    header = trimmed_header(_clean(header))
    for budget in BUDGETS:
        page = _page(header, sections, budget, drawings)
        if _size(page) < LIMIT:
            return page
    kept = list(sections)
    while kept and _size(page) >= LIMIT:
        kept.pop()
        left_out = f"{len(sections) - len(kept)} sections are left out to keep this page small."
        page = _page(header, kept, BUDGETS[-1], drawings, notice=left_out)
    return page


def write(path: Path, header: ReportHeader, sections: Sequence[Section], before: str = "") -> None:
    """Render the page into `path`, atomically; `before` is as `render` has it."""
    write_bytes(Path(path), render(header, sections, before).encode())


def _size(page: str) -> int:
    return len(page.encode())


def _page(
    header: ReportHeader,
    sections: Sequence[Section],
    budget: Budget,
    drawings: Drawings,
    notice: str = "",
) -> str:
    parts = [trimmed(section, budget) for section in sections]
    chapters = [_chapter(i, part, drawings) for i, part in enumerate(parts, start=1)]
    anchors: dict[str, str] = {}
    for chapter in chapters:
        anchors.setdefault(chapter.section.step, chapter.anchor)
    stages = [
        Stage(verb, _VERB_WORDS[verb], verb in header.steps, anchors.get(verb, ""))
        for verb in VERBS
    ]
    baselines = header.baselines and picture(_ours(header.baselines), "baselines", drawings)
    template = _environment().get_template("page.html.j2")
    return template.render(
        header=header,
        findings=header.findings or _first_words(sections, "collect"),
        baselines=baselines,
        chapters=chapters,
        stages=stages,
        notice=notice,
        css=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
    )


def _ours(chart: Chart) -> Chart:
    """`chart` with the model itself highlighted: the bar or series named so, or "This model"."""
    names = [str(x) for s in chart.series for x in s.x] + [s.name for s in chart.series]
    own = next((name for name in names if name.casefold() == "this model"), "")
    return chart if chart.highlight else chart.model_copy(update={"highlight": own})


def _first_words(sections: Sequence[Section], step: str) -> tuple[str, ...]:
    return next((s.prose[:1] for s in sections if s.step == step), ())


def _chapter(index: int, section: Section, drawings: Drawings) -> Chapter:
    slug = re.sub("[^a-z0-9]+", "-", section.step.lower()).strip("-")
    anchor = f"s{index}-{slug}".rstrip("-")
    return Chapter(
        anchor,
        section,
        tuple((c, picture(c, f"{anchor}-c{i}", drawings)) for i, c in enumerate(section.charts)),
        _grouped(section.examples),
        _grouped(section.suspects),
    )


def _grouped(parts: Sequence[Grouped]) -> tuple[tuple[str, tuple[Grouped, ...]], ...]:
    """What is shown, by its group, in the order in which groups come up."""
    groups: dict[str, list[Grouped]] = {}
    for part in parts:
        groups.setdefault(part.group, []).append(part)
    return tuple((name, tuple(group)) for name, group in groups.items())


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number,
        unit=with_unit,
        highlight=highlight,
        cut_at=cut_at,
        measured=_measured,
        svg=Markup,
    )
    environment.tests["numeric"] = lambda value: finite(value) is not None
    return environment


def _measured(figure: Figure) -> tuple[str, str]:
    return measured(figure.value, figure.low, figure.high, figure.unit)


def _clean(part: Any) -> Any:
    """`part` (a pydantic object) without characters that no page may hold."""
    return type(part).model_validate(_printable(part.model_dump()))


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNPRINTABLE.sub("\ufffd", value.encode("utf-8", "replace").decode())
    if isinstance(value, dict):
        return {_printable(name): _printable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_printable(part) for part in value)
    return value
