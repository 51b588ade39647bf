"""What is changed while a model is taught or forgets: a head and a ledger of its own."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from journeyman.continual.holdings import solved_head
from journeyman.heads.base import SolvedHead
from journeyman.model_state import ModelState
from journeyman.tasks.base import Schema
from journeyman.training.balance import ClassWeights
from journeyman.training.examples import Examples, make_examples
from journeyman.training.learner import Learner
from journeyman.types import Row


@dataclass
class Pupil:
    """A copy of a model to change: `learner` and `head` are its own, all else is shared.

    `model` is the one it came from, with class weights for the classes that there are now.
    """

    model: ModelState
    learner: Learner
    head: SolvedHead

    @classmethod
    def of(cls, model: ModelState) -> Pupil:
        """Raises ModelError for a model that cannot be taught row by row."""
        head = copy.deepcopy(solved_head(model))  # Which reads the ledger in, too.
        learner = copy.copy(model.learner)
        learner.head = head
        return cls(model, learner, head)

    def rearrange(self, columns: Sequence[int | None]) -> None:
        """Let head, ledger and class weights have outputs in these places, as
        `SolvedHead.rearrange` has them."""
        self.head.rearrange(columns)
        if self.learner.ledger is not None:
            self.learner.ledger = self.learner.ledger.with_outputs(columns)
        said = self.model.calibration.get("balance")
        if said is not None:
            weights = ClassWeights.from_json(said).rearranged(columns)
            calibration = {**self.model.calibration, "balance": weights.to_json()}
            self.model = replace(self.model, calibration=calibration)

    def examples(self, rows: Sequence[Row], schema: Schema) -> Examples:
        """Rows prepared and encoded, their targets weighing as those of the first training do."""
        task, columns = self.learner.task, self.model.columns
        made = make_examples(task, self.learner.backbone, rows, columns, schema)
        said = self.model.calibration.get("balance")
        return made if said is None or not rows else ClassWeights.from_json(said).scaled(made)

    def counted(self, schema: Schema) -> Schema:
        """The schema with as many rows of each class as the ledger has; as it was without one."""
        ledger, kind = self.learner.ledger, self.learner.task.kind
        if ledger is None or kind not in ("label", "labels", "identity"):
            return schema
        targets = ledger.row_targets()
        if kind == "labels":
            counts = (targets > 0).sum(0)
        else:
            counts = torch.bincount(targets.argmax(1), minlength=len(schema.labels))
        return replace(schema, counts=tuple(counts.tolist()))
