"""What validation found, as mistakes a user can mend; all of them in one go."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from journeyman.data.options import ROLES
from journeyman.errors import JourneymanError
from journeyman.recipe.fields import Spot, choices, expected, homes, plain_types, spot
from journeyman.recipe.near import nearest
from journeyman.recipe.options import Recipe
from journeyman.recipe.text import Location, Written, dotted, shown

_PASSES = 8
"""Mending a mistake may uncover others that it hid; in practice two passes find all."""


class Mistakes:
    """Mistakes by location, at most one each, told in the order they are written."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._told: dict[Location, JourneymanError] = {}
        self._covered: set[Location] = set(written.refused)

    def add(
        self, location: Location, problem: str, *, expected: str, found: str, remedy: str
    ) -> None:
        """Tell a mistake, unless one at that place or at what holds it has been told."""
        inside = (location[:length] for length in range(1, len(location) + 1))
        if location in self._told or any(outer in self._covered for outer in inside):
            return
        self._told[location] = JourneymanError(
            problem,
            place=self._written.place(location),
            expected=expected,
            found=found,
            remedy=remedy,
        )

    def within(self, *outer: str) -> Mistakes:
        """The same mistakes, told of what `outer` holds: locations are taken from there."""
        return _Within(self, outer)

    def cover(self, location: Location) -> None:
        """Say nothing more of what is there: it is a guess."""
        self._covered.add(location)

    def rename(self, old: Location, new: Location) -> None:
        """A misspelt field is looked into under the name it should have."""
        self._written.origins.setdefault(new, self._written.origin(old))

    def all(self) -> list[JourneymanError]:
        """Every mistake, those of reading included."""
        told = [(self._written.origin(at)[0], mistake) for at, mistake in self._told.items()]
        return [one for _, one in sorted([*self._written.mistakes, *told], key=lambda it: it[0])]


class _Within(Mistakes):
    def __init__(self, whole: Mistakes, outer: Location) -> None:
        self._whole, self._outer = whole, outer

    def add(
        self, location: Location, problem: str, *, expected: str, found: str, remedy: str
    ) -> None:
        whole, at = self._whole, (*self._outer, *location)
        whole.add(at, problem, expected=expected, found=found, remedy=remedy)


def validated(written: Written, mistakes: Mistakes) -> Recipe | None:
    """The recipe; with mistakes, what it would be once they are mended, or None."""
    values: Any = copy.deepcopy(written.values)
    for location in list(_truths(values, ())):
        place = spot(location, values)
        allowed = set(plain_types(place.annotation))
        if bool not in allowed and allowed & {int, float}:
            _tell(place, "bool", "", mistakes)
            _drop(values, location)
    for _ in range(_PASSES):
        try:
            return Recipe.model_validate(values)
        except ValidationError as error:
            spots = _spots(error, values)
        for place, detail in spots:
            _tell(place, detail["type"], detail["msg"], mistakes)
        for place, detail in spots:
            _mend(values, place, detail, mistakes)
    return None


def _truths(values: Any, location: Location) -> Iterator[Location]:
    """Where `true` and `false` stand; pydantic would take them for 1 and 0."""
    if isinstance(values, bool):
        yield location
    parts = values.items() if isinstance(values, dict) else ()
    for key, part in enumerate(values) if isinstance(values, list) else parts:
        yield from _truths(part, (*location, key))


