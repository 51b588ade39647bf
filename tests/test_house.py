"""The house as the design draws it: small files, small functions, one-way doors."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import journeyman

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "journeyman").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
FORBIDDEN_NAMES = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py"}


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def trees(files):
    return [(path.relative_to(ROOT), parsed(path)) for path in files]


def functions(files):
    for path, tree in trees(files):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_no_file_of_the_package_is_longer_than_400_lines():
    long = {str(p): n for p in PACKAGE if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert long == {}


def test_functions_are_small():
    lengths = dict(functions(PACKAGE))
    assert {name: size for name, size in lengths.items() if size > 100} == {}
    ordered = sorted(lengths.values())
    assert ordered[int(0.95 * len(ordered))] <= 40


def test_no_function_of_the_benchmarks_is_longer_than_100_lines():
    assert {name: n for name, n in functions(BENCHMARKS) if n > 100} == {}


def narrows(test):
    """Whether an assertion only tells the type checker that something is there."""
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.IsNot)
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value is None
    )


def test_nothing_is_asserted_outside_tests():
    found = [
        f"{path}:{node.lineno}"
        for path, tree in trees([*PACKAGE, *BENCHMARKS])
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and not narrows(node.test)
    ]
    assert found == []


def test_a_function_lives_with_the_noun_it_serves():
    assert [str(path) for path in [*PACKAGE, *TESTS] if path.name in FORBIDDEN_NAMES] == []


def test_no_star_imports_and_none_that_hang_on_the_place():
    for path, tree in trees(PACKAGE):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno}"
                assert all(name.name != "*" for name in node.names), f"{path}:{node.lineno}"


def test_nothing_reads_pickles():
    """Neither by name nor through the doors that lead there."""
    doors = re.compile(
        r"\bpickle\.\w*[lL]oad|Unpickler|torch\.load\(|joblib\.load\(|allow_pickle=True"
    )
    found = [str(path) for path in PACKAGE if doors.search(path.read_text("utf-8"))]
    assert found == []


def test_every_file_and_public_thing_says_what_it_is_for():
    for path, tree in trees(PACKAGE):
        assert ast.get_docstring(tree), path


def test_packages_hand_out_nothing_but_the_front_door():
    for path in PACKAGE:
        if path.name == "__init__.py" and path.parent != ROOT / "journeyman":
            assert len(path.read_text("utf-8").splitlines()) <= 10, path


@pytest.mark.parametrize("name", journeyman.__all__)
def test_a_public_name_can_be_imported(name):
    assert getattr(journeyman, name).__doc__


def test_what_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = journeyman.nothing_of_the_kind


COST = """
import sys, time
before = set(sys.modules)
started = time.process_time()
import journeyman
seconds = time.process_time() - started
heavy = {"torch", "transformers", "numpy", "sklearn", "pyarrow", "pydantic"} & set(sys.modules)
print(seconds, *sorted(heavy))
"""


def test_importing_journeyman_costs_next_to_nothing():
    done = subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True, check=True)
    seconds, *heavy = done.stdout.split()
    assert heavy == []
    assert float(seconds) < 0.3
