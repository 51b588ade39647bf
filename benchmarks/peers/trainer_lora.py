"""Peer: LoRA on all linear layers, by PEFT and the transformers Trainer."""

from __future__ import annotations

from benchmarks.peers import hugging_face
from benchmarks.peers.piece import Answer, Piece


def imports() -> None:
    """Load the libraries before the clock starts."""
    import peft  # noqa: F401

    hugging_face.imports()


def run(piece: Piece) -> Answer:
    """Low-rank updates beside all linear layers; the classification head is trained whole."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="SEQ_CLS",
        r=piece.setting["rank"],
        lora_alpha=piece.setting["alpha"],
        lora_dropout=piece.setting["dropout"],
        target_modules="all-linear",
    )
    return hugging_face.train(piece, get_peft_model(hugging_face.classifier(piece), config))
