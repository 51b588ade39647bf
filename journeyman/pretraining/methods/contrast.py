"""Contrastive learning from dropout: a text is to know itself among others.

Gao, Yao and Chen (2021), "SimCSE: simple contrastive learning of sentence embeddings". Each text
passes the tuned layers twice; dropout makes two views of it. The pooled vectors of both views are
compared by cosine with those of every text of the batch, over a temperature; the loss is the
cross-entropy of finding the view of the same text. Vectors are means over tokens, as heads read
them, where the paper takes the first token's.
"""

from __future__ import annotations

from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn

from journeyman.backbones.base import Backbone, Features
from journeyman.pretraining.methods.base import METHODS, Method, MethodOptions
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, FeatureSource, Uncached


class ContrastOptions(MethodOptions):
    """What a recipe may say of contrastive learning."""

    temperature: float = Field(
        0.05, gt=0, le=1, description="What cosines are divided by; lower is stricter."
    )
    dropout: float = Field(
        0.1, gt=0, lt=1, description="Dropout in the tuned layers, which makes two views of a text."
    )


@METHODS.register("contrast")
class Contrast(Method):
    """Frozen layers see no dropout, so their features come from the cache."""

    name = "contrast"
    purpose = "to tell a text from others in two views that dropout makes"
    learning_rate = 3e-5
    judged_with_dropout = True
    Options = ContrastOptions

    @property
    def said(self) -> ContrastOptions:
        """The method's options."""
        return cast(ContrastOptions, self.options)

    def bent(self, backbone: Backbone) -> Backbone:
        """With the dropout that makes the views."""
        return backbone.dropping(self.said.dropout)

    def source(
        self, backbone: Backbone, examples: Examples, cut: int, cache: FeatureCache, *, held: bool
    ) -> FeatureSource:
        """From the cache; at cut 0 the texts themselves."""
        if cut == 0:
            return Uncached(backbone, examples.inputs, cut)
        return cache.features(backbone, examples.inputs, cut, keep_hidden=True)

    def losses(self, backbone: Backbone, head: nn.Module, features: Features, cut: int) -> Tensor:
        """[B]: how unlike each text's second view is to its first, among all second views."""
        depth = backbone.spec.depth
        first, second = (
            nn.functional.normalize(backbone.tuned(features, cut).pooled[depth].float(), dim=-1)
            for _ in range(2)
        )
        likeness = first @ second.T / self.said.temperature
        return nn.functional.cross_entropy(likeness, torch.arange(len(first)), reduction="none")
