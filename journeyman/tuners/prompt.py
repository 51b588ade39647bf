"""Prompt tuning: learned embeddings before every text (Lester, Al-Rfou and Constant, 2021)."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn

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

        return PromptTuningConfig(
            **base_config(self, backbone, _embeddings(backbone).embedding_dim)
        )

    def _first(self, backbone: TextEncoder, ids: Tensor) -> Tensor:
        embedded: Tensor = _embeddings(backbone)(ids)
        return embedded


def _embeddings(backbone: TextEncoder) -> nn.Embedding:
    network: Any = backbone.module
    return cast(nn.Embedding, network.get_input_embeddings())
