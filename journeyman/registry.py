"""Things that register themselves: a new one is a new file, and nothing else to edit."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Annotated, Any, Generic, Literal, TypeVar, Union

from pydantic import BeforeValidator, Field, create_model

from journeyman.errors import JourneymanError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to entries of one kind, filled by the modules of `package` as they are imported.

    `noun` names the kind in messages. Packages of other people register through the entry point
    group `package`: each entry point is a module, imported for what it registers.
    """

    def __init__(self, noun: str, package: str) -> None:
        self.noun = noun
        self.package = package
        self._entries: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Class or function decorator that enters its target under `name`."""

        def enter(entry: T) -> T:
            if self._entries.setdefault(name, entry) is not entry:
                raise ValueError(f"the {self.noun} {name!r} is registered twice")
            return entry

        return enter

    def names(self) -> tuple[str, ...]:
        """Every registered name, sorted."""
        self._load()
        return tuple(sorted(self._entries))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def __getitem__(self, name: str) -> T:
        """The entry of that name; a JourneymanError with the nearest names when there is none."""
        self._load()
        if name not in self._entries:
            near = difflib.get_close_matches(name, self._entries, n=3)
            raise JourneymanError(
                f"There is no {self.noun} named {name!r}.",
                place=self.noun,
                expected=" | ".join(self.names()),
                found=repr(name),
                remedy=f"did you mean {near[0]!r}?" if near else f"choose one {self.noun} above",
            )
        return self._entries[name]

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for entry in entry_points(group=self.package):
            entry.load()


def switch(options: Any) -> BeforeValidator:
    """What lets a field be true for the defaults of its `options`, false for none, or these."""

    def spelled(said: Any) -> Any:
        return {} if said is True else None if said is False else said

    return BeforeValidator(spelled, json_schema_input_type=bool | options | None)


def choice(registry: Registry[Any]) -> Any:
    """A pydantic type for picking one entry: its name, or an object of its name and options.

    Entries have a class attribute `Options`, a pydantic model. The value is an instance of the
    chosen entry's options with one more field, `name`.
    """
    build: Any = create_model
    models = [
        build(
            f"{name.replace('-', ' ').title().replace(' ', '')}{registry.noun.title()}",
            __base__=registry[name].Options,
            __doc__=(registry[name].__doc__ or "").strip().splitlines()[0],
            name=(Literal[name], Field(description=f"The {registry.noun} `{name}`.")),
        )
        for name in registry
    ]
    picked: Any = Annotated[Union[tuple(models)], Field(discriminator="name")]  # noqa: UP007
    names: Any = Literal[tuple(registry)]

    def named(value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    return Annotated[picked, BeforeValidator(named, json_schema_input_type=names | picked)]
