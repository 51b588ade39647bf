"""What there is to tell of training and of how well the model does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from journeyman.evaluation.baselines.base import BASELINES
from journeyman.evaluation.detection import BoxClassMetrics
from journeyman.model import Measured
from journeyman.section import Chart, Figure, Grid, Matrix, Section, Series
from journeyman.standings import HUMAN, Standings
from journeyman.training.cache.feature_cache import CacheStats
from journeyman.training.trainer import Trained
from journeyman.tuners.base import size_of
from journeyman.types import Metric

OURS = "This model"
CURVES = 8
"""Classes whose curves are drawn, those with the most true boxes."""


def finetuned(
    trained: Trained, standings: Standings, stats: CacheStats, primary: str, disk: int
) -> Section:
    """The chapter on fine-tuning and evaluation; `disk` is the model folder's bytes."""
    return Section(
        step="finetune",
        title="Fine-tuning and how well it does",
        prose=_prose(trained, standings, stats),
        figures=(
            *metric_figures(standings.measured.overall.metrics),
            *_calibration_figures(standings.uncalibrated),
            *_figures(trained, stats, disk),
        ),
        charts=tuple(
            chart
            for chart in (
                standings_chart(standings, primary),
                *_slice_charts(standings, primary),
                _history(trained, primary),
                _confusion(standings.measured),
                _coverage(standings.measured),
                _curves(standings.measured),
                _roc(standings.measured),
                _reliability(standings),
            )
            if chart is not None
        ),
        tables=tuple(
            table
            for table in (
                _classes(standings.measured),
                _slices(standings.measured),
                _rater(standings),
                _candidates(trained),
            )
            if table is not None
        ),
    )


def metric_figures(metrics: Mapping[str, Metric]) -> tuple[Figure, ...]:
    """Test metrics as figures."""
    return tuple(
        Figure(name=f"test {name}", value=m.value, low=m.low, high=m.high, n=m.n)
        for name, m in metrics.items()
    )


def _calibration_figures(before: Metric | None) -> tuple[Figure, ...]:
    if before is None:
        return ()
    name = "test ece before calibration"
    return (Figure(name=name, value=before.value, low=before.low, high=before.high, n=before.n),)


def standings_chart(standings: Standings, primary: str) -> Chart | None:
    """The model's primary metric beside every baseline's, best first."""
    names = {OURS: standings.measured.overall.metrics, **standings.overall}
    if "" in standings.human:
        names[HUMAN] = standings.human[""]
    ranked = sorted(
        (
            (name, metrics[primary])
            for name, metrics in names.items()
            if primary in metrics and metrics[primary].value is not None
        ),
        key=lambda pair: -(pair[1].value or 0.0),
    )
    if not ranked:
        return None
    omitted = " ".join(standings.omitted.values())
    return Chart(
        kind="bar",
        title=f"Test {primary} beside simpler methods",
        x_label="method",
        y_label=primary,
        series=(_series(primary, [(name, metric) for name, metric in ranked]),),
        highlight=OURS,
        caption=f"Same rows for all, intervals at 95 %. {omitted}".strip(),
    )


def _slice_charts(standings: Standings, primary: str) -> list[Chart]:
    charts = []
    for column, values in standings.slices.items():
        ours = standings.measured.slices.get(column, {})
        shown = [value for value in values if primary in ours.get(value, {})][:12]
        if not shown:
            continue
        methods = list(dict.fromkeys(name for value in shown for name in values[value]))
        rows = {OURS: {value: ours[value] for value in shown}}
        rows |= {name: {v: values[v].get(name, {}) for v in shown} for name in methods}
        charts.append(
            Chart(
                kind="bar",
                title=f"Test {primary} by {column}",
                x_label=column,
                y_label=primary,
                series=tuple(
                    _series(name, [(v, m[primary]) for v, m in by_value.items() if primary in m])
                    for name, by_value in rows.items()
                ),
                highlight=OURS,
            )
        )
    return charts


