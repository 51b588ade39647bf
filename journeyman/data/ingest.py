"""One source into one table: read once, kept under the hash of its content."""

from __future__ import annotations

import difflib
import hashlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from journeyman.data.admission import admit
from journeyman.data.corrections import Corrections, corrections_digest
from journeyman.data.findings import SHOWN_ROWS, Finding, Severity
from journeyman.data.options import ROLES, DataOptions
from journeyman.data.picture_rows import folder_of, picture_stamp
from journeyman.data.quarantine import write_refused
from journeyman.data.readers.folder import files_in
from journeyman.data.readers.hub import SCHEME, HubDataset
from journeyman.data.readers.registry import read
from journeyman.data.readers.textfile import locate, opened
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.data.removals import NAME, NOTHING_REMOVED, Removals
from journeyman.data.selection import selected
from journeyman.data.table import Table
from journeyman.data.writer import ArrowWriter, describe
from journeyman.errors import DataError
from journeyman.files import replacing
from journeyman.types import TargetKind

VERSION = 4
_FIRST_ROWS = 200

_PHRASES = {
    "ragged_row": "have more or fewer cells than the header",
    "unclosed_quote": "open a quote that is not closed",
    "stray_quote": "have a quote that is not closed where its cell ends",
    "nul_byte": "contain NUL bytes",
    "huge_field": "are larger than 16 MB",
    "bad_json": "are not usable JSON objects",
    "wrong_encoding": "have bytes that are not valid in the file's encoding",
    "bad_tokens": "have no matching tokens and tags",
    "empty_text": "have no text",
    "no_picture": "have no picture",
    "bad_picture": "have a picture that cannot be read",
    "huge_picture": "have a picture that is too large",
    "not_text": "have something other than text in a text column",
    "no_target": "have no usable label",
    "no_id": "have no id",
    "bad_boxes": "have boxes that cannot be used",
    "bad_annotation": "have an annotation that cannot be used",
    "no_annotation": "have no annotation",
    NAME: "were removed on request",
    "bad_ratings": "have something other than a list of numbers as ratings",
}


@dataclass(frozen=True)
class Ingested:
    """A source's table, what reading it found, and the file of its refused rows."""

    table: Table
    findings: tuple[Finding, ...]
    refused: Path


@dataclass
class _Tally:
    """Counts and first rows of what was refused and noticed."""

    counts: Counter[tuple[str, bool]] = field(default_factory=Counter)
    rows: defaultdict[tuple[str, bool], list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )
    first: dict[tuple[str, bool], Refused | Noticed] = field(default_factory=dict)

    def add(self, event: Refused | Noticed) -> None:
        key = (event.name, isinstance(event, Refused))
        self.counts[key] += 1
        self.first.setdefault(key, event)
        if event.row and len(self.rows[key]) < SHOWN_ROWS:
            self.rows[key].append(event.row)

    @property
    def refused(self) -> int:
        return sum(count for (_, refused), count in self.counts.items() if refused)

    @property
    def removed(self) -> int:
        return self.counts[NAME, True]

    def findings(self, source: str) -> list[Finding]:
        return [self._finding(key, source) for key in sorted(self.counts)]

    def _finding(self, key: tuple[str, bool], source: str) -> Finding:
        count, first = self.counts[key], self.first[key]
        if first.name == NAME:
            detail, action = removed_detail(count), REMOVED_ACTION
        elif isinstance(first, Refused):
            phrase = _PHRASES.get(first.name, "cannot be used")
            detail = f"Rows that {phrase}: {count}. The first: {first.reason}"
            action = "left out; kept in quarantine.jsonl"
        else:
            detail, action = first.detail, first.action
            detail += f": {count}." * first.counted
        return Finding(
            name=first.name,
            severity=_severity(first),
            count=count,
            rows=tuple(self.rows[key]),
            source=source,
            detail=detail,
            action=action,
        )


REMOVED_ACTION = "left out; nothing of them is kept"


def removed_detail(count: int) -> str:
    """What is told of rows that were removed on request."""
    return f"Rows that were removed on request: {count}."


def _severity(first: Refused | Noticed) -> Severity:
    if first.name == NAME:
        return "note"
    return "warning" if isinstance(first, Refused) or first.grave else "note"


def source_hash(source: str, data: DataOptions) -> str:
    """The hash of a source's content; of pictures, size and time stand for the content."""
    pictures = picture_stamp(source, data)
    if pictures and locate(source).is_dir():
        return _sha256(source.rpartition("#")[2], pictures)
    return _sha256(content_hash(source), pictures) if pictures else content_hash(source)


