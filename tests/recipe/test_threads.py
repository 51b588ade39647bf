"""How many threads a run takes: what it is told, or what the machine and the environment allow."""

import os

import pytest

from journeyman.outset import threads_of
from journeyman.recipe import load_recipe

SAID = {
    "task": "text-classification",
    "backbone": "minilm-l6",
    "data": {"dataset": "snippets"},
}


def threads(**said):
    return threads_of(load_recipe({**SAID, **said}))


def test_a_number_is_taken_as_it_is(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads(threads=7) == 7


@pytest.mark.parametrize(
    ("asked", "most"),
    [(None, 8), ("", 8), ("3", 3), ("2,4", 2), ("64", 8), ("0", 8), ("many", 8)],
)
def test_auto_takes_the_cores_there_are_and_no_more_than_openmp_may(asked, most, monkeypatch):
    monkeypatch.setattr("journeyman.outset.cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads() == most


def test_auto_takes_no_core_the_process_may_not_use(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert threads() == 1
    finally:
        os.sched_setaffinity(0, before)
