"""Prefix tuning: learned keys and values before those of every layer (Li and Liang, 2021)."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import TextEncoder
from journeyman.tuners.base import TUNERS
from journeyman.tuners.virtual_tokens import VirtualTokenTuner, base_config

PAST = "past_key_values"


@TUNERS.register("prefix")
class PrefixTuner(VirtualTokenTuner):
    """Learns keys and values that every token attends to; they start as those of words.

    It needs a family whose layers take past keys and values: BERT, RoBERTa, XLM-R, ELECTRA,
    CamemBERT and ERNIE do, DistilBERT, MPNet, DeBERTa and ModernBERT do not.
    """

    name = "prefix"
    learning_rate = 5e-3
    inputs = False

    def _peft_config(self, backbone: TextEncoder) -> Any:
        from peft import PrefixTuningConfig

        return PrefixTuningConfig(**base_config(self, backbone, backbone.spec.width))

    def _first(self, backbone: TextEncoder, ids: Tensor) -> Tensor:
        """[V, 2 * depth * D]: keys and values of each layer in turn, of the words alone."""
        from transformers import DynamicCache

        cache = DynamicCache()
        backbone.module(input_ids=ids[None], past_key_values=cache)
        parts = [
            part[0].transpose(0, 1) for layer in cache.layers for part in (layer.keys, layer.values)
        ]
        return torch.stack(parts, dim=1).flatten(1)

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Cut 0, of a family whose layers take past keys and values."""
        reason = super().permits(backbone, cut)
        if reason is None and PAST not in inspect.signature(backbone.module.forward).parameters:
            kind = type(backbone.module).__name__
            reason = f"the layers of a {kind} take no past keys and values, which a prefix is"
        return reason
