"""AdaLoRA: ranks are taken from where they matter least as training goes on, by PEFT.

Zhang et al. (2023), "Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from journeyman.backbones.base import Backbone
from journeyman.tuners.base import TUNERS, Tuner, TunerOptions
from journeyman.tuners.linear_layers import linear_names, needs_a_layer
from journeyman.tuners.peft_folder import ADAPTER, read_adapter, saved_name, write_adapter

MOMENTS = ("exp_avg_ipt", "exp_avg_unc")
"""PEFT's running means of how much each number matters, and of how uncertain that is."""
PATTERN = "ranks"
SCHEDULE = {"total_step": 1, "tinit": 0, "tfinal": 0}
"""What PEFT asks of a config to load it; the steps of training say nothing of the result."""


class AdaLoraOptions(TunerOptions):
    """What a recipe may say of AdaLoRA."""

    rank: int = Field(8, ge=1, le=512, description="Mean rank of an update when training ends.")
    initial_rank: int = Field(
        12, ge=2, le=1024, description="Rank of every update when training starts; above `rank`."
    )
    alpha: float = Field(32.0, gt=0, description="Scale of the updates over the initial rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before each update.")
    warmup: float = Field(
        0.1, ge=0, le=0.4, description="Share of the steps before any rank is taken away."
    )
    settle: float = Field(
        0.4, ge=0, le=0.6, description="Share of the steps, the last ones, with ranks as they are."
    )
    interval: int = Field(1, ge=1, description="Steps between two allocations.")
    orthogonality: float = Field(
        0.1, ge=0, description="Weight of the loss that keeps the two factors orthogonal."
    )

    @model_validator(mode="after")
    def _ranks_fall(self) -> Self:
        if self.initial_rank <= self.rank:
            raise ValueError(
                f"initial_rank ({self.initial_rank}) must be above rank ({self.rank}): "
                "ranks are only ever taken away"
            )
        return self


@TUNERS.register("adalora")
class AdaLoraTuner(Tuner):
    """Updates B diag(E) A; entries of E that matter least over all layers are set to nought.

    The budget falls from `initial_rank` to `rank` a layer on average between the warm-up and the
    last steps. The epoch that validation prefers may be one before the budget is reached: what
    is saved has the ranks of that epoch.
    """

    name = "adalora"
    learning_rate = 2e-3
    Options = AdaLoraOptions
    _peft: Any = None

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A clone that shares every weight and carries AdaLoRA beside the linear layers above."""
        from peft import AdaLoraConfig, AdaLoraModel

        options = cast(AdaLoraOptions, self.options)
        twin = backbone.clone(None)
        self._targets = linear_names(twin, cut)
        self._config = AdaLoraConfig(
            init_r=options.initial_rank,
            target_r=options.rank,
            lora_alpha=options.alpha,
            lora_dropout=options.dropout,
            deltaT=options.interval,
            orth_reg_weight=options.orthogonality,
            total_step=1,
            target_modules=self._targets,
            base_model_name_or_path=backbone.spec.name,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._peft = AdaLoraModel(twin.module, self._config, ADAPTER)
        self._parameters = {
            name: parameter
            for name, parameter in sorted(twin.module.named_parameters())
            if ".lora_" in name
        }
        for parameter in self._parameters.values():
            parameter.requires_grad_(True)
        return twin

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The factors A and B and the singular values E."""
        return self._parameters

    def ranks(self) -> dict[str, int]:
        """How many ranks each linear layer has kept, by its name."""
        return {name.removesuffix(".lora_E"): sum(kept) for name, kept in self._kept().items()}

    def _kept(self) -> dict[str, list[bool]]:
        """Which entries of E count, by PEFT's name without the adapter's."""
        return {
            name.removesuffix(f".{ADAPTER}"): (parameter.detach() != 0).flatten().tolist()
            for name, parameter in self._parameters.items()
            if ".lora_E." in name
        }

    def save(self, folder: Path) -> None:
        """Write adapter/ in PEFT's format: only the ranks that were kept, and which they are."""
        kept = self._kept()
        saved = {
            saved_name(name): _select(name, value, torch.tensor(kept[_singular(name)]))
            for name, value in self.state().items()
        }
        write_adapter(
            folder,
            self._config,
            saved,
            **{**SCHEDULE, "target_modules": self._targets, "rank_pattern": kept},
        )

    def restore(self, folder: Path) -> None:
        """Read adapter/; ranks that were taken away are nought."""
        config, saved = read_adapter(folder)
        kept = {name: torch.tensor(said) for name, said in config["rank_pattern"].items()}
        state = {}
        for name, parameter in self._parameters.items():
            state[name] = torch.zeros_like(parameter)
            _put(name, state[name], kept[_singular(name)], saved[saved_name(name)])
        self.load(state)

    def default_cut(self, backbone: Backbone) -> int:
        """A third of the depth."""
        return backbone.spec.depth // 3

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Any cut that leaves a linear layer to tune."""
        reason = needs_a_layer(backbone, cut)
        if reason is None and not linear_names(backbone, cut):
            reason = f"{backbone.spec.name} has no linear layers above it"
        return reason

    def extra_loss(self) -> Tensor | None:
        """How far A's rows and B's columns are from orthonormal, on average."""
        weight = cast(AdaLoraOptions, self.options).orthogonality
        if weight == 0:
            return None
        losses = []
        for name, parameter in self._parameters.items():
            if ".lora_E." not in name:
                rows = parameter if ".lora_A." in name else parameter.T
                losses.append(torch.linalg.norm(rows @ rows.T - torch.eye(rows.shape[0])))
        return weight * torch.stack(losses).mean()

    def after_step(self, step: int) -> None:
        """Take ranks away as the schedule has it, from gradients that are still there."""
        options = cast(AdaLoraOptions, self.options)
        total = max(self.planned_steps, 1)
        settled = max(int(options.settle * total), 1) if total > 1 else 0
        self._config.total_step, self._config.tfinal = total, settled
        self._config.tinit = min(int(options.warmup * total), total - settled - 1)
        self._peft.update_and_allocate(step)

    def loop_state(self) -> Mapping[str, Any]:
        """The running means of importance, and the ranks once they are settled."""
        if self._peft is None:
            return {}
        allocator = self._peft.rankallocator
        state: dict[str, Any] = {PATTERN: self._config.rank_pattern}
        for moment in MOMENTS:
            for name, value in getattr(allocator, moment).items():
                state[f"{moment}/{name}"] = value
        return state

    def load_loop_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `loop_state` gave."""
        allocator = self._peft.rankallocator
        self._config.rank_pattern = state[PATTERN]
        allocator.reset_ipt()
        for key, value in state.items():
            moment, _, name = key.partition("/")
            if moment in MOMENTS:
                getattr(allocator, moment)[name] = value
                allocator.ipt[name] = torch.zeros_like(value)


def _singular(name: str) -> str:
    """PEFT's name, without the adapter's, of the singular values beside a factor."""
    return f"{name.removesuffix(f'.{ADAPTER}').rpartition('.')[0]}.lora_E"


def _select(name: str, value: Tensor, kept: Tensor) -> Tensor:
    return value[:, kept] if ".lora_B." in name else value[kept]


def _put(name: str, target: Tensor, kept: Tensor, value: Tensor) -> None:
    if ".lora_B." in name:
        target[:, kept] = value
    else:
        target[kept] = value
