from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.report.highlight import highlight
from journeyman.report.numbers import measured, number
from journeyman.section import Example


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.812345, "0.8123"),
        (0.5, "0.5"),
        (0.0, "0"),
        (-0.0, "0"),
        (-0.25, "−0.25"),
        (1234.56, "1,235"),
        (1_234_567.0, "1,234,567"),
        (221184, "221,184"),
        (0.00031623, "0.0003162"),
        (1.5e-7, "1.500 × 10⁻⁷"),
        (2.5e20, "2.500 × 10²⁰"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (10**400, "–"),
        ("auto", "auto"),
    ],
)
def test_numbers_have_four_digits(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("parts", "value", "interval"),
    [
        ((0.8123, 0.8011, 0.8234), "0.812", "[0.801, 0.823]"),
        ((0.8123, 0.5, 0.9), "0.81", "[0.50, 0.90]"),
        ((93.66, 92.8, 94.5, "%"), "93.66\u202f%", "[92.80, 94.50]"),
        ((412.6, None, None, "s"), "412.6\u00a0s", ""),
        ((1.0, 1.0, 1.0), "1", "[1, 1]"),
        ((1234.5, 1100.0, 1300.0), "1,234", "[1,100, 1,300]"),
        ((-0.001, -0.2, 0.2), "0.00", "[−0.20, 0.20]"),
        ((None, 0.1, 0.2, "s"), "–", ""),
        ((0.5, math.nan, 0.6), "0.5", ""),
    ],
)
def test_intervals_decide_the_digits(parts, value, interval):
    assert measured(*parts) == (value, interval)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60), st.floats()), max_size=12),
)
def test_highlighting_never_loses_or_repeats_text(text, spans):
    shown = highlight(Example(text=text, given="a", predicted="b", spans=tuple(spans)))
    assert "".join(piece.text for piece in shown.pieces) == text
    assert all(abs(piece.shade) <= 5 for piece in shown.pieces)


def test_highlighting_tells_sign_and_strength_in_words_too():
    example = Example(
        text="good but slow",
        given="a",
        predicted="a",
        spans=((9, 13, -0.2), (0, 4, 0.8), (5, 8, 0.001), (9, 12, 5.0), (40, 44, 1.0)),
    )
    shown = highlight(example.model_copy(update={"spans": example.spans[:3]}))
    assert [(p.text, p.style) for p in shown.pieces] == [
        ("good", "f5"),
        (" but ", ""),
        ("slow", "a2"),
    ]
    assert shown.supporting == "good +0.80"
    assert shown.opposing == "slow −0.20"
