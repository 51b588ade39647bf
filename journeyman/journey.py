"""The steps in order, and what is left when they are done: model, report and figures."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from journeyman import audit_stage
from journeyman.catalogue.backbones import check_readable, resolve
from journeyman.catalogue.entry import dataset_entries
from journeyman.data.corrections import corrections_digest
from journeyman.data.ingest import content_hash
from journeyman.data.options import ROLES, DataOptions
from journeyman.data.picture_rows import picture_stamp
from journeyman.data.readers.hub import SCHEME, HubDataset
from journeyman.data.removals import Removals
from journeyman.files import write_json, write_text
from journeyman.outset import threads_of, workspace_of
from journeyman.progress import QUIET, Reporter
from journeyman.recipe.loading import dump_recipe
from journeyman.recipe.options import Recipe
from journeyman.run_folder.journal import Journal, file_digest, key_of
from journeyman.run_folder.lock import alone_in
from journeyman.saved.manifest import MANIFEST
from journeyman.search.stage import before, onward, searched_recipe
from journeyman.section import Section
from journeyman.steps import adapt, collect, explain, finetune, pretrain, transfer
from journeyman.telling import tell
from journeyman.versions.reference import model_folder
from journeyman.workspace import Workspace

REPORT = "report.html"
TIMING = "timing.json"


@dataclass(frozen=True)
class Step:
    """A verb, or what is done aside between two: what runs it, which parts of the recipe its result
    depends on, whether the recipe asks for it, and a file of the run's folder without which it is
    not done."""

    verb: str
    run: Callable[[Workspace], Section]
    reads: Callable[[Recipe], Any]
    asked: Callable[[Recipe], bool] = lambda _: True
    leaves: str = ""
    aside: bool = False
    """Whether no other step depends on it."""

    def left(self, folder: Path) -> bool:
        """Whether what the step leaves is there."""
        return not self.leaves or (folder / self.leaves).is_file()


STEPS = (
    Step("collect", collect.run, lambda r: _collect_key(r)),
    Step("pretrain", pretrain.run, lambda r: _pretrain_key(r)),
    Step(
        "audit",
        audit_stage.run,
        lambda r: [r.audit, threads_of(r)],
        lambda r: r.audit is not None,
        leaves="audit.jsonl",
        aside=True,
    ),
    Step(
        "finetune",
        finetune.run,
        lambda r: [r.finetune, r.seed, threads_of(r), r.name],
        leaves="model/model.json",
    ),
    Step(
        "transfer",
        transfer.run,
        lambda r: _transfer_key(r),
        lambda r: r.transfer is not None,
        leaves="transfer/model/model.json",
    ),
    Step("adapt", adapt.run, lambda r: _adapt_key(r), lambda r: r.adapt is not None),
    Step("explain", explain.run, lambda r: r.explain),
)


@dataclass(frozen=True)
class Arrived:
    """Where a run's results are; `fresh` is false when everything was there already."""

    folder: Path
    fresh: bool

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.folder / "model"

    @property
    def report(self) -> Path:
        """The page to read."""
        return self.folder / REPORT


def travel(recipe: Recipe, reporter: Reporter = QUIET) -> Arrived:
    """Run the recipe's steps, going on where an earlier run of the same recipe stopped.

    A step whose recipe part, data, backbone or program version changed runs again, and so does
    everything after it.
    """
    folder = recipe.folder
    journal = Journal(folder)
    data, pretrained = _data_key(recipe.data), _pretrain_key(recipe)
    parts = (data, pretrained, _transfer_key(recipe), _adapt_key(recipe))
    whole = key_of(_plain(recipe), *parts, _backbone_key(recipe), *_removed(recipe))
    if journal.finished("report", whole) and _complete(recipe):
        return Arrived(folder, fresh=False)
    check_readable(resolve(recipe.backbone.name).folder)
    with alone_in(folder):
        torch.set_num_threads(threads_of(recipe))
        journal.forget(["report"])
        _sweep(folder)
        workspace = workspace_of(recipe, reporter)
        sections, chosen, workspace = _run_steps(recipe, workspace, journal)
        tell(chosen, workspace, sections, dump_recipe(recipe))
        write_json(folder / TIMING, _timing(folder, workspace))
        journal.finish("report", whole)
    return Arrived(folder, fresh=True)


def input_files(recipe: Recipe) -> list[Path]:
    """The user's own files that a run of this recipe reads."""
    named = [recipe.data.train, recipe.data.validation, recipe.data.exam, recipe.data.test]
    named += [name for name in recipe.data.extra if name not in dataset_entries()]
    named += [*recipe.data.unlabelled, recipe.data.corrections]
    named += recipe.pretrain.data if recipe.pretrain is not None else ()
    named += _transfer_files(recipe)
    arrivals = recipe.adapt.arrivals if recipe.adapt is not None else ()
    named += [arrival.train for arrival in arrivals]
    files = [Path(name) for name in named if name is not None]
    folder = Path(recipe.backbone.name).expanduser()
    files += sorted(folder.glob("*")) if folder.is_dir() else []
    return [path for path in files if path.exists()]


def reads_files_alone(recipe: Recipe) -> bool:
    """Whether its data changes only when one of `input_files` does: no hub dataset without a
    commit, and no pictures, which are more files than those that name them."""
    more = [recipe.transfer.data] if recipe.transfer is not None else []
    more += [each.data(recipe.data) for each in (recipe.adapt.arrivals if recipe.adapt else ())]
    named = [
        (str(name), data)
        for data in (recipe.data, *filter(None, more))
        for name in (*(getattr(data, role) for role in ROLES), *recipe.data.extra)
        if name is not None
    ]
    hub = [name for name, _ in named if name.startswith(SCHEME)]
    fixed = all(HubDataset.parse(name).is_fixed for name in hub)
    return fixed and not any(picture_stamp(name, data) for name, data in named)


