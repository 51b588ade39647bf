"""A run's state: the nouns its steps read and leave, and what each of them told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from journeyman.audits.base import Subject
from journeyman.audits.subject import subject_of
from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import ResolvedBackbone, resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.catalogue.entry import dataset_entries
from journeyman.data.collection import Collection, collect
from journeyman.data.label_names import name_rows
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.removals import Removals
from journeyman.files import write_text
from journeyman.model import Model
from journeyman.pretraining.folder import read_backbone
from journeyman.pretraining.options import PretrainOptions
from journeyman.progress import QUIET, Reporter
from journeyman.section import Section
from journeyman.tasks.base import TASKS, Schema, Task, usual_task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, make_examples
from journeyman.training.trackers import TrackerName, Trackers
from journeyman.training.unlabelled import Unlabelled, read_unlabelled
from journeyman.transfer.new_data import new_data
from journeyman.transfer.options import TransferOptions
from journeyman.types import Modality, Row

BASE = "base"
"""The note that says which version of the model updates start from."""

OptionsType = TypeVar("OptionsType", bound=BaseModel)


@dataclass
class Workspace:
    """One run in `folder`. Nouns that a finished step left are read back from disk when asked."""

    folder: Path
    name: str
    task_name: str | None
    backbone_reference: str
    backbone_options: Mapping[str, object]
    options: Mapping[type[BaseModel], BaseModel]
    seed: int = 0
    trackers: tuple[TrackerName, ...] = ()
    reporter: Reporter = QUIET
    key: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    """What the journal says of the step under way, beside its seconds."""

    def option(self, kind: type[OptionsType]) -> OptionsType:
        """What the recipe says for one step."""
        found = self.options[kind]
        if not isinstance(found, kind):
            raise TypeError(f"no options of kind {kind.__name__}")
        return found

    def gather(
        self, data: DataOptions, folder: Path, *, keeps_unlabelled: bool = False
    ) -> Collection:
        """Read, check and split rows into `folder`; a named dataset knows its columns.

        Training rows without a label are kept apart where somebody asks for them, else set aside.
        """
        files = None
        if data.dataset is not None:
            found = resolve_dataset(data.dataset)
            files = found.files
            said = data.model_dump(exclude_unset=True, exclude_none=True)
            data = DataOptions(**{**found.columns, **said})
        named = {name: resolve_dataset(name) for name in data.extra if name in dataset_entries()}
        return collect(
            data,
            self.option(CollectOptions),
            folder=folder,
            seed=self.seed,
            files=files,
            extra={name: found.files["train"] for name, found in named.items()},
            kind=TASKS[self.task_name].kind if self.task_name else None,
            modality=TASKS[self.task_name].modality if self.task_name else None,
            removals=self.removals,
            keeps_unlabelled=keeps_unlabelled,
        )

    @property
    def removals(self) -> Removals:
        """The rows that were removed on request: nothing is to bring them back."""
        return Removals.read(self.folder)

    @cached_property
    def collection(self) -> Collection:
        """The checked and split data."""
        return Collection.load(self.data_folder)

    @cached_property
    def task(self) -> Task:
        """The recipe's task, or the one the data suggests."""
        if self.task_name:
            return TASKS[self.task_name]()
        modality: Modality = "text" if self.collection.columns.image is None else "image"
        return usual_task(self.collection.kind, modality)()

    @cached_property
    def resolved_backbone(self) -> ResolvedBackbone:
        """The backbone's folder, fetched if need be."""
        return resolve(self.backbone_reference, progress=not self.reporter.quiet)

    @property
    def pretraining(self) -> PretrainOptions | None:
        """What the recipe says of pretraining, where it asks for it."""
        found = self.options.get(PretrainOptions)
        return found if isinstance(found, PretrainOptions) else None

    @cached_property
    def backbone(self) -> Backbone:
        """The pretrained network: as others made it, or as this run's pretraining left it."""
        said = self.pretraining
        return self.base_backbone if said is None else self.own(said.method_name)

    def own(self, method: str) -> Backbone:
        """The network that stands where this run's pretraining leaves it."""
        return read_backbone(
            self.own_backbone, self.resolved_backbone, method, self.backbone_options
        )

    @cached_property
    def base_backbone(self) -> Backbone:
        """The network that others pretrained."""
        return self._loaded(self.resolved_backbone, self.backbone_reference)

    def pretrained(self, reference: str) -> Backbone:
        """Another network that others pretrained, fetched if need be."""
        return self._loaded(resolve(reference, progress=not self.reporter.quiet), reference)

    def _loaded(self, found: ResolvedBackbone, reference: str) -> Backbone:
        spec = {
            "name": found.name,
            "reference": reference,
            "licence": found.licence,
            "source": found.source,
            "sha256": found.sha256,
        }
        return load_backbone(found.folder, spec, self.backbone_options, self.task.usual_options)

    @cached_property
    def cache(self) -> FeatureCache:
        """The feature cache all runs share."""
        return FeatureCache()

    @cached_property
    def model(self) -> Model:
        """The model this run made."""
        return Model.load(self.model_folder, self.backbone)

    @property
    def carried_folder(self) -> Path:
        """Where transfer keeps the new data's tables, and the model that learned them."""
        return self.folder / "transfer"

    def carried(self) -> tuple[Model, Sequence[Row], Examples]:
        """The model that transfer made, and the test rows of its own data, prepared for it."""
        said, tables = self.option(TransferOptions), self.collection
        own = said.data is None
        collection = tables if own else Collection.load(self.carried_folder / "data")
        learned = () if own else (tables.train, tables.validation)
        data = new_data(collection, self.task, self.seed, learned)
        elsewhere = said.distil is not None and said.distil.into is not None
        backbone = None if elsewhere else self.backbone
        model = Model.load(self.carried_folder / "model", backbone)
        return model, data.test, data.examples(data.test, model.learner.backbone)

    @cached_property
    def schema(self) -> Schema:
        """What the training targets are; of identities those of validation rows too, which a
        solved head takes in at the end."""
        tables = [self.collection.train]
        if self.task.kind == "identity":
            tables.append(self.collection.validation)
        columns = self.collection.columns
        rows = chain.from_iterable(table.stream() for table in tables)
        return self.task.schema([self.task.target(row, columns) for row in rows])

    def examples(self, split: str, backbone: Backbone | None = None) -> Examples:
        """One split's rows, prepared for the run's backbone (or another) and encoded."""
        columns = self.collection.columns
        rows: Iterable[Row] = self.collection.tables[split].stream()
        if split == "train":
            rows = chain(rows, name_rows(self.schema.labels, columns, self.task.kind))
        return make_examples(self.task, backbone or self.backbone, rows, columns, self.schema)

    def labelled(self) -> tuple[Examples, Examples]:
        """Training and validation rows together, to be judged by: with rows of `data.extra` and
        descriptions of labels last, and without these."""
        columns = self.collection.columns
        rows: list[Row] = [*self.collection.own.rows(), *self.collection.validation.rows()]
        more: list[Row] = [row for table in self.collection.added for row in table.rows()]
        more += name_rows(self.schema.labels, columns, self.task.kind)
        made = [
            make_examples(self.task, self.backbone, some, columns, self.schema)
            for some in ([*rows, *more], rows)
        ]
        return made[0], made[1]

    def subject(self, splits: Sequence[str], limit: int | None = None) -> Subject:
        """The rows of these splits, at most `limit`, for an audit of their labels."""
        found = self.collection, self.task, self.backbone, self.cache
        how = {"limit": limit, "seed": self.seed, "reporter": self.reporter}
        return subject_of(*found, splits=splits, **how)  # type: ignore[arg-type]

    @property
    def without_labels(self) -> list[str]:
        """Where rows without labels are: training data, and files of `data.unlabelled`."""
        rows = [table.source for table in self.collection.unlabelled]
        return [*rows, *self.option(DataOptions).unlabelled]

    def unlabelled(self, limit: int | None) -> Unlabelled:
        """Texts without labels, at most `limit` of them."""
        files = self.option(DataOptions).unlabelled
        how = {"limit": limit, "seed": self.seed, "removals": self.removals}
        return read_unlabelled(files, self.task, self.collection, **how)  # type: ignore[arg-type]

    @property
    def unlabelled_rows(self) -> int:
        """Training rows that nobody labelled; they are in no split."""
        return sum(map(len, self.collection.unlabelled))

    def split_sizes(self) -> dict[str, int]:
        """Rows of each split."""
        return {split: len(table) for split, table in self.collection.tables.items()}

    def tracker(self, part: str = "") -> Trackers:
        """Where curves of training go, or those of another part of the run."""
        return Trackers(self.trackers, self.folder / "logs" / part, self.name)

    @property
    def own_backbone(self) -> Path:
        """Where a backbone stands that this run pretrained further."""
        return self.folder / "backbone"

    @property
    def data_folder(self) -> Path:
        """Where the run keeps its tables and splits."""
        return self.folder / "data"

    @property
    def model_folder(self) -> Path:
        """Where the run's model stands."""
        return self.folder / "model"

    def note_path(self, name: str) -> Path:
        """Where what a step left beside its nouns is kept for a resumed run."""
        return self.folder / "sections" / f"{name}.json"

    def save_section(self, section: Section) -> None:
        """Keep a section for the report and for a resumed run."""
        write_text(self.note_path(section.step), section.model_dump_json(indent=1) + "\n")

    def load_section(self, step: str) -> Section:
        """The section a finished step left."""
        return Section.model_validate_json(self.note_path(step).read_text(encoding="utf-8"))

    def load_note(self, name: str) -> dict[str, Any]:
        """Read back a note written with `files.write_json` at `note_path`."""
        content: dict[str, Any] = json.loads(self.note_path(name).read_text(encoding="utf-8"))
        return content
