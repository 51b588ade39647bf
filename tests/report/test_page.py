"""The page as a browser and a reader meet it."""

from __future__ import annotations

import functools
import itertools
import re
from html.parser import HTMLParser

import pytest
import report_samples

from journeyman.errors import ResourceError
from journeyman.report.header import VERBS, ReportHeader
from journeyman.report.numbers import finite, measured
from journeyman.report.page import LIMIT, render, write
from journeyman.section import Chart, Example, Figure, Grid, Matrix, Section, Series

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = (
    "</script><script>alert('x')</script>\"'><img src=x onerror=alert(1)>$\\frac{&amp;\x00\ud800"
)
EMPTY = ReportHeader(name="empty", task="text-regression", backbone="tiny")


class Reader(HTMLParser):
    """Checks that tags balance, and gathers ids, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.tags if attribute in attrs]


@functools.cache
def _page_of(name: str) -> str:
    return render(*getattr(report_samples, name)())


@pytest.fixture(scope="module", params=["sentiment", "intents"])
def sample(request):
    header, sections = getattr(report_samples, request.param)()
    return header, sections, _page_of(request.param)


def test_tags_balance_and_ids_are_unique(sample):
    reader = Reader(sample[2])
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    inner = [h[1:] for h in reader.values("href") if h.startswith("#")]
    assert inner
    assert set(inner) <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", sample[2])) <= set(ids)


def test_nothing_is_loaded_from_elsewhere(sample):
    page = sample[2]
    reader = Reader(page)
    loaded = reader.values("src") + reader.values("href") + reader.values("xlink:href")
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in loaded)
    assert "://" not in page
    assert "@import" not in page
    assert "@font-face" not in page
    assert not re.search(r"url\((?!#)", page)
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in reader.tags}


def test_page_is_small(sample):
    assert len(sample[2].encode()) < 400_000


def test_same_input_gives_the_same_bytes(sample):
    header, sections, page = sample
    assert render(header, sections) == page
    assert render(header, sections, page) == page


def test_every_figure_is_on_the_page(sample):
    header, sections, page = sample
    reader = Reader(page)
    exact = {float(attrs["value"]) for tag, attrs in reader.tags if tag == "data"}
    text = " ".join(reader.text.split())
    figures = [*header.headline, *header.cost, *(f for s in sections for f in s.figures)]
    for figure in figures:
        value, interval = measured(figure.value, figure.low, figure.high, figure.unit)
        assert figure.name in text
        assert " ".join(value.split()) in text
        assert interval in text
        if finite(figure.value) is not None:
            assert figure.value in exact


def test_page_can_be_read_by_everyone(sample):
    reader = Reader(sample[2])
    tags = dict(reversed(reader.tags))
    assert tags["html"]["lang"] == "en"
    assert {"class": "skip", "href": "#main"} in [attrs for tag, attrs in reader.tags if tag == "a"]
    drawings = [attrs for tag, attrs in reader.tags if tag == "svg"]
    assert drawings
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in drawings)
    assert all("scope" in attrs for tag, attrs in reader.tags if tag == "th")
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_journey_shows_what_ran_and_links_only_that():
    page = _page_of("sentiment")
    strip = page[page.index('<ol class="journey">') :].split("</ol>")[0]
    items = dict(zip(VERBS, strip.split("<li ")[1:], strict=True))
    for verb in ("collect", "finetune", "explain"):
        assert 'class="ran"' in items[verb]
        assert "<a href=" in items[verb]
    for verb in ("pretrain", "transfer", "adapt", "reason"):
        assert 'class="idle"' in items[verb]
        assert "<a" not in items[verb]


def test_first_screen_answers_the_five_questions():
    header, _ = report_samples.sentiment()
    page = _page_of("sentiment")
    opening = page[page.index('class="opening"') : page.index('class="contents"')]
    for text in (*header.findings, *header.advice, header.saved, "0.681", "[0.658, 0.702]"):
        assert text in opening
    for name in ("VADER", "One human rater", "This model"):
        assert name in opening


def _everywhere(text: str) -> tuple[ReportHeader, list[Section]]:
    series = Series(name=text, x=(text, text + "2"), y=(1.0, 2.0), low=(0.5, 1.5), high=(1.5, 2.5))
    charts = [
        Chart(kind=k, title=text, x_label=text, y_label=text, series=(series, series), caption=text)
        for k in ("line", "bar", "scatter")
    ]
    figure = Figure(name=text, value=text, unit=text, note=text)
    header = ReportHeader(
        name=text,
        task=text,
        backbone=text,
        summary=text,
        headline=(figure, figure),
        baselines=charts[1],
        findings=(text,),
        cost=(figure,),
        saved=text,
        advice=(text,),
        versions={text: text},
        recipe=text,
        steps=(text,),
    )
    section = Section(
        step=text,
        title=text,
        prose=(text,),
        figures=(figure,),
        charts=(
            *charts,
            Matrix(title=text, labels=(text, text), counts=((3, 1), (2, 4)), caption=text),
            Matrix(title=text, labels=(text,) * 20, counts=((1,) * 20,) * 20),
        ),
        tables=(Grid(title=text, header=(text,), rows=((text,),), caption=text),),
        examples=(
            Example(
                text=text, given=text, predicted=text, spans=((0, 9, 0.4),), note=text, group=text
            ),
        ),
    )
    return header, [section]


def test_hostile_text_is_only_text():
    calm = Reader(render(*_everywhere("words")))
    reader = Reader(render(*_everywhere(HOSTILE)))
    names = [{tag for tag, _ in r.tags} for r in (calm, reader)]
    assert names[0] == names[1]
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    assert "alert('x')" in reader.text
    assert "\\frac{&amp;" in reader.text
    assert "\x00" not in reader.text


def test_chinese_is_kept_as_text_in_charts_too():
    page = render(*_everywhere("酒店情感"))
    labels = re.findall(r"<text[^>]*>([^<]*)</text>", page)
    assert labels.count("酒店情感") >= 6
    assert "DejaVu Sans'" not in page


def test_missing_and_infinite_values_never_show():
    nan, inf = float("nan"), float("inf")
    broken = Series(
        name="s",
        x=(1.0, 2.0, nan, 4.0, 5.0),
        y=(nan, 1.0, 2.0, None, inf),
        low=(None, nan, 0.1, 0.2, 0.3),
        high=(1.0, inf, 0.1, 0.2, 0.3),
    )
    gone = Series(name="none", x=("a",), y=(None,))
    charts = [
        Chart(kind=kind, title="t", x_label="x", y_label="y", series=(series, gone), diagonal=True)
        for kind in ("line", "bar", "scatter")
        for series in (broken, gone)
    ]
    section = Section(
        step="collect",
        title="Broken",
        figures=(
            Figure(name="f", value=nan, unit="s", low=nan, high=inf),
            Figure(name="g", value=None),
            Figure(name="h", value=0.5, low=nan, high=0.6),
        ),
        charts=(*charts, Matrix(title="m", labels=(), counts=())),
        tables=(Grid(title="t", header=("a", "b"), rows=((nan, None), (inf, 1.0))),),
        examples=(
            Example(
                text="abc", given="", predicted="", score=nan, spans=((0, 1, nan), (1, 2, inf))
            ),
        ),
    )
    page = render(EMPTY, [section])
    shown = re.sub(r"<(style|script)>.*?</\1>|base64,[^\"]*", "", page, flags=re.S)
    assert not re.search(r"(?<![a-z])(nan|inf|infinity)(?![a-z])", shown, re.IGNORECASE)
    assert not re.search(r"(?<![a-z])(none|null)(?![a-z])", Reader(page).text, re.IGNORECASE)
    assert "–" in Reader(page).text
    assert "No values to draw." in page


def test_empty_reports_and_sections():
    Reader(render(EMPTY, []))
    page = render(EMPTY, [Section(step="collect", title=""), Section(step="collect", title="")])
    assert len(set(Reader(page).values("id"))) == len(Reader(page).values("id"))


def test_a_page_too_large_gives_way_and_says_so():
    example = Example(text="word " * 2_000, given="a", predicted="b", group="g")
    points = tuple(float(i) for i in range(9_000))
    chart = Chart(
        kind="line",
        title="t",
        x_label="",
        y_label="",
        series=(Series(name="s", x=points, y=tuple(float(i * 7919 % 997) for i in range(9_000))),),
    )
    table = Grid(title="t", header=("a",), rows=(("cell " * 500,),) * 5_000)
    section = Section(
        step="explain",
        title="Much",
        figures=(Figure(name="kept", value=0.625),),
        charts=(chart,) * 4,
        tables=(table,) * 3,
        examples=(example,) * 3_000,
    )
    page = render(EMPTY, [section])
    assert len(page.encode()) < LIMIT
    assert "are left out to keep this page small" in page
    assert '<data value="0.625">' in page
    Reader(page)


def test_even_endless_prose_stays_under_the_limit():
    section = Section(step="collect", title="t" * 900_000, prose=("p" * 5_000,) * 1_000)
    words = ("f" * 9_000,) * 1_000
    header = EMPTY.model_copy(
        update={"findings": words, "advice": words, "recipe": "r" * 4_000_000}
    )
    page = render(header, [section] * 7)
    assert len(page.encode()) < LIMIT
    assert "sections are left out" in page


def test_write_replaces_the_page_whole(tmp_path):
    path = tmp_path / "run" / "report.html"
    header, sections = report_samples.intents()
    write(path, EMPTY, [])
    write(path, header, sections)
    assert path.read_text(encoding="utf-8") == _page_of("intents")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_folder_that_refuses_is_told(tmp_path):
    (tmp_path / "run").write_text("a file, not a folder")
    with pytest.raises(ResourceError) as caught:
        write(tmp_path / "run" / "report.html", EMPTY, [])
    assert str(tmp_path) in caught.value.place
    assert caught.value.remedy
