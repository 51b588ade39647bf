"""The contract of a pretraining method: what is to be foretold from text alone.

Shapes: B texts, T tokens. A method gives *losses*, one for each thing foretold: its negative
log-likelihood. Their mean is what the loop lowers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from journeyman.backbones.base import Backbone, Features
from journeyman.registry import Registry
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, FeatureSource


class MethodOptions(BaseModel):
    """What a recipe may say of a method; each method extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Method(ABC):
    """One way to learn from text without labels."""

    name: ClassVar[str]
    purpose: ClassVar[str]
    learning_rate: ClassVar[float] = 5e-5
    judged_with_dropout: ClassVar[bool] = False
    """Whether losses on held-out texts need dropout, as losses of training do."""
    Options: ClassVar[type[MethodOptions]] = MethodOptions

    def __init__(self, options: MethodOptions, seed: int) -> None:
        self.options = options
        self.seed = seed

    def bent(self, backbone: Backbone) -> Backbone:
        """The backbone as it is to be trained, before any layer is copied."""
        return backbone

    def head(self, backbone: Backbone, folder: Path) -> nn.Module:
        """What stands on the trained backbone, whose pretrained weights lie in `folder`."""
        return nn.Identity()

    @abstractmethod
    def source(
        self, backbone: Backbone, examples: Examples, cut: int, cache: FeatureCache, *, held: bool
    ) -> FeatureSource:
        """Features at the cut of texts to learn from, or of texts `held` out: always the same."""

    @abstractmethod
    def losses(self, backbone: Backbone, head: nn.Module, features: Features, cut: int) -> Tensor:
        """[M]: the losses of a batch."""


METHODS: Registry[type[Method]] = Registry("pretraining method", "journeyman.pretraining.methods")
