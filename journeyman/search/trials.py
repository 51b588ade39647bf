"""One trial: a recipe with other values, trained and scored on validation rows, in any process."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from journeyman.backbones.base import Backbone, Inputs
from journeyman.errors import JourneymanError, MissingExtraError, ResourceError
from journeyman.outset import workspace_of
from journeyman.progress import QUIET
from journeyman.recipe.loading import load_recipe
from journeyman.recipe.options import Recipe
from journeyman.recipe.space import applied
from journeyman.search.proposals import Proposals
from journeyman.steps.finetune import train_on
from journeyman.tasks.base import Task
from journeyman.training.cache.feature_cache import CachedFeatures, FeatureCache, Progress
from journeyman.training.examples import Examples
from journeyman.training.options import FinetuneOptions
from journeyman.training.outcome import Outcome
from journeyman.workspace import Workspace


@dataclass(frozen=True)
class Job:
    """A trial to run: what it tries, and the trials that it is compared with on the way."""

    number: int
    values: dict[str, Any]
    seen: Sequence[Outcome]
    proposals: Proposals
    metric: str


class Pruned(Exception):
    """Ends a trial that is given up; no error of anyone's."""


class SharedCache(FeatureCache):
    """A feature cache whose frozen passes run one at a time for each cut.

    A process that asks for what another computes waits for it, and then finds it.
    """

    def __init__(self, locks: Path) -> None:
        super().__init__()
        self._locks = locks
        locks.mkdir(parents=True, exist_ok=True)

    def features(
        self,
        backbone: Backbone,
        inputs: Inputs,
        cut: int,
        *,
        keep_hidden: bool,
        progress: Progress | None = None,
    ) -> CachedFeatures:
        """As `FeatureCache.features`, once no other process computes this cut."""
        with FileLock(self._locks / f"{backbone.spec.sha256[:16]}-{cut}.lock"):
            return super().features(
                backbone, inputs, cut, keep_hidden=keep_hidden, progress=progress
            )


@dataclass
class Bench:
    """Runs trials of one recipe, one after another; rows are prepared once for each backbone."""

    recipe: Recipe
    folder: Path
    _places: dict[str, tuple[Workspace, Examples, Examples]] = field(default_factory=dict)

    def run(self, job: Job) -> Outcome:
        """Train and score one trial; a mistake in its values is its outcome, not an error."""
        watch = _Watch(job)
        said = Outcome(job.number, job.values, "failed")
        began, cache, before = time.perf_counter(), None, None
        try:
            recipe = applied(self.recipe, self._task, job.values)
            workspace, learned, chosen = self._place(recipe)
            cache, before = workspace.cache, copy(workspace.cache.stats)
            trained = train_on(workspace, learned, chosen, watch=watch)
            score = workspace.task.score(
                trained.outputs, chosen.targets, workspace.schema, job.metric
            )
            said = replace(said, state="complete", score=float(score))
        except Pruned:
            said = replace(said, state="pruned", score=watch.history[-1][1])
        except (ResourceError, MissingExtraError):
            raise
        except JourneymanError as error:
            said = replace(said, why=_reason(error))
        if cache is not None and before is not None:
            said = replace(
                said,
                rows_asked=cache.stats.rows_asked - before.rows_asked,
                rows_computed=cache.stats.rows_computed - before.rows_computed,
            )
        return replace(
            said, history=tuple(watch.history), seconds=round(time.perf_counter() - began, 3)
        )

    @cached_property
    def _task(self) -> Task:
        return workspace_of(self.recipe, QUIET).task

    def _place(self, recipe: Recipe) -> tuple[Workspace, Examples, Examples]:
        key = recipe.backbone.model_dump_json()
        if key not in self._places:
            workspace = workspace_of(recipe, QUIET)
            workspace.cache = SharedCache(self.folder / "locks")
            learned, chosen = workspace.examples("train"), workspace.examples("validation")
            self._places[key] = workspace, learned, chosen
        workspace, learned, chosen = self._places[key]
        workspace.options = {**workspace.options, FinetuneOptions: recipe.finetune}
        return workspace, learned, chosen

    def close(self) -> None:
        """Let go of the caches."""
        for workspace, _, _ in self._places.values():
            workspace.cache.close()
        self._places.clear()


class _Watch:
    """Keeps the score of each epoch, and gives a trial up where the others did better."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.history: list[tuple[int, float]] = []

    def __call__(self, epoch: int, score: float) -> bool:
        self.history.append((epoch, float(score)))
        if self.job.proposals.gives_up(self.job.seen, self.history):
            raise Pruned
        return False


def _reason(error: JourneymanError) -> str:
    mistakes = getattr(error, "mistakes", ())
    one = mistakes[0] if mistakes else error
    return f"{one.problem} {one.found}".strip()


_BENCHES: list[Bench] = []


def start(recipe: str, folder: Path, threads: int) -> None:
    """Make a process ready for trials of this recipe; it ends when its parent does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.join,), daemon=True).start()
    torch.set_num_threads(threads)
    _BENCHES[:] = [Bench(load_recipe(recipe), folder)]


def _follow(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def run(job: Job) -> Outcome:
    """Run a trial in a process that `start` made ready."""
    return _BENCHES[0].run(job)
