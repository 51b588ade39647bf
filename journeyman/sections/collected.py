"""What there is to tell of the data: rows, splits, and what was found wrong."""

from __future__ import annotations

from collections.abc import Mapping

from journeyman.data.collection import Collection
from journeyman.data.findings import Finding
from journeyman.section import Chart, Figure, Grid, Section, Series
from journeyman.tasks.base import Schema

CLASSES_DRAWN = 40


def collected(collection: Collection, schema: Schema) -> Section:
    """The chapter on the data."""
    rows = {split: len(table) for split, table in collection.tables.items()}
    return Section(
        step="collect",
        title="The data",
        prose=_prose(collection, rows),
        figures=(
            *(Figure(name=f"{split} rows", value=count) for split, count in rows.items()),
            *_extra(collection),
            *_unlabelled(collection),
            Figure(name="rows set aside", value=collection.quarantined),
            Figure(name="classes", value=len(schema.labels) or None),
        ),
        charts=_charts(schema),
        tables=(_findings(collection.findings),) if collection.findings else (),
    )


def finding_sentences(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """What was wrong with the data, a sentence each, the worst first."""
    told = [f for f in findings if f.severity != "note"] or list(findings)
    return tuple(f"{finding.detail} ({finding.action})" for finding in told[:6])


def _prose(collection: Collection, rows: Mapping[str, int]) -> tuple[str, ...]:
    total = sum(rows.values())
    sources = [*collection.sources.values(), *collection.extra]
    read = ", ".join(sorted({source.rsplit("/", 1)[-1] for source in sources}))
    first = (
        f"{total:,} rows of {read} are used: {rows['train']:,} to learn from, "
        f"{rows['validation']:,} to choose by, {rows['exam']:,} kept to examine later updates, "
        f"and {rows['test']:,} that chose nothing and give the figures."
    )
    if collection.extra:
        first += (
            f" {sum(map(len, collection.added)):,} of those to learn from are rows of data.extra "
            f"({', '.join(source.rsplit('/', 1)[-1] for source in collection.extra)}), which "
            "nothing is judged by."
        )
    aside = collection.quarantined
    second = (
        f"{aside:,} rows could not be used and stand in quarantine.jsonl with the reason."
        if aside
        else "Every row could be read."
    )
    without = sum(map(len, collection.unlabelled))
    third = (
        f"{without:,} training rows have no label. They are in no split and are kept apart: the "
        "chapter on fine-tuning says whether anything was learned from them.",
    )
    return (first, second, *third * bool(without))


def _unlabelled(collection: Collection) -> tuple[Figure, ...]:
    if not collection.unlabelled:
        return ()
    return (Figure(name="rows without labels", value=sum(map(len, collection.unlabelled))),)


def _extra(collection: Collection) -> tuple[Figure, ...]:
    if not collection.extra:
        return ()
    return (Figure(name="extra rows", value=sum(map(len, collection.added))),)


def _charts(schema: Schema) -> tuple[Chart, ...]:
    if not schema.labels:
        return ()
    ranked = sorted(zip(schema.counts, schema.labels, strict=True), reverse=True)[:CLASSES_DRAWN]
    more = len(schema.labels) - len(ranked)
    return (
        Chart(
            kind="bar",
            title="Training rows by class",
            x_label="class",
            y_label="rows",
            series=(
                Series(
                    name="rows",
                    x=tuple(label for _, label in ranked),
                    y=tuple(float(count) for count, _ in ranked),
                ),
            ),
            caption=f"{more} smaller classes are not drawn." if more > 0 else "",
        ),
    )


def _findings(findings: tuple[Finding, ...]) -> Grid:
    return Grid(
        title="What was found in the data",
        header=("severity", "what", "rows", "done", "first rows"),
        rows=tuple(
            (
                finding.severity,
                finding.detail,
                finding.count,
                finding.action,
                ", ".join(map(str, finding.rows[:5])),
            )
            for finding in findings
        ),
    )
