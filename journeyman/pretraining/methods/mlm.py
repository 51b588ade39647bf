"""Masked language modelling: hidden tokens are to be foretold from the others.

Devlin et al. (2019), "BERT: pre-training of deep bidirectional transformers". On domain text it is
known to help what is fine-tuned afterwards (Gururangan et al., 2020, "Don't stop pretraining").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pydantic import Field
from torch import Tensor, nn

from journeyman.backbones.base import Backbone, Features
from journeyman.backbones.text_inputs import TextInputs, mask_id
from journeyman.backbones.word_head import word_head
from journeyman.errors import JourneymanError
from journeyman.pretraining.masking import MaskedFeatures, MaskedSource, Masker, units_of
from journeyman.pretraining.methods.base import METHODS, Method, MethodOptions
from journeyman.tasks.base import IGNORED
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, FeatureSource


class MlmOptions(MethodOptions):
    """What a recipe may say of masked language modelling."""

    mask: float = Field(0.15, gt=0, lt=1, description="Share of the tokens that are foretold.")
    whole_words: bool = Field(
        False,
        description="Hide all tokens of a word together; without effect where words are not "
        "written apart, as in Chinese.",
    )


@METHODS.register("mlm")
class MaskedLanguageModelling(Method):
    """Frozen layers run on every masked text anew, since what is hidden differs each time."""

    name = "mlm"
    purpose = "to foretell hidden tokens from the others"
    Options = MlmOptions

    def head(self, backbone: Backbone, folder: Path) -> nn.Module:
        """The checkpoint's own where it has one, else a new one tied to the word embeddings."""
        return word_head(backbone, folder, self.seed)

    def source(
        self, backbone: Backbone, examples: Examples, cut: int, cache: FeatureCache, *, held: bool
    ) -> FeatureSource:
        """Texts with tokens hidden: anew each time, or held out and always the same."""
        said = cast(MlmOptions, self.options)
        inputs = cast(TextInputs, examples.inputs)
        units = units_of(inputs, examples.texts, said.whole_words)
        masker = Masker(said.mask, _mask_of(backbone), _words_of(backbone))
        return MaskedSource(backbone, inputs, units, masker, cut, self.seed if held else None)

    def losses(self, backbone: Backbone, head: nn.Module, features: Features, cut: int) -> Tensor:
        """[M]: of every hidden token, how little likely it was thought."""
        hidden = backbone.tuned(features, cut).hidden
        labels = cast(MaskedFeatures, features).labels
        if hidden is None or labels is None:
            raise ValueError("hidden tokens need hidden states and labels")
        chosen = labels != IGNORED
        logits = head(hidden[chosen])
        return nn.functional.cross_entropy(logits.float(), labels[chosen], reduction="none")


def _mask_of(backbone: Backbone) -> int:
    found = mask_id(getattr(backbone, "tokenizer", None))
    if found is not None:
        return found
    raise JourneymanError(
        f"The tokenizer of {backbone.spec.name} has no mask token.",
        place="pretrain.method",
        expected="a backbone whose tokenizer has [MASK] or <mask>, or another method",
        found="mlm",
        remedy="use `method: contrast`",
    )


def _words_of(backbone: Backbone) -> int:
    tokenizer: Any = getattr(backbone, "tokenizer", None)
    rows = cast(Any, backbone.module).get_input_embeddings().num_embeddings
    return min(int(tokenizer.get_vocab_size()), int(rows))
