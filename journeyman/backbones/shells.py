"""A transformers encoder cut in two, each half run by the library's own forward.

A *shell* is a shallow copy of the model with some of its layers: parameters and submodules are
shared, only the list of layers (and the embeddings, in the upper half) differ. So masks, relative
position biases and rotary tables are made by the library itself, in both halves, from the
attention mask alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from torch import Tensor, nn

from journeyman.errors import ModelError

SHARED_LAYERS = "encoder.albert_layer_groups"
"""Layers that a text passes more than once: no cut can be within them."""

LAYER_PATHS = ("encoder.layer", "transformer.layer", "layers", "encoder.layers", SHARED_LAYERS)
"""Where encoder families keep their list of layers."""

PROJECTIONS = ("embeddings_project",)
"""Modules between the embeddings and the first layer, and so in the lower half alone."""

END_NORMS = ("final_norm",)
"""Modules that belong after the last layer, and so to the upper half alone."""

_taken: ContextVar[list[Tensor] | None] = ContextVar("taken", default=None)


def layer_path(model: nn.Module) -> str:
    """The dotted name of the model's list of layers; a ModelError when there is none."""
    for path in LAYER_PATHS:
        try:
            found = model.get_submodule(path)
        except AttributeError:
            continue
        if isinstance(found, nn.ModuleList):
            return path
    raise ModelError(
        f"{type(model).__name__} has no list of layers where encoders keep it.",
        place="backbone",
        expected="a text encoder (BERT, RoBERTa, DistilBERT, MPNet, ModernBERT or alike)",
        found=type(model).__name__,
        remedy="choose an encoder; `journeyman backbones` lists some",
    )


def layers_of(model: nn.Module) -> list[nn.Module]:
    """The model's layers, the first first."""
    return list(cast(nn.ModuleList, model.get_submodule(layer_path(model))))


def shares_layers(model: nn.Module) -> bool:
    """Whether a text passes the same layers again and again (ALBERT)."""
    return layer_path(model) == SHARED_LAYERS


def depth_of(model: nn.Module) -> int:
    """How many layers a text passes."""
    if shares_layers(model):
        return int(cast(Any, model).config.num_hidden_layers)
    return len(layers_of(model))


class Given(nn.Module):
    """Stands where the embeddings stood: returns the hidden states it is given."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The one [B, T, D] float tensor among the arguments."""
        for value in (*args, *kwargs.values()):
            if isinstance(value, Tensor) and value.dim() == 3 and value.is_floating_point():
                return value
        raise ValueError("the upper half of an encoder needs hidden states")


def shallow(module: nn.Module) -> Any:
    """A module that shares everything with `module` but can be given other children."""
    twin = copy.copy(module)
    twin.__dict__["_modules"] = dict(module._modules)
    return twin


def shell(model: nn.Module, first: int, last: int, depth: int) -> Any:
    """Layers [first, last) of `model`: with its embeddings when `first` is 0.

    Of a model that shares its layers there is only the whole.
    """
    twin = shallow(model)
    path = layer_path(model)
    owner: Any = twin
    *parents, name = path.split(".")
    for parent in parents:
        setattr(owner, parent, shallow(getattr(owner, parent)))
        owner = getattr(owner, parent)
    if not shares_layers(model):
        setattr(owner, name, nn.ModuleList(layers_of(model)[first:last]))
    if first > 0:
        twin.embeddings = Given()
        for projection in PROJECTIONS:
            if hasattr(twin, projection):
                setattr(twin, projection, nn.Identity())
        if getattr(owner, "conv", None) is not None:
            owner.conv = None
    if last < depth:
        for norm in END_NORMS:
            if hasattr(twin, norm):
                setattr(twin, norm, nn.Identity())
    if getattr(twin, "pooler", None) is not None:
        twin.pooler = None
    return twin


def watch(model: nn.Module) -> None:
    """Let `taking` see what each layer of `model` puts out."""
    for layer in layers_of(model):
        layer.register_forward_hook(_take)
    owner = model.get_submodule(layer_path(model).rpartition(".")[0])
    convolution = getattr(owner, "conv", None)
    if isinstance(convolution, nn.Module):
        convolution.register_forward_hook(_take_instead)


def _take(_module: nn.Module, _args: Any, output: Any) -> None:
    taken = _taken.get()
    if taken is not None:
        taken.append(output[0] if isinstance(output, tuple) else output)


def _take_instead(_module: nn.Module, _args: Any, output: Any) -> None:
    """Of the first layer and the convolution beside it (DeBERTa), what leaves both is taken."""
    taken = _taken.get()
    if taken:
        taken[-1] = output


@contextmanager
def taking() -> Iterator[list[Tensor]]:
    """Within, the outputs [B, T, D] of every watched layer that runs, in order."""
    taken: list[Tensor] = []
    token = _taken.set(taken)
    try:
        yield taken
    finally:
        _taken.reset(token)
