"""What there is to tell of a warm start: the ranking, the model, and the labels it saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeyman.model import Model
from journeyman.section import Chart, Figure, Grid, Section, Series
from journeyman.sections.finetuned import metric_figures
from journeyman.transfer.crossing import Crossing
from journeyman.transfer.curve import Curve
from journeyman.transfer.start import PLAIN
from journeyman.types import Metric

WITH, WITHOUT = "with the warm start", "without it"


def transferred(found: Crossing, model: Model, primary: str) -> Section:
    """The chapter on transfer from models already made."""
    charts = (_standings(found, primary), _curves(found, primary), _labels(found))
    return Section(
        step="transfer",
        title="Transfer: the new data from models already made",
        prose=_prose(found, model, primary),
        figures=(
            *metric_figures(found.test),
            *_beside("from the plain backbone", found.plain),
            *(
                f
                for name, said in found.unlearned.items()
                for f in _beside(f"{name} as it is", said)
            ),
            Figure(name="labelled rows", value=found.labels),
            Figure(name="start", value=found.chosen.name),
            *_saved_figures(found),
            *_seconds(found.seconds),
        ),
        charts=tuple(chart for chart in charts if chart is not None),
        tables=(_ranking(found, primary), *_saved_table(found, primary)),
    )


def _prose(found: Crossing, model: Model, primary: str) -> tuple[str, ...]:
    best = found.ranking[0]
    way = "its layers were tuned on" if found.carried.tuned else "its layers stay as they are"
    first = (
        f"{len(found.ranking)} starts were ranked on {found.labels:,} labelled rows of the new "
        f"data, by how well a head on their features answers each row left out; {best.name} comes "
        f"first. Learning started from {found.chosen.name}: {way}, and the head was "
        f"{'trained' if found.carried.tuned else 'solved'} on the new rows."
    )
    kept = f"The model stands in {model.folder} (version {model.version})"
    parent = found.chosen.model
    kept += "." if parent is None else f"; its parent is {parent.name} (version {parent.version})."
    honest = (
        f"Test rows chose nothing. {found.data.shared:,} of them were left out, since this run's "
        "model was trained on their texts."
        if found.data.shared
        else "Test rows chose nothing."
    )
    return (first, *_saving_words(found, primary), kept, honest)


def _saving_words(found: Crossing, primary: str) -> tuple[str, ...]:
    near = [each for each in found.saved if each.labels <= found.labels]
    if not near:
        return ()
    each = near[-1]
    needed = "more labels than there are" if each.needed is None else f"{each.needed:,.0f} labels"
    return (
        f"With {each.labels:,} labels the warm start reaches {primary} {each.score:.3f} (mean of "
        f"the draws); from the plain backbone the same takes {needed}.",
    )


def _beside(name: str, metrics: Mapping[str, Metric]) -> tuple[Figure, ...]:
    return tuple(
        figure.model_copy(update={"name": f"{name}: {figure.name}"})
        for figure in metric_figures(metrics)
    )


def _saved_figures(found: Crossing) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            name=f"labels that {each.labels} are worth",
            value=None if each.needed is None else round(each.needed),
            low=each.low,
            high=each.high,
            unit="labels",
        )
        for each in found.saved
    )


def _seconds(seconds: Mapping[str, float]) -> tuple[Figure, ...]:
    return tuple(
        Figure(name=f"{part} seconds", value=round(value, 2), unit="s", clock=True)
        for part, value in seconds.items()
    )


def _standings(found: Crossing, primary: str) -> Chart | None:
    rows = {
        f"{WITH} ({found.labels:,} labels)": found.test,
        f"{WITHOUT} ({found.labels:,} labels)": found.plain,
        **{f"{name} as it is (no labels)": said for name, said in found.unlearned.items()},
    }
    if found.chosen.name == PLAIN:
        del rows[f"{WITHOUT} ({found.labels:,} labels)"]
    shown = {name: said[primary] for name, said in rows.items() if primary in said}
    if not shown:
        return None
    values = tuple(shown.values())
    return Chart(
        kind="bar",
        title=f"Test {primary} on the new data",
        x_label="learned",
        y_label=primary,
        series=(_series(primary, tuple(shown), values),),
        highlight=next(iter(shown)),
        caption="The same test rows for all, intervals at 95 %.",
    )


def _series(name: str, x: tuple[Any, ...], metrics: tuple[Metric, ...]) -> Series:
    return Series(
        name=name,
        x=x,
        y=tuple(metric.value for metric in metrics),
        low=tuple(metric.low for metric in metrics),
        high=tuple(metric.high for metric in metrics),
    )


def _curves(found: Crossing, primary: str) -> Chart | None:
    if not found.curves:
        return None
    return Chart(
        kind="line",
        title="Learning curve with and without the warm start",
        x_label="labelled rows",
        y_label=f"test {primary}",
        series=tuple(_line(curve) for curve in found.curves),
        caption="Means over draws of the labelled rows, intervals at 95 %; each point has twice "
        "the rows of the one before. The head alone is solved unless a line says otherwise.",
    )


def _line(curve: Curve) -> Series:
    name = f"{WITHOUT}{curve.name.removeprefix(PLAIN)}" if curve.name.startswith(PLAIN) else (
        f"from {curve.name}"
    )  # fmt: skip
    labels = tuple(str(point.labels) for point in curve.points)
    return _series(name, labels, tuple(point.metric for point in curve.points))


def _labels(found: Crossing) -> Chart | None:
    known = [each for each in found.saved if each.needed is not None]
    if not known:
        return None
    numbers = tuple(str(each.labels) for each in known)
    return Chart(
        kind="bar",
        title="Labels saved at equal score",
        x_label="labelled rows with the warm start",
        y_label="labelled rows",
        series=(
            Series(name=WITH, x=numbers, y=tuple(float(each.labels) for each in known)),
            Series(name=f"{WITHOUT}, for the same score", x=numbers, y=_needed(known)),
        ),
        caption="Read off the two curves. Left out where even all labels do not reach the score.",
    )


def _needed(known: list[Any]) -> tuple[float | None, ...]:
    return tuple(each.needed for each in known)


def _ranking(found: Crossing, primary: str) -> Grid:
    return Grid(
        title="Which is the best start",
        header=("start", "left-out error", f"left-out {primary}", "LogME", "features", "seconds"),
        rows=tuple(
            (
                each.name,
                round(each.error, 4),
                round(each.left_out, 4),
                round(each.logme, 4),
                each.basis,
                round(each.seconds, 2),
            )
            for each in found.ranking
        ),
        caption="Mean squared error of the head's answer to each labelled row as if unseen, lower "
        "is better: what the starts are ranked by. LogME, higher is better, stands beside it.",
    )


def _saved_table(found: Crossing, primary: str) -> tuple[Grid, ...]:
    if not found.saved:
        return ()
    return (
        Grid(
            title="Labels saved at equal score",
            header=("labels with", f"test {primary}", "labels without", "from", "to", "saved"),
            rows=tuple(
                (s.labels, round(s.score, 4), *map(_whole, (s.needed, s.low, s.high, s.saved)))
                for s in found.saved
            ),
            caption="Intervals are over draws of labelled rows; empty: more than there are.",
        ),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
