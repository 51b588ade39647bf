"""The contract of a baseline, and running those that suit a task.

A baseline sees what the model sees: training rows to fit, validation rows to choose settings.
Inputs are texts, or lists of tokens where the target is a tag for each, or pictures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from journeyman.errors import MissingExtraError
from journeyman.registry import Registry
from journeyman.types import TargetKind

Inputs = Sequence[Any]
Targets = Sequence[Any]

MAXIMUM_ROWS = 100_000
"""Training rows a baseline is fitted on at most, drawn at random beyond that."""


@runtime_checkable
class Thumbnailed(Protocol):
    """A picture, to a baseline."""

    def thumbnail(self, side: int) -> NDArray[np.uint8]:
        """[side, side, 3]: the whole picture made small."""

    def sides(self) -> tuple[int, int]:
        """Width and height in pixels, which boxes are in."""


class Baseline(ABC):
    """A simple method, deterministic given its seed; `purpose` is a phrase for the report."""

    name: ClassVar[str]
    purpose: ClassVar[str]
    kinds: ClassVar[tuple[TargetKind, ...]]
    modality: ClassVar[str] = ""
    """What it reads; empty where it reads nothing."""

    def __init__(self, kind: TargetKind, seed: int = 0) -> None:
        self.kind = kind
        self.seed = seed

    @classmethod
    def applies(cls, inputs: Inputs, targets: Targets) -> bool:
        """Whether this data is of the kind the method was made for."""
        return True

    @abstractmethod
    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Fit on training rows; settings, if any, are chosen on `validation` alone.

        Raises MissingExtraError when an optional library is not installed.
        """

    @abstractmethod
    def predict(self, inputs: Inputs) -> list[Any]:
        """A target for each input."""


BASELINES: Registry[type[Baseline]] = Registry("baseline", "journeyman.evaluation.baselines")


@dataclass(frozen=True)
class BaselineRun:
    """Predictions on the test inputs by baseline; `omitted` says why one is not there."""

    predictions: dict[str, list[Any]] = field(default_factory=dict)
    omitted: dict[str, str] = field(default_factory=dict)


def suited_baselines(kind: TargetKind, inputs: Inputs, targets: Targets) -> tuple[str, ...]:
    """Names of the baselines for this kind of target and this training data, sorted."""
    read = "image" if any(isinstance(each, Thumbnailed) for each in inputs[:1]) else "text"
    return tuple(
        name
        for name in BASELINES
        if kind in BASELINES[name].kinds
        and BASELINES[name].modality in ("", read)
        and BASELINES[name].applies(inputs, targets)
    )


def run_baselines(
    kind: TargetKind,
    train: tuple[Inputs, Targets],
    validation: tuple[Inputs, Targets],
    test: Inputs,
    *,
    names: Iterable[str] | None = None,
    seed: int = 0,
    maximum_rows: int = MAXIMUM_ROWS,
    progress: Callable[[str], None] | None = None,
) -> BaselineRun:
    """Fit and ask every suited baseline (or those named); `progress` hears each name first.

    One whose optional library is missing is omitted with the reason.
    """
    run = BaselineRun()
    inputs, targets = _sample(*train, maximum_rows, seed)
    for name in names if names is not None else suited_baselines(kind, inputs, targets):
        if progress is not None:
            progress(name)
        try:
            fitted = BASELINES[name](kind, seed).fit(inputs, targets, validation)
        except MissingExtraError as error:
            run.omitted[name] = f"{error.problem} {error.remedy}"
            continue
        run.predictions[name] = fitted.predict(test)
    return run


def _sample(inputs: Inputs, targets: Targets, rows: int, seed: int) -> tuple[Inputs, Targets]:
    if len(inputs) != len(targets):
        raise ValueError(f"{len(inputs)} inputs for {len(targets)} targets")
    if len(inputs) <= rows:
        return inputs, targets
    kept = np.sort(np.random.default_rng(seed).choice(len(inputs), rows, replace=False))
    return [inputs[int(row)] for row in kept], [targets[int(row)] for row in kept]
