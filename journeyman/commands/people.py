"""Commands about people, of models that tell them apart: enrol, remove, list, verify."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from journeyman.commands.usage import ModelPath, print_lines


def enrol(
    model: ModelPath,
    pictures: Annotated[list[str], typer.Argument(metavar="PICTURE", hidden=True)],
    person: Annotated[str, typer.Option("--person", "-p", metavar="NAME", help="Whom they show.")],
) -> None:
    """Enrol a person with a model of faces, from one PICTURE or more and without training."""
    from journeyman.api import load

    count = load(model).enrol(person, pictures)
    typer.echo(f"{person}: {count} picture{'s' * (count > 1)} enrolled")


def remove_person(
    model: ModelPath,
    person: Annotated[str, typer.Argument(metavar="NAME", help="Who is to be removed.")],
) -> None:
    """Remove a person from a model of faces, as if never enrolled."""
    from journeyman.api import load

    load(model).remove_person(person)
    typer.echo(f"{person}: removed")


def people(model: ModelPath) -> None:
    """List who is enrolled with a model of faces: one JSON object a line."""
    from journeyman.api import load

    found = load(model).people
    print_lines({"person": name, "pictures": count} for name, count in found.items())


def verify(
    model: ModelPath,
    one: Annotated[str, typer.Argument(metavar="PICTURE", help="A picture of a face.")],
    other: Annotated[str, typer.Argument(metavar="PICTURE", help="Another.")],
    false_accepts: Annotated[
        float, typer.Option(help="Share of pairs of two people that may pass.")
    ] = 0.01,
) -> None:
    """Say whether two pictures show one person: one JSON object."""
    from journeyman.api import load

    found = load(model).verify(one, other, false_accepts=false_accepts)
    typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
