"""Auditing labels before, or without, a model: from data named in any way to what is doubted.

What may be named: a data file or a folder of pictures, a dataset of the catalogue, a recipe, a
run's folder or the model in it. Nothing is trained; the frozen pass is kept for runs that follow.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.audits.base import Audit, auditor_of
from journeyman.audits.options import AuditOptions
from journeyman.audits.written import LINES, TABLE, answers_in, write_rows, write_suspects
from journeyman.catalogue.entry import dataset_entries
from journeyman.data.options import ROLES
from journeyman.errors import DataError
from journeyman.outset import workspace_of
from journeyman.progress import QUIET, Reporter
from journeyman.recipe.loading import load_recipe
from journeyman.recipe.options import Recipe
from journeyman.report.header import ReportHeader
from journeyman.report.page import write
from journeyman.section import Figure
from journeyman.sections.audited import audited
from journeyman.tasks.base import Task

PAGE = "audit.html"
KEEP_ALL = {
    "fractions": {"validation": 0.0, "exam": 0.0, "test": 0.0},
    "duplicates": "keep",
    "overlap": "keep",
    "near_duplicates": "off",
}
"""Every row that can be read is audited, wherever it stands."""


@dataclass(frozen=True)
class Audited:
    """An audit, what it was made with, how many rows could not be read, and what it took."""

    audit: Audit
    task: Task
    backbone: str
    refused: int
    seconds: float


def audit(
    data: str | Path | Mapping[str, Any],
    *,
    text: str | None = None,
    image: str | None = None,
    label: str | None = None,
    task: str | None = None,
    backbone: str | None = None,
    output: str | Path | None = None,
    reporter: Reporter = QUIET,
    **options: Any,
) -> Audit:
    """Find labels that are likely wrong, for people to judge; no model need exist.

    `data` is a data file, a folder of pictures, a dataset, a recipe, a run's or a model's folder.
    Columns and task are guessed unless they are said; `options` are those of the recipe field
    `audit`. With `output`, a folder, files and a page are written there. Raises JourneymanError.
    """
    said = {"text": text, "image": image, "label": label, "task": task, "backbone": backbone}
    if output is not None:
        answers_in(Path(output))
    found = audit_of(data, said, AuditOptions(**options), reporter)
    if output is not None:
        write_audit(found, Path(output), str(data) if isinstance(data, str | Path) else "rows")
    return found.audit


def audit_of(
    data: str | Path | Mapping[str, Any],
    said: Mapping[str, str | None],
    options: AuditOptions,
    reporter: Reporter = QUIET,
) -> Audited:
    """Audit `data`; `said` overrides its columns, task and backbone where they are given."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="journeyman-audit-") as folder:
        recipe = load_recipe({**_recipe(data, said), "output": folder})
        workspace = workspace_of(recipe, reporter)
        reporter.say(f"reading {_source(recipe)}")
        workspace.collection = workspace.gather(recipe.data, workspace.data_folder)
        subject = workspace.subject(ROLES, options.limit)
        found = auditor_of(workspace.task.kind, options).audit(subject)
        refused = workspace.collection.quarantined
        task, backbone = workspace.task, recipe.backbone.name
    return Audited(found, task, backbone, refused, time.perf_counter() - began)


def write_audit(found: Audited, folder: Path, name: str) -> None:
    """Write audit.jsonl, suspects.csv and the page into `folder`; each is whole or not there."""
    write_rows(found.audit, folder)
    write_suspects(found.audit, folder)
    section = audited(found.audit, pictures=found.task.modality == "image")
    write(folder / PAGE, _header(found, name), [section])


def _header(found: Audited, name: str) -> ReportHeader:
    """The first screen of the page."""
    doubted, rows = len(found.audit.suspects), len(found.audit.rows)
    refused = f"{found.refused:,} rows could not be read and are not among them."
    return ReportHeader(
        name=Path(name).name or name,
        task=f"Label audit, {found.task.name}",
        backbone=found.backbone,
        summary=f"{doubted:,} of {rows:,} labels are suspects, for people to judge.",
        findings=(refused,) if found.refused else (),
        cost=(Figure(name="seconds in all", value=round(found.seconds, 1), unit="s", clock=True),),
        advice=(
            f"Open {TABLE}, read each text, and write the right label into its column “correct”.",
            "Name that file in the recipe: `data.corrections`. Your data stay as they are.",
            f"{LINES} has every row with its score, reasons and neighbours.",
        ),
    )


def _recipe(data: str | Path | Mapping[str, Any], said: Mapping[str, str | None]) -> dict[str, Any]:
    """The recipe that reads the data, all of it."""
    whole = _read(data)
    named = {name: value for name, value in said.items() if value is not None}
    columns = {name: named.pop(name) for name in ("text", "image", "label") if name in named}
    whole["data"] = {**whole["data"], **columns}
    kept: dict[str, Any] = {
        name: whole[name] for name in ("name", "task", "data", "backbone", "seed") if name in whole
    }
    return {**kept, **named, "collect": KEEP_ALL, "audit": True}


def _read(data: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(data, Mapping):
        return dict(load_recipe(data).model_dump(mode="json", exclude_unset=True))
    said, path = str(data), Path(data).expanduser()
    if said in dataset_entries() and not path.exists():
        return {"data": {"dataset": said}}
    run = next((f for f in (path, path.parent) if (f / "data" / "collection.json").is_file()), None)
    if run is not None and (run / "recipe.yaml").is_file():
        return dict(load_recipe(run / "recipe.yaml").model_dump(mode="json", exclude_unset=True))
    if (path / "model.json").is_file():
        raise DataError(
            "A model alone holds no rows to audit.",
            place=said,
            expected="a model in the folder of the run that made it, or a data file",
            found="a model folder without a run",
            remedy="name the data file it was made from",
        )
    if path.suffix.lower() in (".yaml", ".yml"):
        return dict(load_recipe(path).model_dump(mode="json", exclude_unset=True))
    return {"data": {"train": said}}


def _source(recipe: Recipe) -> str:
    return str(recipe.data.dataset or recipe.data.train)
