"""What the gate refuses, what it tells and lets pass, and what it does not look at."""

import pytest

from journeyman.continual.gate import NEW, judge
from journeyman.continual.options import UpdateOptions
from journeyman.continual.update import Retention, Update


def kept(before, after, low, high, name="all", n=400):
    return Retention(name, "accuracy", before, after, low, high, n)


def test_a_loss_beyond_chance_is_refused_with_its_figures():
    found = judge([kept(0.90, 0.80, -0.14, -0.06)], UpdateOptions())
    assert not found.accepted
    (reason,) = found.reasons
    for words in ("all", "0.900 before", "0.800 after", "88.9% kept", "400 exam rows"):
        assert words in reason


def test_a_loss_that_may_be_chance_is_told_and_passes_unless_the_gate_is_strict():
    loss = [kept(0.90, 0.88, -0.05, 0.01)]
    found = judge(loss, UpdateOptions())
    assert found.accepted
    assert "it may be chance" in found.reasons[0]
    assert not judge(loss, UpdateOptions(strict=True)).accepted


@pytest.mark.parametrize(
    "passed",
    [
        kept(0.90, 0.895, -0.006, -0.004),  # 99.4 % is kept
        kept(0.90, 0.10, -0.9, -0.7, name=NEW),  # the update's own rows
        kept(0.90, 0.50, -0.9, -0.1, n=19),  # too few rows to refuse alone
        kept(None, 0.50, None, None),
        kept(0.0, 0.0, 0.0, 0.0),
    ],
)
def test_what_breaks_nothing_passes_without_a_word(passed):
    found = judge([passed], UpdateOptions())
    assert found.accepted
    assert not found.reasons


def test_without_a_gate_everything_passes():
    assert judge([kept(0.9, 0.1, -0.9, -0.7)], UpdateOptions(retain=None)).accepted


def test_one_slice_is_enough_to_refuse():
    fine, broken = kept(0.9, 0.9, 0.0, 0.0), kept(0.8, 0.7, -0.12, -0.08, name="domain=tweets")
    found = judge([fine, broken], UpdateOptions())
    assert not found.accepted
    assert found.reasons[0].startswith("domain=tweets")


def test_an_update_is_read_back_as_it_was_told():
    update = Update(
        "learn", "mood", "abc", "def", False, ("why",), 3, 0, 1, (kept(0.9, 0.8, -0.1, 0.0),),
        data="d4",
    )  # fmt: skip
    assert Update.from_json(update.to_json()) == update
