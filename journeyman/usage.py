"""A wrong use of the command line, told like every other mistake of a user's."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from journeyman.errors import JourneymanError, ResourceError


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
