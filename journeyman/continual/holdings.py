"""What a model holds for updates: read in when first asked for, and what of it is missing told."""

from __future__ import annotations

from pathlib import Path

from journeyman.errors import ModelError
from journeyman.heads.base import SolvedHead
from journeyman.model_state import EXAM, LEDGER, STATISTICS, ModelState
from journeyman.tasks.base import model_of
from journeyman.tensors import read_tensors
from journeyman.training.exam import Exam
from journeyman.training.ledger import Ledger


def solved_head(model: ModelState) -> SolvedHead:
    """The model's head, its statistics and the learner's ledger read in.

    Raises ModelError for a model that cannot be taught row by row.
    """
    learner = model.learner
    head = learner.head
    if not isinstance(head, SolvedHead) or learner.task.unit == "map":
        raise ModelError(
            f"{model_of(learner.task.name)} with the head {head.name} cannot take in rows.",
            place=str(model.folder or model.name),
            expected="a head that is solved (ridge, prototype or whitening)",
            found=f"{head.name}, which is trained by gradient over all rows",
            remedy="fine-tune with `head: ridge`, or run the recipe again with the new rows in "
            "`data.extra`",
        )
    if not head.holds_statistics:
        path = _file(model, STATISTICS)
        if path is None:
            raise ModelError(
                "The model has no statistics, so rows can be neither added nor removed.",
                place=str(model.folder or model.name),
                expected=STATISTICS,
                found="no such file",
                remedy="restore the file from a copy of the model, or make the model again",
            )
        head.load_statistics(read_tensors(path)[0])
    if learner.ledger is None and (path := _file(model, LEDGER)) is not None:
        learner.ledger = Ledger.from_tensors(*read_tensors(path), head.kept_vectors())
    return head


def exam_of(model: ModelState) -> Exam:
    """The model's exam; empty where it carries none."""
    if model.exam is None:
        path = _file(model, EXAM)
        model.exam = Exam() if path is None else Exam.read(path)
    return model.exam


def _file(model: ModelState, name: str) -> Path | None:
    path = None if model.folder is None else model.folder / name
    return path if path is not None and path.is_file() else None
