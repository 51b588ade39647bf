"""Peak memory and time of collecting a generated CSV of two million rows.

Run as `python -m benchmarks.collect_memory [ROWS]`; prints one JSON object. The work is done in a
process of its own, whose peak resident set is read from the system.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROWS = 2_000_000
LIMIT_MB = 1500


def generate(path: Path, rows: int) -> None:
    """Rows of about 150 characters, twenty classes, a group column and one duplicate in fifty."""
    source = random.Random(0)
    words = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ana", "eri", "olu", "iste", "unda")]
    last = ""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "customer"])
        for row in range(rows):
            if row % 50 or not last:
                last = f"{row} " + " ".join(source.choices(words, k=source.randint(15, 35)))
            writer.writerow([last, f"class {row % 20}", f"customer {row // 5}"])


def measure(path: str, folder: str, group: str | None) -> dict[str, Any]:
    """Collect; seconds, peak megabytes and the size of the splits."""
    from journeyman.data.collection import collect
    from journeyman.data.options import CollectOptions, DataOptions

    started = time.perf_counter()
    data = DataOptions(train=path, text="text", label="label", group=group)
    collection = collect(data, CollectOptions(), folder=Path(folder), seed=0)
    return {
        "group": group,
        "seconds": round(time.perf_counter() - started, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "limit_mb": LIMIT_MB,
        "splits": {role: len(table) for role, table in collection.tables.items()},
        "findings": [finding.name for finding in collection.findings],
    }


def main() -> None:
    """Measure without and with a group column."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        generate(path, rows)
        for group in (None, "customer"):
            target = str(Path(folder) / f"collected-{group}")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                measured = pool.submit(measure, str(path), target, group).result()
            print(json.dumps({"rows": rows, "csv_mb": path.stat().st_size >> 20} | measured))


if __name__ == "__main__":
    main()
