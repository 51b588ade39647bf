"""Peer: SetFit, by its own package (Tunstall et al., 2022).

Contrastive pairs tune the body, logistic regression is fitted on top, both with the package's
defaults but for the settings. The number of pairs is given as steps: left to itself, the package
lists every pair of rows, 40 million of them for a whole banking77.
"""

from __future__ import annotations

import logging
import tempfile
from typing import Any

from benchmarks.peers.piece import Answer, Piece, accuracy
from benchmarks.peers.sentence_logistic import sentence_model


def imports() -> None:
    """Load the libraries before the clock starts."""
    import setfit

    setfit.logging.set_verbosity(logging.ERROR)


def run(piece: Piece) -> Answer:
    """Train body and head; score on validation, or predict the test rows."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments
    from sklearn.linear_model import LogisticRegression

    choosing = piece.stage == "choose"
    rows = piece.rows.train if choosing else piece.rows.train + piece.rows.validation
    setting = piece.setting
    pairs = 2 * setting["iterations"] * len(rows)
    body = sentence_model(piece.backbone, attention="eager")
    model = SetFitModel(model_body=body, model_head=LogisticRegression())
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            batch_size=setting["batch_size"],
            body_learning_rate=setting["learning_rate"],
            num_epochs=1,
            num_iterations=setting["iterations"],
            max_steps=max(pairs // setting["batch_size"], 1),
            seed=piece.seed,
            report_to="none",
            logging_strategy="no",
            save_strategy="no",
            show_progress_bar=False,
        )
        dataset = Dataset.from_dict({"text": rows.texts, "label": rows.labels})
        Trainer(model=model, args=arguments, train_dataset=dataset).train()
    facts = {"pairs": pairs, "learned after": round(piece.clock.seconds, 2)}
    if choosing:
        validation = piece.rows.validation
        score = accuracy(_classes(model, validation.texts), validation.labels)
        point = {"seconds": round(piece.clock.seconds, 2), "validation": score}
        return Answer(score, None, curve=[point], facts=facts)
    return Answer(predictions=_classes(model, piece.rows.test.texts), facts=facts)


def _classes(model: Any, texts: list[str]) -> list[int]:
    return [int(label) for label in model.predict(texts, show_progress_bar=False)]
