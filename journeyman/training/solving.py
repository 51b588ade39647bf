"""Solving a head: what it reads of every row, layer by layer, and what it is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.scratch import scratch
from journeyman.data.identity import row_id
from journeyman.heads.base import Layers, SolvedHead, SolveReport
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import IGNORED, Array, Schema, Task
from journeyman.training.examples import Examples, content_ids, in_batches
from journeyman.training.learner import Learner
from journeyman.training.ledger import Entries, Ledger, Line, fits
from journeyman.training.loop import Split

SOLVE_ROWS = 32


def solve(
    learner: Learner,
    schema: Schema,
    train: Split,
    validation: Split,
    *,
    metric: str,
    take_in: bool = False,
    reporter: Reporter = QUIET,
) -> tuple[SolveReport, list[Array]]:
    """Solve the learner's head on its features of the training rows.

    Gives also the outputs of the validation rows, by a head that has not learned them. With
    `take_in` it then learns them too. Penalties are chosen by leave-one-out, or by validation where
    features have seen the labels or rows are views of one picture. Where there are no validation
    rows, the training rows stand in for them: then penalties are chosen by leave-one-out, whatever
    the features have seen.
    """
    head, task = learner.head, learner.task
    if not isinstance(head, SolvedHead):
        raise TypeError(f"the head {head.name!r} is not solved")
    judged = bool(len(validation.examples))
    rows = solver_rows(learner, train)
    known = validation.examples if judged else train.examples
    held = solver_rows(learner, validation) if judged else rows

    def answers(outputs: Tensor) -> list[Array]:
        return _by_text(task, outputs, known) if task.unit == "token" else list(outputs.numpy())

    def score(outputs: Tensor) -> float:
        return task.score(answers(outputs), known.targets, schema, metric)

    reporter.say("  solving the head")
    targets = solver_targets(learner, schema, train.examples)
    head.views = int(copied(train.examples).sum())
    viewed = head.views > 0 and head.leaves_out == "row"
    leave_one_out = not ((learner.tuner.trains or viewed) and judged)
    if take_in and judged:
        own = solver_targets(learner, schema, known)
        report, outputs = head.solve_with(
            rows, targets, held, own, score, leave_one_out=leave_one_out
        )
    else:
        report = head.solve(rows, targets, held, score, leave_one_out=leave_one_out)
        outputs = head.outputs(held)
    learner.ledger = None
    enter(learner, train.examples, Entries(rows, targets))
    if take_in and judged:
        enter(learner, known, Entries(held, own))
    return report, answers(outputs) if judged else []


def enter(learner: Learner, examples: Examples, given: Entries, origin: str = "") -> None:
    """Write what the head was given of these rows into the learner's ledger, if there is room.

    A ledger that would outgrow its room, or that lacks rows learned before, is given up.
    """
    head = learner.head
    if not isinstance(head, SolvedHead) or learner.task.unit == "map":
        return
    widths = {layer: given.layers[layer].shape[1] for layer in head.reads}
    held = learner.ledger or Ledger.empty(widths, given.targets.shape[1])
    tuned = learner.tuner.trains  # Half precision would lose some of what tuned layers give.
    size = 4 if tuned else held.vectors.element_size()
    if not fits(len(held.owner) + len(given), widths, size):
        learner.ledger = None
        return
    read = read_by(examples)
    ids = examples.ids if len(examples.ids) else read
    number: dict[Line, int] = {}
    pairs = zip(ids, read, strict=True)
    owners = [number.setdefault(Line(*pair, origin), len(number)) for pair in pairs]
    rows = np.array(owners, dtype=np.int64)
    counts = np.diff(starts(examples, learner.task.unit == "row"))
    owner = torch.from_numpy(np.repeat(rows, counts))
    learner.ledger = held.with_rows(list(number), owner, given)


def read_by(examples: Examples) -> list[str]:
    """A hash of what each row reads; of a changed copy, of what the row reads that it is of."""
    sources = examples.inputs.sources
    if sources is None:
        return content_ids(examples.texts)
    return [row_id(source) for source in sources.tolist()]


def copied(examples: Examples) -> NDArray[np.bool_]:
    """Which rows are changed copies of others: views of a picture, or texts with another source."""
    viewed = np.array([bool(getattr(text, "view", "")) for text in examples.texts], dtype=bool)
    if viewed.any() or examples.inputs.sources is None:
        return viewed
    own = np.array(content_ids(examples.texts), dtype=object)
    differs: NDArray[np.bool_] = np.array(own != np.array(read_by(examples), dtype=object))
    return differs


def solver_targets(learner: Learner, schema: Schema, examples: Examples) -> Tensor:
    """[N, C] targets of rows, or [M, C] of the words of all rows in turn."""
    if examples.encoded is None:
        raise ValueError("solving needs encoded targets")
    return learner.task.matrix(examples.encoded, schema)


@torch.no_grad()
def solver_rows(learner: Learner, split: Split) -> Layers:
    """Features that a solved head reads, tuned layers included: pooled rows, or words.

    Many of them are mapped from disk.
    """
    whole = learner.task.unit == "row"
    begin = starts(split.examples, whole)
    out: dict[int, Tensor] = {}
    learner.train(False)
    for indices, features in in_batches(split.source, SOLVE_ROWS):
        tuned = learner.backbone.tuned(features, learner.cut).to(torch.device("cpu"))
        if whole:
            for layer, vectors in tuned.pooled.items():
                if layer not in out:
                    out[layer] = scratch(len(split.examples), vectors.shape[1])
                out[layer][torch.from_numpy(indices)] = vectors
            continue
        layer = learner.backbone.spec.depth
        for i, words in zip(indices, _words(tuned.hidden, split.examples, indices), strict=True):
            if layer not in out:
                out[layer] = scratch(int(begin[-1]), words.shape[1])
            out[layer][begin[i] : begin[i + 1]] = words
    return out


def starts(examples: Examples, whole: bool) -> NDArray[np.int64]:
    """Where the vectors of each row start among those of all, and where the last one's end."""
    if whole or examples.encoded is None:
        return np.arange(len(examples) + 1)
    counts = [int((row != IGNORED).sum()) for row in examples.encoded.rows]
    return np.cumsum([0, *counts])


def _words(hidden: Tensor | None, examples: Examples, indices: Any) -> list[Tensor]:
    if hidden is None or examples.encoded is None:
        raise ValueError("words need hidden states and encoded targets")
    rows = examples.encoded.rows
    return [hidden[at][: len(rows[i])][rows[i] != IGNORED] for at, i in enumerate(indices)]


def _by_text(task: Task, outputs: Tensor, examples: Examples) -> list[Any]:
    """Outputs [M, C] of all words in turn, as one array a text: put back where tokens stand."""
    if examples.encoded is None:
        raise ValueError("words need encoded targets")
    rows: list[Any] = []
    at = 0
    for i, targets in enumerate(examples.encoded.rows):
        places = torch.nonzero(targets != IGNORED).flatten()
        tokens = torch.zeros(1, len(targets), outputs.shape[1])
        tokens[0, places] = outputs[at : at + len(places)]
        rows += task.split_outputs(tokens, examples.inputs.select([i]), [examples.texts[i]])
        at += len(places)
    return rows
