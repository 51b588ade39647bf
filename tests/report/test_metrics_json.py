from __future__ import annotations

import json

import numpy as np
import report_samples

from journeyman.report.metrics import is_clock, metrics_json, timing_json, write_json
from journeyman.section import Figure, Matrix, Section
from journeyman.types import Metric


def _document(sections=(), **more):
    plain = {"task": "text-classification", "backbone": "tiny", "seed": 1, "threads": 2}
    plain |= {"data": {"train": 80, "test": 20}, "test": {"accuracy": Metric(0.9, 0.8, 0.95, 20)}}
    return metrics_json(**(plain | more), sections=sections)


def test_document_has_the_fields_of_schema_1():
    document = _document(
        slices={"domain": {"nyt": {"macro_f1": Metric(0.6, n=9)}}},
        baselines={"majority": {"macro_f1": Metric(0.2, n=9)}},
        confusion=Matrix(title="M", labels=("a", "b"), counts=((1, 2), (3, 4))),
        coverage=[(0.5, 0.99), (1.0, None)],
    )
    assert document == {
        "schema": 1,
        "task": "text-classification",
        "backbone": "tiny",
        "seed": 1,
        "threads": 2,
        "data": {"train": 80, "test": 20},
        "test": {"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95, "n": 20}},
        "slices": {
            "domain": {"nyt": {"macro_f1": {"value": 0.6, "low": None, "high": None, "n": 9}}}
        },
        "baselines": {"majority": {"macro_f1": {"value": 0.2, "low": None, "high": None, "n": 9}}},
        "confusion": {"labels": ["a", "b"], "counts": [[1, 2], [3, 4]]},
        "coverage": [{"coverage": 0.5, "accuracy": 0.99}, {"coverage": 1.0, "accuracy": None}],
        "steps": {},
    }


def test_every_figure_is_in_metrics_or_if_a_clock_measured_it_in_timing():
    _, sections = report_samples.sentiment()
    document = _document(sections)
    timing = timing_json({"total": 1.5}, {"cores": 2}, sections)
    for section in sections:
        for figure in section.figures:
            home, other = (timing, document) if is_clock(figure) else (document, timing)
            stored = home["steps"][section.step][figure.name]
            assert stored["value"] == figure.value
            assert (stored["low"], stored["high"], stored["n"]) == (
                figure.low,
                figure.high,
                figure.n,
            )
            assert figure.name not in other["steps"].get(section.step, {})
    assert "Frozen pass" in timing["steps"]["finetune"]
    assert timing["seconds"] == {"total": 1.5}
    assert timing["machine"] == {"cores": 2}


def test_clock_figures_are_known_by_mark_or_unit():
    for unit in ("s", "ms", "minutes", "rows/s", "texts per second"):
        assert is_clock(Figure(name="f", value=1.0, unit=unit))
    assert is_clock(Figure(name="f", value=1.0, unit="MB", clock=True))
    for unit in ("", "%", "rows", "MB", "logit"):
        assert not is_clock(Figure(name="f", value=1.0, unit=unit))


def test_figures_of_one_name_are_all_kept():
    parts = [
        Section(step="collect", title="a", figures=(Figure(name="rows", value=1),)),
        Section(step="collect", title="b", figures=(Figure(name="rows", value=2),)),
    ]
    figures = _document(parts)["steps"]["collect"]
    assert {name: figure["value"] for name, figure in figures.items()} == {"rows": 1, "rows (2)": 2}


def test_written_json_is_strict_sorted_and_repeatable(tmp_path):
    broken = Section(
        step="collect",
        title="",
        figures=(Figure(name="f", value=float("nan"), low=float("-inf"), high=float("inf")),),
    )
    document = _document(
        [broken],
        test={"accuracy": Metric(np.float32(0.5), float("nan"), float("inf"), np.int64(3))},
        coverage=[(np.float64(0.5), float("nan"))],
    )
    paths = tmp_path / "one.json", tmp_path / "two.json"
    for path in paths:
        write_json(path, document)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.json", "two.json"]
    text = paths[0].read_text(encoding="utf-8")
    read = json.loads(text, parse_constant=lambda name: [][len(name)])
    assert list(read) == sorted(read)
    assert read["test"]["accuracy"] == {"value": 0.5, "low": None, "high": None, "n": 3}
    assert read["steps"]["collect"]["f"]["value"] is None
    assert read["coverage"] == [{"coverage": 0.5, "accuracy": None}]
