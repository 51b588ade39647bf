"""Commands that teach a model and make it forget: learn, unlearn."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from journeyman.commands.usage import ModelPath


def learn(
    model: ModelPath,
    data: Annotated[str, typer.Argument(metavar="DATA", help="Rows with their targets.")],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the rows are, in later exams; the file's name."),
    ] = None,
    retain: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Share of its metric that each old skill must keep; 0: no gate."
        ),
    ] = None,
    exam: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.9, help="Share of the rows that are not learned but examine updates."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a loss that may be chance, too.")
    ] = False,
    new_classes: Annotated[
        bool, typer.Option(help="Whether labels the model does not know become classes.")
    ] = True,
    again: Annotated[
        bool, typer.Option("--again", help="Learn rows too that were removed on request.")
    ] = False,
) -> None:
    """Teach a model new rows, classes or a domain, without the old data: one JSON object.

    The new version serves if the gate lets it; else the one before goes on serving.
    """
    from journeyman.continual.options import UpdateOptions
    from journeyman.progress import Reporter
    from journeyman.teaching import teach

    said: dict[str, Any] = {} if retain is None else {"retain": retain or None}
    said |= {} if exam is None else {"exam": exam}
    options = UpdateOptions(new_classes=new_classes, strict=strict, **said)
    found = teach(model, data, options, origin=name, again=again, reporter=Reporter())
    typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
    if not found.update.accepted:
        version = found.update.version
        typer.echo(f"refused: {'; '.join(found.update.reasons)}", err=True)
        typer.echo(
            f"it stands as version {version}: journeyman promote {model} {version}", err=True
        )


def unlearn(
    model: ModelPath,
    rows: Annotated[
        str | None, typer.Option(metavar="FILE", help="The rows to forget, as they were learned.")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A row's id; may be repeated.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--class", metavar="LABEL", help="A class to forget whole.")
    ] = None,
) -> None:
    """Make a model forget rows or a class, with every trace of them: one JSON object.

    Your own files are not touched. Where layers were tuned on the rows the answer says that it is
    not exact; running the recipe again then trains without them.
    """
    from journeyman.teaching import forget

    found = forget(model, ids=ids or (), file=rows, label=label)
    typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
    for each in found.left:
        typer.echo(f"warning: {each} still holds a trace", err=True)
