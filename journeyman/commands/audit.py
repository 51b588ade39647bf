"""The command that doubts labels: audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeyman.errors import DataError

if TYPE_CHECKING:
    from journeyman.auditing import Audited

TOP = 10
"""Suspects, and pairs of labels, that the terminal shows."""
WIDTH = 60
"""Characters of a text that the terminal shows."""


def audit(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A data file, a folder of pictures, a dataset, a recipe, a run or its model.",
        ),
    ],
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of texts; guessed if absent.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of paths of pictures.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of labels; guessed if absent.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="What labels are; seen from them if absent.")
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option("--backbone", "-b", metavar="NAME", help="Name, hub id or folder."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where to write; NAME-audit if absent."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=10, metavar="ROWS", help="Audit a sample of at most so many rows."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress on standard error.")
    ] = False,
) -> None:
    """Find labels that are likely wrong, without a model: suspects for people to judge.

    Writes audit.jsonl (every row), suspects.csv (to correct) and audit.html (to read).
    """
    from journeyman.auditing import audit_of, write_audit
    from journeyman.audits.options import AuditOptions
    from journeyman.audits.written import answers_in
    from journeyman.progress import Reporter

    said = {"text": text, "image": image, "label": label, "task": task, "backbone": backbone}
    folder = Path(output or f"{Path(data).stem}-audit").expanduser()
    answers_in(folder)
    with _in_options():
        found = audit_of(data, said, AuditOptions(limit=limit), Reporter(quiet=quiet))
    write_audit(found, folder, data)
    _show(found)
    for name in ("audit.html", "suspects.csv", "audit.jsonl"):
        typer.echo(f"{folder / name}")


@contextmanager
def _in_options() -> Iterator[None]:
    """Within, what a mistake says of a recipe's columns is said of the command's options."""
    try:
        yield
    except DataError as mistake:
        parts = {name: getattr(mistake, name) for name in ("place", "expected", "found", "remedy")}
        for column in ("text", "image", "label"):
            parts = {n: t.replace(f"data.{column}", f"--{column}") for n, t in parts.items()}
        raise DataError(mistake.problem, **parts) from mistake


def _show(found: Audited) -> None:
    """The short of it, as tables."""
    from rich.console import Console
    from rich.table import Table

    from journeyman.sections.audited import plain

    audit, console = found.audit, Console(highlight=False, emoji=False, markup=False)
    rows, doubted = len(audit.rows), len(audit.suspects)
    noise = "" if audit.noise is None else f"; about {audit.noise:.1%} of labels wrong by estimate"
    console.print(f"{rows:,} labels audited, {doubted:,} suspects ({doubted / rows:.1%}){noise}")
    if found.refused:
        console.print(f"{found.refused:,} rows could not be read and were left out")
    if audit.pairs:
        table = Table("given", "likely meant", "suspects", title="Labels that are mixed up")
        for pair in audit.pairs[:TOP]:
            table.add_row(pair.given, pair.likely, f"{pair.rows:,}")
        console.print(table)
    if doubted:
        table = Table("doubt", "given", "likely", "text", title="The most doubtful")
        for row in audit.suspects[:TOP]:
            shown = " ".join(row.text.split())
            shown = shown if len(shown) <= WIDTH else f"{shown[: WIDTH - 1]}…"
            table.add_row(f"{min(row.score, 0.99):.0%}", plain(row.given), plain(row.likely), shown)
        console.print(table)
    console.print(
        "Suspects are for people to judge: elsewhere about half of such flags were wrong."
    )
