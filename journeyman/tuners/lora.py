"""LoRA: low-rank updates beside the linear layers above the cut (Hu et al., 2021), by PEFT."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from journeyman.backbones.base import Backbone
from journeyman.files import write_text
from journeyman.tensors import read_tensors, write_tensors
from journeyman.tuners.base import TUNERS, Tuner, TunerOptions

PREFIX = "base_model.model."
FOLDER = "adapter"


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
        """A clone that shares every weight and carries LoRA beside the linear layers above."""
        from peft import LoraConfig, inject_adapter_in_model

        options = cast(LoraOptions, self.options)
        twin = backbone.clone(None)
        self._config = LoraConfig(
            r=options.rank,
            lora_alpha=options.alpha or 2 * options.rank,
            lora_dropout=options.dropout,
            target_modules=linear_names(twin, cut),
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
        self._targets = linear_names(backbone, cut)
        for parameter in self._parameters.values():
            parameter.requires_grad_(True)
        return twin

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The A and B matrices."""
        return self._parameters

    def save(self, folder: Path) -> None:
        """Write adapter/ in PEFT's format."""
        target = folder / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        saved = {saved_name(name): value for name, value in self.state().items()}
        write_tensors(target / "adapter_model.safetensors", saved)
        config = {**_plain(self._config.to_dict()), "target_modules": self._targets}
        config["inference_mode"] = True
        text = json.dumps(config, indent=2, sort_keys=True, default=str)
        write_text(target / "adapter_config.json", text + "\n")

    def restore(self, folder: Path) -> None:
        """Read adapter/."""
        saved = read_tensors(folder / FOLDER / "adapter_model.safetensors")[0]
        self.load({name: saved[saved_name(name)] for name in self._parameters})

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take a saved state back into the attached modules."""
        super().load(state)

    def default_cut(self, backbone: Backbone) -> int:
        """A third of the depth."""
        return backbone.spec.depth // 3

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Any cut that leaves a layer to tune."""
        if cut < backbone.spec.depth:
            return None
        return f"the cut leaves no layer to tune; it must be below the depth, {cut}"


def linear_names(backbone: Backbone, cut: int) -> list[str]:
    """Full names of the linear layers above the cut, sorted."""
    owned = backbone.layer_parameters(max(cut, 0))
    layers = {name.rsplit(".", 1)[0] for name in owned if not name.startswith("embeddings.")}
    return sorted(
        name
        for name, module in backbone.module.named_modules()
        if isinstance(module, nn.Linear) and name in layers
    )


def saved_name(name: str) -> str:
    """PEFT's name in a file for a parameter's name in a model."""
    return PREFIX + name.replace(".default.", ".")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: sorted(value) if isinstance(value, set) else getattr(value, "value", value)
        for name, value in values.items()
    }
