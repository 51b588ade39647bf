"""What there is to tell of a search: its history, what mattered, and what it decided."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from journeyman.section import Chart, Figure, Grid, Section, Series
from journeyman.training.outcome import Outcome, Searched


def searched(found: Searched) -> Section:
    """The chapter on the search."""
    charts = (_history(found), _importance(found))
    return Section(
        step="search",
        title="The search for settings",
        prose=_prose(found),
        figures=_figures(found),
        charts=tuple(chart for chart in charts if chart is not None),
        tables=(_trials(found),),
    )


def _prose(found: Searched) -> tuple[str, ...]:
    counts = Counter(one.state for one in found.outcomes)
    first = found.outcomes[0]
    told = ", ".join(f"{counts[state]} {state}" for state in ("complete", "pruned", "failed"))
    what = (
        f"{len(found.outcomes)} trials were judged by {found.metric} on validation rows: {told}. "
        f"{'There is nothing else in its space. ' if found.exhausted else ''}"
        "Test rows chose nothing: only the model made with the best settings is measured on them."
    )
    best = (
        f"The best is trial {found.best.number} ({_said(found.best.values) or 'the recipe as it '}"
        f"{'' if found.best.values else 'stands'}) at {found.best.score:.3f}"
    )
    if first.number == 0 and first.score is not None and found.best.number:
        best += f"; the recipe as it stands reached {first.score:.3f}"
    many = (
        "The best of many scores is flattered by chance, so expect less of it on other rows; "
        "search/best.yaml is the recipe with these settings."
    )
    clock = f"Time decided: {found.clock}, so another run may find other settings."
    return (what, f"{best}. {many}", *([clock] if found.clock else []))


def _figures(found: Searched) -> tuple[Figure, ...]:
    counts = Counter(one.state for one in found.outcomes)
    asked = sum(one.rows_asked for one in found.outcomes)
    computed = sum(one.rows_computed for one in found.outcomes)
    return (
        Figure(name="trials", value=len(found.outcomes)),
        Figure(name="trials pruned", value=counts["pruned"]),
        Figure(name="trials failed", value=counts["failed"]),
        Figure(name="best trial", value=found.best.number),
        Figure(name="best validation score", value=found.best.score),
        *(Figure(name=f"best {field}", value=_word(v)) for field, v in found.best.values.items()),
        *(
            Figure(name=f"importance of {field}", value=round(share, 6))
            for field, share in found.importance.items()
        ),
        Figure(name="rows asked of the cache", value=asked, clock=True),
        Figure(name="rows through frozen layers", value=computed, clock=True),
        Figure(name="search seconds", value=round(found.seconds, 2), unit="s", clock=True),
    )


def _history(found: Searched) -> Chart | None:
    complete = [one for one in found.outcomes if one.state == "complete"]
    if len(complete) < 2:
        return None
    best, top = [], float("-inf")
    for one in complete:
        top = max(top, one.score if one.score is not None else top)
        best.append(top)
    numbers = tuple(float(one.number) for one in complete)
    return Chart(
        kind="line",
        title=f"Validation {found.metric} by trial",
        x_label="trial",
        y_label=found.metric,
        series=(
            Series(name="each trial", x=numbers, y=tuple(one.score for one in complete)),
            Series(name="best so far", x=numbers, y=tuple(best)),
        ),
        highlight="best so far",
        caption="Trial 0 is the recipe as it stands. Trials that were given up are not drawn.",
    )


def _importance(found: Searched) -> Chart | None:
    if not found.importance:
        return None
    return Chart(
        kind="bar",
        title="What the score hung on",
        x_label="field",
        y_label="share of what scores varied by",
        series=(
            Series(
                name="importance",
                x=tuple(found.importance),
                y=tuple(found.importance.values()),
            ),
        ),
        caption="By functional ANOVA over the trials: a field that was hardly varied seems to "
        "matter little.",
    )


def _trials(found: Searched) -> Grid:
    ranked = sorted(found.outcomes, key=_rank)
    return Grid(
        title="Trials, best first",
        header=("trial", found.metric, "what", "epochs", "seconds", "settings"),
        rows=tuple(
            (
                one.number,
                one.score,
                f"{one.state}: {one.why}" if one.why else one.state,
                len(one.history) or None,
                round(one.seconds, 1),
                _said(one.values) or "as the recipe says",
            )
            for one in ranked
        ),
    )


def _rank(outcome: Outcome) -> tuple[bool, float, int]:
    score = outcome.score if outcome.score is not None else float("-inf")
    return outcome.state != "complete", -score, outcome.number


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{field.removeprefix('finetune.')} {_word(v)}" for field, v in values.items())


def _word(value: Any) -> str | float | int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return json.dumps(value)
    return f"{value:.3g}" if isinstance(value, float) else value
