"""The score that an explanation is about, as a function of a learner's outputs.

Shapes: B rows, T tokens, C outputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.placement import Placement
from journeyman.backbones.text_encoder import Text
from journeyman.backbones.text_inputs import TextInputs
from journeyman.errors import JourneymanError
from journeyman.heads.detection.boxes import overlaps
from journeyman.heads.detection.outputs import BoxOutputs
from journeyman.tasks.base import Schema, Task
from journeyman.tasks.bio import OUTSIDE
from journeyman.tasks.words import first_tokens, words_of
from journeyman.types import (
    BoxesPrediction,
    BoxSides,
    EmbeddingPrediction,
    EntitiesPrediction,
    Entity,
    LabelledBox,
    Prediction,
    ScoredBox,
)

Asked = str | Entity | ScoredBox | LabelledBox | None
"""What to explain of a row: a label, an entity, a box, or (None) what was answered."""


@dataclass(frozen=True)
class Target:
    """A score: the mean over `outputs`, each read at its own place of `tokens` where there are any.

    With `contrast` an output counts against the mean of the others, so that a shift of all of
    them, which no probability depends on, is not explained; for two labels that is the log-odds
    of a softmax. `unit` is what one step of the output means (a regression's training range). With
    a `direction` the outputs are vectors, and the score is how far they go in it.
    """

    name: str
    outputs: tuple[int, ...]
    tokens: tuple[int, ...] | None = None
    contrast: bool = False
    unit: float = 1.0
    direction: tuple[float, ...] = ()

    def score(self, outputs: Tensor) -> Tensor:
        """[B] from [B, C], or from [B, T, C]; 0 where none of the tokens was read."""
        if self.direction:
            return outputs @ torch.tensor(self.direction, dtype=outputs.dtype)
        if not self.outputs:
            return outputs.flatten(1).sum(1) * 0.0
        if self.tokens is not None:
            outputs = outputs[:, list(self.tokens)]
            places = torch.tensor(self.outputs).expand(len(outputs), -1).unsqueeze(-1)
            chosen = outputs.gather(-1, places).squeeze(-1)
        else:
            chosen = outputs[:, self.outputs[0]]
        count = outputs.shape[-1]
        if self.contrast and count > 1:
            chosen = chosen - (outputs.sum(-1) - chosen) / (count - 1)
        return self.unit * (chosen.mean(1) if self.tokens is not None else chosen)


@dataclass(frozen=True)
class BoxTarget(Target):
    """How surely an output is found at `box`, in shares of what the backbone sees of the picture.

    The best, over all boxes that a detector looks at, of its chance times its overlap (IoU) with
    this one. `sides` are the same box in pixels of the file, None for the whole picture.
    """

    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    sides: BoxSides | None = None

    def score(self, outputs: Any) -> Tensor:
        """[B], from 0 to 1."""
        boxes, chances = cast(BoxOutputs, outputs).candidates()
        there = overlaps(boxes, boxes.new_tensor(self.box))
        best: Tensor = (chances[..., self.outputs[0]] * there).amax(1)
        return best


def box_target(
    schema: Schema, answer: BoxesPrediction, asked: Asked, placement: Placement
) -> BoxTarget:
    """The box that is asked about; unasked, or asked by a label, the surest one (of that label).

    Where none was found, the whole picture. `placement` takes the file's pixels to shares.
    """
    labels = schema.labels if asked is None else (asked if isinstance(asked, str) else "",)
    if isinstance(asked, str):
        _place(schema, asked)
    best = next((box for box in answer.boxes if box.label in labels), None)
    found = asked if isinstance(asked, ScoredBox | LabelledBox) else best
    if found is None:
        return BoxTarget(labels[0], (_place(schema, labels[0]),))
    x, y, width, height = found.box
    corners = placement.boxes(np.array([[x, y, x + width, y + height]]))[0]
    left, top, right, bottom = map(float, corners)
    outputs, shares = (_place(schema, found.label),), (left, top, right, bottom)
    return BoxTarget(found.label, outputs, box=shares, sides=found.box)


def target_of(
    task: Task, schema: Schema, answer: Prediction, asked: Asked, inputs: Inputs, text: Text
) -> Target:
    """What is to be explained of one row.

    Classification: the label's output against the mean of the others. Multi-label: the label's
    own output. Regression: the value, in its own unit. Tokens: the tags of one entity at its
    words against the other tags, in the mean; unasked, the most certain entity, and where none
    was found, O at every word. Vectors: the cosine with the row's own vector, as it is.
    """
    if task.unit == "token":
        read = cast(TextInputs, inputs)
        return _entity_target(schema, cast(EntitiesPrediction, answer), asked, read, text)
    if isinstance(answer, EmbeddingPrediction):
        return Target("likeness to itself", (), direction=answer.vector)
    named = task.explained(answer, schema)
    if named is None:
        raise ValueError(f"{task.name} does not say which output an answer comes from")
    output, name = named
    if isinstance(asked, str) and schema.labels:
        output, name = _place(schema, asked), asked
    width = 1.0
    if task.kind == "value" and schema.range is not None:
        width = schema.range[1] - schema.range[0]
    unit = width if math.isfinite(width) and width > 0 else 1.0
    return Target(name, (output,), contrast=task.kind == "label", unit=unit)


def _place(schema: Schema, label: str) -> int:
    if label in schema.labels:
        return schema.labels.index(label)
    raise JourneymanError(
        f"The model has no label {label!r} to explain.",
        place="target",
        expected=" | ".join(schema.labels),
        found=label,
        remedy="name one of the model's labels, or none to explain the answer",
    )


def _entity_target(
    schema: Schema, answer: EntitiesPrediction, asked: Asked, inputs: TextInputs, text: Text
) -> Target:
    words = words_of(text if isinstance(text, str) else text[0])
    tokens = first_tokens(words, inputs, 0)
    found = asked
    if found is None and answer.entities:
        found = max(answer.entities, key=lambda entity: entity.score)
    if not isinstance(found, Entity):
        tags = dict.fromkeys(range(len(words)), OUTSIDE)
        name = OUTSIDE
    else:
        inside = [at for at, (a, b) in enumerate(words) if a < found.end and b > found.start]
        marks = ["B", *"I" * len(inside)]
        tags = {at: f"{mark}-{found.label}" for at, mark in zip(inside, marks, strict=False)}
        name = f"{found.label}: {found.text}"
    read = [at for at in tags if tokens[at] >= 0]
    return Target(
        name,
        tuple(_place(schema, tags[at]) for at in read),
        tuple(int(tokens[at]) for at in read),
        contrast=True,
    )
