"""The search: trials proposed, run in processes, kept as they finish, and the best of them.

Trial `n` looks only at trials up to `n` less a fixed lag, so that what it tries does not hang on
which process was faster. With one process the lag is one, and every trial sees all before it.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from journeyman.errors import JourneymanError, ResourceError
from journeyman.outset import threads_of
from journeyman.recipe.loading import dump_recipe
from journeyman.recipe.options import Recipe
from journeyman.recipe.search import SearchOptions
from journeyman.recipe.space import applied, in_force, ordered, space_of
from journeyman.run_folder.journal import key_of
from journeyman.search.importance import importance
from journeyman.search.proposals import Proposals
from journeyman.search.storage import TrialStore
from journeyman.search.trials import Bench, Job, run, start
from journeyman.training.outcome import Outcome, Searched
from journeyman.workspace import Workspace

_ELSEWHERE = ("trials", "timeout", "processes", "storage")
"""Options that change how a search goes on, and not what its trials are."""

Submit = Callable[[Job], "Future[Outcome]"]


def search(recipe: Recipe, workspace: Workspace, folder: Path, key: str) -> tuple[Searched, Recipe]:
    """Search over the recipe's fields; gives what was found, and the recipe with the best values.

    Trials are kept in `folder`, under a name made of the recipe and of `key`, which stands for
    everything before: the rows and the backbone. Trials that a killed search
    finished are taken over, those it was running are run again.
    """
    if recipe.search is None:
        raise ValueError("the recipe asks for no search")
    made = _Search(recipe, recipe.search, workspace, folder, key)
    with closing(made.store):
        found = made.run()
    return found, applied(recipe, workspace.task, found.best.values)


class _Search:
    """One search under way: `kept` are outcomes by number, `tried` the values of every trial."""

    def __init__(
        self,
        recipe: Recipe,
        options: SearchOptions,
        workspace: Workspace,
        folder: Path,
        key: str,
    ) -> None:
        self.recipe, self.options, self.workspace = recipe, options, workspace
        self.task, self.folder = workspace.task, folder
        self.metric = options.metric or recipe.finetune.metric or self.task.primary_metric
        space = space_of(recipe, self.task, workspace.backbone)
        seed = recipe.seed if options.seed is None else options.seed
        self.proposals = Proposals(space, ordered(space), options.sampler, options.pruner, seed)
        said = options.model_dump(mode="json", exclude=set(_ELSEWHERE))
        whole = recipe.model_dump(mode="json", exclude={"search", "explain", "output", "trackers"})
        name = key_of(key, whole, said, self.metric, threads_of(recipe))[:24]
        self.store = TrialStore(name, self.proposals, self.folder, options.storage)
        every = self.proposals.everything(options.trials - 1, self._in_force)
        self.settings = None if every is None else [{}, *filter(None, every)]
        self.lag = 1 if options.processes == 1 else 2 * options.processes
        self.kept: dict[int, Outcome] = {}
        self.tried: dict[int, dict[str, Any]] = {}

    def run(self) -> Searched:
        """Run every trial that is not kept yet."""
        began = time.perf_counter()
        found = self.store.outcomes()
        self.kept = {n: found[n] for n in sorted(found) if n < self.options.trials}
        self.tried = {n: dict(one.values) for n, one in self.kept.items()}
        resumed = len(self.kept)
        if resumed:
            self._say(f"  {resumed} trials were finished before")
        begun = self._loop(began + (self.options.timeout or float("inf")))
        exhausted, clock = self.settings is not None and not self._left(), ""
        if begun < self.options.trials and not exhausted:
            clock = f"the timeout let {begun} of {self.options.trials} trials begin"
        outcomes = tuple(self.kept[n] for n in sorted(self.kept))
        seconds = time.perf_counter() - began
        matters = importance(self.proposals.space, outcomes, self.proposals.seed)
        best = self._best(outcomes)
        return Searched(outcomes, best, self.metric, matters, clock, seconds, resumed, exhausted)

    def _loop(self, deadline: float) -> int:
        """Begin trials in their order until all are over; gives how many were begun."""
        number, running = 0, dict["Future[Outcome]", int]()
        with self._workers() as submit:
            while True:
                while self._may_begin(number, len(running)):
                    if number and number not in self.kept and time.perf_counter() > deadline:
                        break
                    self._begin(number, submit, running)
                    number += 1
                if not running:
                    return number
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    running.pop(future)
                    self._keep(future.result())

    def _may_begin(self, number: int, running: int) -> bool:
        is_free = running < self.options.processes and number < self.options.trials
        if self.settings is not None and number not in self.kept and not self._left():
            return False
        return is_free and all(n in self.kept for n in range(number - self.lag + 1))

    def _begin(self, number: int, submit: Submit, running: dict[Future[Outcome], int]) -> None:
        if number in self.kept:
            return
        seen = [self.kept[n] for n in range(max(number - self.lag + 1, 0))]
        values = self._proposed(number, seen)
        self.tried[number] = values
        twin = next((one for one in seen if one.values == values), None)
        if twin is not None:
            why = twin.why or f"the values of trial {twin.number}"
            spared = replace(twin, seconds=0.0, rows_asked=0, rows_computed=0)
            self._keep(replace(spared, number=number, why=why))
            return
        job = Job(number, values, seen, self.proposals, self.metric)
        running[submit(job)] = number

    def _proposed(self, number: int, seen: list[Outcome]) -> dict[str, Any]:
        """What a trial tries; the first is the recipe as it stands.

        Where the space has no more settings than there are trials, each is tried once.
        """
        if number == 0:
            return {}
        if self.settings is not None:
            return self._left()[0]
        pending = [self.tried[n] for n in range(len(seen), number)]
        return self.proposals.propose(number, seen, pending, self._in_force)

    def _left(self) -> list[dict[str, Any]]:
        """Settings of a small space that no trial has tried."""
        tried = list(self.tried.values())
        return [values for values in self.settings or () if values not in tried]

    def _in_force(self, name: str, values: Mapping[str, Any]) -> bool:
        return in_force(name, self.recipe, self.task, values)

    def _keep(self, outcome: Outcome) -> None:
        self.store.keep(outcome)
        self.kept[outcome.number] = outcome
        told = outcome.why if outcome.score is None else f"{self.metric} {outcome.score:.4f}"
        self._say(f"  trial {outcome.number}, {outcome.state}: {told}")

    def _say(self, text: str) -> None:
        self.workspace.reporter.say(text)

    def _best(self, outcomes: tuple[Outcome, ...]) -> Outcome:
        complete = [one for one in outcomes if one.state == "complete" and one.score is not None]
        if complete:
            return max(complete, key=lambda one: (one.score or 0.0, -one.number))
        raise JourneymanError(
            "No trial of the search could be finished.",
            place="search",
            expected="at least one trial that trains",
            found="; ".join(dict.fromkeys(one.why for one in outcomes))[:500],
            remedy="mend the recipe, or what search.space tries",
        )

    @contextmanager
    def _workers(self) -> Iterator[Submit]:
        """What runs a trial: this process, or others with their shares of the threads."""
        processes = self.options.processes
        if processes == 1:
            bench = Bench(self.recipe, self.folder)
            try:
                yield lambda job: _done(bench.run(job))
            finally:
                bench.close()
            return
        threads = max(1, threads_of(self.recipe) // processes)
        pool = ProcessPoolExecutor(
            processes,
            multiprocessing.get_context("spawn"),
            start,
            (dump_recipe(self.recipe), self.folder, threads),
        )
        try:
            yield lambda job: pool.submit(run, job)
        except BrokenProcessPool as error:
            raise ResourceError(
                "A process of the search ended before its trial did.",
                place="search.processes",
                expected=f"{processes} processes with memory enough for a trial each",
                found="a process that was killed",
                remedy="run it again with fewer processes: finished trials are kept",
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _done(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future
