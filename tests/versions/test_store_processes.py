"""Stores that several processes change, and that a process is killed in."""

import json
from pathlib import Path

import pytest
from forked import run
from kill_process import CHANGES

HERE = Path(__file__).parent


def outside(script, *arguments):
    """What a script prints."""
    done = run(HERE / script, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["beside", "sqlite", "postgresql"])
def test_processes_wait_for_each_other_and_no_version_is_lost(kind, folder, url_of):
    url = "" if kind == "beside" else url_of(kind)
    found = outside("together_process.py", folder, url, 3)
    assert found["failed"] == 0
    versions = dict(found["versions"])
    assert len(versions) == 4
    assert [versions[newer] for newer in list(versions)[:-1]] == list(versions)[1:]
    assert found["standing"] == next(iter(versions))


@pytest.mark.long
def test_a_kill_at_any_step_leaves_a_good_version_serving_and_is_made_good(source, tmp_path):
    found = outside("kill_process.py", source, tmp_path)
    assert set(found) == set(CHANGES)
    assert {change: told["wrong"] for change, told in found.items() if told["wrong"]} == {}
    assert all(told["steps"] > 2 for told in found.values()), found
