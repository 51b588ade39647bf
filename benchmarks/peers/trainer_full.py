"""Peer: full fine-tuning by the transformers Trainer."""

from __future__ import annotations

from benchmarks.peers import hugging_face
from benchmarks.peers.hugging_face import imports
from benchmarks.peers.piece import Answer, Piece

__all__ = ["imports", "run"]


def run(piece: Piece) -> Answer:
    """Every weight is trained."""
    return hugging_face.train(piece, hugging_face.classifier(piece))
