"""Where learning may start: the plain backbone, or a model whose tuned layers are taken along."""

from __future__ import annotations

from dataclasses import dataclass

from journeyman.backbones.base import Backbone
from journeyman.heads.base import Layers
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Schema, Task
from journeyman.training.assembly import make_learner
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.training.loop import Split
from journeyman.training.options import FinetuneOptions
from journeyman.training.solving import solver_rows

PLAIN = "plain backbone"


@dataclass(frozen=True)
class Start:
    """A backbone bent as a model left it (`model` None: not bent), with an unsolved ridge head.

    `learner` is for the new data's task and labels; nothing of `model` is changed by it.
    """

    name: str
    learner: Learner
    model: Model | None = None

    def layers(self, examples: Examples, cache: FeatureCache, reporter: Reporter = QUIET) -> Layers:
        """Pooled vectors [N, D] of every layer: the frozen part from the cache, then the tuned."""
        source = feature_source(self.learner, examples, cache, reporter)
        return solver_rows(self.learner, Split(examples, source))

    def knows(self, task: Task, schema: Schema) -> bool:
        """Whether the model already answers this task with these labels."""
        if self.model is None or self.model.learner.task.kind != task.kind:
            return False
        return self.model.schema.labels == schema.labels


def plain_start(task: Task, backbone: Backbone, schema: Schema, seed: int) -> Start:
    """The pretrained backbone as it is."""
    options = FinetuneOptions.model_validate({"tuner": "none", "head": "ridge"})
    return Start(PLAIN, make_learner(task, backbone, schema, options, seed=seed))


def model_start(name: str, model: Model, task: Task, schema: Schema, seed: int) -> Start:
    """A twin of the model's tuned layers, from which learning can go on."""
    return Start(name, twin(model, task, schema, seed, head="ridge"), model)


def twin(
    model: Model, task: Task, schema: Schema, seed: int, *, head: str | None = None
) -> Learner:
    """A learner for `task` whose layers above the cut are copies of the model's."""
    tuner = model.learner.tuner
    said = {**tuner.options.model_dump(), "name": tuner.name}
    options = FinetuneOptions.model_validate(
        {"tuner": said, "cut": model.learner.cut, "head": head}
    )
    learner = make_learner(task, model.learner.plain, schema, options, seed=seed)
    learner.tuner.load(tuner.state())
    learner.train(False)
    return learner
