"""Rows with their wrong labels found and taken care of, before anything is trained on them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.errors import JourneymanError
from journeyman.evaluation.label_doubts import classes_of
from journeyman.heads.base import HeadOptions
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Encoded, Schema, Task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.frozen_rows import FrozenRows, frozen_rows
from journeyman.training.label_cleaning import (
    HOWS,
    SHARES,
    Cleaning,
    Flags,
    Held,
    LabelCleaningOptions,
    cleaning_of,
    held_answers,
    in_place,
)


@dataclass(frozen=True)
class CleanedRows:
    """Training and validation rows to go on with, what was found, and `how` labels were changed;
    the rows are as they were given where that does harm."""

    train: Examples
    validation: Examples
    cleaning: Cleaning
    how: str
    seconds: float
    clean: bool = False
    """Whether validation labels are known to be right, and judged what was done."""


def clean_rows(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    train: Examples,
    validation: Examples,
    options: LabelCleaningOptions,
    *,
    within: bool = False,
    metric: str | None = None,
    head: HeadOptions | None = None,
    seed: int,
    cache: FeatureCache,
    reporter: Reporter = QUIET,
) -> CleanedRows:
    """Doubt the labels of all these rows, and clean them unless held-out rows lose by it.

    With `within`, validation rows are the first of the training rows. No label is taken for true,
    those of validation rows neither. Of a ridge `head`'s options the layers are heeded. Raises
    JourneymanError for a task without one label a row.
    """
    check_cleans(task)
    began = time.perf_counter()
    reporter.say("  doubting labels")
    apart = train.select(np.arange(0)) if within else validation
    some = [train, apart] if len(apart) else [train]
    said = {"head": head, "metric": metric, "seed": seed, "cache": cache}
    frozen = frozen_rows(task, backbone, schema, some, **said)  # type: ignore[arg-type]
    given = classes_of(frozen.targets)
    rows = len(train)
    right = _right(len(given), options, within, len(validation))
    hows = HOWS if options.how == "auto" else (options.how,)
    found = {one: _cleaning(frozen, given, options, one, right, seed) for one in hows}
    how = max(found, key=lambda one: found[one].gain)
    cleaning = found[how]
    cleaned = [train, validation]
    if cleaning.stands:
        spans = slice(0, rows), slice(0, len(validation)) if within else slice(rows, None)
        cleaned = [
            _cleaned(examples, cleaning, span, schema, how)
            for examples, span in zip(cleaned, spans, strict=True)
        ]
    seconds = time.perf_counter() - began
    return CleanedRows(cleaned[0], cleaned[1], cleaning, how, seconds, right is not None)


def _right(
    count: int, options: LabelCleaningOptions, within: bool, validation: int
) -> Flags | None:
    """[N] which labels are known to be right: of validation rows, where the recipe says so.

    A JourneymanError where there are none to judge by.
    """
    if options.validation == "doubted":
        return None
    if not validation:
        raise JourneymanError(
            "There are no validation rows that labels could be judged by.",
            place="finetune.label_cleaning.validation",
            expected="clean labels in data.validation",
            found="no validation rows",
            remedy="name a file in data.validation, or remove `validation: clean`",
        )
    right = np.zeros(count, dtype=bool)
    right[slice(0, validation) if within else slice(count - validation, None)] = True
    return right


def check_cleans(task: Task) -> None:
    """A JourneymanError for a task without one label a row."""
    if task.kind == "label":
        return
    raise JourneymanError(
        f"Labels of the task {task.name} cannot be doubted one by one.",
        place="finetune.label_cleaning",
        expected="a task of one label a row, such as text-classification",
        found=task.name,
        remedy="remove finetune.label_cleaning",
    )


def _cleaning(
    frozen: FrozenRows,
    given: NDArray[np.intp],
    options: LabelCleaningOptions,
    how: str,
    right: Flags | None,
    seed: int,
) -> Cleaning:
    """What cleaning one way would do, by answers in parts that fit into memory."""
    said = options.model_copy(update={"how": how})
    targets = frozen.targets
    chances, answered = np.zeros(targets.shape), np.zeros(targets.shape)
    before = np.zeros(len(given), dtype=np.intp)
    after = np.zeros((len(SHARES), len(given)), dtype=np.intp)
    for part, left in frozen.parts(seed):
        own = None if right is None else right[part]
        held = held_answers(left, targets[torch.from_numpy(part)], given[part], said, seed, own)
        chances[part], before[part], after[:, part] = held.chances, held.before, held.after
        answered[part] = held.answered
    return cleaning_of(Held(chances, before, after, answered), given, how, right)


def _cleaned(
    examples: Examples, cleaning: Cleaning, span: slice, schema: Schema, how: str
) -> Examples:
    """The rows at `span` of those that were doubted, cleaned."""
    doubts = cleaning.doubts
    suspect = doubts.suspect[span]
    if how == "drop":
        return examples.select(np.flatnonzero(~suspect))
    if examples.encoded is None or not isinstance(examples.encoded.rows, Tensor):
        raise ValueError("labels are cleaned in rows with one target a class")
    changed = torch.zeros(len(doubts.given), len(schema.labels))
    changed[torch.from_numpy(np.flatnonzero(doubts.suspect))] = in_place(
        doubts, cleaning.chances, how
    )
    there = torch.from_numpy(suspect)
    rows = torch.where(there[:, None], changed[span], examples.encoded.rows)
    targets = [
        replace(target, label=schema.labels[likely], weights=None) if doubted else target
        for target, likely, doubted in zip(
            examples.targets, doubts.likely[span], suspect, strict=True
        )
    ]
    return replace(examples, targets=targets, encoded=Encoded(rows))
