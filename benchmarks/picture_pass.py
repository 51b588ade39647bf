"""The frozen pass over pictures: processor milliseconds a picture by network, size and arithmetic.

`python -m benchmarks.picture_pass [PICTURES]`: of cifar10n, which are small, so that decoding costs
little. Beside ours the network as it was loaded, its norms not folded into its convolutions, in
the same order of pixels; both make all of its layers. Each is measured three times in turn, and the
median told.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.runs import keep
from journeyman.backbones.text_encoder import load_backbone
from journeyman.backbones.vision_backbone import VisionBackbone
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset

NETWORKS = ("efficientnet-lite0", "mobilenet-v2")
SIZES = (224, 160, 96)
BATCH = 16
ROUNDS = 3


def measure(pictures: int = 96) -> None:
    """Milliseconds of processor time, all threads together."""
    folder = Path(next(iter(resolve_dataset("cifar10n").files.values()))).parent
    paths = sorted((folder / "pictures" / "train").rglob("*.jpg"))[:pictures]
    rows = []
    for name in NETWORKS:
        for size in SIZES:
            row: dict[str, Any] = {"network": name, "pixels": size}
            for precision in ("float32", "bfloat16"):
                backbone = _loaded(name, {"image_size": size, "precision": precision})
                depth, inputs = backbone.spec.depth, backbone.prepare(paths)

                def ours(part: Any, backbone: Any = backbone, depth: int = depth) -> None:
                    backbone.frozen(part, depth)

                def plain(part: Any, backbone: Any = backbone, depth: int = depth) -> None:
                    backbone.frozen(part, depth, grad=True)

                ways = {precision: ours} | ({"as loaded": plain} if precision == "float32" else {})
                row |= _milliseconds(ways, inputs)
            rows.append(row)
            keep("picture_pass", {"threads": torch.get_num_threads(), "ms a picture": rows})


def _milliseconds(ways: dict[str, Callable[[Any], None]], inputs: Any) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in ways}
    batches = [inputs.select(np.arange(at, at + BATCH)) for at in range(0, len(inputs), BATCH)]
    for way in ways.values():
        way(batches[0])
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.process_time()
            for batch in batches:
                way(batch)
            found[name].append(1000 * (time.process_time() - started) / len(inputs))
    return {name: round(statistics.median(values), 1) for name, values in found.items()}


def _loaded(name: str, options: dict[str, Any]) -> VisionBackbone:
    found = resolve(name)
    spec = {"name": found.name, "licence": found.licence, "source": found.source}
    backbone = load_backbone(Path(found.folder), {**spec, "sha256": found.sha256}, options)
    if not isinstance(backbone, VisionBackbone):
        raise TypeError(f"{name} does not read pictures")
    return backbone


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:2]))
