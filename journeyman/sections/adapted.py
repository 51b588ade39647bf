"""What there is to tell of a model that learned as rows arrived: what it kept, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.continual.adapt_options import AdaptOptions
from journeyman.section import Chart, Figure, Grid, Section, Series
from journeyman.sections import watched
from journeyman.stream import Stage, Stream
from journeyman.versions.version import Version
from journeyman.watching.unannounced import Episode


def adapted(
    stream: Stream,
    options: AdaptOptions,
    versions: Sequence[Version],
    difference: float | None,
    episodes: Sequence[Episode] = (),
) -> Section:
    """The chapter on learning without forgetting, and forgetting on request.

    `difference` is what `Stream.difference` gave before anything was forgotten; `episodes` tell of
    arrivals that nobody announced.
    """
    metric = stream.model.learner.task.primary_metric
    stories = tuple(words for each in episodes for words in watched.story(each))
    seen = [chart for each in episodes for chart in watched.charts(each)]
    extra = [figure for each in episodes for figure in watched.figures(each)]
    return Section(
        step="adapt",
        title="Adapt: learning what arrives, without forgetting",
        prose=_prose(stream, options, metric, difference, stories),
        figures=(*extra, *_figures(stream)),
        charts=(_curve(stream, metric), *seen),
        tables=(
            *(watched.timeline(each) for each in episodes),
            _matrix(stream, metric),
            _gate(stream),
            _versions(versions),
        ),
    )


def _prose(
    stream: Stream,
    options: AdaptOptions,
    metric: str,
    difference: float | None,
    stories: Sequence[str],
) -> tuple[str, ...]:
    learned = [stage for stage in stream.stages if stage.update.kind == "learn"]
    refused = [stage for stage in learned if not stage.update.accepted]
    gate = (
        "No update was to be refused."
        if options.retain is None
        else f"The gate lets an update pass that keeps {options.retain:.1%} of {metric} on every "
        "old slice of the exam, which the model carries as features, or loses no more than chance."
    )
    told = [
        f"{len(learned)} arrivals were learned one after another, each without the rows before it. "
        "What a solved head keeps of its rows adds up, so order does not matter: a skill that "
        "falls when others arrive falls as much where all are learned at once, for one head now "
        f"serves them all. {gate}"
    ]
    told += [f"{each.name} was refused: {'; '.join(each.update.reasons)}." for each in refused]
    if difference is not None:
        told.append(
            "A model that learns all arrivals at once from the same start gives the same outputs: "
            f"the largest difference is {difference:.1e} of the largest output."
        )
    told += stories
    for stage in stream.stages:
        if stage.update.kind == "unlearn":
            how = "exactly" if stage.update.exact else "as far as it can"
            rows, seconds = stage.update.removed, stage.seconds
            told.append(
                f"Then {rows:,} row{'s' * (rows != 1)} went, forgotten {how}, in {seconds:.2f} s, "
                "and in every version. The copies in this run's tables and in the feature cache go "
                "with the command journeyman unlearn."
            )
    return tuple(told)


def _figures(stream: Stream) -> list[Figure]:
    last = stream.stages[-1]
    found = [
        Figure(name=f"{name} at the end", value=m.value, low=m.low, high=m.high, n=m.n)
        for name, m in last.tests.items()
    ]
    for stage in stream.stages[1:]:
        name = f"{stage.name} seconds"
        found.append(Figure(name=name, value=round(stage.seconds, 2), unit="s", clock=True))
    return found


def _curve(stream: Stream, metric: str) -> Chart:
    names = tuple(stage.name for stage in stream.stages)
    return Chart(
        kind="line",
        title="Every skill after every step",
        x_label="after",
        y_label=f"test {metric}",
        series=tuple(_line(stream.stages, name, names) for name in stream.tests),
        caption="Test rows of each arrival, which choose nothing; intervals at 95 %. A line starts "
        "where its rows arrive. Of an update that was refused, what it would have done.",
    )


def _line(stages: list[Stage], name: str, names: tuple[str, ...]) -> Series:
    known = [stage.tests.get(name) for stage in stages]
    return Series(
        name=name,
        x=names,
        y=tuple(None if m is None else m.value for m in known),
        low=tuple(None if m is None else m.low for m in known),
        high=tuple(None if m is None else m.high for m in known),
    )


def _matrix(stream: Stream, metric: str) -> Grid:
    names = tuple(stream.tests)
    return Grid(
        title=f"Test {metric} of each arrival",
        header=("after", *names),
        rows=tuple(
            (stage.name, *(_rounded(stage, name) for name in names)) for stage in stream.stages
        ),
        caption="Read down a column: what later arrivals did to a skill.",
    )


def _rounded(stage: Stage, name: str) -> float | None:
    metric = stage.tests.get(name)
    return None if metric is None or metric.value is None else round(metric.value, 4)


def _gate(stream: Stream) -> Grid:
    rows = []
    for stage in stream.stages:
        for kept in stage.update.retention:
            change = kept.after - kept.before if kept.before is not None else None
            numbers = (kept.before, kept.after, change, kept.low, kept.high)
            shown = (None if number is None else round(number, 4) for number in numbers)
            rows.append((stage.name, kept.slice, kept.n, *shown))
    return Grid(
        title="What the gate saw",
        header=("update", "slice of the exam", "rows", "before", "after", "change", "from", "to"),
        rows=tuple(rows),
        caption="On exam rows, which are learned by no version; the change with a paired 95 % "
        "interval. `new` rows came with the update itself and refuse nothing.",
    )


def _versions(versions: Sequence[Version]) -> Grid:
    return Grid(
        title="Versions",
        header=("version", "what", "parent", "rows added", "rows removed", "passed", "serves"),
        rows=tuple(
            (
                each.version,
                "rebuilt" if each.replaces else each.kind,
                each.parent or "",
                each.added,
                each.removed,
                "yes" if each.accepted else "no",
                "now" if each.current else "",
            )
            for each in reversed(versions)
            if each.stands
        ),
        caption="All stand beside the model: journeyman history, diff, promote, rollback.",
    )
