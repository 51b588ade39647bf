"""Prompt tuning: learned embeddings before every text (Lester, Al-Rfou and Constant, 2021)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from journeyman.backbones.text_encoder import TextEncoder
from journeyman.tuners.base import TUNERS
from journeyman.tuners.virtual_tokens import VirtualTokenTuner, base_config


@TUNERS.register("prompt")
class PromptTuner(VirtualTokenTuner):
    """Learns embeddings that stand before those of the text; they start as those of words."""

    name = "prompt"
    learning_rate = 1e-2
    inputs = True

    def _peft_config(self, backbone: TextEncoder) -> Any:
        from peft import PromptTuningConfig

        width = backbone.module.get_input_embeddings().embedding_dim
        return PromptTuningConfig(**base_config(self, backbone, width))

    def _first(self, backbone: TextEncoder, ids: Tensor) -> Tensor:
        embedded: Tensor = backbone.module.get_input_embeddings()(ids)
        return embedded
