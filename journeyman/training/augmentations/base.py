"""The contract of an augmentation, and rows with changed copies of them.

Copies are made once, from the seed, and stay the same through all epochs: so what the frozen
layers make of them is computed once and cached as of any other row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text
from journeyman.errors import JourneymanError
from journeyman.registry import Registry
from journeyman.tasks.base import Encoded, Schema, Task
from journeyman.training.examples import Examples


class Augmentation(ABC):
    """Changes a text so that its label still holds."""

    name: ClassVar[str]
    modality: ClassVar[str] = "text"

    @abstractmethod
    def change(self, text: str, strength: float, random: np.random.Generator) -> str:
        """The text with about `strength` of its words changed; or another view of a picture."""


AUGMENTATIONS: Registry[type[Augmentation]] = Registry(
    "augmentation", "journeyman.training.augmentations"
)


class AugmentOptions(BaseModel):
    """What a recipe may say of augmentation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[str, ...] = Field(
        ("word-dropout",),
        min_length=1,
        description="Augmentations by name: of texts word-dropout; of pictures crop, zoom, flip, "
        "mirror and colour. A copy of a text draws one of them, a copy of a picture has all.",
        examples=[["crop", "flip"]],
    )
    copies: int = Field(1, ge=1, le=16, description="Changed copies of each training row.")
    strength: float = Field(0.1, gt=0, le=1, description="Share of the words that change.")


def with_copies(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    examples: Examples,
    options: AugmentOptions,
    seed: int,
) -> Examples:
    """The rows, and after them `copies` changed copies of each with the same targets.

    Boxes go where a view puts them.
    """
    encoded = examples.encoded
    if encoded is None or task.kind == "tags":
        raise JourneymanError(
            f"The task {task.name} cannot learn from changed texts.",
            place="finetune.augment",
            expected="a task of whole texts: labels of words would lose their places",
            found=task.name,
            remedy="remove finetune.augment",
        )
    kinds = [AUGMENTATIONS[name]() for name in options.kinds]
    whole = task.modality == "image"
    random = np.random.default_rng([seed, len(examples)])
    copies = []
    for _ in range(options.copies):
        for text in examples.texts:
            chosen = kinds if whole else [kinds[int(random.integers(len(kinds)))]]
            copies.append(_changed(text, chosen, options.strength, random))
    times = options.copies + 1
    texts = [*examples.texts, *copies]
    known = examples.inputs.sources
    inputs = backbone.prepare(texts).made_from(None if known is None else np.tile(known, times))
    targets = [*examples.targets] * times
    if isinstance(encoded.rows, Tensor):
        encoded = Encoded(torch.cat([encoded.rows] * times))
    else:
        encoded = task.encode(targets, schema, inputs, texts)
    return Examples(
        texts,
        inputs,
        targets,
        encoded,
        {name: [*values] * times for name, values in examples.slices.items()},
        [*examples.ids] * times,
    )


def _changed(
    text: Text, kinds: Sequence[Augmentation], strength: float, random: np.random.Generator
) -> Text:
    if isinstance(text, tuple):
        first, second = (str(_changed(part, kinds, strength, random)) for part in text)
        return first, second
    for kind in kinds:
        text = kind.change(text, strength, random)
    return text
