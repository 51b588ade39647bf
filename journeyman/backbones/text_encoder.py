"""Text encoders of the transformers library: BERT and its kin, by folder."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from journeyman.backbones.base import (
    FAMILIES,
    Backbone,
    BackboneFamily,
    BackboneSpec,
    Features,
    Inputs,
)
from journeyman.backbones.device import best_device
from journeyman.backbones.modes import evaluating
from journeyman.backbones.pattern import Pattern
from journeyman.backbones.precision import holding_bfloat16, in_bfloat16
from journeyman.backbones.pretrained import read_pretrained
from journeyman.backbones.shells import (
    depth_of,
    layer_path,
    shares_layers,
    shell,
    taking,
    watch,
)
from journeyman.backbones.text_inputs import TextInputs, joined
from journeyman.data.identity import input_hash
from journeyman.errors import JourneymanError, ModelError

MAX_TOKENS = 256
ROWS = 4096
"""Texts that are tokenised at once: the tokenizer's own notes of a text take kilobytes."""
FLOAT32_ALONE = frozenset({"deberta"})
"""Model types whose layers, as the library has them, fail in bfloat16."""
MODEL_TYPES = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "modernbert",
        "mpnet",
        "roberta",
        "xlm-roberta",
    }
)

Text = str | tuple[str, str]


