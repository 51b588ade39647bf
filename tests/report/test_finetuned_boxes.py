"""What the chapter on fine-tuning tells of a detector."""

import pytest

from journeyman.evaluation.classification import evaluate_classification
from journeyman.evaluation.detection import detection_metrics
from journeyman.model import Measured
from journeyman.sections.finetuned import _classes, _confusion, _curves
from journeyman.tasks.base import Evaluated
from journeyman.types import LabelledBox, ScoredBox

TRUE = [[LabelledBox((10, 10, 50, 40), "cat"), LabelledBox((100, 10, 50, 40), "dog")]] * 2
FOUND = [[ScoredBox(box.box, box.label, 0.9) for box in TRUE[0]], []]


def measured():
    found = detection_metrics(FOUND, TRUE, ["cat", "cow", "dog"])
    return Measured(
        Evaluated(found.metrics, {**found.classes}, found.confusion, curves=found.curves)
    )


def test_a_class_of_boxes_has_its_average_precision_beside_f1():
    grid = _classes(measured())
    assert grid.header[-5:] == ("map_50", "map", "map from", "map to", "boxes")
    assert all(len(row) == len(grid.header) for row in grid.rows)
    rows = {row[0]: row for row in grid.rows}
    assert rows["cat"][1:3] == (1.0, 0.5)
    assert rows["cat"][-5:-3] == pytest.approx((51 / 101, 51 / 101))
    assert rows["cow"][-5:] == (None, None, None, None, 0)
    said = measured().to_json()["classes"]["cat"]
    assert said["map"]["value"] == pytest.approx(51 / 101)
    assert said["support"] == 2


def test_a_class_of_rows_has_no_such_columns():
    found = evaluate_classification(["a", "b"], ["a", "a"])
    grid = _classes(Measured(Evaluated(found.metrics, found.classes)))
    assert grid.header[-1] == "rows"
    assert {len(row) for row in grid.rows} == {7}
    assert _curves(Measured(Evaluated(found.metrics, found.classes))) is None


def test_curves_are_drawn_of_classes_that_are_there():
    chart = _curves(measured())
    assert [series.name for series in chart.series] == ["cat", "dog"]
    series = chart.series[0]
    assert (series.x[0], series.x[50], series.x[-1]) == (0.0, 0.5, 1.0)
    assert (series.y[0], series.y[50], series.y[51]) == (1.0, 1.0, 0.0)
    assert _confusion(measured()).labels == ("cat", "cow", "dog", "background")
