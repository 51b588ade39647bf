"""What both Trainer peers share: tokens, training arguments, and a curve by epoch.

Dynamic padding, batches of like length, the optimiser and schedule of the Trainer's defaults. When
choosing, each epoch ends with validation and training stops when it no longer rises; the final run
stops after the epochs that were chosen, and tests after each with the clock stopped.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import torch

from benchmarks.peers.piece import Answer, Piece, accuracy
from benchmarks.peers.rows import Part

MAX_TOKENS = 256
ANSWER_ROWS = 64


def imports() -> None:
    """Load the libraries before the clock starts."""
    import accelerate  # noqa: F401
    import datasets  # noqa: F401
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def classifier(piece: Piece) -> Any:
    """The backbone with the library's own classification head."""
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(
        piece.backbone,
        num_labels=len(piece.rows.classes),
        attn_implementation=piece.setting["attention"],
    )


def train(piece: Piece, model: Any) -> Answer:
    """Train by the Trainer; see the head of the file."""
    from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

    tokenizer = AutoTokenizer.from_pretrained(piece.backbone)
    choosing = piece.stage == "choose"
    rows = piece.rows.train if choosing else piece.rows.train + piece.rows.validation
    setting = piece.setting
    answerer = _Answerer(model, tokenizer)
    curve = _curve(piece, answerer)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                num_train_epochs=setting["epochs"],
                per_device_train_batch_size=setting["batch_size"],
                learning_rate=setting["learning_rate"],
                warmup_steps=setting["warmup"],
                weight_decay=setting["weight_decay"],
                bf16=setting["precision"] == "bfloat16",
                train_sampling_strategy="group_by_length",
                use_cpu=True,
                seed=piece.seed,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                logging_strategy="no",
            ),
            train_dataset=_dataset(rows, tokenizer),
            data_collator=DataCollatorWithPadding(tokenizer),
            callbacks=[curve],
        )
        trainer.train()
    facts = {"trainable": sum(p.numel() for p in model.parameters() if p.requires_grad)}
    if choosing:
        return Answer(curve.best, curve.best_epoch, curve=curve.points, facts=facts)
    predictions = answerer(piece.rows.test)
    return Answer(predictions=predictions, curve=curve.points, facts=facts)


def _dataset(rows: Part, tokenizer: Any) -> Any:
    from datasets import Dataset

    tokens = tokenizer(rows.texts, truncation=True, max_length=MAX_TOKENS)
    return Dataset.from_dict({**tokens, "labels": rows.labels})


def _curve(piece: Piece, answerer: _Answerer) -> Any:
    """The callback that keeps the curve and stops the training."""
    from transformers import TrainerCallback

    class Curve(TrainerCallback):  # type: ignore[misc]
        best, best_epoch = -1.0, 0

        def __init__(self) -> None:
            self.points: list[dict[str, float]] = []

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            epoch = len(self.points) + 1
            point: dict[str, float] = {"epoch": epoch}
            if piece.stage == "choose":
                score = _accuracy(answerer, piece.rows.validation)
                point |= {"seconds": round(piece.clock.seconds, 2), "validation": score}
                if score > self.best:
                    self.best, self.best_epoch = score, epoch
                control.should_training_stop |= epoch - self.best_epoch >= piece.setting["patience"]
            else:
                point["seconds"] = round(piece.clock.seconds, 2)
                with piece.clock.pause():
                    point["test"] = _accuracy(answerer, piece.rows.test)
                control.should_training_stop |= epoch >= (piece.epochs or epoch + 1)
            self.points.append(point)
            return control

    return Curve()


def _accuracy(answerer: _Answerer, part: Part) -> float:
    return accuracy(answerer(part), part.labels)


class _Answerer:
    """Classes of rows, in batches of like length."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer

    @torch.inference_mode()
    def __call__(self, part: Part) -> list[int]:
        self.model.eval()
        found = np.zeros(len(part), dtype=np.int64)
        order = np.argsort([len(text) for text in part.texts], kind="stable")
        for at in range(0, len(order), ANSWER_ROWS):
            which = order[at : at + ANSWER_ROWS]
            tokens = self.tokenizer(
                [part.texts[i] for i in which],
                padding=True,
                truncation=True,
                max_length=MAX_TOKENS,
                return_tensors="pt",
            )
            found[which] = self.model(**tokens).logits.argmax(-1).numpy()
        return [int(label) for label in found]
