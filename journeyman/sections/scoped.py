"""What there is to tell of questions that are of none of the model's classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeyman.evaluation.scope import Scope, fewest_rows
from journeyman.section import Figure, Section
from journeyman.types import Metric


def scoped(
    section: Section, calibration: Mapping[str, Any], measured: Mapping[str, Metric]
) -> Section:
    """The chapter with how the line was drawn and what it does to test rows; as it is if none was
    asked for."""
    if "scope" not in calibration:
        return section
    scope = Scope.from_json(calibration["scope"])
    figure = Figure(name="rows the scope is drawn by", value=scope.rows)
    told = _drawn(scope, measured) if scope.threshold is not None else _too_few(scope)
    return section.model_copy(
        update={"prose": (*section.prose, told), "figures": (*section.figures, figure)}
    )


def _drawn(scope: Scope, measured: Mapping[str, Metric]) -> str:
    what = {
        "probability": "how probable the best label is",
        "output": "how far the largest output is below what rows of that class usually get",
    }
    by = what.get(scope.method, what["output"])
    if scope.nearest is not None:
        by += ", and by how like the row is to the nearest one that was learned from"
    told = (
        f"A question is called out of scope by {by}. The line is drawn by {scope.rows} rows that "
        f"were left out, so that {scope.recall:.0%} of questions of known classes are answered."
    )
    kept, found = measured.get("known_recall"), measured.get("unknown_recall")
    if kept is not None and kept.value is not None:
        told += f" Of {kept.n} test rows of known classes, {kept.value:.1%}{_between(kept)} are."
    if found is not None and found.value is not None:
        told += f" Of {found.n} of other classes, {found.value:.1%}{_between(found)} are found out."
    return told


def _between(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return ""
    return f" ({metric.low:.1%} to {metric.high:.1%})"


def _too_few(scope: Scope) -> str:
    return (
        f"Nothing is called out of scope: {scope.rows} left-out rows are too few to draw a line "
        f"that {scope.recall:.0%} of questions of known classes pass; {fewest_rows(scope.recall)} "
        "would do."
    )
