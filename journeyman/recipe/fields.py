"""The fields of a recipe in words: what may stand in each, and where one belongs."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from journeyman.recipe.options import Recipe
from journeyman.recipe.text import Location
from journeyman.training.duration import Told

Model = type[BaseModel]


@dataclass(frozen=True)
class Spot:
    """A place in the recipe: how users write it, its field, what it may hold, what it holds."""

    location: Location
    field: FieldInfo | None
    holders: tuple[Model, ...]
    annotation: Any
    value: Any


def spot(location: Location, values: Any) -> Spot:
    """What stands at a location of pydantic's, which also names branches of unions."""
    where: Location = ()
    field: FieldInfo | None = None
    annotation: Any = Recipe
    holders: tuple[Model, ...] = ()
    for at, part in enumerate(location):
        inside = tuple(models(annotation))
        chosen = tuple(model for model in inside if tag(model) == part)
        if chosen and len(inside) > 1:
            annotation = chosen[0]
        elif isinstance(values, list) and isinstance(part, int):
            if part >= len(values):
                break  # One too few: what is told is the list.
            annotation, values = _item(annotation), values[part]
            where = (*where, part)
        elif isinstance(values, dict) and (part in values or at == len(location) - 1):
            if part not in values and not any(part in model.model_fields for model in inside):
                continue
            holders = inside
            field = next(
                (m.model_fields[str(part)] for m in inside if part in m.model_fields), None
            )
            annotation = field.annotation if field else Any
            values, where = values.get(part), (*where, part)
    return Spot(where, field, holders, annotation, values)


def models(annotation: Any) -> Iterator[Model]:
    """The pydantic models an annotation allows."""
    return (part for part in plain_types(annotation) if _is_model(part))


def tag(model: Model) -> str | None:
    """The name that picks this model of several."""
    named = model.model_fields.get("name")
    choices = get_args(named.annotation) if named else ()
    return choices[0] if len(choices) == 1 else None


def plain_types(annotation: Any) -> Iterator[Any]:
    """The types an annotation allows, without what lists and objects hold."""
    if get_origin(annotation) is Annotated:
        yield from plain_types(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from plain_types(part)
    else:
        yield annotation


def choices(annotation: Any) -> tuple[str, ...]:
    """The names an annotation lets choose from."""
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return choices(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(name for part in get_args(annotation) for name in choices(part))
    own = tag(annotation) if isinstance(annotation, type) and _is_model(annotation) else None
    return (own,) if own else ()


def expected(annotation: Any, constraints: tuple[Any, ...] = ()) -> str:
    """What may stand there, in words: type, range and choices."""
    told = next((limit.words for limit in constraints if isinstance(limit, Told)), "")
    if told:
        return told
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return expected(inner, (*constraints, *more))
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        if all(_is_model(part) and tag(part) for part in parts):
            return f"{' | '.join(choices(annotation))}, or an object of its `name` and options"
        return " or ".join(dict.fromkeys(expected(part, constraints) for part in parts))
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) in (list, tuple):
        items = get_args(annotation)
        count = f"{len(items)}: " if len(items) > 1 and Ellipsis not in items else ""
        return f"a list of {count}{expected(items[0])}"
    if get_origin(annotation) is dict:
        return "an object"
    if _is_model(annotation):
        return f"an object with the fields {', '.join(annotation.model_fields)}"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return words.get(annotation, "a value") + _range(annotation, constraints)


def _range(annotation: Any, constraints: tuple[Any, ...]) -> str:
    low = high = ""
    for limit in _flat(constraints):
        if isinstance(limit, annotated_types.Ge):
            low = f"from {_count(limit.ge)}"
        elif isinstance(limit, annotated_types.Gt):
            low = f"above {_count(limit.gt)}"
        elif isinstance(limit, annotated_types.Le):
            high = f"at most {_count(limit.le)}"
        elif isinstance(limit, annotated_types.Lt):
            high = f"below {_count(limit.lt)}"
        elif annotation is str:
            return _length(constraints)
    if not low or not high:
        return f" {low.replace('from', 'of at least')}{high}" if low or high else ""
    if low.startswith("from") and high.startswith("at most"):
        return f" {low} to {high.removeprefix('at most ')}"
    return f" {low.replace('from', 'of at least')} and {high}"


def _length(constraints: tuple[Any, ...]) -> str:
    most = [m.max_length for m in constraints if isinstance(m, annotated_types.MaxLen)]
    pattern = any(getattr(m, "pattern", None) for m in constraints)
    if pattern:
        return " of letters, digits, `_`, `-` and `.`, not starting with `-` or `.`"
    return (" of one character" if most == [1] else f" of 1 to {most[0]} characters") if most else (
        " that is not empty"
    )  # fmt: skip


def _flat(constraints: tuple[Any, ...]) -> Iterator[Any]:
    for limit in constraints:
        yield from limit.metadata if isinstance(limit, FieldInfo) else (limit,)


def _count(number: Any) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _item(annotation: Any) -> Any:
    if get_origin(annotation) in (list, tuple):
        return get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        lists = (part for part in get_args(annotation) if get_origin(part) in (list, tuple))
        return next((get_args(part)[0] for part in lists), Any)
    return Any


def homes(name: str) -> list[str]:
    """Where a field of this name belongs: `finetune.epochs` for `epochs`."""
    found = [] if name not in Recipe.model_fields else [name]
    for section, field in Recipe.model_fields.items():
        found += [
            f"{section}.{name}" for model in models(field.annotation) if name in model.model_fields
        ]
    return found
