"""The command that watches a model at work: watch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from journeyman.commands.usage import ModelPath, print_lines

if TYPE_CHECKING:
    from journeyman.watching.running import Running


def watch(
    model: ModelPath,
    stream: Annotated[
        str,
        typer.Argument(
            metavar="STREAM",
            help="Rows as they arrive: a .jsonl or .txt file, a folder of them, or -.",
        ),
    ],
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on waiting for rows at the end of the stream.")
    ] = False,
    observe: Annotated[
        bool, typer.Option("--observe", help="Tell of alarms, and do nothing about them.")
    ] = False,
    act: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="What an alarm leads to: learn (the usual), ask (for labels), or tell.",
        ),
    ] = None,
    detectors: Annotated[
        list[str] | None,
        typer.Option("--detector", metavar="NAME", help="A detector; may be repeated."),
    ] = None,
    ask: Annotated[
        int | None, typer.Option(min=1, help="Rows that labels are asked for after an alarm.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Labels that were asked for, by `journeyman label`."),
    ] = None,
    retain: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of its metric that each old skill must keep."),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="What is remembered; MODEL.watch when absent."),
    ] = None,
) -> None:
    """Watch over a model as rows arrive: one JSON object for each thing that befalls.

    Drift is seen, labels are asked for, and what is learned from them serves once the gate let it
    pass. The watch goes on where it was ended. A file `off` in its folder switches all acting off.
    """
    from journeyman.watching.sources import source_of

    options = _options(detectors, ask, "tell" if observe else act)
    running = _running(model, options, labels, retain, state)
    source = source_of(stream, running.position, follows=follow)
    print_lines(event.to_json() for event in running.events(source))


def _running(
    reference: str, options: Any, labels: str | None, retain: float | None, state: str | None
) -> Running:
    """The watch over the model that is named, as it was left."""
    from journeyman.api import load
    from journeyman.continual.options import UpdateOptions
    from journeyman.progress import Reporter
    from journeyman.versions.reference import model_store
    from journeyman.watching.keeping import Keeping
    from journeyman.watching.running import Running
    from journeyman.watching.teacher import Teacher

    said: dict[str, Any] = {} if retain is None else {"retain": retain or None}
    model = load(reference).single()
    keeping = Keeping(_folder(reference, model.folder, state))
    teacher = Teacher(model_store(reference), UpdateOptions(**said))
    path = None if labels is None else Path(labels).expanduser()
    return Running(model, teacher, keeping, options, path, Reporter())


def _options(detectors: list[str] | None, ask: int | None, act: str | None) -> Any:
    """The options; a JourneymanError for what they may not be."""
    from journeyman.errors import DataError
    from journeyman.watching.options import WatchOptions

    if act not in (None, "learn", "ask", "tell"):
        raise DataError(
            f"{act!r} is nothing that an alarm leads to.",
            place="--act",
            expected="learn | ask | tell",
            found=repr(act),
            remedy="choose one of them, or leave --act out: learn",
        )
    said: dict[str, Any] = {"detectors": tuple(detectors or ()), "ask": ask, "act": act}
    return WatchOptions(**{name: value for name, value in said.items() if value})


def _folder(reference: str, folder: Path | None, state: str | None) -> Path:
    """Where the watch is kept: as asked for, or beside the model's folder."""
    from journeyman.errors import DataError
    from journeyman.versions.reference import model_store
    from journeyman.watching.keeping import beside

    if state is not None:
        return Path(state).expanduser()
    serving = model_store(reference).serving or None
    if serving is None or folder is None:
        raise DataError(
            "The model lies in a database, so there is no folder beside it.",
            place="--state",
            expected="a folder for what the watch remembers",
            found="none",
            remedy=f"--state {reference.partition('@')[0]}.watch",
        )
    return beside(serving)