def content_hash(source: str) -> str:
    """SHA-256 of a source's bytes; of a folder, of every file in it with its path; of a hub
    dataset, its commit."""
    if source.startswith(SCHEME):
        return HubDataset.parse(source).content_hash()
    digest = hashlib.sha256(source.rpartition("#")[2].encode() if "#" in source else b"")
    path = locate(source)
    for part in files_in(path) if path.is_dir() else [path]:
        name = part.relative_to(path).as_posix() if path.is_dir() else part.suffix
        digest.update(name.encode(errors="surrogateescape"))
        with _raw(part) as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _raw(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except OSError:
        with opened(path):  # tells the same as a reader would
            raise


def table_key(
    source: str,
    data: DataOptions,
    kind: TargetKind | None,
    content: str | None = None,
    *,
    keeps_unlabelled: bool = False,
) -> str:
    """The name of a source's table: a hash of its content and of how it is read.

    `content` is its `source_hash`, where that is known. Rows of pictures hold absolute paths, so
    that the place of the source counts too.
    """
    how = data.model_dump(exclude={*ROLES, "extra", "dataset", "limit"})
    how = {**how, "group": None, "slices": None}
    parts = [VERSION, content or source_hash(source, data), json.dumps(how, sort_keys=True), kind]
    parts += ["unlabelled"] * keeps_unlabelled
    parts += corrections_digest(data)
    return _sha256(*parts, *([] if data.image is None else [folder_of(source)]))[:24]


def _sha256(*parts: object) -> str:
    """One hash over several things, as they are spelled."""
    return hashlib.sha256("\n".join(map(str, parts)).encode(errors="surrogateescape")).hexdigest()


def ingest(
    source: str, data: DataOptions, *, folder: Path, kind: TargetKind | None = None,
    max_refused: float = 0.5, needed: Sequence[str] = (), content: str | None = None,
    removals: Removals = NOTHING_REMOVED, keeps_unlabelled: bool = False,
) -> Ingested:  # fmt: skip
    """Read a source into `folder`, or open the table that an earlier run made of it.

    Rows without a label are refused, or kept as `admit` has it.

    `content` is the source's `source_hash`, where that is known: hashing a folder takes long.
    Rows of `removals` are left out, and so is what they hold.
    `needed` columns must be there. Raises DataError when one is not, when there are no rows, or
    when more than `max_refused` of them cannot be used.
    """
    key = table_key(source, data, kind, content, keeps_unlabelled=keeps_unlabelled)
    path = folder / f"{key}{removals.suffix}.arrow"
    refused = path.with_suffix(".refused.jsonl")
    if not all(part.is_file() for part in (path, refused, path.with_suffix(".json"))):
        events = selected(_with_columns(read(source, data), needed, source), data.where, source)
        beside = None if data.image is None else folder_of(source)
        admitted = admit(events, data, kind, folder=beside, keeps_unlabelled=keeps_unlabelled)
        rows = Corrections.of(data).applied(removals.left_out(admitted, data), data)
        _write(rows, path, refused, source, data, max_refused)
    table = Table.open(path)
    _check_columns(table.columns, needed, source)
    findings = [Finding(**{**found, "source": source}) for found in table.about["findings"]]
    table.about["source"] = source
    return Ingested(table, tuple(findings), refused)


def _write(
    events: Iterable[Event], path: Path, refused: Path, source: str, data: DataOptions,
    max_refused: float,
) -> None:  # fmt: skip
    tally = _Tally()
    with replacing(path) as beside:
        with (
            replacing(refused) as rejects,
            rejects.open("w", encoding="utf-8") as file,
            ArrowWriter(beside, data.texts, pictures=data.image is not None) as writer,
        ):
            for event in events:
                if isinstance(event, Record):
                    writer.add(event)
                    continue
                tally.add(event)
                if isinstance(event, Refused):
                    write_refused(file, source, event)
            _check_rows(writer.rows, tally, source, max_refused)
        about = {
            "source": source,
            "id": data.id,
            "rows": writer.rows,
            "refused": tally.refused,
            "findings": [found.model_dump(mode="json") for found in tally.findings(source)],
        }
        describe(path, beside, about)


def _with_columns(events: Iterator[Event], needed: Sequence[str], source: str) -> Iterator[Event]:
    """Look at the first rows before reading on, so that a wrong name is told at once."""
    first = list(islice(events, _FIRST_ROWS))
    rows = [event for event in first if isinstance(event, Record)]
    if rows:
        names = list(dict.fromkeys(chain.from_iterable(row.values for row in rows)))
        _check_columns(names, needed, source)
    return chain(first, events)


def _check_columns(columns: Sequence[str], needed: Sequence[str], source: str) -> None:
    missing = [name for name in dict.fromkeys(needed) if name not in columns]
    if not columns or not missing:
        return
    near = {name: difflib.get_close_matches(name, columns, n=1, cutoff=0.5) for name in missing}
    meant = [f"{match[0]!r} for {name!r}" for name, match in near.items() if match]
    remedy = f"Did you mean {', '.join(meant)}?" if meant else "Name one of the columns there are."
    if len(columns) == 1 and any(mark in columns[0] for mark in ",;\t|"):
        remedy = "Its one column seems to hold several: leave data.delimiter out, or correct it."
    raise DataError(
        f"The data has no column {' and no column '.join(map(repr, missing))}.",
        place=source,
        expected=f"columns {', '.join(needed)}",
        found=f"columns {', '.join(columns[:30])}",
        remedy=remedy,
    )


def _check_rows(rows: int, tally: _Tally, source: str, max_refused: float) -> None:
    unusable = tally.refused - tally.removed
    if rows and unusable <= max_refused * (rows + unusable):
        return
    reasons = [
        f"{found.detail} (row {found.rows[0] if found.rows else '?'})"
        for found in tally.findings(source)
        if (found.name, True) in tally.counts
    ]
    if not reasons:
        raise DataError(
            "The data file has no rows.",
            place=source,
            expected="at least one row below the column names",
            found="column names only, or nothing",
            remedy="Check how the file was written.",
        )
    raise DataError(
        f"{tally.refused} of {rows + tally.refused} rows cannot be used.",
        place=source,
        expected=f"at most {max_refused:.0%} refused rows (collect.max_refused)",
        found=" ".join(reasons),
        remedy="Mend the rows, or check data.delimiter, data.encoding and the column names.",
    )
