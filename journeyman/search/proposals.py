"""What the next trial tries, and whether one under way is given up, by Optuna.

Both follow from the seed, the trial's number and the trials it may look at: a study is built anew
in memory for each question. So a search that was killed goes on to the same trials, whichever
sampler it uses, and whatever the order in which processes finish.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from journeyman.recipe.domains import Choices, Domain, Space
from journeyman.training.outcome import Outcome

optuna.logging.set_verbosity(optuna.logging.WARNING)

STARTUP = 8
"""Trials drawn at random before TPE and the pruners have anything to go by."""
STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
InForce = Callable[[str, Mapping[str, Any]], bool]
"""Whether a field counts beside the values drawn so far."""


@dataclass(frozen=True)
class Proposals:
    """Proposes values for the fields of `space`."""

    space: Space
    order: Sequence[str]
    sampler: str
    pruner: str
    seed: int

    def everything(self, most: int, in_force: InForce) -> list[dict[str, Any]] | None:
        """Every setting of a space of choices alone; None of ranges, or of more than `most`."""
        found: list[dict[str, Any]] = [{}]
        for field in self.order:
            domain = self.space[field]
            if not isinstance(domain, Choices):
                return None
            found = [
                said
                for values in found
                for said in (
                    [{**values, field: value} for value in domain.values]
                    if in_force(field, values)
                    else [values]
                )
            ]
            if len(found) > most:
                return None
        return found

    def propose(
        self,
        number: int,
        seen: Sequence[Outcome],
        pending: Sequence[Mapping[str, Any]],
        in_force: InForce,
    ) -> dict[str, Any]:
        """Values for trial `number`; `pending` trials count by their values alone."""
        study = optuna.create_study(direction="maximize", sampler=self._sampler(number))
        study.add_trials([self.frozen(outcome) for outcome in seen])
        study.add_trials(
            create_trial(state=TrialState.RUNNING, **self._parameters(values)) for values in pending
        )
        trial, values = study.ask(), dict[str, Any]()
        for field in self.order:
            if in_force(field, values):
                values[field] = _drawn(trial, field, self.space[field])
        return values

    def gives_up(self, seen: Sequence[Outcome], history: Sequence[tuple[int, float]]) -> bool:
        """Whether a trial with this history is given up, beside trials that are over."""
        study = optuna.create_study(direction="maximize", pruner=self._pruner())
        study.add_trials([self.frozen(outcome) for outcome in seen])
        trial = study.ask()
        for epoch, score in history:
            trial.report(score, epoch)
        return bool(trial.should_prune())

    def frozen(self, outcome: Outcome) -> FrozenTrial:
        """An outcome as Optuna keeps it."""
        return create_trial(
            state=STATES[outcome.state],
            value=None if outcome.state == "failed" else outcome.score,
            intermediate_values=dict(outcome.history),
            user_attrs={
                "number": outcome.number,
                "why": outcome.why,
                "seconds": outcome.seconds,
                "rows_asked": outcome.rows_asked,
                "rows_computed": outcome.rows_computed,
            },
            **self._parameters(outcome.values),
        )

    def outcome(self, trial: FrozenTrial) -> Outcome:
        """What `frozen` made a trial of."""
        said = trial.user_attrs
        names = {state: name for name, state in STATES.items()}
        values = {
            field: json.loads(value) if isinstance(self.space[field], Choices) else value
            for field, value in trial.params.items()
        }
        return Outcome(
            int(said["number"]),
            {field: values[field] for field in self.order if field in values},
            names[trial.state],  # type: ignore[arg-type]
            trial.value,
            tuple(sorted(trial.intermediate_values.items())),
            said["why"],
            said["seconds"],
            said["rows_asked"],
            said["rows_computed"],
        )

    def _parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        kinds = {field: distribution(self.space[field]) for field in values}
        return {
            "params": {field: _told(self.space[field], values[field]) for field in values},
            "distributions": kinds,
        }

    def _sampler(self, number: int) -> BaseSampler:
        seed = (self.seed * 1_000_003 + number) % 2**32
        if self.sampler == "random":
            return RandomSampler(seed=seed)
        return TPESampler(seed=seed, n_startup_trials=STARTUP)

    def _pruner(self) -> BasePruner:
        if self.pruner == "median":
            return MedianPruner(n_startup_trials=STARTUP // 2, n_warmup_steps=2)
        return NopPruner()


def distribution(domain: Domain) -> BaseDistribution:
    """A domain as Optuna has it."""
    if isinstance(domain, Choices):
        return CategoricalDistribution(domain.keys)
    if domain.whole:
        step = int(domain.step or 1)
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=step)
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def _drawn(trial: Trial, field: str, domain: Domain) -> Any:
    kind = distribution(domain)
    if isinstance(kind, CategoricalDistribution):
        return json.loads(str(trial.suggest_categorical(field, kind.choices)))
    if isinstance(kind, IntDistribution):
        return trial.suggest_int(field, kind.low, kind.high, step=kind.step, log=kind.log)
    if isinstance(kind, FloatDistribution):
        return trial.suggest_float(field, kind.low, kind.high, step=kind.step, log=kind.log)
    raise TypeError(f"no such kind of domain: {kind}")


def _told(domain: Domain, value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(domain, Choices) else value
