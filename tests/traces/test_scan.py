"""Every file that holds a trace is found, wherever in it that stands, of few rows and of many."""

import json

import numpy as np
import pytest

from journeyman.traces.removed import FEW, Removed
from journeyman.traces.scan import LARGE, left_in

TEXT = "What was “asked” of the zebra?"


def rows(count):
    return Removed.of(texts=[TEXT, *(f"of the zebra, part {at}?" for at in range(count - 1))])


def noise(size, seed=0):
    return bytearray(np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8).tobytes())


@pytest.mark.parametrize("count", [1, 3, FEW + 1, 1000])
@pytest.mark.parametrize("size", [0, 7, 40, 5000, 2 * LARGE + 100])
def test_files_with_a_trace_are_found_and_no_others(tmp_path, count, size):
    wanted = {}
    spelled = [TEXT.encode(), json.dumps(TEXT)[1:-1].encode(), TEXT.encode("utf-16-le")]
    places = [0, 1, 6, 8, 39, 4000, LARGE - 12, LARGE - 1, LARGE, LARGE + 5, 2 * LARGE + 100]
    for at in {place for place in places if place <= size}:
        form = spelled[at % 3]
        data = noise(size, at)
        data[at:at] = form
        wanted[f"with-{at}"] = data
        near = noise(size, at)
        near[at:at] = form[1:]
        (tmp_path / f"without-{at}").write_bytes(near)
    for name, data in wanted.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "empty").touch()
    assert {path.name for path in left_in(tmp_path, rows(count))} == set(wanted)


def test_ids_that_all_begin_alike_are_told_apart(tmp_path):
    gone = Removed.of(ids=[f"customer-{at:08d}" for at in range(0, 4000, 2)])
    (tmp_path / "kept.txt").write_text(" ".join(f"customer-{at:08d}" for at in range(1, 4000, 2)))
    (tmp_path / "one.txt").write_text(" ".join(f"customer-{at:08d}" for at in (1, 3, 3998, 5)))
    assert [path.name for path in left_in(tmp_path, gone)] == ["one.txt"]
    assert gone.in_text("of customer-00003998.")
    assert not gone.in_text("of customer-00003999.")


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 500])
def test_a_text_is_a_trace_wherever_it_stands(count):
    removed = rows(count)
    assert removed.in_text(TEXT)
    assert removed.in_text(f"he said: {TEXT}")
    assert not removed.in_text(TEXT[1:])
    assert not removed.in_text(TEXT[:-1])
    assert not removed.in_text("")


def test_a_record_without_an_id_is_not_of_the_row_called_none():
    gone = Removed.of(ids=["None"])
    assert not gone.in_record({"text": "other"})
    assert gone.in_record({"id": None})
    assert gone.in_record({"id": "None"})