class TextEncoder(Backbone):
    """A transformers encoder and its tokenizer; rows are texts or pairs of texts.

    With a `pattern` rows are single texts, read within it. `precision` is of the frozen layers.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        spec: BackboneSpec,
        max_tokens: int,
        pattern: Pattern | None = None,
        precision: str = "float32",
    ) -> None:
        self.spec = spec
        self.module = model
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.options = {"max_tokens": max_tokens}
        self.pattern = pattern
        if pattern is not None:
            self.options = {**self.options, "pattern": pattern.written}
            self.pooling = f" within {pattern.written}"
        self.precision = precision
        if precision != "float32":
            self.options = {**self.options, "precision": precision}
        self._halves = lru_cache(maxsize=None)(self._cut_in_two)
        self._held: dict[int, tuple[object, nn.Module]] = {}

    @property
    def manner(self) -> str:
        """Pooling, and arithmetic where it is not float32."""
        return self.pooling + " in bfloat16" * self.in_half(self.precision)

    @property
    def fits_bfloat16(self) -> bool:
        """Not where the library's layers fill with the least float32 what is in bfloat16."""
        return getattr(self.module.config, "model_type", "") not in FLOAT32_ALONE

    def prepare(self, rows: Sequence[Text]) -> TextInputs:
        """Texts, or pairs of texts, as tokens; longer ones are cut off at `max_tokens`."""
        pair = any(isinstance(row, tuple) for row in rows)
        pieces = (rows[at : at + ROWS] for at in range(0, len(rows), ROWS))
        parts = [self._tokenised(piece, pair) for piece in pieces]
        whole = joined(parts, int(getattr(self.module.config, "pad_token_id", 0) or 0))
        texts = (row if isinstance(row, tuple) else (str(row),) for row in rows)
        return whole.made_from(np.fromiter(map(input_hash, texts), dtype=np.uint64))

    def _tokenised(self, rows: Sequence[Text], pair: bool) -> TextInputs:
        if self.pattern is not None:
            texts = [_alone(row) for row in rows]
            part = self.pattern.prepared(texts, self.max_tokens)
            return joined([part], 0)
        encodings = self.tokenizer.encode_batch(list(rows))
        none = np.zeros(0, dtype=np.int32)
        part = TextInputs(
            ids=[np.array(e.ids, dtype=np.int32) for e in encodings],
            types=[np.array(e.type_ids, dtype=np.int32) if pair else none for e in encodings],
            offsets=[np.array(e.offsets, dtype=np.int32).reshape(-1, 2) for e in encodings],
            segments=[
                np.array([-1 if s is None else s for s in e.sequence_ids], dtype=np.int32)
                for e in encodings
            ],
        )
        return joined([part], 0)

    def frozen(
        self, inputs: Inputs, cut: int, *, grad: bool = False, keep_hidden: bool = True
    ) -> Features:
        """Embeddings and layers [0, cut), dropout off; at cut 0 the rows themselves.

        In float32 where the graph is kept: a gradient wants steps smaller than bfloat16 has.
        """
        self.check_cut(cut)
        rows = cast(TextInputs, inputs)
        if cut == 0:
            return Features(mask=rows.mask(), inputs=rows)
        lower, _ = self._halves(cut)
        in_half = self.in_half(self.precision) and not grad
        lower = self._held_in_half(lower, cut) if in_half else lower
        half = in_bfloat16(self.device.type, in_half)
        with torch.set_grad_enabled(grad), evaluating(lower), half:
            features = self._run(lower, self._placed(rows), first_layer=0).floats()
        return features if keep_hidden else replace(features, hidden=None)

    def tuned(self, features: Features, cut: int) -> Features:
        """Layers [cut, depth) on cached features (everything, at cut 0)."""
        if cut == self.spec.depth:
            return features
        _, upper = self._halves(cut)
        if cut == 0:
            rows = cast(TextInputs, features.inputs)
            return self._run(upper, self._placed(rows), first_layer=0)
        features = features.to(self.device)
        if features.hidden is None:
            raise ValueError("layers above the cut need hidden states, and only pooled were kept")
        given = {"inputs_embeds": features.hidden, "attention_mask": features.mask}
        above = self._run(upper, given, first_layer=cut)
        return replace(above, pooled={**features.pooled, **above.pooled})

    def clone(self, owned_from: int | None) -> TextEncoder:
        """A second encoder sharing weights below `owned_from`, owning copies above."""
        owned = set() if owned_from is None else set(self.layer_parameters(owned_from))
        shared: dict[int, Tensor] = {
            id(parameter): parameter
            for name, parameter in self.module.named_parameters()
            if name not in owned
        }
        shared.update({id(buffer): buffer for buffer in self.module.buffers()})
        network = copy.deepcopy(self.module, shared)
        twin = TextEncoder(
            network, self.tokenizer, self.spec, self.max_tokens, self.pattern, self.precision
        )
        twin.folder = self.folder
        return twin

    def dropping(self, share: float) -> TextEncoder:
        """A second encoder sharing all weights, with this dropout in layers and attention."""
        twin = self.clone(None)
        for module in twin.module.modules():
            if isinstance(module, nn.Dropout):
                module.p = share
            elif isinstance(getattr(module, "attention_dropout", None), float):
                module.attention_dropout = share  # type: ignore[assignment]
        return twin

    def layer_parameters(self, first: int) -> Mapping[str, nn.Parameter]:
        """Parameters of layers [first, depth) by name; all used ones at 0."""
        path = layer_path(self.module)
        own = {f"{path}.{i}." for i in range(first, self.spec.depth)}
        return {
            name: parameter
            for name, parameter in self.module.named_parameters()
            if not name.startswith("pooler.")
            and (first == 0 or any(name.startswith(prefix) for prefix in own))
        }

    def permitted_cuts(self) -> tuple[int, ...]:
        """Any depth; of a stack that shares its layers, only below it and above it."""
        if shares_layers(self.module):
            return (0, self.spec.depth)
        return super().permitted_cuts()

    def embedding_module(self) -> nn.Module:
        """The embeddings, word, position and all."""
        return cast(nn.Module, self.module.embeddings)

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """[B, D]: a vector for each row of [B, T, D], the mean over the true positions of [B, T] or
        what the pattern says."""
        if self.pattern is not None:
            return self.pattern.pooled(hidden, mask)
        return masked_mean(hidden, mask)

    def _run(self, half: nn.Module, tensors: Mapping[str, Tensor], first_layer: int) -> Features:
        mask = tensors["attention_mask"]
        with taking() as taken:
            hidden = half(**{**tensors, "attention_mask": mask.long()}).last_hidden_state
        layers = [*taken[:-1], hidden] if taken else []
        pooled = {first_layer + i + 1: self.pool(layer, mask) for i, layer in enumerate(layers)}
        return Features(mask=mask, hidden=hidden, pooled=pooled)

    def _placed(self, rows: TextInputs) -> dict[str, Tensor]:
        return {name: tensor.to(self.device) for name, tensor in rows.padded().items()}

    def _held_in_half(self, lower: nn.Module, cut: int) -> nn.Module:
        """A twin with weights in bfloat16, made again where the weights have changed."""
        version = tuple((id(each), each._version, each.device) for each in lower.parameters())
        kept = self._held.get(cut)
        if kept is None or kept[0] != version:
            kept = self._held[cut] = version, holding_bfloat16(lower)
        return kept[1]

    def _cut_in_two(self, cut: int) -> tuple[nn.Module, nn.Module]:
        depth = self.spec.depth
        return shell(self.module, 0, cut, depth), shell(self.module, cut, depth, depth)


