"""The command that measures a model: evaluate."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from journeyman.commands.usage import ModelPath


def evaluate(
    model: ModelPath,
    file: Annotated[
        str, typer.Option("--file", "-f", metavar="FILE", help="Rows with their targets.")
    ],
    unknown: Annotated[
        str | None,
        typer.Option(
            "--unknown",
            metavar="FILE",
            help="Rows of none of the model's classes: are they told from those it knows?",
        ),
    ] = None,
) -> None:
    """Measure a model on rows with targets: one JSON document."""
    from journeyman.api import load
    from journeyman.data.questions import labelled_rows, questions_in

    loaded = load(model)
    rows, refused = labelled_rows(file, loaded.columns, loaded.learner.task.kind)
    told: dict[str, Any]
    if unknown is None:
        told = loaded.evaluate(rows).to_json()
    else:
        from journeyman.outsiders import beside_outsiders

        told = beside_outsiders(loaded, rows, questions_in(unknown, loaded.columns)).to_json()
    typer.echo(json.dumps({**told, "refused": len(refused)}))
