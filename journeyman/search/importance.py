"""Which fields mattered in a search: functional ANOVA of its scores (Hutter, Hoos and
Leyton-Brown, 2014, "An efficient approach for assessing hyperparameter importance"), by Optuna."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from journeyman.recipe.domains import Choices, Domain, Range, Space
from journeyman.search.proposals import distribution
from journeyman.training.outcome import Outcome

LEAST = 4
"""Trials with a score below which nothing can be said."""
IDLE = "not in force"


def importance(space: Space, outcomes: Sequence[Outcome], seed: int) -> dict[str, float]:
    """Each field's share of what scores varied by, largest first; empty where none did.

    A field that did not count in a trial has a value of its own there: a further choice, or the
    middle of its range. Pruned trials stand with their last score.
    """
    scored = [one for one in outcomes if one.score is not None and one.values]
    fields = [field for field in space if any(field in one.values for one in scored)]
    if len(scored) < LEAST or len({one.score for one in scored}) < 2 or not fields:
        return {}
    study = optuna.create_study(direction="maximize")
    kinds = {field: _kind(space[field]) for field in fields}
    for one in scored:
        said = {field: _value(space[field], one.values, field) for field in fields}
        study.add_trial(create_trial(value=one.score, params=said, distributions=kinds))
    varied = [f for f in fields if len({str(trial.params[f]) for trial in study.trials}) > 1]
    if not varied:
        return {}
    judge = FanovaImportanceEvaluator(seed=seed)
    found = get_param_importances(study, evaluator=judge, params=varied)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _kind(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choices):
        return CategoricalDistribution((*domain.keys, IDLE))
    return distribution(domain)


def _value(domain: Domain, values: Mapping[str, Any], field: str) -> Any:
    if field in values:
        value = values[field]
        return json.dumps(value, sort_keys=True) if isinstance(domain, Choices) else value
    return _middle(domain) if isinstance(domain, Range) else IDLE


def _middle(domain: Range) -> float:
    low, high = domain.low, domain.high
    middle = (low * high) ** 0.5 if domain.log else (low + high) / 2
    if domain.step:
        middle = low + round((middle - low) / domain.step) * domain.step
    return int(middle) if domain.whole else middle
