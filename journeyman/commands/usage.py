"""What commands have in common: what names a model, lines of JSON, and how a wrong use is told."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from journeyman.errors import DataError, JourneymanError, ResourceError

if TYPE_CHECKING:
    from journeyman.data.options import DataOptions

ModelPath = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A model folder, a run folder, or one of these with @VERSION."
    ),
]
"""The argument that names a model."""

HeatMapFolder = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Of pictures: write a heat map of each answer here; new or empty.",
    ),
]
MostBoxes = Annotated[
    int,
    typer.Option(
        "--boxes",
        min=1,
        help="Of a model that finds boxes: how many of a picture to explain, the surest first.",
    ),
]


def print_lines(values: Iterable[dict[str, Any]], *, err: bool = False) -> None:
    """Write one JSON object a line, each as soon as it is there; with `err` to standard error."""
    place = sys.stderr if err else sys.stdout
    for value in values:
        place.write(json.dumps(value, ensure_ascii=False) + "\n")
        place.flush()


def usage_mistake(error: Any, arguments: Sequence[str]) -> JourneymanError:
    """What a usage error of the command-line library says: problem, place, expected, found, remedy.

    `error` is a click `ClickException`, of whichever click typer uses; `arguments` is what stood
    after the program's name.
    """
    context = getattr(error, "ctx", None)
    problem = error.format_message().strip()
    told = {
        "problem": problem if problem.endswith((".", "?", "!")) else f"{problem}.",
        "found": shlex.join(["journeyman", *arguments]),
    }
    if context is None:
        option = getattr(error, "option_name", "the option")
        return JourneymanError(
            **told,
            place="the command's arguments",
            expected=f"a value after {option}",
            remedy=f"give it a value, or leave {option} out",
        )
    return JourneymanError(
        **told,
        place=f"the arguments of `{context.command_path}`",
        expected=_usage(context),
        remedy=f"`{context.command_path} --help` tells what may be given",
    )


def _usage(context: Any) -> str:
    usage = " ".join(context.get_usage().split()).removeprefix("Usage: ")
    commands = getattr(context.command, "commands", None)
    if commands:
        return usage.replace("COMMAND", f"({' | '.join(commands)})", 1)
    return usage.replace("{", "").replace("}", "")


def out_of_memory() -> JourneymanError:
    """The machine has no memory left for what was asked."""
    return ResourceError(
        "The machine has no memory left for this.",
        place="this machine",
        expected="memory for the model and one batch of rows",
        found="none left",
        remedy="end other programs, use a smaller backbone, or set `backbone.max_tokens` lower",
    )


def check_asked(texts: list[str] | None, file: str | None, dash: str | None) -> None:
    """Raise unless a command is asked in exactly one way, of text, file and standard input."""
    if dash not in (None, "-"):
        raise DataError(
            f"{dash!r} is not a way to ask.",
            place="the command's arguments",
            expected="one of --text TEXT, --file FILE or - (standard input)",
            found=repr(dash),
            remedy=f"--file {dash}" if Path(dash).is_file() else f"--text {shlex.quote(dash)}",
        )
    given = {"--text": bool(texts), "--file": file is not None, "-": dash is not None}
    found = [name for name, present in given.items() if present]
    if len(found) != 1:
        raise DataError(
            "It is not clear what to ask." if found else "There is nothing to ask.",
            place="the command's arguments",
            expected="one of --text TEXT, --file FILE or - (standard input)",
            found=" and ".join(found) or "none of them",
            remedy="give exactly one",
        )
    if dash and (sys.stdin is None or sys.stdin.closed):
        raise DataError(
            "Standard input is closed.",
            place="standard input",
            expected="questions, one a line",
            found="nothing to read from",
            remedy="pipe them in, or ask with --text TEXT or --file FILE",
        )


def check_written(form: str | None, output: str | None) -> None:
    """Raise unless a format and the place it is written to are both given, or neither."""
    if (form is None) == (output is None):
        if output is not None:
            check_free(output, "export")
        return
    given, missing = ("--format", "--output") if output is None else ("--output", "--format")
    raise DataError(
        f"{given} is given without {missing}.",
        place="the command's arguments",
        expected="--format FORMAT and --output PLACE together, or neither",
        found=f"{given} alone",
        remedy=f"add {missing}, or leave {given} out: answers are then printed as JSON lines",
    )


def by_label(models: Sequence[str]) -> dict[str, str]:
    """Models by what stands before the first `=`. Raises DataError where nothing does, or twice
    the same."""
    named = [said.partition("=")[::2] for said in models]
    found = dict(named)
    wrong = [
        said for said, (label, model) in zip(models, named, strict=True) if not label or not model
    ]
    if wrong or len(found) < len(named):
        raise DataError(
            "Behind a router each model is named by one of the router's labels.",
            place="MODEL",
            expected="LABEL=MODEL, each label once, such as film=runs/film",
            found=wrong[0] if wrong else ", ".join(label for label, _ in named),
            remedy="write the label that the router has for it before the model",
        )
    return found


def check_free(output: str, what: str) -> None:
    """Raise where the `what` would overwrite something."""
    path = Path(output).expanduser()
    if not path.exists():
        return
    kind = "folder" if path.is_dir() else "file"
    raise JourneymanError(
        f"The {what} would overwrite a {kind}.",
        place=output,
        expected="a name that is free",
        found=f"a {kind} of that name",
        remedy=f"choose another name, or remove the {kind} first",
    )


def asked_of(texts: list[str] | None, file: str | None, columns: DataOptions) -> Iterator[Any]:
    """What a command was given to answer: texts, the rows of a file, or those of standard input."""
    from journeyman.data.questions import questions_in, questions_of_stream

    if texts:
        return iter(texts)
    if file is not None:
        return questions_in(file, columns)
    return questions_of_stream(sys.stdin.buffer)