def _series(name: str, pairs: Sequence[tuple[str, Metric]]) -> Series:
    return Series(
        name=name,
        x=tuple(label for label, _ in pairs),
        y=tuple(metric.value for _, metric in pairs),
        low=tuple(metric.low for _, metric in pairs),
        high=tuple(metric.high for _, metric in pairs),
    )


def _prose(trained: Trained, standings: Standings, stats: CacheStats) -> tuple[str, ...]:
    learner = trained.learner
    depth = learner.backbone.spec.depth
    what = (
        f"The tuner is `{learner.tuner.name}`: layers 1 to {learner.cut} of {depth} are frozen and "
        f"were computed once for each distinct row; the head is `{learner.head.name}`."
    )
    how = "The head was solved in closed form." if trained.solved else ""
    if trained.fitted is not None:
        how = (
            f"{len(trained.fitted.history)} epochs were trained; the parameters of epoch "
            f"{trained.fitted.best_epoch}, the best on validation rows, are kept. {how}"
        )
    cache = (
        f"Of {stats.rows_asked:,} rows asked of the feature cache, {stats.rows_computed:,} went "
        f"through the frozen layers now and {stats.rows_found:,} were there already."
    )
    names = ", ".join(
        f"{name} ({BASELINES[name].purpose})" for name in standings.overall if name in BASELINES
    )
    beside = f"Beside it on the same test rows: {names}." if names else ""
    return tuple(text for text in (what, how.strip(), cache, beside) if text)


def _figures(trained: Trained, stats: CacheStats, disk: int) -> tuple[Figure, ...]:
    parameters = trained.learner.parameters().values()
    timed = [
        Figure(name=f"{part} seconds", value=round(seconds, 2), unit="s", clock=True)
        for part, seconds in trained.seconds.items()
    ]
    found = (
        Figure(name="validation score", value=trained.fitted.best_score)
        if trained.fitted is not None
        else None
    )
    return (
        Figure(name="trainable parameters", value=size_of(parameters)),
        Figure(name="model on disk", value=round(disk / 1e6, 3), unit="MB"),
        Figure(name="cut", value=trained.learner.cut),
        *([found] if found else []),
        *timed,
        Figure(name="rows through frozen layers", value=stats.rows_computed, clock=True),
        Figure(
            name="seconds saved by the cache",
            value=round(stats.seconds_saved, 2),
            unit="s",
            clock=True,
        ),
    )


def _history(trained: Trained, primary: str) -> Chart | None:
    history = trained.fitted.history if trained.fitted else ()
    if len(history) < 2:
        return None
    epochs = tuple(point["epoch"] for point in history)
    scores = [name for name in history[0] if name not in ("epoch", "loss")]
    return Chart(
        kind="line",
        title="Validation score by epoch",
        x_label="epoch",
        y_label=primary,
        series=tuple(
            Series(name=name, x=epochs, y=tuple(point[name] for point in history))
            for name in scores
        ),
    )


def _confusion(measured: Measured) -> Matrix | None:
    confusion = measured.overall.confusion
    if confusion is None:
        return None
    return Matrix(
        title="What is taken for what (test rows)",
        labels=confusion.labels,
        counts=confusion.counts,
        caption="Rows are the truth, columns the answer.",
    )


def _coverage(measured: Measured) -> Chart | None:
    points = measured.overall.coverage
    if len(points) < 2:
        return None
    return Chart(
        kind="line",
        title="Accuracy when the least certain rows are left to a person",
        x_label="share of rows answered",
        y_label="accuracy",
        series=(
            Series(
                name="accuracy",
                x=tuple(point["coverage"] for point in points),
                y=tuple(point["accuracy"] for point in points),
            ),
        ),
    )


def _curves(measured: Measured) -> Chart | None:
    classes, curves = measured.overall.classes, measured.overall.curves
    if not curves:
        return None
    often = sorted(curves, key=lambda name: -classes[name].support)[:CURVES]
    return Chart(
        kind="line",
        title="Precision as more and more of what is there is found",
        x_label="recall",
        y_label="precision",
        series=tuple(
            Series(
                name=name,
                x=tuple(at / (len(curves[name]) - 1) for at in range(len(curves[name]))),
                y=tuple(curves[name]),
            )
            for name in often
        ),
        caption="At an overlap of a half; the area under a curve is the class's map_50.",
    )


