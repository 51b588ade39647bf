"""Tagging tokens without a pretrained network: a conditional random field, or a dictionary.

Lafferty, McCallum and Pereira (2001), "Conditional random fields"; word-shape features in the
manner of Ratinov and Roth (2009), "Design challenges and misconceptions in named entity
recognition".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Self

from journeyman.errors import MissingExtraError
from journeyman.evaluation.baselines.base import BASELINES, Baseline, Inputs, Targets
from journeyman.evaluation.baselines.constant import most_frequent
from journeyman.evaluation.spans import span_f1_score, tag_spans

CRF_PENALTIES = ((0.1, 0.01), (0.1, 0.1))
"""Weights of the L1 and the L2 norm."""

_ITERATIONS = 100


@BASELINES.register("most_frequent_tag")
class MostFrequentTag(Baseline):
    """Each word's most frequent tag in training; O for a new word."""

    name = "most_frequent_tag"
    purpose = "each word's most frequent tag"
    kinds = ("tags",)
    modality = "text"

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Count the tags of each word."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for tokens, tags in zip(inputs, targets, strict=True):
            for token, tag in zip(tokens, tags, strict=True):
                counts[token][tag] += 1
        self._tags = {token: most_frequent(tags) for token, tags in counts.items()}
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """Valid IOB2 tags for each list of tokens."""
        return [repair([self._tags.get(token, "O") for token in tokens]) for tokens in inputs]


@BASELINES.register("crf")
class ConditionalRandomField(Baseline):
    """A linear-chain CRF over word shapes, affixes and neighbours, trained by L-BFGS.

    The penalty is the one with the best span F1 on validation rows.
    """

    name = "crf"
    purpose = "conditional random field on word-shape features"
    kinds = ("tags",)
    modality = "text"

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Train once a penalty and keep the best."""
        try:
            from sklearn_crfsuite import CRF
        except ImportError as error:
            raise MissingExtraError("sklearn-crfsuite", "crf", "The CRF baseline") from error
        features = [sentence_features(tokens) for tokens in inputs]
        tags = [list(row) for row in targets]
        truths = [tag_spans(row) for row in validation[1]]
        best = -1.0
        for lasso, ridge in CRF_PENALTIES:
            model = CRF(
                algorithm="lbfgs",
                c1=lasso,
                c2=ridge,
                max_iterations=_ITERATIONS,
                all_possible_transitions=True,
            ).fit(features, tags)
            found = [tag_spans(row) for row in _tag(model, validation[0])]
            score = span_f1_score(truths, found)
            if score > best:
                best, self.penalty, self._fitted = score, (lasso, ridge), model
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """Valid IOB2 tags for each list of tokens."""
        return _tag(self._fitted, inputs)


def repair(tags: Sequence[str]) -> list[str]:
    """The same tags in valid IOB2: an I that continues nothing of its type becomes a B."""
    repaired: list[str] = []
    for tag in tags:
        before = repaired[-1] if repaired else "O"
        orphan = tag.startswith("I-") and before[1:] != tag[1:]
        repaired.append(f"B{tag[1:]}" if orphan else tag)
    return repaired


def sentence_features(tokens: Sequence[str]) -> list[dict[str, Any]]:
    """One feature dictionary a token: its own form, and its neighbours' two to either side."""
    forms = [_form(token) for token in tokens]
    features = []
    for place, token in enumerate(tokens):
        entry: dict[str, Any] = {"bias": 1.0, **forms[place], **_affixes(token)}
        for offset in (-2, -1, 1, 2):
            near = place + offset
            if 0 <= near < len(tokens):
                entry |= {f"{offset:+d}:{name}": value for name, value in forms[near].items()}
            else:
                entry[f"{offset:+d}:edge"] = True
        features.append(entry)
    return features


def word_shape(token: str) -> str:
    """The token with capitals as X, small letters as x, digits as d, runs of one kind shortened."""
    shape: list[str] = []
    for letter in token:
        kind = "X" if letter.isupper() else "x" if letter.islower() else letter
        kind = "d" if letter.isdigit() else kind
        if not shape or shape[-1] != kind:
            shape.append(kind)
    return "".join(shape)


def _form(token: str) -> dict[str, Any]:
    return {"word": token.lower(), "shape": word_shape(token), "title": token.istitle()}


def _affixes(token: str) -> dict[str, Any]:
    lower = token.lower()
    affixes: dict[str, Any] = {f"suffix{size}": lower[-size:] for size in (1, 2, 3)}
    affixes |= {f"prefix{size}": lower[:size] for size in (1, 2, 3)}
    return affixes | {
        "upper": token.isupper(),
        "digit": any(letter.isdigit() for letter in token),
        "hyphen": "-" in token,
        "mark": token[:1] if token[:1] in ("@", "#") else "",
    }


def _tag(model: Any, inputs: Inputs) -> list[list[str]]:
    rows = model.predict([sentence_features(tokens) for tokens in inputs]) if len(inputs) else []
    return [repair([str(tag) for tag in row]) for row in rows]
