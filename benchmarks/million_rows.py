"""A million rows: resident memory, mapped pages aside, and what the feature cache takes on disk.

Run as `python -m benchmarks.million_rows [ROWS]`. ROWS are for training, a
ninth as many are held out for validation. They are made of real questions of banking77:
the first half of one and the second half of another, with the first one's label, no two alike.
Each way to train runs in a process of its own, whose `/proc/PID/smaps_rollup` is read five times a
second: `Anonymous` and shared memory are resident, pages of mapped files are the system's to take
back. `none` solves a ridge head on the frozen features of MiniLM; `lora` trains one epoch in a
random network of two narrow layers, because memory goes by rows and not by what a step costs.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROWS = 1_000_000
LIMIT_MB = 3000
EVERY = 0.2
NARROW = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
}
WAYS: dict[str, dict[str, Any]] = {
    "none": {"tuner": "none", "head": "ridge"},
    "lora": {"tuner": "lora", "cut": 1, "head": "linear", "epochs": 1, "batch_size": 256},
}


class Watcher(threading.Thread):
    """Keeps the largest resident memory of a process, mapped files aside, and with them."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.source = Path(f"/proc/{process}/smaps_rollup")
        self.own = self.whole = 0
        self.ended = threading.Event()

    def run(self) -> None:
        """Read until the process has ended."""
        while not self.ended.wait(EVERY):
            try:
                lines = self.source.read_text().splitlines()[1:]
            except OSError:
                return
            sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
            self.own = max(self.own, sizes["Anonymous"] + sizes.get("Pss_Shmem", 0))
            self.whole = max(self.whole, sizes["Rss"])


def generate(path: Path, rows: int) -> None:
    """A CSV file of `rows` distinct texts and their labels."""
    from journeyman.catalogue.datasets import resolve_dataset

    source = resolve_dataset("banking77").files["train"]
    with Path(source).open(encoding="utf-8") as file:
        known = [json.loads(line) for line in file]
    words = [row["text"].split() for row in known]
    draw, seen = random.Random(0), set[str]()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        while len(seen) < rows:
            one, other = draw.randrange(len(known)), draw.randrange(len(known))
            first, second = words[one], words[other]
            text = " ".join([*first[: len(first) // 2 + 1], *second[len(second) // 2 :]])
            if text not in seen:
                seen.add(text)
                writer.writerow([text, known[one]["label"]])


def narrow_backbone(folder: Path) -> str:
    """A random network of two narrow layers with MiniLM's tokenizer."""
    import shutil

    import torch
    from transformers import AutoConfig, AutoModel

    from journeyman.catalogue.backbones import resolve

    original = resolve("minilm-l6").folder
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        if (original / name).exists():
            shutil.copy(original / name, folder / name)
    config = AutoConfig.from_pretrained(original, **NARROW)
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    return str(folder)


def train(way: str, backbone: str, rows: str, folder: str, answer: Any) -> None:
    """Collect and train; seconds of each part, sizes and the score, put into `answer`."""
    from journeyman.data.options import CollectOptions, DataOptions, Fractions
    from journeyman.progress import Reporter
    from journeyman.steps import collect
    from journeyman.steps.finetune import train_on
    from journeyman.training.options import FinetuneOptions
    from journeyman.workspace import Workspace

    os.environ["JOURNEYMAN_CACHE_GB"] = "40"
    Path(folder).mkdir()
    workspace = Workspace(
        folder=Path(folder),
        name="million",
        task_name="text-classification",
        backbone_reference=backbone,
        backbone_options={"max_tokens": 64, "precision": "auto"},
        options={
            DataOptions: DataOptions(train=rows, text="text", label="label"),
            CollectOptions: CollectOptions(
                near_duplicates="off", fractions=Fractions(validation=0.1, exam=0.0, test=0.0)
            ),
            FinetuneOptions: FinetuneOptions.model_validate(WAYS[way]),
        },
        reporter=Reporter(quiet=False),
    )
    started = time.perf_counter()
    collect.run(workspace)
    collected = time.perf_counter() - started
    learned, chosen = workspace.examples("train"), workspace.examples("validation")
    prepared = time.perf_counter() - started
    trained = train_on(workspace, learned, chosen)
    score = workspace.task.score(trained.outputs, chosen.targets, workspace.schema, "accuracy")
    cache = workspace.cache
    answer.put(
        {
            "rows": {"train": len(learned), "validation": len(chosen)},
            "seconds": {
                "collect": round(collected, 1),
                "prepare": round(prepared - collected, 1),
                **{name: round(value, 1) for name, value in trained.seconds.items()},
            },
            "accuracy_on_validation": round(score, 4),
            "cache_gb_said": round(cache.stats.bytes_asked / 1e9, 3),
            "cache_gb_on_disk": round(cache.index.total_bytes() / 1e9, 3),
            "cache_gb_at_most": cache.limit_bytes / 1e9,
        }
    )


def measure(rows: int = ROWS) -> None:
    """Both ways, each in a process of its own."""
    from benchmarks.runs import empty_cache, keep

    context = multiprocessing.get_context("spawn")
    figures: dict[str, Any] = {"rows": rows, "limit_mb": LIMIT_MB}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.csv"
        generate(path, rows * 10 // 9)
        backbones = {"none": "minilm-l6", "lora": narrow_backbone(Path(place) / "narrow")}
        for way in WAYS:
            with empty_cache():
                answer = context.Queue()
                given = (way, backbones[way], str(path), f"{place}/{way}", answer)
                process = context.Process(target=train, args=given)
                process.start()
                watcher = Watcher(process.pid or 0)
                watcher.start()
                process.join()
                watcher.ended.set()
                figures[way] = {
                    "peak_mb": watcher.own >> 10,
                    "peak_mb_with_mapped_files": watcher.whole >> 10,
                    **answer.get(timeout=10),
                }
    keep("million_rows", figures)


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
