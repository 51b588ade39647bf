"""Peer: sentence-transformers' vectors and scikit-learn's logistic regression.

The penalty is chosen on validation rows within the run, whose time counts; then all rows are
learned. Vectors have unit length, as the model is published, times the root of their width, so that
penalties around 1 mean what they do on standardised features.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.piece import Answer, Piece

MAX_TOKENS = 256


def imports() -> None:
    """Load the libraries before the clock starts."""
    import sentence_transformers  # noqa: F401
    import sklearn.linear_model  # noqa: F401


def sentence_model(folder: str, attention: str | None = None) -> Any:
    """The backbone with mean pooling, as a SentenceTransformer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    arguments = {} if attention is None else {"attn_implementation": attention}
    word = modules.Transformer(folder, max_seq_length=MAX_TOKENS, model_kwargs=arguments)
    pooling = modules.Pooling(word.get_embedding_dimension(), pooling_mode="mean")
    return SentenceTransformer(modules=[word, pooling], device="cpu")


def run(piece: Piece) -> Answer:
    """Encode everything once, choose the penalty, learn from all rows, answer."""
    from sklearn.linear_model import LogisticRegression

    rows, setting = piece.rows, piece.setting
    model = sentence_model(piece.backbone)

    def encoded(texts: list[str]) -> Any:
        found = model.encode(
            texts,
            batch_size=setting["batch_size"],
            show_progress_bar=False,
            normalize_embeddings=True,
        )
        return np.asarray(found) * np.sqrt(found.shape[1])

    train, validation = encoded(rows.train.texts), encoded(rows.validation.texts)
    curve = []
    for strength in setting["strengths"]:
        fitted = LogisticRegression(C=strength, max_iter=1000).fit(train, rows.train.labels)
        score = float(fitted.score(validation, rows.validation.labels))
        curve.append({"C": strength, "seconds": round(piece.clock.seconds, 2), "validation": score})
    best = max(curve, key=lambda point: point["validation"])
    everything = rows.train + rows.validation
    fitted = LogisticRegression(C=best["C"], max_iter=1000).fit(
        np.concatenate([train, validation]), everything.labels
    )
    predictions = [int(label) for label in fitted.predict(encoded(rows.test.texts))]
    return Answer(best["validation"], None, predictions, curve, {"C": best["C"]})
