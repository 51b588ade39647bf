"""What there is to tell of rows that nobody announced: the story of an episode, as a timeline."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.section import Chart, Figure, Grid, Series
from journeyman.watching.events import Event
from journeyman.watching.unannounced import Episode, Point

SMOOTHED = 7
"""Points over which the share of wrong answers is averaged: about as many rows as the estimate is
over."""


def story(episode: Episode) -> tuple[str, ...]:
    """The episode in a paragraph or two."""
    name, usual = episode.name, episode.usual
    if episode.delay is None:
        return (
            f"{name} arrived unannounced after {usual:,} rows of the usual kind, and no detector "
            "saw it: nothing was learned.",
        )
    told = [
        f"{name} arrived unannounced, without labels, after {usual:,} rows of the usual kind "
        f"(test rows of what came before; nothing is learned from them). It was seen "
        f"{episode.delay} rows later."
    ]
    early = sum(event.kind == "alarm" and event.row <= usual for event in episode.events)
    if early:
        told.append(f"Before that there were {early} false alarms.")
    for event in episode.events:
        if event.kind == "asked":
            told.append(
                f"Labels of {event.told['rows']} rows were asked for, chosen among "
                f"{event.told['of']} that came since; those of the data stand for the answers of a "
                "person."
            )
    update = episode.update
    if update is None:
        told.append("Nothing was learned.")
    elif update.accepted:
        told.append(f"The model learned {update.learned} rows, and the gate let the version pass.")
    else:
        told.append(f"The gate refused what was learned: {'; '.join(update.reasons)}.")
    return (" ".join(told),)


def figures(episode: Episode) -> list[Figure]:
    """How soon it was seen, and how many labels that took."""
    asked = sum(event.told["rows"] for event in episode.events if event.kind == "asked")
    return [
        Figure(name=f"{episode.name} seen after", value=episode.delay, unit="rows"),
        Figure(name=f"labels asked for {episode.name}", value=asked, unit="rows"),
    ]


def charts(episode: Episode) -> tuple[Chart, ...]:
    """How near each detector was to an alarm, and how often answers were wrong, row by row."""
    rows = tuple(float(point.row) for point in episode.points)
    names = [
        name
        for name in sorted(episode.points[0].strengths)
        if any(point.strengths[name] for point in episode.points)
    ]
    strengths = [
        Series(name=name, x=rows, y=tuple(_shown(p.strengths[name]) for p in episode.points))
        for name in names
    ]
    limit = Series(name="alarm", x=rows, y=tuple(1.0 for _ in rows))
    told = f"{episode.name} begins after row {episode.usual:,}"
    nearness = Chart(
        kind="line",
        title=f"{episode.name}: how near to an alarm",
        x_label="rows of the stream",
        y_label="share of the limit",
        series=(*strengths, limit),
        caption=f"{told}. From 1 on a detector gives an alarm, and what comes then is its new "
        "normal.",
    )
    wrong = Chart(
        kind="line",
        title=f"{episode.name}: answers that are wrong",
        x_label="rows of the stream",
        y_label="share of answers",
        series=(
            Series(name="estimated", x=rows, y=tuple(p.estimated for p in episode.points)),
            Series(name="truth", x=rows, y=tuple(_smooth(episode.points))),
        ),
        caption=f"{told}. Estimated without labels, from how sure the answers are (average "
        "thresholded confidence, over 200 rows); the truth is what the watch does not see.",
    )
    return nearness, wrong


def timeline(episode: Episode) -> Grid:
    """What befell, in its order."""
    first = (episode.usual, "arrives", f"{episode.name} follows on {episode.usual:,} usual rows")
    rows = [first, *((event.row, event.kind, _said(event)) for event in episode.events)]
    return Grid(
        title=f"{episode.name}: what befell",
        header=("row", "what", "why"),
        rows=tuple(sorted(rows, key=lambda row: row[0])),
        caption="All but the first line is noted in decisions.jsonl too.",
    )


def _said(event: Event) -> str:
    if event.said:
        return "; ".join(event.said)
    if event.kind == "learned":
        rows = event.told["rows"]
        count = rows["added"] + rows.get("replaced", 0)
        return f"{count} rows, version {event.version}; the gate let it pass"
    return "; ".join(event.told.get("reasons", ()))


def _shown(strength: float) -> float:
    return round(max(strength, 0.0), 3)


def _smooth(points: Sequence[Point]) -> list[float | None]:
    found: list[float | None] = []
    for at in range(len(points)):
        part = [p.wrong for p in points[max(at + 1 - SMOOTHED, 0) : at + 1] if p.wrong is not None]
        found.append(round(sum(part) / len(part), 4) if part else None)
    return found
