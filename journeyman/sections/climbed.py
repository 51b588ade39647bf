"""What there is to tell of `tuner: auto`: the rungs that were tried, and why the climb ended."""

from __future__ import annotations

from journeyman.section import Chart, Figure, Grid, Section, Series
from journeyman.training.ladder import Attempt, Climb


def climbed(section: Section, climb: Climb, metric: str) -> Section:
    """The chapter on fine-tuning with the climb in it, ahead of what it already tells."""
    kept = next(one for one in climb.attempts if one.rung == climb.kept)
    words = (
        f"The tuner was chosen on validation rows: `{climb.kept}` is kept, at {metric} "
        f"{kept.score:.3f}. A rung pays when it gains more on the one kept before than the "
        f"standard error of that gain. The climb ended because {climb.stopped}."
    )
    clock = ""
    if climb.clock:
        clock = f"Time had a say: {climb.clock}, so another run may end elsewhere."
    return section.model_copy(
        update={
            "prose": (f"{words} {clock}".strip(), *section.prose),
            "figures": (*section.figures, *_figures(climb)),
            "charts": (*section.charts, _chart(climb, metric)),
            "tables": (_table(climb, metric), *section.tables),
        }
    )


def _trained(climb: Climb) -> list[Attempt]:
    return [one for one in climb.attempts if one.score is not None]


def _figures(climb: Climb) -> tuple[Figure, ...]:
    scores = [
        Figure(name=f"validation score of {one.rung}", value=one.score) for one in _trained(climb)
    ]
    seconds = [
        Figure(name=f"{one.rung} seconds", value=round(one.seconds, 2), unit="s", clock=True)
        for one in _trained(climb)
    ]
    return (Figure(name="tuner kept", value=climb.kept), *scores, *seconds)


def _chart(climb: Climb, metric: str) -> Chart:
    points = _trained(climb)
    return Chart(
        kind="bar",
        title=f"Validation {metric} by rung",
        x_label="rung",
        y_label=metric,
        series=(
            Series(
                name=metric,
                x=tuple(one.rung for one in points),
                y=tuple(one.score for one in points),
            ),
        ),
        highlight=climb.kept,
    )


def _table(climb: Climb, metric: str) -> Grid:
    return Grid(
        title="Rungs of the ladder, cheapest first",
        header=("rung", "cut", metric, "gain", "its error", "seconds foreseen", "seconds", "what"),
        rows=tuple(
            (
                one.rung,
                one.cut,
                one.score,
                one.gain,
                one.error,
                None if one.predicted is None else round(one.predicted, 1),
                round(one.seconds, 1) if one.score is not None else None,
                one.why,
            )
            for one in climb.attempts
        ),
        caption="The gain is over the rung kept before, on the same validation rows; its error is "
        "that of the grouped jackknife.",
    )