def _run_steps(
    recipe: Recipe, workspace: Workspace, journal: Journal
) -> tuple[list[Section], Recipe, Workspace]:
    """Every step's section; the recipe and the workspace are those a search chose, if it did."""
    sections: list[Section] = []
    key = key_of("journey", _backbone_key(recipe))
    for step in STEPS:
        if not step.asked(recipe):
            continue
        if step.verb == before(recipe):
            key = key_of(key, "search", _plain(recipe))
            section, recipe = searched_recipe(recipe, workspace, journal, key)
            sections.append(section)
            workspace = onward(recipe, workspace)
        own = key_of(key, step.verb, _plain(step.reads(recipe)))
        key = key if step.aside else own
        workspace.key = own
        sections.append(_section(step, workspace, journal))
        if step is STEPS[0]:
            write_text(workspace.folder / "recipe.yaml", dump_recipe(recipe))
    return sections, recipe, workspace


def _section(step: Step, workspace: Workspace, journal: Journal) -> Section:
    """The section of a step: as it was left under this key, or by running the step."""
    key, verbs = workspace.key, [each.verb for each in STEPS]
    done = journal.finished(step.verb, key) and workspace.note_path(step.verb).is_file()
    if done and step.left(workspace.folder):
        workspace.reporter.say(f"{step.verb}: done before")
        workspace.seconds.update(journal.facts(step.verb, key).get("seconds", {}))
        return workspace.load_section(step.verb)
    journal.forget([step.verb] if step.aside else verbs[verbs.index(step.verb) :])
    workspace.reporter.say(step.verb)
    started = time.perf_counter()
    workspace.facts.clear()
    section = step.run(workspace)
    workspace.seconds[step.verb] = time.perf_counter() - started
    workspace.save_section(section)
    journal.finish(step.verb, key, seconds=_rounded(workspace.seconds), **workspace.facts)
    return section


def _sweep(folder: Path) -> None:
    """Remove what a killed save of the model, or of a backbone, left beside it."""
    for name in ("model", "backbone"):
        for left in folder.glob(f".{name}.*.new"):
            shutil.rmtree(left, ignore_errors=True)


def _complete(recipe: Recipe) -> bool:
    told = all((recipe.folder / name).is_file() for name in (REPORT, "metrics.json"))
    return told and all(step.left(recipe.folder) for step in STEPS if step.asked(recipe))


def _collect_key(recipe: Recipe) -> list[Any]:
    data = _data_key(recipe.data)
    return [data, recipe.collect, recipe.task, recipe.seed, *_removed(recipe)]


def _removed(recipe: Recipe) -> list[str]:
    """What tells which rows were removed from the run on request; empty where none were."""
    digest = Removals.read(recipe.folder).digest
    return [digest] if digest else []


def _data_key(data: DataOptions) -> list[Any]:
    files = [data.train, data.validation, data.exam, data.test, *data.unlabelled]
    files += [name for name in data.extra if name not in dataset_entries()]
    digests = [None if name is None else _digest(name, data) for name in files]
    return [_plain(data), digests, *corrections_digest(data)]


def _digest(source: str, data: DataOptions) -> str:
    """What a source holds now; of a hub dataset without a revision, as of the hub's newest."""
    if source.startswith(SCHEME):
        return content_hash(source)
    pictures = picture_stamp(source, data)
    if not pictures:
        return file_digest(source)
    return key_of(file_digest(source), pictures) if os.path.isfile(source) else pictures


def _pretrain_key(recipe: Recipe) -> Any:
    said = recipe.pretrain
    if said is None:
        return _plain(recipe.backbone)
    texts = [file_digest(file) for file in said.data]
    trained = [recipe.seed, threads_of(recipe), recipe.finetune.metric]
    return [_plain(recipe.backbone), _plain(said), texts, *trained]


def _transfer_key(recipe: Recipe) -> Any:
    said = recipe.transfer
    if said is None:
        return None
    distil = said.distil
    data = None if said.data is None else _data_key(said.data)
    models = [file_digest(str(path)) for path in _transfer_files(recipe)]
    student = None if distil is None or distil.into is None else resolve(distil.into).sha256
    return [_plain(said), data, models, student]


def _adapt_key(recipe: Recipe) -> Any:
    said = recipe.adapt
    if said is None:
        return None
    data = [_data_key(arrival.data(recipe.data)) for arrival in said.arrivals]
    return [_plain(said), data, threads_of(recipe)]


def _transfer_files(recipe: Recipe) -> list[str]:
    """Files that only the transfer reads: new rows, unlabelled rows, and each model's model.json,
    which tells every change of it."""
    said = recipe.transfer
    if said is None:
        return []
    data = [] if said.data is None else [getattr(said.data, role) for role in ROLES]
    models = [*said.candidates, said.distil.teacher if said.distil else None]
    found = [str(model_folder(name) / MANIFEST) for name in models if name is not None]
    found += [name for name in data if name is not None and not name.startswith(SCHEME)]
    return [*found, *([said.distil.unlabelled] if said.distil and said.distil.unlabelled else [])]


def _backbone_key(recipe: Recipe) -> str:
    return resolve(recipe.backbone.name).sha256


def _timing(folder: Path, workspace: Workspace) -> dict[str, Any]:
    return {
        "seconds": _rounded(workspace.seconds),
        "machine": {
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "torch": version("torch"),
            "free_disk_gb": round(shutil.disk_usage(folder).free / 1e9, 1),
        },
    }


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in sorted(seconds.items())}


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
