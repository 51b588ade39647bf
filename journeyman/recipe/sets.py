"""Overrides from the command line: `--set finetune.epochs=3`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from journeyman.errors import JourneymanError, RecipeError
from journeyman.recipe.text import Location, Written, dotted, read_text, shown

NAMED = ("backbone", "tuner", "head")
"""Fields whose short form, a name, opens up to an object when one of its fields is set."""


def apply_sets(written: Written, sets: Sequence[str]) -> None:
    """Put each FIELD=VALUE into the recipe, in order; mistakes are added to `written`."""
    for number, argument in enumerate(sets):
        place = f"--set {argument}"
        try:
            location, value = _parsed(argument)
            new = _created(written.values, location)
            put(written.values, location, value)
        except _Refused as refusal:
            mistake = JourneymanError(
                "An override cannot be used.", place=place, expected=refusal.expected,
                found=refusal.found, remedy=refusal.remedy,
            )  # fmt: skip
            written.mistakes.append((LAST + number, mistake))
            continue
        stale = [known for known in written.origins if known[: len(location)] == location]
        for known in stale:
            del written.origins[known]
        for made in (*new, location):
            written.origins[made] = (LAST + number, place)


LAST = 1_000_000
"""Overrides are told after every line of the file."""


class _Refused(Exception):
    def __init__(self, expected: str, found: str, remedy: str) -> None:
        super().__init__(found)
        self.expected, self.found, self.remedy = expected, found, remedy


def _parsed(argument: str) -> tuple[Location, Any]:
    name, equals, text = argument.partition("=")
    parts = [part.strip() for part in name.split(".")]
    if not equals or not all(parts):
        raise _Refused("FIELD=VALUE", repr(argument), "write it as --set finetune.epochs=3")
    try:
        read = read_text(f"value: {text}" if "\n" not in text else f"value:\n{text}", "--set")
    except RecipeError as error:
        mistake = error.mistakes[0]
        raise _Refused("a value in YAML", repr(text), mistake.remedy) from error
    if read.mistakes or list(read.values) != ["value"]:
        raise _Refused("a value in YAML", repr(text), "put the value in quotes")
    return tuple(int(part) if part.isdecimal() else part for part in parts), read.values["value"]


def put(values: Any, location: Location, value: Any) -> None:
    """Put a value where `location` says, opening up short forms and making what holds it."""
    *outer, last = location
    holder = values
    for depth, part in enumerate(outer):
        inner = _get(holder, part, location[: depth + 1])
        if isinstance(inner, str) and part in NAMED:
            inner = {"name": inner}
        elif inner is None:
            inner = [] if isinstance(location[depth + 1], int) else {}
        _set(holder, part, inner, location[: depth + 1])
        holder = inner
    _set(holder, last, value, location)


def _created(values: Any, location: Location) -> list[Location]:
    """What holds the location and is not there yet."""
    for length in range(1, len(location)):
        values = _get(values, location[length - 1], ()) if isinstance(values, (dict, list)) else 0
        if values is None:
            return [location[:longer] for longer in range(length, len(location))]
    return []


def _get(holder: Any, part: str | int, location: Location) -> Any:
    if isinstance(holder, dict):
        return holder.get(str(part))
    if isinstance(holder, list):
        return holder[part] if isinstance(part, int) and part < len(holder) else None
    raise _no_fields(holder, location)


def _set(holder: Any, part: str | int, value: Any, location: Location) -> None:
    if isinstance(holder, dict):
        holder[str(part)] = value
    elif not isinstance(holder, list):
        raise _no_fields(holder, location)
    elif isinstance(part, int) and part < len(holder):
        holder[part] = value
    elif part == len(holder):
        holder.append(value)
    else:
        raise _Refused(
            f"a position from 0 to {len(holder)} in {dotted(location[:-1])}", str(part),
            f"give the whole list: --set '{dotted(location[:-1])}=[a, b]'",
        )  # fmt: skip


def _no_fields(holder: Any, location: Location) -> _Refused:
    outer = dotted(location[:-1])
    return _Refused(
        f"`{outer}` to have fields", f"{outer} is {shown(holder)}", f"set {outer} itself"
    )
