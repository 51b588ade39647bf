"""The exact kernel at its default limit: seconds and peak memory of a solved head of 10,240 rows.

It is solved as the trainer does it: 500 of the rows choose, and are in the one solution. Rows are
noise, for neither figure depends on what they say. `python -m benchmarks.kernel_memory [ROWS]`.
"""

from __future__ import annotations

import sys
import time

import torch

from benchmarks.peers.piece import peak_mb
from benchmarks.runs import keep
from journeyman.heads.base import HeadShape
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions

WIDTH, CLASSES, JUDGED = 384, 77, 500


def measure(rows: int = 10_240) -> None:
    """The whole head, its choices included, and then one solution anew."""
    draw = torch.Generator().manual_seed(0)
    layers = {6: torch.randn(rows, WIDTH, generator=draw).half()}
    labels = torch.randint(CLASSES, (rows,), generator=draw)
    targets = torch.nn.functional.one_hot(labels, CLASSES).float()
    options = RidgeOptions(kernel=True, layers=[6], exact_rows=rows)
    head = RidgeHead(options, HeadShape(WIDTH, (6,), CLASSES, "row"), 0)
    train, held = {6: layers[6][JUDGED:]}, {6: layers[6][:JUDGED]}
    before, started = peak_mb(), time.perf_counter()

    def score(outputs: torch.Tensor) -> float:
        return float((outputs.argmax(1) == labels[:JUDGED]).float().mean())

    told = (held, targets[:JUDGED], score)
    head.solve_with(train, targets[JUDGED:], *told, leave_one_out=True)
    whole = time.perf_counter() - started
    started = time.perf_counter()
    head.resolve()
    keep(
        "kernel_memory",
        {
            "rows": rows,
            "seconds, choices included": round(whole, 1),
            "seconds of one solution": round(time.perf_counter() - started, 1),
            "peak MB": peak_mb(),
            "of them before": before,
        },
    )


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:2]))
