from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from journeyman.report.charts import drawings
from journeyman.report.charts.drawings import Drawings
from journeyman.report.charts.picture import confused_pairs, picture
from journeyman.section import Chart, Matrix, Series


def _chart(kind, **more):
    series = (
        Series(name="ours", x=("a", "b"), y=(0.25, 0.75), low=(0.2, 0.7), high=(0.3, 0.8)),
        Series(name="theirs", x=("a", "b"), y=(0.2, None)),
    )
    return Chart(kind=kind, title="T", x_label="name", y_label="F1", series=series, **more)


@pytest.mark.parametrize("kind", ["line", "bar", "scatter"])
def test_charts_are_svg_told_in_words_and_numbers(kind):
    drawn = picture(_chart(kind), "c1")
    root = ElementTree.fromstring(drawn.svg)
    assert root.tag == "svg"
    assert "ours: from 0.25 at a to 0.75 at b." in root.attrib["aria-label"]
    assert [key.name for key in drawn.legend] == ["ours", "theirs"]
    assert drawn.numbers is not None
    assert drawn.numbers.rows == (
        ("a", "0.250 [0.200, 0.300]", "0.2"),
        ("b", "0.750 [0.700, 0.800]", "–"),
    )
    assert picture(_chart(kind), "c1") == drawn


def test_charts_take_their_colours_from_the_page():
    svg = picture(_chart("bar"), "c1").svg
    assert "var(--c1)" in svg
    assert "var(--c2)" in svg
    assert not re.search(r"(fill|stroke): ?#", svg)


def test_highlighted_bar_keeps_the_accent_and_others_turn_grey():
    series = (Series(name="F1", x=("VADER", "This model"), y=(0.5, 0.7)),)
    chart = Chart(kind="bar", title="T", x_label="", y_label="", series=series)
    svg = picture(chart.model_copy(update={"highlight": "This model"}), "c").svg
    assert svg.count("fill: var(--c1)") == 1
    assert svg.count("fill: var(--c6)") == 1


def test_bars_write_their_values():
    labels = re.findall(r">([\d.]+)</text>", picture(_chart("bar"), "c1").svg)
    assert {"0.250", "0.750", "0.200"} <= set(labels)


def test_bars_without_intervals_share_at_most_three_decimals():
    series = (Series(name="F1", x=("a", "b", "c"), y=(0.5, 1 / 3, 0.09091)),)
    chart = Chart(kind="bar", title="T", x_label="", y_label="", series=series)
    labels = re.findall(r">([\d.]+)</text>", picture(chart, "c").svg)
    assert {"0.500", "0.333", "0.091"} <= set(labels)


def test_many_points_become_one_small_image():
    points = tuple(float(i % 97) for i in range(20_000))
    series = (Series(name="s", x=points, y=points[::-1]),)
    chart = Chart(kind="scatter", title="T", x_label="x", y_label="y", series=series, diagonal=True)
    drawn = picture(chart, "c")
    assert "data:image/png;base64," in drawn.svg
    assert len(drawn.svg) < 200_000
    assert drawn.numbers is None


def test_small_confusion_shows_every_count():
    matrix = Matrix(title="M", labels=("a", "b"), counts=((1234, 5), (67, 890)))
    svg = picture(matrix, "c").svg
    for count in ("1,234", "5", "67", "890"):
        assert f">{count}<" in svg


def test_large_confusion_is_small_and_names_the_worst_pairs():
    size = 77
    counts = [[40 if i == j else 0 for j in range(size)] for i in range(size)]
    counts[3][9], counts[70][1] = 11, 7
    labels = tuple(f"intent_{i}" for i in range(size))
    drawn = picture(Matrix(title="M", labels=labels, counts=tuple(map(tuple, counts))), "c")
    assert len(drawn.svg) < 60_000
    assert drawn.table is not None
    assert [row[:3] for row in drawn.table.rows] == [
        ("intent_3", "intent_9", 11),
        ("intent_70", "intent_1", 7),
    ]
    assert drawn.numbers is not None
    assert len(drawn.numbers.rows) == size
    assert drawn.numbers.rows[3][3:] == (40 / 51, 1.0, "intent_9 (11)")


def test_classes_never_seen_or_never_guessed_have_no_rate():
    matrix = Matrix(title="M", labels=("a", "b"), counts=((4, 0), (0, 0)))
    numbers = picture(matrix, "c").numbers
    assert numbers is not None
    assert numbers.rows[1] == (2, "b", 0, None, None, None)
    assert confused_pairs(matrix) == []


def test_ragged_matrix_is_not_drawn():
    assert picture(Matrix(title="M", labels=("a", "b"), counts=((1,), (1, 2))), "c").svg == ""


def test_a_chart_is_taken_over_where_nothing_of_it_changed(monkeypatch):
    matrix = Matrix(title="M", labels=("a", "b"), counts=((3, 1), (0, 4)))
    first = [picture(_chart("line"), "c1"), picture(matrix, "c2")]
    page = f"<p>before</p>{first[0].svg}<div>{first[1].svg}</div>"
    drawn = []
    real = drawings._drawn
    monkeypatch.setattr(drawings, "_drawn", lambda *said: drawn.append(said[1]) or real(*said))
    kept = Drawings(page)
    assert [picture(_chart("line"), "c1", kept), picture(matrix, "c2", kept)] == first
    assert drawn == []
    picture(_chart("line"), "c3", kept)
    picture(_chart("bar"), "c1", kept)
    picture(matrix.model_copy(update={"counts": ((3, 1), (0, 5))}), "c2", kept)
    assert drawn == ["c3", "c1", "c2"]
