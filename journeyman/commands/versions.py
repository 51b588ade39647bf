"""Commands about a model's versions: history, diff, promote, rollback, publish."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from journeyman.commands.usage import ModelPath, print_lines

if TYPE_CHECKING:
    from journeyman.versions.store import Store
    from journeyman.versions.version import Version

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
_NAMED = "The first 4 digits of a version or more, or current."


def history(
    model: ModelPath,
    as_json: AsJson = False,
    prune: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="First delete the files of versions before the newest N that ever served.",
        ),
    ] = None,
) -> None:
    """List a model's versions, the newest first: what each was, and which one serves."""
    store = _store(model)
    if prune is not None:
        gone = store.prune(prune)
        typer.echo(f"pruned: {', '.join(gone) or 'none'}", err=True)
    versions = store.history()
    if as_json:
        print_lines(each.to_json() for each in versions)
        return
    head = ("version", "when", "what", "rows", "accepted", "serves", "worst slice")
    _print_table([head, *map(_cells, versions)])


def diff(
    model: ModelPath,
    a: Annotated[str, typer.Argument(metavar="A", help=_NAMED)],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    as_json: AsJson = False,
) -> None:
    """Say what lies between two versions: rows, what was kept, settings, files."""
    found = _store(model).diff(a, b)
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
        return
    rows = "no ancestor in common"
    if found.added is not None and found.removed is not None:
        rows = _rows(found.added, found.removed)
    typer.echo(f"from {found.a} to {found.b}: rows {rows}")
    _print_part(
        ["slice", "metric"], ([e["slice"], e["metric"], e["a"], e["b"]] for e in found.retention)
    )
    if found.settings is None or found.files is None:
        typer.echo("the files of one of them are gone: no settings and files are compared")
        return
    _print_part(["setting"], ([name, *pair] for name, pair in found.settings.items()))
    _print_part(["file, bytes"], ([e["path"], e["a"], e["b"]] for e in found.files))


def promote(
    model: ModelPath,
    version: Annotated[str, typer.Argument(metavar="VERSION", help=_NAMED)],
) -> None:
    """Let a version of a model serve, also one that was refused."""
    store = _store(model)
    _tell(store, store.promote(version))


def rollback(model: ModelPath) -> None:
    """Let the version of a model serve that served before."""
    store = _store(model)
    _tell(store, store.rollback())


def publish(model: ModelPath) -> None:
    """Put a model into the store that JOURNEYMAN_STORE names, where it serves by its name."""
    import os

    from journeyman.errors import ModelError
    from journeyman.saved.manifest import read_manifest
    from journeyman.versions.reference import STORE, model_folder, model_store
    from journeyman.versions.store import Store

    folder, url = model_folder(model), os.environ.get(STORE)
    manifest = read_manifest(folder)
    if not url:
        raise ModelError(
            "No store is named to publish to.",
            place=STORE,
            expected="the URL of a database, such as postgresql://USER@HOST/DATABASE",
            found="nothing",
            remedy=f"set the environment variable {STORE}",
        )
    known = model_store(model).find(manifest["version"])
    store = Store.open(url, manifest["name"])
    with store.alone():
        store.take_in(folder, known.update)
        version = store.promote(known.version)
    _tell(store, version)


def _store(model: str) -> Store:
    from journeyman.versions.reference import model_store

    return model_store(model)


def _tell(store: Store, version: Version) -> None:
    place = store.serving or f"{version.update.model}@current in {store.place}"
    typer.echo(f"model:  {place}\nserves: {version.version}")


def _cells(version: Version) -> tuple[str, ...]:
    """A version as a line of the table."""
    worst = version.worst
    serves = "before" if version.promoted else "-"
    return (
        version.version,
        f"{version.created[:16].replace('T', ' ')} UTC",
        version.kind,
        _rows(*version.rows),
        "yes" if version.accepted else "refused",
        "now" if version.current else version.state if not version.stands else serves,
        "-"
        if worst is None
        else f"{worst.slice} {worst.metric} {_number(worst.before)} -> {_number(worst.after)}",
    )


def _rows(added: int, removed: int) -> str:
    return f"+{added} -{removed}"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _print_part(head: list[str], lines: Iterator[list[Any]]) -> None:
    """Print what differs in one respect, with its value in a and in b."""
    found = [[*line[:-2], *map(_number, line[-2:])] for line in lines]
    if found:
        typer.echo()
        _print_table([[*head, "a", "b"], *found])


def _print_table(lines: Sequence[Sequence[str]]) -> None:
    wide = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, wide, strict=True))
        typer.echo("  ".join(cells).rstrip())
