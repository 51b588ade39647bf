"""Every detector: quiet where nothing moves, awake where it does, and the same after a rest."""

import numpy as np
import pytest

from journeyman.drift.detectors.base import DETECTORS
from journeyman.drift.detectors.rivers import SwiftKswin

WIDTHS = {"input": 24, "answers": 3, "confidence": 1, "labels": 4}
ACTING = [name for name in DETECTORS if DETECTORS[name].acts]


def rows(view, count, move=0.0, seed=0):
    draw = np.random.default_rng(seed)
    if view == "confidence":
        return np.clip(draw.beta(8, 2, size=(count, 1)) - move / 4, 0, 1)
    return draw.normal(size=(count, WIDTHS[view])) + move


def alarms(detector, given, chunk=40):
    found = []
    for first in range(0, len(given), chunk):
        alarm = detector.update(given[first : first + chunk])
        if alarm is not None:
            found.append(first + alarm.at)
            detector.renew()
    return found


def begun(name, usual=400):
    detector = DETECTORS[name]()
    detector.begin(rows(detector.view, usual, seed=7))
    return detector


@pytest.mark.parametrize("name", ACTING)
def test_those_that_act_are_quiet_until_something_moves_and_see_it_soon(name):
    detector = begun(name)
    assert alarms(detector, rows(detector.view, 4000)) == []
    (first, *more) = alarms(detector, rows(detector.view, 2000, move=1.5, seed=1))
    assert first < 200
    assert more == []


@pytest.mark.parametrize("name", ACTING)
def test_without_usual_rows_the_first_ones_are_usual(name):
    detector = DETECTORS[name]()
    detector.begin(np.zeros((0, 1)))
    assert alarms(detector, rows(detector.view, 1500)) == []
    assert len(alarms(detector, rows(detector.view, 800, move=1.5, seed=1))) == 1


@pytest.mark.parametrize("name", list(DETECTORS))
def test_a_detector_goes_on_where_it_was(name):
    detector, again = begun(name), DETECTORS[name]()
    given = np.concatenate([rows(detector.view, 730), rows(detector.view, 700, 1.5, seed=1)])
    for first in range(0, 700, 35):
        detector.update(given[first : first + 35])
    again.restore({key: value.copy() for key, value in detector.kept().items()})
    assert alarms(again, given[700:]) == alarms(detector, given[700:])


@pytest.mark.parametrize("name", list(DETECTORS))
def test_what_a_detector_keeps_does_not_grow(name):
    detector = begun(name)

    def size():
        return sum(value.nbytes for value in detector.kept().values())

    alarms(detector, rows(detector.view, 3000), 500)
    before = size()
    alarms(detector, rows(detector.view, 6000, seed=2), 500)
    assert size() <= max(before, 2000 * 8)


@pytest.mark.parametrize("name", ["adwin", "page-hinkley", "kswin"])
def test_those_of_river_see_a_fall_of_confidence(name):
    detector = begun(name)
    given = np.concatenate([rows("confidence", 600), rows("confidence", 4000, move=3.0, seed=1)])
    assert any(at >= 600 for at in alarms(detector, given))


@pytest.mark.parametrize("draw", ["random", "integers"])
def test_kswin_says_what_that_of_river_says(draw):
    drift = pytest.importorskip("river.drift")
    random = np.random.default_rng(0)
    given = [random.random(500) ** (2 if at % 3 == 2 else 1) for at in range(6)]
    values = np.concatenate(given) if draw == "random" else np.concatenate(given) // 0.2
    theirs, ours, found = drift.KSWIN(seed=0), SwiftKswin(drift.KSWIN(seed=0)), 0
    for value in values.tolist():
        theirs.update(value)
        ours.update(value)
        assert ours.drift_detected == theirs.drift_detected
        if ours.drift_detected:
            theirs, ours, found = drift.KSWIN(seed=0), SwiftKswin(drift.KSWIN(seed=0)), found + 1
    assert found > 3


def test_chance_gives_alarms_as_often_as_it_says():
    detector = begun("dummy")
    found = len(alarms(detector, np.zeros((300_000, 1)), 1000))
    assert 10 <= found <= 60