def _spots(error: ValidationError, values: Any) -> list[tuple[Spot, ErrorDetails]]:
    """One for each place; of the branches of a union, the one that went deepest."""
    found: dict[Location, tuple[Spot, ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        place = spot(detail["loc"], values)
        found.setdefault(place.location, (place, detail))
    deeper = {where[:length] for where in found for length in range(len(where))}
    return [
        (place, detail)
        for where, (place, detail) in found.items()
        if where not in deeper or detail["type"] == "value_error"
    ]


def _tell(place: Spot, kind: str, message: str, mistakes: Mistakes) -> None:
    name = dotted(place.location) or "recipe"
    if kind == "extra_forbidden":
        _tell_unknown(place, mistakes)
    elif kind == "missing" and not isinstance(place.value, list):
        words = _expected(place)
        last = place.location[-1]
        mistakes.add(
            place.location, f"The field {name} is missing.", expected=words, found="no such field",
            remedy="add `data: {train: FILE}`" if name == "data" else f"add `{last}: ...`",
        )  # fmt: skip
    elif kind == "value_error":
        message = message.removeprefix("Value error, ")
        mistakes.add(
            place.location, f"The parts of {name} do not go together: {message}.",
            expected=f"fields of {name} that agree", found=shown(place.value),
            remedy=message if message.startswith("give ") else f"change one of them in {name}",
        )  # fmt: skip
    else:
        mistakes.add(
            place.location, f"The field {name} has a value it cannot take.",
            expected=_expected(place), found=shown(_given(place, kind)),
            remedy=_remedy(place, kind),
        )  # fmt: skip


def _tell_unknown(place: Spot, mistakes: Mistakes) -> None:
    last = place.location[-1]
    fields = _fields(place)
    near = nearest(last, fields)
    elsewhere = homes(str(last))
    if near:
        remedy = f"did you mean {near!r}?"
    elif elsewhere:
        remedy = f"move it: it is {' or '.join(elsewhere)}"
    else:
        remedy = "remove it"
    mistakes.add(
        place.location, f"There is no field {dotted(place.location)}.",
        expected=f"one of {', '.join(fields)}",
        found=repr(last), remedy=remedy,
    )  # fmt: skip


def _fields(place: Spot) -> list[str]:
    return list(dict.fromkeys(name for model in place.holders for name in model.model_fields))


def _expected(place: Spot) -> str:
    constraints = tuple(place.field.metadata) if place.field else ()
    return expected(place.annotation, constraints)


def _given(place: Spot, kind: str) -> Any:
    is_named = kind == "union_tag_invalid" and isinstance(place.value, dict)
    return place.value.get("name") if is_named else place.value


def _remedy(place: Spot, kind: str) -> str:
    given, words = _given(place, kind), _expected(place)
    name = str(place.location[-1]) if place.location else "recipe"
    near = nearest(given, choices(place.annotation)) if isinstance(given, str) else ""
    if near:
        return f"did you mean {near!r}?"
    if kind == "union_tag_not_found":
        return f"add the name: `{name}: {{name: {choices(place.annotation)[0]}, ...}}`"
    if kind == "string_too_long" and str(given).startswith("\\"):
        return f'write escapes in double quotes: `{name}: "{given}"`'
    if words.startswith("text") and isinstance(given, (bool, int, float)):
        return f"put it in quotes: '{shown(given)}'"
    if words.startswith("a list") and isinstance(given, (str, int, float)):
        return f"write a list: `{name}: [{given}]`"
    if words.startswith("an object"):
        return f"write its fields indented below `{name}:`"
    default = place.field.get_default() if place.field else None
    is_told = isinstance(default, (str, int, float))
    if not is_told or default == "":
        return "give such a value, or leave it out"
    told = default if isinstance(default, str) else shown(default)
    return f"give such a value, or leave it out for the default ({told})"


def _mend(values: Any, place: Spot, detail: ErrorDetails, mistakes: Mistakes) -> None:
    """Make the guess the remedy makes, else take the value out, so that the rest can be judged."""
    *outer, last = place.location or ("data",)
    holder = _at(values, outer)
    if detail["type"] == "extra_forbidden" and isinstance(holder, dict):
        near = nearest(last, _fields(place))
        value = holder.pop(str(last), None)
        if near and near not in holder:
            holder[near] = value
            mistakes.rename((*outer, last), (*outer, near))
        return
    given = _given(place, detail["type"])
    near = nearest(given, choices(place.annotation)) if isinstance(given, str) else ""
    if near and isinstance(holder, dict):
        holder[str(last)] = {**place.value, "name": near} if _is_object(place) else near
    elif place.location == ("data",):
        values["data"] = _files_alone(values.get("data"), mistakes)
    elif place.location in (("data", "train"), ("data", "dataset")):
        mistakes.cover(("data", "train"))
        values["data"] = {**_without(holder, last), "train": "unknown"}
    else:
        if detail["type"] != "value_error":
            mistakes.cover(place.location)
        _drop(values, place.location)


def _without(holder: Any, name: str | int) -> dict[str, Any]:
    return {key: value for key, value in holder.items() if key not in (name, "dataset")}


def _is_object(place: Spot) -> bool:
    return isinstance(place.value, dict)


def _files_alone(data: Any, mistakes: Mistakes) -> dict[str, Any]:
    """`data` with nothing but its files, and one that stands for those it should have."""
    given = data if isinstance(data, dict) else {}
    files = {role: given[role] for role in ROLES if isinstance(given.get(role), str)}
    if "train" not in files and isinstance(given.get("dataset"), str):
        return {**files, "dataset": given["dataset"]}
    if "train" not in files:
        mistakes.cover(("data", "train"))
    return {"train": "unknown", **files}


def _drop(values: Any, location: Location) -> None:
    """Take a value out; of a list, the whole list."""
    *outer, last = location
    holder = _at(values, outer)
    if isinstance(holder, dict):
        holder.pop(str(last), None)
    elif outer:
        _drop(values, tuple(outer))


def _at(values: Any, location: Iterable[str | int]) -> Any:
    for part in location:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values
