"""What an update costs: 1,000 rows learned, and one row forgotten, on banking77.

`python -m benchmarks.updates [FIELD=VALUE ...]`: models of 8,000 training rows, of sums
(`kernel: false`) and of row vectors (`kernel: true`), on all cores. Seconds of learning are by
part, the first from an empty feature cache for the new rows (the second finds them there); of
forgetting in memory, and of the whole command in a process of its own, imports and purge included.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import journeyman
from benchmarks.runs import empty_cache, keep
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.continual.holdings import exam_of, solved_head
from journeyman.continual.named import Named
from journeyman.continual.unlearning import unlearn
from journeyman.journey import travel
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe
from journeyman.teaching import teach

RECIPE = Path("recipes/bank-intents.yaml")
BASE, NEW = 8000, 1000


def measure(*sets: str) -> None:
    """Both kinds of head."""
    with empty_cache(), tempfile.TemporaryDirectory() as folder:
        first, new = _files(Path(folder))
        rows = [_of_kind(kernel, first, new, Path(folder), sets) for kernel in (False, True)]
        keep("updates", {"base rows": BASE, "runs": rows})


def _files(folder: Path) -> tuple[Path, Path]:
    """The training rows in a seeded order, as two files."""
    lines = resolve_dataset("banking77").files["train"].read_text(encoding="utf-8").splitlines()
    random.Random(0).shuffle(lines)
    paths = folder / "base.jsonl", folder / "new.jsonl"
    for path, part in zip(paths, (lines[:BASE], lines[BASE : BASE + NEW]), strict=True):
        path.write_text("\n".join(part) + "\n", encoding="utf-8")
    return paths


def _of_kind(
    kernel: bool, first: Path, new: Path, folder: Path, sets: tuple[str, ...]
) -> dict[str, Any]:
    run = folder / f"run-{kernel}"
    said = [f"output={run}", "data.dataset=null", f"data.train={first}", "explain.samples=0"]
    said += ["trackers=[]", "collect.fractions={validation: 0.1, exam: 0.1, test: 0.1}"]
    said += [f"finetune.head={{name: ridge, kernel: {str(kernel).lower()}}}", *sets]
    travel(load_recipe(RECIPE, said), Reporter(quiet=True))
    began = time.perf_counter()
    taught = teach(run, str(new)).update
    learned = time.perf_counter() - began
    model = journeyman.load(run)
    head = solved_head(model)
    exam_of(model)
    choices = {name: head.choices[name] for name in ("kernel", "features", "layers")}
    row_id = sorted(model.learner.ledger.ids)[0] if model.learner.ledger else ""
    alone = []
    for _ in range(3):
        began = time.perf_counter()
        unlearn(model, Named(ids=frozenset([row_id])))
        alone.append(time.perf_counter() - began)
    command = [sys.executable, "-m", "journeyman", "unlearn", str(run), "--ids", row_id]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    whole = time.perf_counter() - began
    return {
        "head": choices,
        "rows held": len(model.learner.ledger.lines) if model.learner.ledger else None,
        "learning 1,000 rows, seconds": round(learned, 2),
        "by part": {name: round(value, 2) for name, value in taught.seconds.items()},
        "forgetting a row in memory, seconds": round(min(alone), 3),
        "the unlearn command, seconds": round(whole, 2),
        "exact": json.loads(done.stdout)["exact"],
    }


if __name__ == "__main__":
    measure(*sys.argv[1:])
