"""The data of one run: checked, split, and found again when the run resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from journeyman.data.checks.base import CHECKS, Checked, Stage
from journeyman.data.corrections import check_met, corrections_digest
from journeyman.data.findings import Finding, ordered
from journeyman.data.ingest import VERSION, Ingested, ingest, source_hash
from journeyman.data.options import ROLES, CollectOptions, DataOptions
from journeyman.data.parting import parted, require_labels, unjudged
from journeyman.data.quarantine import write_quarantine
from journeyman.data.removals import NOTHING_REMOVED, Removals
from journeyman.data.resolve import resolve
from journeyman.data.splits import save_splits, split
from journeyman.data.table import Indices, Table
from journeyman.data.target import target_of
from journeyman.errors import DataError
from journeyman.files import replacing, write_json
from journeyman.types import Modality, TargetKind

_FILE = "collection.json"


@dataclass(frozen=True)
class Collection:
    """Four tables, what was found in them, and how they were read.

    `columns` are the data options with every column resolved; `quarantined` rows stand in
    `quarantine.jsonl`; `sources` names where each split was read from. A split that has neither a
    file nor a share is an empty table. `kind` is that of the recipe's task, else the one the
    targets suggest. Rows of `data.extra` are the last of `train`; `extra` names their sources.
    `unlabelled` has, by source, the training rows that nobody labelled: they are in no split.
    """

    train: Table
    validation: Table
    exam: Table
    test: Table
    findings: tuple[Finding, ...]
    columns: DataOptions
    quarantined: int
    sources: Mapping[str, str]
    kind: TargetKind
    extra: tuple[str, ...] = ()
    unlabelled: tuple[Table, ...] = ()

    @property
    def own(self) -> Table:
        """The training rows without those of `data.extra`."""
        return self.train.parts[0]

    @property
    def added(self) -> tuple[Table, ...]:
        """The training rows of each source of `data.extra`, which nothing is judged by."""
        return self.train.parts[1:]

    @property
    def tables(self) -> dict[str, Table]:
        """The splits by name."""
        return {role: getattr(self, role) for role in ROLES}

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the content of the four splits."""
        parts = [table.fingerprint for table in self.tables.values()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def save(self, folder: Path, key: str = "", removed: str = "") -> None:
        """Write which rows are in which split, beside the tables; the last file makes it whole.

        `removed` is the digest of the removals that the tables were read without.
        """
        splits: dict[str, Any] = {}
        for role, table in self.tables.items():
            splits[role] = _save(folder, role, table.parts[0])
        added = [_save(folder, "extra", table) for table in self.added]
        more = [_save(folder, "unlabelled", table) for table in self.unlabelled]
        save_splits(folder / "splits.json", self.tables)
        content = {
            "key": key,
            "removed": removed,
            "splits": splits,
            "added": added,
            "unlabelled": more,
            "extra": self.extra,
            "findings": [finding.model_dump(mode="json") for finding in self.findings],
            "columns": self.columns.model_dump(mode="json"),
            "quarantined": self.quarantined,
            "sources": dict(self.sources),
            "kind": self.kind,
        }
        write_json(folder / _FILE, content)

    @classmethod
    def load(cls, folder: Path) -> Collection:
        """Open what `save` wrote. Raises DataError when it is not whole."""
        try:
            content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            tables = {role: _load(folder, about) for role, about in content["splits"].items()}
            columns = DataOptions(**content["columns"])
            added = [_load(folder, about) for about in content.get("added", ())]
            tables["train"] = Table.join([tables["train"], *added], columns.slices)
            more = [_load(folder, about) for about in content.get("unlabelled", ())]
            return cls(
                **tables,
                findings=tuple(Finding(**finding) for finding in content["findings"]),
                columns=columns,
                quarantined=content["quarantined"],
                sources=content["sources"],
                kind=content["kind"],
                extra=tuple(content.get("extra", ())),
                unlabelled=tuple(more),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                "A stored collection cannot be read.",
                place=str(folder),
                expected=f"{_FILE} and the tables it names",
                found=str(error),
                remedy="Delete the folder; it is made again from the sources.",
            ) from error


def _save(folder: Path, role: str, table: Table) -> dict[str, str]:
    name = f"{role}-{table.fingerprint[:16]}.npy"
    with replacing(folder / name) as beside, beside.open("wb") as file:
        np.save(file, table.indices.astype("<i8"), allow_pickle=False)
    return {"table": table.path.name, "source": table.source, "indices": name}


def _load(folder: Path, about: Mapping[str, str]) -> Table:
    table = Table.open(folder / about["table"])
    table.about["source"] = about["source"]
    return table.select(np.load(folder / about["indices"], allow_pickle=False))


def collect(
    data: DataOptions,
    options: CollectOptions,
    *,
    folder: Path,
    seed: int,
    files: Mapping[str, Path] | None = None,
    extra: Mapping[str, Path] | None = None,
    kind: TargetKind | None = None,
    modality: Modality | None = None,
    removals: Removals = NOTHING_REMOVED,
    keeps_unlabelled: bool = True,
) -> Collection:
    """Read, check and split the data of a run into `folder`; the same again costs only hashing.

    `files` gives the splits of a catalogue dataset, or overrides paths; `extra` the training split
    of each such dataset that `data.extra` names. `kind` and `modality` are those of the recipe's
    task, where it names one. Rows of `removals` are left out. Training rows without a label are
    kept apart, or set aside as those of other splits are.
    Raises DataError for data that cannot be learned from; nothing is left half written.
    """
    sources = _sources(data, files)
    more = {name: str((extra or {}).get(name, name)) for name in data.extra}
    held = {source: source_hash(source, data) for source in {**sources, **more}.values()}
    kept = _keeping(sources) if keeps_unlabelled else frozenset()
    key = _key({**sources, **more}, held, data, options, seed, [kind, modality, *kept])
    if done_under(folder) == (key, removals.digest):
        return Collection.load(folder)
    columns, guessed = resolve(sources["train"], data, kind, modality)
    read = _ingest_roles(sources, columns, options, folder, kind, held, removals, kept)
    apart = {role: parted(part.table, columns, seed) for role, part in read.items()}
    require_labels(apart["train"], columns)
    tables = {role: part.labelled for role, part in apart.items()}
    kind = kind or target_of(columns, kind, tables["train"]).kind
    how: dict[str, Any] = {"removals": removals, "keeps_unlabelled": keeps_unlabelled}
    added = {
        name: _ingest_extra(
            source, columns, options, folder, kind, held[source], name in (extra or {}), **how
        )
        for name, source in more.items()
    }
    others = [parted(each.table, columns, seed) for each in added.values()]
    tables["train"] = Table.join([tables["train"], *(o.labelled for o in others)], columns.slices)
    tables, findings = _divide(tables, columns, options, seed, kind)
    unlabelled, told = unjudged([apart["train"], *others], tables, columns.group)
    once = _once({**read, **added})
    check_met(columns, [each.name for part in once for each in part.findings], once[0].table)
    found = [*guessed, *(finding for part in once for finding in part.findings), *findings, *told]
    collection = Collection(
        **tables,
        findings=ordered(found),
        columns=columns,
        quarantined=write_quarantine(folder / "quarantine.jsonl", [p.refused for p in once]),
        sources=sources,
        kind=kind,
        extra=tuple(more.values()),
        unlabelled=unlabelled,
    )
    collection.save(folder, key, removals.digest)
    return collection


def _ingest_roles(
    sources: Mapping[str, str],
    columns: DataOptions,
    options: CollectOptions,
    folder: Path,
    kind: TargetKind | None,
    held: Mapping[str, str],
    removals: Removals,
    kept: frozenset[str],
) -> dict[str, Ingested]:
    """The table of each split that has a source of its own; `held` has hashes of their content,
    and of those in `kept` rows without a label stay."""
    return {
        role: ingest(
            source,
            columns,
            folder=folder,
            kind=kind,
            max_refused=options.max_refused,
            needed=_needed(columns, role, sources),
            content=held[source],
            removals=removals,
            keeps_unlabelled=source in kept,
        )
        for role, source in sources.items()
    }


def _keeping(sources: Mapping[str, str]) -> frozenset[str]:
    """The source of training rows, unless another split is read from it too."""
    others = {source for role, source in sources.items() if role != "train"}
    return frozenset({sources["train"]} - others)


def _sources(data: DataOptions, files: Mapping[str, Path] | None) -> dict[str, str]:
    named = {role: getattr(data, role) for role in ROLES}
    named |= {role: str(path) for role, path in (files or {}).items()}
    if named["train"] is None:
        raise DataError(
            "There are no training rows.",
            place="recipe field data.train",
            expected="a file of training rows",
            found=f"the dataset {data.dataset!r} without a training file",
            remedy="Name a file in data.train.",
        )
    return {role: named[role] for role in ROLES if named[role] is not None}


def _key(
    sources: Mapping[str, str],
    held: Mapping[str, str],
    data: DataOptions,
    options: CollectOptions,
    seed: int,
    task: list[str | None],
) -> str:
    contents = {role: [source, held[source]] for role, source in sources.items()}
    parts = [VERSION, contents, data.model_dump(), options.model_dump(), seed, task]
    parts += corrections_digest(data)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def done_under(folder: Path) -> tuple[str, str] | None:
    """The key of the collection in `folder`, and the digest of the removals it was made without."""
    try:
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return content["key"], content.get("removed", "")
    except (OSError, ValueError, KeyError):
        return None


def _needed(columns: DataOptions, role: str, sources: Mapping[str, str]) -> list[str]:
    targets = (columns.label, columns.soft_label, columns.boxes)
    names = [*columns.texts, *targets, columns.id, *columns.slices]
    if columns.tags is not None:
        names = [columns.tokens, columns.tags, columns.id, *columns.slices]
    if role == "train":
        names.append(columns.group)
    if role == ("test" if "test" in sources else "train"):
        names.append(columns.ratings)
    names += columns.where or ()
    return [name for name in names if name is not None]


def _ingest_extra(
    source: str,
    columns: DataOptions,
    options: CollectOptions,
    folder: Path,
    kind: TargetKind,
    content: str,
    is_named: bool,
    *,
    removals: Removals,
    keeps_unlabelled: bool,
) -> Ingested:
    """Rows that are only learned from; a dataset of the catalogue is JSON Lines in UTF-8."""
    update: dict[str, Any] = {"where": None, "ratings": None}
    if is_named:
        update |= {"format": "jsonl", "encoding": "utf-8", "delimiter": None, "header": None}
    how = columns.model_copy(update=update)
    needed = _needed(how.model_copy(update={"slices": (), "group": None}), "extra", {})
    try:
        return ingest(
            source, how, folder=folder, kind=kind, max_refused=options.max_refused, needed=needed,
            content=content, removals=removals, keeps_unlabelled=keeps_unlabelled,
        )  # fmt: skip
    except DataError as error:
        place = f"{error.place} (recipe field data.extra)"
        raise DataError(
            error.problem, place=place, expected=error.expected, found=error.found,
            remedy=error.remedy,
        ) from error  # fmt: skip


def _once(read: Mapping[str, Ingested]) -> list[Ingested]:
    """Each source once, though it may be named for two splits."""
    return list({(part.table.source, part.refused): part for part in read.values()}.values())


def _divide(
    tables: dict[str, Table],
    data: DataOptions,
    options: CollectOptions,
    seed: int,
    kind: TargetKind | None,
) -> tuple[dict[str, Table], list[Finding]]:
    """Check, split, check again; checks may take rows out of training only.

    Rows of `data.extra` are checked as training rows are, and stay apart while those are divided.
    """
    target = target_of(data, kind, tables["train"])
    findings: list[Finding] = []

    def check(stage: Stage) -> None:
        for name in CHECKS:
            if stage not in CHECKS[name].stages:
                continue
            outcome = CHECKS[name]().check(Checked(tables, data, options, target, seed))
            findings.extend(outcome.findings)
            if outcome.kept is not None:
                tables["train"] = tables["train"].select(outcome.kept)

    check("before")
    whole, *added = tables["train"].parts
    divided = split(whole, data, options, seed, taken=tables, kind=kind)
    tables |= {role: whole.select(part) for role, part in divided.parts.items()}
    tables |= {role: whole.select([]) for role in ROLES if role not in tables}
    tables["train"] = Table.join([tables["train"], *added], data.slices)
    findings.extend(divided.findings)
    findings.extend(_empty(whole, divided.parts))
    _require_rows(tables)
    check("after")
    _require_rows(tables)
    return {role: tables[role] for role in ROLES}, findings


def _empty(whole: Table, parts: Mapping[str, Indices]) -> list[Finding]:
    """Splits that were to have rows and got none."""
    empty = [role for role, part in parts.items() if not len(part)]
    if not empty or not len(whole):
        return []
    finding = Finding(
        name="empty_splits",
        severity="warning",
        count=len(empty),
        source=whole.source,
        detail=f"No rows could be set aside for {', '.join(empty)}: too few rows or groups.",
        action="left empty; nothing is measured on them",
    )
    return [finding]


def _require_rows(tables: Mapping[str, Table]) -> None:
    if len(tables["train"].parts[0]):
        return
    raise DataError(
        "No training rows are left after checking and splitting.",
        place=tables["train"].source,
        expected="training rows that are in no other split",
        found="none",
        remedy="Give more rows, or a test file that differs from the training file.",
    )
