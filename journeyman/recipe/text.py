"""A recipe as written: plain values out of YAML, and the line each of them stands on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from journeyman.errors import JourneymanError, RecipeError
from journeyman.recipe.near import near_files

Location = tuple[str | int, ...]

LARGEST = 1 << 20
"""Bytes of a recipe at most: a larger file is data."""
MOST_VALUES = 10_000
"""Values of a recipe at most, aliases written out."""
_DATA_SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".pq", ".conll", ".gz"}
CORE = "tag:yaml.org,2002:"
NAME_OF_FIELD = "the name of a field"
_PLAIN = {"timestamp", "value", "merge"}


@dataclass
class Written:
    """What a recipe says, before it is checked.

    `origins` holds where values were written (`recipe.yaml:7`, or the `--set` argument), with a
    number that orders them; `folder` is that of the recipe's file; `refused` are fields whose value
    could not be read, and was left out. `mistakes` go with the number that orders them.
    """

    values: dict[str, Any]
    source: str = "recipe"
    folder: Path | None = None
    origins: dict[Location, tuple[int, str]] = field(default_factory=dict)
    mistakes: list[tuple[int, JourneymanError]] = field(default_factory=list)
    refused: set[Location] = field(default_factory=set)

    def origin(self, location: Location) -> tuple[int, str]:
        """Where the value, or else what holds it, was written."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.origins:
                return self.origins[location[:length]]
        return 0, self.source

    def place(self, location: Location) -> str:
        """The place as errors name it: `recipe.yaml:7 finetune.epochs`, or the override."""
        _, origin = self.origin(location)
        return origin if origin.startswith("--set ") else f"{origin} {dotted(location)}".strip()


def dotted(location: Location) -> str:
    """A location as users write it: `finetune.tuner.rank`."""
    return ".".join(map(str, location))


def shown(value: Any) -> str:
    """A value as a recipe would say it, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def unreadable(problem: str, place: str, expected: str, found: str, remedy: str) -> RecipeError:
    """The one mistake of a recipe that could not be looked into."""
    one = JourneymanError(problem, place=place, expected=expected, found=found, remedy=remedy)
    return RecipeError("The recipe cannot be read.", [one])


def read_file(path: Path) -> str:
    """The text of a recipe's file. Raises RecipeError when there is none."""
    place = str(path)
    try:
        if path.is_dir():
            inside = sorted(entry.name for entry in path.glob("*.y*ml"))[:5]
            raise unreadable(
                "A folder was given where a recipe is needed.", place, "a YAML file",
                f"a folder with {', '.join(inside) or 'no YAML file in it'}",
                f"name the file, such as {path / inside[0]}" if inside
                else "write a recipe with `journeyman init DATA`",
            )  # fmt: skip
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise _not_opened(path, error) from error
    if len(content) > LARGEST:
        raise unreadable(
            "The file is too large to be a recipe.", place, "a YAML file of a few lines",
            "more than 1 MB", f"if it is data, write a recipe for it: `journeyman init {path}`",
        )  # fmt: skip
    return _decoded(content, place)


def _not_opened(path: Path, error: OSError | ValueError) -> RecipeError:
    if not isinstance(error, FileNotFoundError):
        reason = getattr(error, "strerror", None) or str(error)
        return unreadable(
            "The recipe's file cannot be opened.", str(path), "a YAML file that can be read",
            reason, "check the path and the file's permissions",
        )  # fmt: skip
    near = near_files(path)
    return unreadable(
        "There is no such recipe.", str(path), "the path of a YAML file",
        "no such file" if path.parent.is_dir() else f"no folder {path.parent}",
        f"did you mean {near}?" if near else "write one with `journeyman init DATA`",
    )  # fmt: skip


