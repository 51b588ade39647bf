"""The head of words: a label is as likely as the words it is put in are, where a word is hidden.

Schick and Schütze (2021), "Exploiting cloze questions for few-shot text classification and natural
language inference" (pattern-exploiting training, PET); Gao, Fisch and Chen (2021), "Making
pre-trained language models better few-shot learners" (LM-BFF). Shapes: B rows, D width, E width of
the word embeddings, C labels.

The words keep their meaning: what the network was pretrained to say of hidden words is
kept as it is, and only how readily each label is said is learned here. The rest is for the
layers above the cut, by the loss of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from journeyman.backbones.base import Backbone, Features
from journeyman.backbones.word_head import WordHead, word_head
from journeyman.errors import JourneymanError
from journeyman.heads.base import HEADS, Head, HeadOptions, HeadShape

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "tanh")
"""What may stand within a head for words; the one that gives its logits is taken."""
TOLERANCE = 1e-4
PROBES = 8
PLACE = "finetune.head.words"


class WordsOptions(HeadOptions):
    """What a recipe may say of the head of words."""

    words: dict[str, str] = Field(
        default_factory=dict,
        description="What each label is put in: a word or two that would stand where the pattern "
        "hides one. A label that is left out is its own word, underscores as spaces.",
        examples=[{"positive": "great", "negative": "terrible"}],
    )


@HEADS.register("words")
class WordsHead(Head):
    """The pretrained scores of each label's words, and a learned bias of each label."""

    name = "words"
    solved = False
    units = ("row",)
    kinds = ("label",)
    modalities = ("text",)
    Options = WordsOptions
    options: WordsOptions
    dense: Tensor
    dense_bias: Tensor
    norm: Tensor
    norm_bias: Tensor
    vectors: Tensor
    shift: Tensor

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        width, outputs = shape.width, shape.outputs
        draw = torch.Generator().manual_seed(seed)
        self.choices = {"activation": "gelu", "epsilon": 1e-12, "words": []}
        self._hold(
            {
                "dense": torch.eye(width),
                "dense_bias": torch.zeros(width),
                "norm": torch.ones(width),
                "norm_bias": torch.zeros(width),
                "vectors": 0.02 * torch.randn(outputs, width, generator=draw),
                "shift": torch.zeros(outputs),
            }
        )
        self.bias = nn.Parameter(torch.zeros(outputs))

    @classmethod
    def permits(cls, backbone: Backbone) -> str | None:
        """Only one whose rows have a hidden word."""
        return None if backbone.pooling else "no word is hidden: backbone.pattern is not given"

    def begin(self, backbone: Backbone, labels: Sequence[str]) -> None:
        """Take the backbone's head for words, and of its vocabulary the words of the labels.

        A label of several tokens has the mean of their scores. Raises JourneymanError for words of
        labels that are not there, for labels whose words are the same to the tokenizer, and for a
        backbone without a pretrained head.
        """
        words = _words_of(labels, self.options.words)
        tokens = _tokens_of(words, cast(Any, backbone).tokenizer)
        head = word_head(backbone, Path(backbone.folder), self.seed).eval()
        if not head.learned:
            raise JourneymanError(
                f"The backbone {backbone.spec.name} has no pretrained head for words.",
                place="finetune.head",
                expected="a checkpoint of masked language modelling, its head included",
                found="a checkpoint without one",
                remedy="name such a backbone (`google-bert/bert-base-uncased` is one), or use "
                "another head: they read the hidden word's vector too",
            )
        tensors, choices = _taken(head, tokens)
        self._hold(tensors)
        self.choices = {**choices, "words": list(words.values())}

    def forward(self, features: Features) -> Tensor:
        """Scores [B, C] of the labels' words."""
        vectors = features.pooled[self.shape.layers[-1]]
        dense = nn.functional.linear(vectors, self.dense, self.dense_bias)
        activated = _activation(self.choices["activation"])(dense)
        eps = float(self.choices["epsilon"])
        said = nn.functional.layer_norm(
            activated, activated.shape[-1:], self.norm, self.norm_bias, eps
        )
        return nn.functional.linear(said, self.vectors, self.shift) + self.bias

    def restore(self, choices: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Take back a saved state, whatever the width of its word embeddings."""
        own = {name: value for name, value in tensors.items() if name in dict(self.named_buffers())}
        self._hold({name: value.clone() for name, value in own.items()})
        super().restore(choices, tensors)

    def _hold(self, tensors: Mapping[str, Tensor]) -> None:
        for name, value in tensors.items():
            self.register_buffer(name, value)


def _words_of(labels: Sequence[str], said: Mapping[str, str]) -> dict[str, str]:
    """What each label is put in."""
    strange = sorted(set(said) - set(labels))
    if strange:
        raise _mistake(
            "Words are given for a label that no row has.", ", ".join(labels[:20]), strange
        )
    return {label: said.get(label) or label.replace("_", " ") for label in labels}


def _tokens_of(words: Mapping[str, str], tokenizer: Any) -> list[list[int]]:
    """The tokens of each label's words, as they stand within a sentence."""
    found: dict[tuple[int, ...], str] = {}
    for label, word in words.items():
        ids = tuple(tokenizer.encode(f" {word.strip()}", add_special_tokens=False).ids)
        if not ids or ids in found:
            twin = [f"{label}: {word}", *([f"{found[ids]}: {words[found[ids]]}"] if ids else [])]
            raise _mistake("The backbone does not tell labels apart by their words.",
                           "words that differ, of the tokenizer's vocabulary", twin)  # fmt: skip
        found[ids] = label
    return [list(ids) for ids in found]


def _mistake(problem: str, expected: str, found: Sequence[str]) -> JourneymanError:
    remedy = "write `head: {name: words, words: {LABEL: WORD}}`"
    said = "; ".join(found)[:200]
    return JourneymanError(problem, place=PLACE, expected=expected, found=said, remedy=remedy)


@torch.no_grad()
def _taken(
    head: WordHead, tokens: Sequence[Sequence[int]]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The parts of a pretrained head that score the `tokens` of each label, checked against it."""
    model = head.model
    output = model.get_output_embeddings()
    inside = {id(part) for part in getattr(model, model.base_model_prefix).modules()}
    parts = [part for part in model.modules() if id(part) not in inside and part is not output]
    dense = [part for part in parts if isinstance(part, nn.Linear)]
    norms = [part for part in parts if isinstance(part, nn.LayerNorm)]
    if len(dense) == len(norms) == 1:
        shift = _shift(model, output)
        tensors = {
            "dense": dense[0].weight,
            "dense_bias": _or_zeros(dense[0].bias, len(dense[0].weight)),
            "norm": norms[0].weight,
            "norm_bias": _or_zeros(norms[0].bias, len(norms[0].weight)),
            "vectors": torch.stack([output.weight[list(ids)].mean(0) for ids in tokens]),
            "shift": torch.stack([shift[list(ids)].mean(0) for ids in tokens]),
        }
        tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
        probes = torch.randn(
            PROBES, tensors["dense"].shape[1], generator=torch.Generator().manual_seed(0)
        )
        logits = head(probes.to(output.weight.device)).cpu()
        wanted = torch.stack([logits[:, list(ids)].mean(1) for ids in tokens], 1)
        for name in ACTIVATIONS:
            said = nn.functional.linear(probes, tensors["dense"], tensors["dense_bias"])
            said = nn.functional.layer_norm(
                _activation(name)(said), said.shape[-1:], tensors["norm"], tensors["norm_bias"],
                norms[0].eps,
            )  # fmt: skip
            got = nn.functional.linear(said, tensors["vectors"], tensors["shift"])
            if torch.allclose(got, wanted, atol=TOLERANCE, rtol=TOLERANCE):
                return tensors, {"activation": name, "epsilon": norms[0].eps}
    raise JourneymanError(
        "The backbone's head for words is of a form that cannot be taken over.",
        place="finetune.head",
        expected="one layer, an activation, a normalisation, and the vocabulary",
        found=type(model).__name__,
        remedy="use another backbone, or another head",
    )


def _shift(model: Any, output: Any) -> Tensor:
    """[V] biases of the vocabulary's words, wherever a family keeps them."""
    if getattr(output, "bias", None) is not None:
        return cast(Tensor, output.bias)
    return torch.zeros(len(output.weight), device=output.weight.device)


def _or_zeros(bias: Tensor | None, size: int) -> Tensor:
    return torch.zeros(size) if bias is None else bias


def _activation(name: str) -> Any:
    from transformers.activations import ACT2FN

    return ACT2FN[name]
