"""LoRA: low-rank updates beside the layers above the cut (Hu et al., 2021), by PEFT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from pydantic import Field
from torch import nn

from journeyman.backbones.base import Backbone
from journeyman.tuners.base import TUNERS, Tuner, TunerOptions
from journeyman.tuners.linear_layers import bent_names, needs_a_layer
from journeyman.tuners.peft_folder import read_adapter, saved_name, write_adapter


class LoraOptions(TunerOptions):
    """What a recipe may say of LoRA."""

    rank: int = Field(16, ge=1, le=512, description="Rank of each update.")
    alpha: float | None = Field(
        None,
        gt=0,
        description="Scale of the updates over the rank; twice the rank if absent.",
    )
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before each update.")


@TUNERS.register("lora")
class LoraTuner(Tuner):
    """Injected into a clone with its names intact, so plain PEFT can load what is saved."""

    name = "lora"
    learning_rate = 5e-4
    Options = LoraOptions

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A clone that shares every weight and carries LoRA beside the layers above."""
        from peft import LoraConfig, inject_adapter_in_model

        options = cast(LoraOptions, self.options)
        twin = backbone.clone(None)
        self._config = LoraConfig(
            r=options.rank,
            lora_alpha=options.alpha or 2 * options.rank,
            lora_dropout=options.dropout,
            target_modules=bent_names(twin, cut),
            base_model_name_or_path=backbone.spec.name,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            inject_adapter_in_model(self._config, twin.module)
        self._parameters = dict(
            sorted(
                (name, parameter)
                for name, parameter in twin.module.named_parameters()
                if "lora_" in name
            )
        )
        self._targets = bent_names(backbone, cut)
        for parameter in self._parameters.values():
            parameter.requires_grad_(True)
        return twin

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The A and B matrices."""
        return self._parameters

    def save(self, folder: Path) -> None:
        """Write adapter/ in PEFT's format."""
        saved = {saved_name(name): value for name, value in self.state().items()}
        write_adapter(folder, self._config, saved, target_modules=self._targets)

    def restore(self, folder: Path) -> None:
        """Read adapter/."""
        _, saved = read_adapter(folder)
        self.load({name: saved[saved_name(name)] for name in self._parameters})

    def default_cut(self, backbone: Backbone) -> int:
        """A third of the depth."""
        return backbone.spec.depth // 3

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Any cut that leaves a layer to tune."""
        return needs_a_layer(backbone, cut)
