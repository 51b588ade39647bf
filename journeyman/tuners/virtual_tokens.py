"""Learned tokens before every text, by PEFT: what prompt and prefix tuning have in common."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from journeyman.backbones.base import Backbone, Features
from journeyman.backbones.shells import taking
from journeyman.backbones.text_encoder import TextEncoder, longest_input
from journeyman.backbones.text_inputs import TextInputs
from journeyman.errors import JourneymanError
from journeyman.tuners.base import Tuner, TunerOptions
from journeyman.tuners.peft_folder import ADAPTER, read_adapter, write_adapter

SAVED = "prompt_embeddings"
"""PEFT's name in a file for what it learned."""
CHILD = "prompt_encoder"


class VirtualTokenOptions(TunerOptions):
    """What a recipe may say of learned tokens."""

    tokens: int = Field(20, ge=1, le=256, description="Learned tokens before each text.")
    start: str | None = Field(
        None,
        min_length=1,
        description="Words they start as, repeated or cut to their number; drawn from the "
        "vocabulary when absent.",
        examples=["the topic of this message is"],
    )


class VirtualTokenTuner(Tuner):
    """Trains tokens that every layer can attend to; no weight of the network changes.

    They stand below all layers, so nothing is frozen: the cut is 0, and each step costs a pass
    through the whole network. PEFT knows no token types with them: both texts of a pair are of
    the same type.
    """

    Options = VirtualTokenOptions
    only_cut = 0
    inputs: ClassVar[bool]
    """Whether the learned tokens are inputs, which have outputs of their own."""

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A clone that shares every weight, run behind learned tokens by PEFT."""
        shared = cast(TextEncoder, backbone)
        self._base = backbone.spec.name
        twin = shared.clone(None)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            start = self._start(shared)
            self._config = self._peft_config(shared)
            peft = _wrapped(twin.module, self._config)
        weight = peft.prompt_encoder[ADAPTER].embedding.weight
        weight.data.copy_(start)
        self._parameters = {f"{CHILD}.{ADAPTER}.embedding.weight": weight.requires_grad_(True)}
        count = cast(VirtualTokenOptions, self.options).tokens
        return PromptedEncoder(twin, peft, count if self.inputs else 0)

    @abstractmethod
    def _peft_config(self, backbone: TextEncoder) -> Any:
        """The config of PEFT's method."""

    @abstractmethod
    def _first(self, backbone: TextEncoder, ids: Tensor) -> Tensor:
        """[V, ...]: what is learned, as the V tokens `ids` would have it."""

    def _start(self, backbone: TextEncoder) -> Tensor:
        options = cast(VirtualTokenOptions, self.options)
        if options.start is None:
            ids = torch.randint(0, _said(backbone, "vocab_size"), (options.tokens,))
        else:
            ids = _words(backbone, options.start, options.tokens)
        with torch.no_grad():
            return self._first(backbone, ids)

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The learned tokens."""
        return self._parameters

    def save(self, folder: Path) -> None:
        """Write adapter/ in PEFT's format."""
        (tokens,) = self.state().values()
        write_adapter(folder, self._config, {SAVED: tokens}, base_model_name_or_path=self._base)

    def restore(self, folder: Path) -> None:
        """Read adapter/."""
        _, saved = read_adapter(folder)
        self.load(dict.fromkeys(self._parameters, saved[SAVED]))

    def default_cut(self, backbone: Backbone) -> int:
        """Nothing is frozen."""
        return 0

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Cut 0, of a text encoder with places enough for the texts and the learned tokens."""
        if cut != 0:
            return "the learned tokens stand below the first layer, so the cut is 0"
        if not isinstance(backbone, TextEncoder):
            return f"{backbone.spec.name} does not read texts"
        count = cast(VirtualTokenOptions, self.options).tokens
        room = longest_input(backbone.module) - count
        if room < backbone.max_tokens:
            return (
                f"{backbone.spec.name} has places for {room} tokens beside the {count} learned "
                f"ones: lower backbone.max_tokens ({backbone.max_tokens}) to that"
            )
        return None


def _wrapped(module: nn.Module, config: Any) -> Any:
    from peft import get_peft_model

    with warnings.catch_warnings():
        # PEFT 0.21 asks by a name that transformers 5 has renamed.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        return get_peft_model(module, config)


def base_config(tuner: VirtualTokenTuner, backbone: TextEncoder, width: int) -> dict[str, Any]:
    """What the configs of both methods say, each size by name: families name theirs differently."""
    return {
        "task_type": "FEATURE_EXTRACTION",
        "num_virtual_tokens": cast(VirtualTokenOptions, tuner.options).tokens,
        "num_transformer_submodules": 1,
        "num_layers": backbone.spec.depth,
        "num_attention_heads": _said(backbone, "num_attention_heads"),
        "token_dim": width,
    }


def _said(backbone: TextEncoder, name: str) -> int:
    """A whole number of the network's config."""
    config: Any = backbone.module.config
    return int(getattr(config, name))


def _words(backbone: TextEncoder, text: str, count: int) -> Tensor:
    ids = backbone.tokenizer.encode(text, add_special_tokens=False).ids
    if not ids:
        raise JourneymanError(
            "There are no words for the learned tokens to start as.",
            place="finetune.tuner.start",
            expected="a few words that the backbone's tokenizer knows",
            found=repr(text),
            remedy="write some, or leave `start` out",
        )
    return torch.tensor((ids * count)[:count])


class PromptedEncoder(TextEncoder):
    """A text encoder behind learned tokens; its features are of the rows' own tokens alone.

    `leading` of each layer's outputs belong to learned tokens, and are left out.
    """

    def __init__(self, twin: TextEncoder, peft: Any, leading: int) -> None:
        super().__init__(twin.module, twin.tokenizer, twin.spec, twin.max_tokens, twin.pattern)
        self._peft, self._leading = peft, leading
        self.module.add_module(CHILD, peft.prompt_encoder)

    def tuned(self, features: Features, cut: int) -> Features:
        """All layers, from rows: there is no cut above 0."""
        if cut != 0 or features.inputs is None:
            raise ValueError("learned tokens stand below the first layer: there is no cut above 0")
        rows = cast(TextInputs, features.inputs).padded()
        mask = rows["attention_mask"]
        with taking() as taken:
            last = self._peft(
                input_ids=rows["input_ids"], attention_mask=mask.long()
            ).last_hidden_state
        layers = [layer[:, self._leading :] for layer in (*taken[:-1], last)]
        pooled = {at + 1: self.pool(layer, mask) for at, layer in enumerate(layers)}
        return replace(features, hidden=layers[-1], pooled=pooled, inputs=None)

    def embedding_module(self) -> nn.Module:
        """The module whose output has a vector for each token of a row, and for no other."""
        if self._leading == 0:
            return super().embedding_module()
        return cast(nn.Module, self._peft.word_embeddings)
