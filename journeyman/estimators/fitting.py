"""From texts and targets to a model, and from a model to bytes: what the estimators do inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.base import Backbone
from journeyman.backbones.precision import Precision
from journeyman.backbones.text_encoder import Text, load_backbone
from journeyman.catalogue.backbones import ResolvedBackbone, resolve
from journeyman.continual.holdings import solved_head
from journeyman.data.options import DataOptions
from journeyman.estimators.inputs import text_width
from journeyman.heads.base import SolvedHead
from journeyman.model import Model
from journeyman.progress import Reporter
from journeyman.saved.folder import write_model
from journeyman.tasks.base import Task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, make_examples
from journeyman.training.folds import folds_of
from journeyman.training.ladder import Climb, climb
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune

TEXT_COLUMNS = ("text", "second_text")
LABEL_COLUMN = "label"


@dataclass(frozen=True)
class Rows:
    """Texts with their targets, and which of them are `held` out to choose by."""

    texts: Sequence[Text]
    targets: Sequence[Any]
    held: NDArray[np.bool_]

    def some(self, held: bool) -> list[dict[str, Any]]:
        """Those that are held out, or the others."""
        both = zip(self.texts, self.targets, self.held, strict=True)
        return [_row(text, target) for text, target, out in both if bool(out) is held]


@dataclass(frozen=True)
class Fitted:
    """The model, and of `tuner: auto` what was tried."""

    model: Model
    ladder: Climb | None


def fitted(
    task: Task,
    backbone: Backbone,
    rows: Rows,
    options: FinetuneOptions,
    *,
    name: str,
    seed: int,
    cache: FeatureCache,
    reporter: Reporter,
) -> Fitted:
    """Fine-tune as a recipe with these options does."""
    columns = _columns(rows.texts)
    learned, chosen = rows.some(False), rows.some(True)
    schema = task.schema([task.target(row, columns) for row in learned])

    def prepared(some: list[dict[str, Any]]) -> Examples:
        return make_examples(task, backbone, some, columns, schema)

    about = task, backbone, schema
    how: dict[str, Any] = {"seed": seed, "cache": cache, "reporter": reporter}
    ladder = None
    if options.tuner == "auto":
        folds = folds_of(options.folds, schema, climbs=True)
        train = prepared([*learned, *chosen] if folds else learned)
        judged = train if folds else prepared(chosen)
        ladder = climb(*about, train, judged, options, folds=folds, **how)
        trained = ladder.trained
    else:
        trained = finetune(*about, prepared(learned), prepared(chosen), options, **how)
    model = Model(
        name=name,
        learner=trained.learner,
        schema=schema,
        columns=columns,
        calibration=trained.calibration,
        about={"rows": {"train": len(learned), "validation": len(chosen)}, "parent": None},
    )
    return Fitted(model, ladder)


def _columns(texts: Sequence[Text]) -> DataOptions:
    width = text_width(texts[0])
    text = TEXT_COLUMNS[0] if width == 1 else TEXT_COLUMNS
    return DataOptions(train="fit", text=text, label=LABEL_COLUMN)


def rows_of(texts: Sequence[Text], targets: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of the columns that the estimators' models read."""
    return [_row(text, target) for text, target in zip(texts, targets, strict=True)]


def _row(text: Text, target: Any) -> dict[str, Any]:
    parts = (text,) if isinstance(text, str) else text
    return {**dict(zip(TEXT_COLUMNS, parts, strict=False)), LABEL_COLUMN: target}


def backbone_of(
    reference: str, max_tokens: int | None, precision: Precision, *, quiet: bool
) -> Backbone:
    """The backbone of a reference, fetched if need be."""
    return _loaded(resolve(reference, progress=not quiet), reference, max_tokens, precision)


@lru_cache(maxsize=2)
def _loaded(
    found: ResolvedBackbone, reference: str, max_tokens: int | None, precision: Precision
) -> Backbone:
    """Kept in memory: a search fits many times on the same one, and tuners never change it."""
    spec = {name: value for name, value in asdict(found).items() if name != "folder"}
    options = {"max_tokens": max_tokens, "precision": precision}
    return load_backbone(found.folder, {**spec, "reference": reference}, options)


def packed(model: Model) -> dict[str, bytes]:
    """The files of its folder, by name."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        write_model(replace(model), folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def unpacked(files: Mapping[str, bytes]) -> Model:
    """The model again, ready to take rows in and out."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        model = Model.load(folder)
        if isinstance(model.learner.head, SolvedHead):
            solved_head(model)
    model.folder = None
    return model
