"""CoNLL files: a token and its tag on each line, a blank line between sentences."""

from __future__ import annotations

from collections.abc import Iterator

from journeyman.data.encoding import encoding_of
from journeyman.data.options import DataOptions
from journeyman.data.readers.lines import Line, bad_characters, numbered
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate, text_lines
from journeyman.data.record import Event, Record, Refused
from journeyman.data.tokens import is_tag, repair, token_row

_MIN_SHARE = 0.9


@READERS.register("conll")
class ConllReader:
    """The first column is the token, the last its tag; tabs or spaces stand between."""

    suffixes: tuple[str, ...] = (".conll", ".bio", ".iob", ".iob2")

    def matches(self, source: str, start: bytes) -> bool:
        """Whether nearly all lines end in a tag, and there are B- or I- tags among them."""
        lines = start.decode("utf-8", "replace").splitlines()[:2000]
        if len(start) > 1 and not start.endswith(b"\n"):
            lines = lines[:-1] or lines
        cells = [_cells(line) for line in lines if _is_token(line)]
        tags = [row[-1] for row in cells if len(row) > 1 and is_tag(row[-1])]
        return len(tags) > _MIN_SHARE * len(cells) and any(tag != "O" for tag in tags)

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield one row a sentence, with `tokens`, `tags`, `text` and `offsets`."""
        path = locate(source)
        encoding = encoding_of(path, options.encoding).name
        with text_lines(path, encoding, newline="\n") as file:
            sentence: list[Line] = []
            for line in numbered(file):
                if line.text.strip() and not line.text.startswith("-DOCSTART-"):
                    sentence.append(line)
                elif sentence:
                    yield from _sentence(sentence, encoding)
                    sentence = []
            if sentence:
                yield from _sentence(sentence, encoding)


def _is_token(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("-DOCSTART-")


def _cells(line: str) -> list[str]:
    """A tab separates where there is one, since tokens may hold other white space."""
    line = line.rstrip("\r\n")
    if "\t" not in line:
        return line.split()
    cells = [cell.strip() for cell in line.split("\t")]
    return cells if cells[-1] else cells[:-1]


def _untagged(lines: list[Line], encoding: str) -> list[str]:
    """The tokens of a sentence that nobody tagged: one on each line and nothing else; else none."""
    cells = [_cells(line.text) for line in lines]
    if any(len(row) != 1 for row in cells) or any(line.refused for line in lines):
        return []
    if any(bad_characters(line.text, encoding) for line in lines):
        return []
    return [row[0] for row in cells]


def _sentence(lines: list[Line], encoding: str) -> Iterator[Event]:
    first = lines[0].number
    if untagged := _untagged(lines, encoding):
        yield Record(first, {"tokens": untagged, "tags": None})
        return
    tokens, tags = [], []
    original = "".join(line.text for line in lines)
    for line in lines:
        cells = _cells(line.text)
        reason = line.refused or bad_characters(line.text, encoding)
        if not reason and len(cells) < 2:
            reason = f"Line {line.number} has no token and tag."
        if not reason and not is_tag(cells[-1]):
            reason = f"Line {line.number} ends in {cells[-1]!r}, which is not a tag."
        if reason:
            yield Refused(first, "bad_tokens", reason, original)
            return
        tokens.append(cells[0])
        tags.append(cells[-1])
    row = token_row(tokens, tags)
    if isinstance(row, str):
        yield Refused(first, "bad_tokens", row, original)
        return
    values, repairs = row
    for name in repairs:
        yield repair(first, name)
    yield Record(first, values)
