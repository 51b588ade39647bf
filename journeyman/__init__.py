"""Journeyman: take a pretrained model past imitation.

`finetune` runs a recipe and gives its model, `zero_shot` makes one of descriptions of labels,
`ensemble` has several answer together, `load` reads one back; a `Model` predicts, is evaluated,
explains itself and is saved. `audit` finds labels that may be wrong, with no model made yet;
`label_queue` says which rows are worth a label next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journeyman.api import finetune, load, watch
    from journeyman.auditing import audit
    from journeyman.descriptions import zero_shot
    from journeyman.ensembles.ensemble import Ensemble, ensemble
    from journeyman.errors import JourneymanError
    from journeyman.estimators.estimator import TextClassifier, TextRegressor
    from journeyman.labelling.queue import label_queue
    from journeyman.model import Model

__all__ = [
    "Ensemble",
    "JourneymanError",
    "Model",
    "TextClassifier",
    "TextRegressor",
    "audit",
    "ensemble",
    "finetune",
    "label_queue",
    "load",
    "watch",
    "zero_shot",
]

_HOMES = {
    "Ensemble": "journeyman.ensembles.ensemble",
    "JourneymanError": "journeyman.errors",
    "Model": "journeyman.model",
    "TextClassifier": "journeyman.estimators.estimator",
    "TextRegressor": "journeyman.estimators.estimator",
    "audit": "journeyman.auditing",
    "ensemble": "journeyman.ensembles.ensemble",
    "finetune": "journeyman.api",
    "label_queue": "journeyman.labelling.queue",
    "load": "journeyman.api",
    "watch": "journeyman.api",
    "zero_shot": "journeyman.descriptions",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import journeyman` itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'journeyman' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
