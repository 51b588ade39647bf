"""From hidden states to the words of the vocabulary: the library's own head of each family."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from journeyman.backbones.base import Backbone
from journeyman.errors import JourneymanError


class WordHead(nn.Module):
    """Logits [M, V] of hidden states [M, D].

    `model` is the library's whole model for masked language modelling, whose encoder is replaced
    by one that hands on what it is given. Its word embeddings, where the head is tied to them, are
    the backbone's, and no parameters of the head.
    """

    def __init__(self, model: Any, backbone: Backbone, learned: bool) -> None:
        super().__init__()
        words = cast(Any, backbone.module).get_input_embeddings()
        setattr(model, model.base_model_prefix, _Handing(backbone.module))
        output = model.get_output_embeddings()
        if output is not None and getattr(model.config, "tie_word_embeddings", True):
            output.weight = words.weight
        self.model = model
        self.learned = learned
        """Whether the checkpoint had this head, or it starts from chance."""
        self._shared = {id(parameter) for parameter in backbone.module.parameters()}
        for parameter in self.own().values():
            parameter.requires_grad_(True)

    def forward(self, hidden: Tensor) -> Tensor:
        """As if the encoder had put out `hidden` for one text."""
        logits: Tensor = self.model(hidden.unsqueeze(0)).logits[0]
        return logits

    def own(self) -> dict[str, nn.Parameter]:
        """The parameters that are not the backbone's, by name."""
        return {
            name: parameter
            for name, parameter in super().named_parameters()
            if id(parameter) not in self._shared
        }

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """Only its own, so that what is tied is trained once, as the backbone's."""
        yield from self.own().items()


class _Handing(nn.Module):
    """Stands where the encoder stood."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.embeddings = cast(nn.Module, encoder.embeddings)

    def forward(self, input_ids: Tensor, *_: Any, **__: Any) -> Any:
        """Hidden states [1, M, D], given in the place of token ids."""
        from transformers.modeling_outputs import BaseModelOutput

        return BaseModelOutput(last_hidden_state=cast(Any, input_ids))


def word_head(backbone: Backbone, folder: Path, seed: int) -> WordHead:
    """The head of the checkpoint in `folder`, or a new one of its family, drawn from `seed`."""
    from transformers import AutoModelForMaskedLM

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        try:
            model, told = AutoModelForMaskedLM.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
        except ValueError as error:
            raise JourneymanError(
                f"The library has no head for the words of {backbone.spec.name}.",
                place="backbone",
                expected="a family with masked language modelling in transformers",
                found=str(error).splitlines()[0],
                remedy="use another backbone, or `pretrain: {method: contrast}`",
            ) from error
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    prefix = f"{model.base_model_prefix}."
    missing = [name for name in told["missing_keys"] if not name.startswith(prefix)]
    return WordHead(model, backbone, learned=not missing)