def _roc(measured: Measured) -> Chart | None:
    points = [point for point in measured.overall.roc if point["false_accepts"] > 0]
    if len(points) < 2:
        return None
    return Chart(
        kind="line",
        title="Pairs of one person accepted, by how many pairs of two people are",
        x_label="false accepts, power of ten",
        y_label="true accepts",
        series=(
            Series(
                name="true accepts",
                x=tuple(round(log10(point["false_accepts"]), 4) for point in points),
                y=tuple(point["true_accepts"] for point in points),
            ),
        ),
        caption="Receiver operating characteristic on test rows; -2 is one false pair in a "
        "hundred.",
    )


def _reliability(standings: Standings) -> Chart | None:
    if not standings.reliability:
        return None
    return Chart(
        kind="line",
        title="Is it as right as it says?",
        x_label="stated probability",
        y_label="share right",
        series=tuple(
            Series(
                name=name,
                x=tuple(point.confidence for point in points),
                y=tuple(point.accuracy for point in points),
            )
            for name, points in standings.reliability.items()
        ),
        diagonal=True,
        caption="On the diagonal, 80 % certain means right 80 times in 100.",
    )


def _classes(measured: Measured) -> Grid | None:
    classes = measured.overall.classes
    if not classes:
        return None
    boxes = {name: each for name, each in classes.items() if isinstance(each, BoxClassMetrics)}
    last = ("map_50", "map", "map from", "map to", "boxes") if boxes else ("rows",)
    more = {
        name: (each.map_50.value, each.map.value, each.map.low, each.map.high)
        for name, each in boxes.items()
    }
    return Grid(
        title="Each class on test rows",
        header=("class", "precision", "recall", "F1", "F1 from", "F1 to", *last),
        rows=tuple(
            (
                *(name, m.precision.value, m.recall.value, m.f1.value, m.f1.low, m.f1.high),
                *more.get(name, ()),
                m.support,
            )
            for name, m in classes.items()
        ),
    )


def _slices(measured: Measured) -> Grid | None:
    rows: list[tuple[Any, ...]] = [
        (f"{column}: {value}", name, m.value, m.low, m.high, m.n)
        for column, values in measured.slices.items()
        for value, metrics in values.items()
        for name, m in metrics.items()
    ]
    if not rows:
        return None
    header = ("slice", "metric", "value", "from", "to", "rows")
    return Grid(title="Each slice on test rows", header=header, rows=tuple(rows))


def _rater(standings: Standings) -> Grid | None:
    rows: list[tuple[Any, ...]] = [
        (who, value or "all rows", name, m.value, m.low, m.high, m.n)
        for value in standings.human
        for who, metrics in (
            (OURS, standings.beside_human[value]),
            (HUMAN, standings.human[value]),
        )
        for name, m in metrics.items()
    ]
    if not rows:
        return None
    return Grid(
        title="Against one human rater",
        header=("who", "where", "metric", "value", "from", "to", "rows"),
        rows=tuple(rows),
        caption="One rater a row, drawn at random and left out of that row's mean; the mean of the "
        "others is the truth for the rater and for the model alike.",
    )


def _candidates(trained: Trained) -> Grid | None:
    tried = [c for c in (trained.solved.candidates if trained.solved else ()) if "score" in c]
    if not tried:
        return None
    names = tuple(dict.fromkeys(name for candidate in tried for name in candidate))
    return Grid(
        title="Settings of the solved head that were compared",
        header=names,
        rows=tuple(tuple(_cell(candidate.get(name)) for name in names) for candidate in tried),
    )


def _cell(value: Any) -> str | float | int | None:
    if value is None or (isinstance(value, str | float | int) and not isinstance(value, bool)):
        return value
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