def _decoded(content: bytes, place: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise unreadable(
            "The recipe is not UTF-8 text.", f"{place}:{line}", "a YAML file in UTF-8",
            f"the byte 0x{content[error.start]:02x}, which UTF-8 has not there",
            "save the file as UTF-8",
        ) from error  # fmt: skip


def read_text(text: str, source: str, folder: Path | None = None) -> Written:
    """The values of YAML text. Raises RecipeError when it is not YAML, or not a mapping."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise _not_a_mapping("nothing", source)
        reader = _Reader(source)
        values = reader.value(node, (), ())
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, source) from error
    except RecursionError as error:
        raise unreadable(
            "The recipe is nested too deeply.", source, "a few levels", "hundreds of levels",
            "check its brackets",
        ) from error  # fmt: skip
    if not isinstance(node, yaml.MappingNode):
        raise _not_a_mapping(shown(values), source)
    if not isinstance(values, dict):
        raise RecipeError("The recipe cannot be read.", [one for _, one in reader.mistakes])
    return Written(values, source, folder, reader.origins, reader.mistakes, reader.refused)


def _not_a_mapping(found: str, source: str) -> RecipeError:
    is_data = Path(source).suffix.lower() in _DATA_SUFFIXES
    return unreadable(
        "The recipe has no fields.", source, "fields, one a line, such as `task: ...`", found,
        f"it seems to be data: write a recipe for it with `journeyman init {source}`" if is_data
        else "write at least `data: {train: FILE}`, or start with `journeyman init DATA`",
    )  # fmt: skip


def _syntax_error(error: yaml.YAMLError, text: str, source: str) -> RecipeError:
    line, column, problem = _located(error, text)
    lines = text.splitlines()
    written = lines[line] if line < len(lines) else ""
    return unreadable(
        "The recipe is not valid YAML.", f"{source}:{line + 1} column {column + 1}",
        "`field: value` lines, indented by spaces",
        f"{problem}, in the line {written.strip()[:100]!r}" if written.strip() else problem,
        _mend(problem, written),
    )  # fmt: skip


def _located(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    """Line, column (both from 0) and what is wrong; of what never ends, where it begins."""
    if not isinstance(error, yaml.MarkedYAMLError):  # A forbidden character, by its index.
        index = int(getattr(error, "position", 0))
        column = index - text.rfind("\n", 0, index) - 1
        return text.count("\n", 0, index), column, "a character that YAML does not allow"
    mark, begin = error.problem_mark, error.context_mark
    at_end = mark is None or not text[mark.index :].strip()
    if at_end and begin is not None:
        mark = begin
    problem = f"{error.problem or ''} {error.context or ''}".strip()
    return (mark.line, mark.column, problem) if mark else (0, 0, problem)


def _mend(problem: str, line: str) -> str:
    if "\t" in line and ("\\t" in problem or "tab" in problem):
        return "replace tabs by spaces"
    if "mapping values" in problem:
        return "put a value that contains `: ` in quotes, and check the indentation"
    if "could not find expected ':'" in problem:
        return "write a space after the colon: `field: value`"
    if "block end" in problem or "block mapping" in problem:
        return "indent fields of the same level by the same number of spaces"
    if "flow" in problem or "',' or" in problem:
        return "close every bracket, and put commas between the entries"
    if "quoted scalar" in problem or "end of stream" in problem:
        return "close the quotes"
    if "expected a single document" in problem or "but found another document" in problem:
        return "keep one document: remove the line `---`"
    return "put the value in quotes, and check indentation and brackets"


class _Reader:
    """Nodes to values; mistakes are collected, and their values left out."""

    def __init__(self, source: str) -> None:
        self.origins: dict[Location, tuple[int, str]] = {}
        self.mistakes: list[tuple[int, JourneymanError]] = []
        self.refused: set[Location] = set()
        self._source = source
        self._loader = yaml.SafeLoader("")
        self._count = 0

    def value(self, node: yaml.Node, location: Location, within: tuple[yaml.Node, ...]) -> Any:
        """The value of a node; notes where it and its parts are written."""
        self._count += 1
        if self._count > MOST_VALUES:
            raise unreadable(
                "The recipe has too many values.", self._source, f"at most {MOST_VALUES:,}",
                "more", "write aliases out, and keep data in a file of its own",
            )  # fmt: skip
        self.origins.setdefault(location, (node.start_mark.line + 1, self._at(node)))
        kind = node.tag.removeprefix(CORE)
        if any(node is outer for outer in within):
            return self._refuse(node, location, "an alias of what it stands in")
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, location, (*within, node))
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            inner = (*within, node)
            return [self.value(part, (*location, i), inner) for i, part in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode):
            return self._refuse(node, location, f"the tag {node.tag}")
        return str(node.value) if kind in _PLAIN else self._scalar(node, location)

    def _scalar(self, node: yaml.ScalarNode, location: Location) -> Any:
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, TypeError, OverflowError):
            known = node.tag.removeprefix(CORE) in ("int", "float", "bool", "null")
            found = node.value if known else f"the tag {node.tag}"
            return self._refuse(node, location, found)
        if value is not None and not isinstance(value, (str, int, float, bool)):
            return self._refuse(node, location, f"the tag {node.tag}")
        if isinstance(value, float) and not math.isfinite(value):
            return self._refuse(node, location, node.value, "a finite number")
        if isinstance(value, int) and abs(value) >= 1 << 63:
            return self._refuse(node, location, node.value, "a number of at most 18 digits")
        return value

    def _mapping(
        self, node: yaml.MappingNode, location: Location, within: tuple[yaml.Node, ...]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, part in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, location, "a list or mapping", NAME_OF_FIELD)
                continue
            inner = (*location, str(key.value))
            if inner in self.origins:
                self._twice(key, inner)
                continue
            self.origins[inner] = (key.start_mark.line + 1, self._at(key))
            value = self.value(part, inner, within)
            if inner not in self.refused:
                values[str(key.value)] = value
        return values

    def _twice(self, key: yaml.Node, location: Location) -> None:
        first = self.origins[location][0]
        self._tell(key, JourneymanError(
            f"The field {dotted(location)} is given twice.",
            place=f"{self._at(key)} {dotted(location)}", expected="every field once",
            found=f"first in line {first}, again in line {key.start_mark.line + 1}",
            remedy="remove one of the two",
        ))  # fmt: skip

    def _refuse(self, node: yaml.Node, location: Location, found: str, expected: str = "") -> None:
        in_list = next((i for i, part in enumerate(location) if isinstance(part, int)), None)
        if expected != NAME_OF_FIELD:
            self.refused.add(location[:in_list])
        self._tell(node, JourneymanError(
            "A value cannot be read.", place=f"{self._at(node)} {dotted(location)}".strip(),
            expected=expected or "a plain value, list or mapping",
            found=found[:100] or "nothing",
            remedy="write it plainly, in quotes where it is text",
        ))  # fmt: skip

    def _tell(self, node: yaml.Node, mistake: JourneymanError) -> None:
        self.mistakes.append((node.start_mark.line + 1, mistake))

    def _at(self, node: yaml.Node) -> str:
        return f"{self._source}:{node.start_mark.line + 1}"


def read_mapping(source: Mapping[Any, Any], name: str = "recipe") -> Written:
    """The values of a recipe given as Python objects. Raises RecipeError when it has cycles."""
    try:
        return Written(_plain(source), name)
    except RecursionError as error:
        raise unreadable(
            "The recipe is nested too deeply.", name, "a few levels", "hundreds of levels",
            "check that no part holds itself",
        ) from error  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