def _alone(row: Text) -> str:
    if isinstance(row, str):
        return row
    raise JourneymanError(
        "A pattern is put around one text, not around a pair.",
        place="backbone.pattern",
        expected="rows of one text",
        found=f"a pair of texts: {row!r}"[:80],
        remedy="name one column in data.text, or remove backbone.pattern",
    )


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean of [B, T, D] over the true positions of [B, T]."""
    weights = mask.to(hidden.dtype).unsqueeze(-1)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


@FAMILIES.register("text-encoder")
class TextEncoderFamily(BackboneFamily):
    """Folders with a config.json of an encoder, a fast tokenizer and safetensors weights."""

    name = "text-encoder"
    model_types = MODEL_TYPES

    @classmethod
    def recognises(cls, config: Mapping[str, Any]) -> bool:
        """Whether the model type is one whose halves are tested."""
        return config.get("model_type") in MODEL_TYPES

    @classmethod
    def load(cls, folder: str, spec: Mapping[str, str], options: Mapping[str, Any]) -> TextEncoder:
        """Read `folder`; `options` may give `max_tokens`, a `pattern` and a `precision`."""
        model = _read_model(folder)
        limit = min(int(options.get("max_tokens") or MAX_TOKENS), longest_input(model))
        tokenizer, written = _read_tokenizer(folder, limit), options.get("pattern")
        pattern = None if written is None else Pattern.of(str(written), tokenizer, limit)
        width, depth = int(model.config.hidden_size), depth_of(model)
        found = BackboneSpec(modality="text", width=width, depth=depth, **spec)
        precision = str(options.get("precision", "float32"))
        return TextEncoder(model, tokenizer, found, limit, pattern, precision)


def _read_model(folder: str) -> Any:
    model = read_pretrained(folder)
    watch(model)
    return model


def _read_tokenizer(folder: str, max_tokens: int) -> Any:
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    try:
        backend = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
        tokenizer = Tokenizer.from_str(backend.to_str())
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(
            "The backbone's tokenizer cannot be read.",
            place=folder,
            expected="tokenizer.json of a fast tokenizer",
            found=str(error).splitlines()[0],
            remedy="fetch the backbone again, or name another folder",
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def longest_input(model: Any) -> int:
    """Tokens that the model has places for."""
    positions = int(getattr(model.config, "max_position_embeddings", 0) or 0)
    reserved = int(model.config.pad_token_id or 0) + 1 if _counts_from_padding(model) else 0
    return positions - reserved if positions > 0 else 1 << 20


def _counts_from_padding(model: Any) -> bool:
    return model.config.model_type in {"roberta", "xlm-roberta", "camembert", "mpnet"}


def load_backbone(
    folder: Path,
    spec: Mapping[str, str],
    options: Mapping[str, Any] | None = None,
    usual: Mapping[str, Any] | None = None,
) -> Backbone:
    """The backbone in `folder`, by whichever family recognises its config.json.

    `usual` are options where `options` name none, of a network that was made for something else
    than finding boxes.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            "The backbone's folder has no readable config.json.",
            place=str(folder),
            expected="a Hugging Face model folder",
            found=str(error),
            remedy="name a folder with config.json, tokenizer and safetensors weights",
        ) from error
    for name in FAMILIES:
        if FAMILIES[name].recognises(config):
            own = {} if FAMILIES[name].finds_boxes else usual or {}
            found = FAMILIES[name].load(str(folder), spec, {**own, **(options or {})})
            found.folder = str(folder)
            found.module.to(best_device())
            return found
    raise ModelError(
        f"No backbone family here loads a model of type {config.get('model_type')!r}.",
        place=str(folder / "config.json"),
        expected=", ".join(
            sorted({each for name in FAMILIES for each in FAMILIES[name].model_types})
        ),
        found=repr(config.get("model_type")),
        remedy="choose a network of one of these types",
    )
