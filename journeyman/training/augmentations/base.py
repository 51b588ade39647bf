"""The contract of an augmentation, and rows with changed copies of them.

Copies are made once, from the seed, and stay the same through all epochs: so what the frozen
layers make of them is computed once and cached as of any other row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.backbones.mosaic import PARTS, Mosaic
from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.text_encoder import Text
from journeyman.errors import JourneymanError
from journeyman.registry import Registry
from journeyman.tasks.base import TASKS, Encoded, Schema, Task
from journeyman.training.examples import Examples
from journeyman.types import Modality


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
        (),
        description="Augmentations by name: of texts word-dropout, which is meant where none is "
        "named; of pictures crop, zoom, flip, mirror and colour. A copy of a text draws one of "
        "them, a copy of a picture, and a mosaic, has all.",
        examples=[["crop", "flip"]],
    )
    copies: int = Field(
        1,
        ge=1,
        le=16,
        description="Changed copies of each training row; of pictures none where no kind is named.",
    )
    mosaics: int = Field(
        0,
        ge=0,
        le=16,
        description="For `object-detection`: mosaics for each training row, of which it is a "
        "quarter and three rows drawn by lot are the others.",
        examples=[2],
    )
    strength: float = Field(0.1, gt=0, le=1, description="Share of the words that change.")

    def chosen(self, modality: Modality) -> tuple[str, ...]:
        """The kinds that are named, or the one that is meant."""
        return self.kinds or (("word-dropout",) if modality == "text" else ())


def with_copies(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    examples: Examples,
    options: AugmentOptions,
    seed: int,
) -> Examples:
    """The rows, after them `copies` changed copies of each with the same targets, then mosaics.

    Boxes go where a view or a mosaic puts them.
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
    check_mosaics(task, options)
    random = np.random.default_rng([seed, len(examples)])
    copies = changed_copies(examples.texts, options, task.modality, random)
    times = 1 + len(copies) // max(len(examples), 1)
    mosaics, composed = _mosaics(task, examples, options.mosaics, random)
    kinds = _kinds(options, task.modality)
    copies += [_changed(mosaic, kinds, options.strength, random) for mosaic in mosaics]
    texts = [*examples.texts, *copies]
    known = examples.inputs.sources
    inputs = backbone.prepare(texts).made_from(None if known is None else np.tile(known, times))
    targets = [*[*examples.targets] * times, *composed]
    if isinstance(encoded.rows, Tensor):
        encoded = Encoded(torch.cat([encoded.rows] * times))
    else:
        encoded = task.encode(targets, schema, inputs, texts)
    times += options.mosaics
    slices = {name: [*values] * times for name, values in examples.slices.items()}
    return Examples(texts, inputs, targets, encoded, slices, [*examples.ids] * times)


def changed_copies(
    texts: Sequence[Text], options: AugmentOptions, modality: Modality, random: np.random.Generator
) -> list[Text]:
    """`copies` changed copies of each text: of all of them in turn, and again."""
    kinds, copies = _kinds(options, modality), list[Text]()
    for _ in range(options.copies if kinds else 0):
        for text in texts:
            whole = modality == "image"
            drawn = kinds if whole else [kinds[int(random.integers(len(kinds)))]]
            copies.append(_changed(text, drawn, options.strength, random))
    return copies


def _kinds(options: AugmentOptions, modality: Modality) -> list[Augmentation]:
    return [AUGMENTATIONS[name]() for name in options.chosen(modality)]


def check_mosaics(task: Task, options: AugmentOptions) -> None:
    """Raise where mosaics are asked for and the task does not learn from them."""
    if not options.mosaics or task.composes:
        return
    raise JourneymanError(
        f"The task {task.name} cannot learn from mosaics.",
        place="finetune.augment.mosaics",
        expected=f"0, or the task {' or '.join(n for n in TASKS if TASKS[n].composes)}",
        found=str(options.mosaics),
        remedy="remove finetune.augment.mosaics",
    )


def _mosaics(
    task: Task, examples: Examples, times: int, random: np.random.Generator
) -> tuple[list[Mosaic], list[Any]]:
    """So many mosaics for each row, and their targets."""
    mosaics, targets = [], []
    for at in [*range(len(examples))] * times:
        drawn = [at, *random.integers(len(examples), size=PARTS - 1).tolist()]
        parts = [cast(Picture, examples.texts[row]) for row in drawn]
        mosaics.append(Mosaic.of(parts, int(random.integers(2**31))))
        targets.append(task.composed(mosaics[-1], [examples.targets[row] for row in drawn]))
    return mosaics, targets


def _changed(
    text: Text, kinds: Sequence[Augmentation], strength: float, random: np.random.Generator
) -> Text:
    if isinstance(text, tuple):
        first, second = (str(_changed(part, kinds, strength, random)) for part in text)
        return first, second
    for kind in kinds:
        text = kind.change(text, strength, random)
    return text
