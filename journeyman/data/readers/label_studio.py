"""Label Studio: what people have annotated, as that program exports it (JSON, a list of tasks)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from journeyman.data.options import DataOptions
from journeyman.data.pictures import looks_like_picture
from journeyman.data.readers.label_studio_results import (
    KINDS,
    Unreadable,
    boxes_in,
    chosen_in,
    number_in,
    tagged,
)
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate, opened
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.errors import DataError

LOCAL_FILES = "/data/local-files/?d="
"""How the program names a picture below the folder it serves."""
PICTURE_FILE = "picture_file"
"""The key of a task's data under which we keep the whole path of its picture."""
ROOT = "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"
_KEYS = re.compile(rb'"(annotations|completions|predictions)"\s*:\s*\[')
_EXPECTED = "a list of tasks, each with data and annotations"


@READERS.register("label-studio")
class LabelStudioReader:
    """A row a task with a finished annotation: its data, and `label`, `tokens` and `tags`, or
    `boxes` in pixels, by what was annotated."""

    suffixes: tuple[str, ...] = ()

    def matches(self, source: str, start: bytes) -> bool:
        """Whether the file is a list of tasks."""
        start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        is_list = start.startswith(b"[") and start[1:].lstrip().startswith(b"{")
        return is_list and _KEYS.search(start) is not None

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield the tasks of the file, numbered from 1; those without an annotation are passed
        over. Of several annotations of a task the ground truth counts, else the latest.

        Raises DataError for a file that is not laid out so, or has no finished annotation.
        """
        tasks = _tasks(source)
        said = _Said.of(source, options, tasks)
        for row, task in enumerate(tasks, 1):
            yield from said.events(row, task)


@dataclass(frozen=True)
class _Said:
    """What holds for all tasks of a file: which kind was annotated, and which column is which."""

    folder: Path
    options: DataOptions
    kind: str
    columns: Mapping[str, str]
    several: bool

    @classmethod
    def of(cls, source: str, options: DataOptions, tasks: Sequence[Any]) -> _Said:
        results = [one for task in tasks for one in _results(_annotation(task))]
        if not any(_annotation(task) is not None for task in tasks):
            raise _refusal(source, f"{len(tasks)} tasks, none of them annotated",
                           "annotate some, and export them as JSON")  # fmt: skip
        found = [KINDS[one["type"]] for one in results if one.get("type") in KINDS]
        kind = "tags" if options.tags else "boxes" if options.boxes else ""
        kind = kind or max(sorted(set(found)), key=found.count, default="label")
        names = sorted({str(one.get("from_name")) for one in results if _is(one, "label")})
        own = {name: name for name in names}
        columns = own if len(names) > 1 else dict.fromkeys(names, options.label or "label")
        several = any(len(chosen_in([one])) > 1 for one in results if _is(one, "label"))
        path = Path(os.path.abspath(locate(source)))
        return cls(path.parent, options, kind, columns, several)

    def events(self, row: int, task: Any) -> Iterator[Event]:
        """The row of a task, or why there is none."""
        data = task.get("data") if isinstance(task, Mapping) else None
        if not isinstance(data, Mapping):
            yield Refused(row, "bad_annotation", "The task has no data.", task)
            return
        annotation = _annotation(task)
        if annotation is None:
            yield Noticed(row, "not_annotated", "Tasks that nobody has annotated.", "passed over")
            return
        if _differ(task):
            detail = "Tasks that were annotated in more than one way."
            yield Noticed(row, "annotated_twice", detail, "the latest counts", grave=True)
        values = {str(name): value for name, value in data.items() if name != PICTURE_FILE}
        if self.options.id is not None and self.options.id not in values:
            values[self.options.id] = str(task.get("id", row))
        try:
            made = self._made(values, data, list(_results(annotation)))
        except Unreadable as error:
            yield Refused(row, "bad_annotation", f"{error}.", values)
            return
        yield Record(row, {**values, **made})

    def _made(
        self, values: Mapping[str, Any], data: Mapping[str, Any], results: list[Any]
    ) -> dict[str, Any]:
        image = self._image(values)
        made: dict[str, Any] = {}
        if image is not None:
            made[self.options.image or image] = self._path(data, image)
        if self.kind == "boxes":
            return {**made, self.options.boxes or "boxes": boxes_in(results)}
        if self.kind == "tags":
            tokens, tags = self.options.tokens or "tokens", self.options.tags or "tags"
            words, marks = tagged(self._text(values), values.get(tokens), results)
            return {**made, tokens: words, tags: marks}
        if self.kind == "value":
            return {**made, self.options.label or "label": number_in(results)}
        for name, column in self.columns.items():
            labels = chosen_in([one for one in results if str(one.get("from_name")) == name])
            made[column] = labels if self.several else next(iter(labels), None)
        return made

    def _image(self, values: Mapping[str, Any]) -> str | None:
        """The column of the picture, None where rows are texts."""
        if self.options.image is not None:
            return self.options.image if self.options.image in values else None
        if self.options.text is not None:
            return None
        for name, value in values.items():
            if isinstance(value, str) and looks_like_picture(value.strip()):
                return name
        return None

    def _text(self, values: Mapping[str, Any]) -> str:
        """What spans stand in: the text column, else `text`, else the longest text of the data."""
        named = self.options.texts[0] if self.options.texts else "text"
        if isinstance(values.get(named), str):
            return str(values[named])
        texts = [value for value in values.values() if isinstance(value, str)]
        if not texts:
            raise Unreadable("The task's data has no text")
        return max(texts, key=len)

    def _path(self, data: Mapping[str, Any], column: str) -> str:
        """Where the picture of a task lies: the whole path we wrote, below the served folder, or
        beside the file; as it is said where it lies in none of these."""
        said = str(data[column])
        below = unquote(said.removeprefix(LOCAL_FILES)) if said.startswith(LOCAL_FILES) else said
        name = Path(below).name
        roots = [os.environ.get(ROOT, ""), str(self.folder), str(self.folder / "images")]
        places = [str(data.get(PICTURE_FILE) or "")]
        places += [os.path.join(root, part) for root in roots if root for part in (below, name)]
        return next((place for place in places if place and Path(place).is_file()), below)


def _is(result: Mapping[str, Any], kind: str) -> bool:
    return KINDS.get(str(result.get("type"))) == kind


def _finished(task: Any) -> list[Mapping[str, Any]]:
    """The annotations of a task that were not skipped."""
    said = task if isinstance(task, Mapping) else {}
    listed = said.get("annotations") or said.get("completions") or ()
    listed = listed if isinstance(listed, list) else ()
    return [one for one in listed if isinstance(one, Mapping) and not one.get("was_cancelled")]


def _annotation(task: Any) -> Mapping[str, Any] | None:
    """The one that counts: the ground truth, else the latest."""
    finished = _finished(task)
    if not finished:
        return None
    ranked = [
        (bool(one.get("ground_truth")), str(one.get("updated_at") or one.get("created_at") or ""))
        for one in finished
    ]
    return finished[max(range(len(finished)), key=lambda at: (ranked[at], at))]


def _results(annotation: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    listed = (annotation or {}).get("result")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping):
            yield one


def _differ(task: Any) -> bool:
    told = {json.dumps([one.get("value") for one in _results(each)], sort_keys=True)
            for each in _finished(task)}  # fmt: skip
    return len(told) > 1


def _tasks(source: str) -> list[Any]:
    try:
        with opened(locate(source)) as file:
            content = json.loads(file.read().removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise _refusal(source, f"no JSON: {error}", "export the project again") from error
    if not isinstance(content, list):
        raise _refusal(source, f"{type(content).__name__}, no list", "export the project as JSON")
    return content


def _refusal(source: str, found: str, remedy: str) -> DataError:
    return DataError(
        "The file holds no annotations of Label Studio.", place=source, expected=_EXPECTED,
        found=found, remedy=remedy,
    )  # fmt: skip
