"""The exam: rows that no choice was made on, as features, by which every update is examined.

Shapes: R rows, N vectors of theirs (a word each where words are judged), C outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from journeyman.data.options import DataOptions
from journeyman.errors import ModelError
from journeyman.heads.base import Layers, SolvedHead
from journeyman.tasks.base import Array, Task
from journeyman.tensors import read_tensors, write_tensors
from journeyman.training.examples import Examples, FeatureSource, content_ids
from journeyman.training.learner import Learner
from journeyman.training.loop import Split
from journeyman.training.solving import solver_rows, starts
from journeyman.types import Row


@dataclass(frozen=True)
class Question:
    """One exam row without its input: an id, a hash of the input, which update brought it, and
    its columns of targets and slices."""

    id: str
    inputs: str
    origin: str
    row: Row

    def to_json(self) -> list[Any]:
        """The four as JSON values."""
        return [self.id, self.inputs, self.origin, dict(self.row)]


@dataclass(frozen=True)
class Exam:
    """Features {layer: [N, D]} of R questions; `counts` [R] says how many vectors each has."""

    layers: Layers = field(default_factory=dict)
    counts: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    questions: Sequence[Question] = ()

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def origins(self) -> list[str]:
        """The updates that brought questions, in order of their names; "" is the first training."""
        return sorted({question.origin for question in self.questions})

    def answers(self, head: SolvedHead) -> list[Array]:
        """The head's outputs: [C] of each question, or [W, C] of its words."""
        if not len(self):
            return []
        outputs = head.outputs({layer: rows.float() for layer, rows in self.layers.items()})
        parts = torch.split(outputs, self.counts.tolist())
        whole = head.shape.unit == "row"
        return [part[0].numpy() if whole else part.numpy() for part in parts]

    def targets(self, task: Task, columns: DataOptions) -> list[Any]:
        """The raw target of each question."""
        return [task.target(question.row, columns) for question in self.questions]

    def joined(self, other: Exam) -> Exam:
        """With the questions of another exam of the same head after these, by id and origin."""
        if not len(self) or not len(other):
            return self if len(self) else other
        layers = {
            layer: torch.cat([rows, other.layers[layer]]) for layer, rows in self.layers.items()
        }
        counts = torch.cat([self.counts, other.counts])
        questions = [*self.questions, *other.questions]
        order = sorted(
            range(len(questions)), key=lambda at: (questions[at].id, questions[at].origin)
        )
        return Exam(layers, counts, questions).select(order)

    def select(self, which: Sequence[int]) -> Exam:
        """The questions at these positions, in that order."""
        if list(which) == list(range(len(self))):
            return self
        begin = np.cumsum([0, *self.counts.tolist()])
        spans = [np.arange(begin[at], begin[at + 1]) for at in which]
        places = torch.from_numpy(np.concatenate(spans)) if spans else torch.zeros(0).long()
        return Exam(
            {layer: rows[places] for layer, rows in self.layers.items()},
            self.counts[list(which)],
            [self.questions[at] for at in which],
        )

    def reading(self, layers: Sequence[int]) -> Exam:
        """With the features of these layers alone."""
        return replace(self, layers={layer: self.layers[layer] for layer in layers})

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        tensors = {f"layer/{layer}": rows for layer, rows in self.layers.items()}
        about = {"questions": [question.to_json() for question in self.questions]}
        write_tensors(path, {**tensors, "counts": self.counts}, about)

    @classmethod
    def read(cls, path: Path) -> Exam:
        """Read what `write` wrote. Raises ModelError for a file that is no exam."""
        tensors, about = read_tensors(path)
        try:
            layers = {
                int(name.removeprefix("layer/")): tensors[name]
                for name in tensors
                if name.startswith("layer/")
            }
            questions = [Question(*each) for each in about["questions"]]
            return cls(layers, tensors["counts"], questions)
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(
                "The model's exam cannot be read.",
                place=str(path),
                expected="features of rows, and their targets",
                found=f"{type(error).__name__}: {error}"[:200],
                remedy="restore the file from a copy, or make the model again",
            ) from error


def make_exam(
    learner: Learner,
    columns: DataOptions,
    rows: Sequence[Row],
    examples: Examples,
    source: FeatureSource,
    origin: str = "",
) -> Exam:
    """The exam of these rows, with the layers that the head reads, in half precision.

    Empty of pictures with boxes, whose maps are larger than the pictures.
    """
    if not len(examples) or learner.task.unit == "map":
        return Exam()
    features = solver_rows(learner, Split(examples, source))
    kept = learner.head.reads if isinstance(learner.head, SolvedHead) else tuple(features)
    counts = torch.from_numpy(np.diff(starts(examples, learner.task.unit == "row")))
    ids = examples.ids if len(examples.ids) else content_ids(examples.texts)
    names = [name for name in (*columns.targets, *columns.slices) if name]
    questions = [
        Question(row_id, hashed, origin, {name: row[name] for name in names if name in row})
        for row_id, hashed, row in zip(ids, content_ids(examples.texts), rows, strict=True)
    ]
    exam = Exam({layer: features[layer].half() for layer in kept}, counts, questions)
    order = sorted(range(len(exam)), key=lambda at: (questions[at].id, origin))
    return exam.select(order)
