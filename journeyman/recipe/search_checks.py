"""Mistakes in a recipe's search, found before any work: fields, values, metric and storage."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from journeyman.recipe.domains import number
from journeyman.recipe.fields import expected, homes, models, plain_types, tag
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.near import nearest
from journeyman.recipe.options import Recipe
from journeyman.recipe.text import Location, shown
from journeyman.tasks.base import TASKS
from journeyman.training.options import FinetuneOptions

SEARCHED = ("backbone", "finetune")
"""Parts of a recipe that may be searched: with any other, trials could not be compared."""
SCHEMES = ("postgresql", "sqlite")
_KEYS = ("low", "high", "log", "step")
_NOT: Mapping[str, str] = {
    "data": "it changes the rows that trials are compared on",
    "collect": "it changes the rows that trials are compared on",
    "seed": "it changes the rows that trials are compared on",
    "task": "scores of different tasks do not compare",
    "pretrain": "a backbone is pretrained once, before the search",
}


def check_search(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """Add every mistake of `search`, where the recipe has one."""
    said = recipe.search
    if said is None:
        return
    if importlib.util.find_spec("optuna") is None:
        mistakes.add(
            ("search",), "A search needs the library 'optuna', which is not installed.",
            expected="optuna to be importable", found="no such module",
            remedy="pip install 'journeyman[search]'",
        )  # fmt: skip
    if recipe.finetune.tuner == "auto":
        mistakes.add(
            ("finetune", "tuner"), "The tuner `auto` and a search both choose the tuner.",
            expected="`tuner: auto`, or `search`", found="both",
            remedy="remove finetune.tuner: a search without `space` tries several",
        )  # fmt: skip
    _check_metric(said.metric, task, mistakes)
    _check_storage(said.storage, mistakes)
    if said.space is not None and not said.space:
        mistakes.add(
            ("search", "space"), "The search has no field to try.",
            expected="at least one field and what is tried in it", found="none",
            remedy="remove search.space: what suits the recipe is then tried",
        )  # fmt: skip
    for name, domain in (said.space or {}).items():
        _Field(name, domain, recipe, task, mistakes).check()


def _check_metric(metric: str | None, task: str, mistakes: Mistakes) -> None:
    if metric is None or task not in TASKS or metric in TASKS[task].metric_names:
        return
    near = nearest(metric, TASKS[task].metric_names)
    mistakes.add(
        ("search", "metric"), f"The task {task} has no metric {metric!r}.",
        expected=" | ".join(TASKS[task].metric_names), found=repr(metric),
        remedy=f"did you mean {near!r}?" if near
        else f"leave it out for the default ({TASKS[task].primary_metric})",
    )  # fmt: skip


def _check_storage(storage: str | None, mistakes: Mistakes) -> None:
    if storage is None:
        return
    where = ("search", "storage")
    scheme = storage.partition(":")[0]
    if scheme not in SCHEMES or "://" not in storage:
        mistakes.add(
            where, "The search cannot keep its trials there.",
            expected="a URL that begins with postgresql:// or sqlite:///", found=shown(storage),
            remedy="leave it out: trials are then kept in the run's folder",
        )  # fmt: skip
    elif urlsplit(storage).password:
        mistakes.add(
            where, "A password stands in the recipe, which the report shows.",
            expected="a URL without a password", found="one with a password",
            remedy="leave it out of the URL, and set the environment variable PGPASSWORD",
        )  # fmt: skip


class _Field:
    """One field of the space, and what is said of it."""

    def __init__(
        self, name: str, domain: Any, recipe: Recipe, task: str, mistakes: Mistakes
    ) -> None:
        self.name, self.domain, self.recipe, self.task = name, domain, recipe, task
        self._mistakes = mistakes
        self.where: Location = ("search", "space", name)

    def check(self) -> None:
        """Whether there is such a field, and every value tried may stand in it."""
        parts = self.name.split(".")
        if parts[0] in Recipe.model_fields and parts[0] not in SEARCHED:
            reason = _NOT.get(parts[0], "it changes no score")
            self._tell(
                f"The field {self.name} cannot be searched: {reason}.",
                f"fields of {' and '.join(SEARCHED)}", repr(self.name), "remove it",
            )  # fmt: skip
            return
        if self.recipe.pretrain is not None and parts[0] == "backbone":
            self._tell(
                "Only one backbone is pretrained further, so backbones cannot be searched.",
                "`pretrain`, or backbones in the space", "both", "remove one of them",
            )  # fmt: skip
            return
        found = self._found(parts)
        values = self._values(found) if found else None
        for value in values if values is not None else ():
            self._check_value(value, found)

    def _tell(self, problem: str, wanted: str, found: str, remedy: str) -> None:
        self._mistakes.add(self.where, problem, expected=wanted, found=found, remedy=remedy)

    def _found(self, parts: list[str]) -> list[FieldInfo]:
        """The field wherever it is: options of several tuners may have one of this name."""
        holders: list[type[BaseModel]] = [Recipe]
        known: list[FieldInfo] = []
        for at, part in enumerate(parts):
            known = [m.model_fields[part] for m in holders if part in m.model_fields]
            if not known:
                self._tell_unknown(part, at, holders)
                return []
            holders = [m for field in known for m in models(field.annotation)]
            if part in ("tuner", "head") and at == 1 and len(parts) > 2:
                holders = self._in_question(part, holders)
        if _is_section(known):
            self._tell(
                f"The field {self.name} is a section: its fields are searched one by one.",
                f"a field of it, such as {self.name}.{next(iter(holders[0].model_fields))}",
                repr(self.name), "name the fields",
            )  # fmt: skip
            return []
        return known

    def _in_question(self, part: str, holders: list[type[BaseModel]]) -> list[type[BaseModel]]:
        """Options of the tuners (or heads) that the search may come by."""
        said = (self.recipe.search.space or {}).get(f"finetune.{part}") if self.recipe.search else 0
        listed = said.get("choices") if isinstance(said, Mapping) else said
        if not isinstance(listed, list):
            own = getattr(self.recipe.finetune, part)
            task = TASKS[self.task if self.task in TASKS else "text-classification"]
            listed = [own.name if own else getattr(task, f"default_{part}")]
        names = [each.get("name") if isinstance(each, Mapping) else each for each in listed]
        return [model for model in holders if tag(model) in names] or holders

    def _tell_unknown(self, part: str, at: int, holders: list[type[BaseModel]]) -> None:
        known = list(dict.fromkeys(name for model in holders for name in model.model_fields))
        if at == 2 and known[:1] == ["name"]:
            self._tell_foreign(part, [str(tag(model)) for model in holders])
            return
        near, elsewhere = nearest(part, known), homes(part) if at == 0 else []
        outer = ".".join(self.name.split(".")[:at])
        whole = f"{outer}.{near}" if outer else near
        if elsewhere:
            remedy = f"write its full name: {' or '.join(elsewhere)}"
        else:
            remedy = f"did you mean {whole!r}?" if near else "remove it"
        self._tell(
            f"There is no field {self.name} to search.",
            f"one of {', '.join(known)}" if known else f"{outer} alone: it has no fields",
            repr(self.name), remedy,
        )  # fmt: skip

    def _tell_foreign(self, part: str, named: list[str]) -> None:
        """An option that none of the tuners (or heads) in question has."""
        above = ".".join(self.name.split(".")[:2])
        field = FinetuneOptions.model_fields[self.name.split(".")[1]]
        every = [model for model in models(field.annotation) if tag(model)]
        owners = [str(tag(model)) for model in every if part in model.model_fields]
        near = nearest(part, (name for model in every for name in model.model_fields))
        choose = f"name one that has it: `{above}: {owners[0]}`" if owners else ""
        self._tell(
            f"There is no field {self.name} to search with `{' or '.join(named)}`.",
            f"an option of {' or '.join(owners or named)}", repr(self.name),
            choose or (f"did you mean '{above}.{near}'?" if near else "remove it"),
        )  # fmt: skip

    def _values(self, found: list[FieldInfo]) -> list[Any] | None:
        """Values that stand for the domain: its choices, or its ends; None after a mistake."""
        said = self.domain
        if isinstance(said, Mapping) and set(said) == {"choices"}:
            said = said["choices"]
        if isinstance(said, list):
            if not said:
                self._tell(
                    f"There is nothing to choose from for {self.name}.",
                    "a list of at least one value", "an empty list", "name values, or remove it",
                )  # fmt: skip
            return said or None
        if not isinstance(said, Mapping) or not {"low", "high"} <= set(said) <= set(_KEYS):
            self._tell(
                f"What is to be tried in {self.name} cannot be read.",
                "a list of values, or an object of `low` and `high`, with `log` or `step`",
                shown(said), f"write `{self.name}: {{low: 1, high: 8}}`, or a list of values",
            )  # fmt: skip
            return None
        return self._ends(said, found)

    def _ends(self, said: Mapping[str, Any], found: list[FieldInfo]) -> list[Any] | None:
        problem, remedy = self._upset(said, found)
        if problem:
            wanted = "numbers with low at most high; `log: true` above 0, or a `step` above 0"
            self._tell(problem, wanted, shown(dict(said)), remedy)
            return None
        return [number(said["low"]), number(said["high"])]

    def _upset(self, said: Mapping[str, Any], found: list[FieldInfo]) -> tuple[str, str]:
        """What is wrong with a range, and how to mend it; empty where nothing is."""
        kinds = {kind for field in found for kind in plain_types(field.annotation)}
        numbers = [number(said[name]) for name in ("low", "high", "step") if name in said]
        known = [value for value in numbers if value is not None]
        log, step = said.get("log", False), known[2:]
        if not kinds & {int, float}:
            return f"The field {self.name} holds no numbers.", "list its values"
        if len(known) < len(numbers):
            return f"The range of {self.name} is not made of numbers.", "give numbers"
        if not isinstance(log, bool):
            return f"`log` of {self.name} is neither true nor false.", "write log: true"
        if known[0] > known[1]:
            return f"The range of {self.name} is upside down.", "swap low and high"
        if log and known[0] <= 0:
            problem = f"The range of {self.name} has no logarithm at its low end."
            return problem, "raise low above 0, or leave `log` out"
        if log and step:
            return f"The range of {self.name} has both `log` and `step`.", "remove one of them"
        if step and step[0] <= 0:
            return f"The range of {self.name} does not move.", "give a step above 0"
        return "", ""

    def _check_value(self, value: Any, found: list[FieldInfo]) -> None:
        """Told unless one of the fields takes it."""
        chooses = self.name == "finetune.tuner" and value == "auto"
        if not chooses and any(_takes(field, value) for field in found):
            return
        self._tell(
            f"The search would put a value into {self.name} that it cannot take.",
            " or ".join(
                dict.fromkeys(expected(f.annotation, tuple(f.metadata)) for f in found)
            ),
            shown(value), "change it in search.space",
        )  # fmt: skip


def _is_section(found: list[FieldInfo]) -> bool:
    """Whether a field is a plain object of further fields, without a name that picks it."""
    inside = [model for field in found for model in models(field.annotation)]
    return bool(inside) and not any(tag(m) or "name" in m.model_fields for m in inside)


def _takes(field: FieldInfo, value: Any) -> bool:
    kinds = set(plain_types(field.annotation))
    if isinstance(value, bool) and bool not in kinds and kinds & {int, float}:
        return False
    if value is None:
        return type(None) in kinds
    limited: Any = field.annotation
    if field.metadata:
        limited = Annotated[(limited, *field.metadata)]
    adapter: TypeAdapter[Any] = TypeAdapter(limited)
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True
