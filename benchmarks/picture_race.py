"""cifar10n: how long until plain PyTorch fine-tuning of the same network is as right as we are.

`python -m benchmarks.picture_race [SEED] [EPOCHS] [WAYS] [FIELD=VALUE ...]`. Ours are the `recipe`
and, in less time, its network frozen with the head `solved` (WAYS names both, or one): whole runs
from an empty feature cache. The other trains every weight of the same network on the same training
and validation rows, in the same process and number of threads: pixels of the same size made once,
half of them mirrored, batch statistics, AdamW, a rate of 5e-4 that falls to nothing. Its test
accuracy is read after every epoch, and that is not counted. Seconds are those of processors, all
threads together, so that other work on the machine does not count; `threads=1` leaves out what
threads wait for each other. Test rows choose nothing of ours.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.runs import empty_cache, keep
from journeyman.backbones.inverted_residual import InvertedResidualNetwork, InvertedResidualSaid
from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.text_encoder import load_backbone
from journeyman.backbones.vision_backbone import VisionBackbone
from journeyman.catalogue.backbones import resolve
from journeyman.data.collection import Collection
from journeyman.journey import travel
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe
from journeyman.tensors import read_tensors

RECIPE = Path("recipes/small-pictures.yaml")
NETWORK = "efficientnet-lite0"
PIXELS = 128
OURS = {
    "solved": ("finetune.tuner=none", "finetune.cut=auto", "finetune.augment=null"),
    "recipe": (),
}
RATE, BATCH = 5e-4, 32


def measure(seed: int = 0, epochs: int = 6, ways: str = "solved,recipe", *sets: str) -> None:
    """Accuracy and seconds of ours and of the other, and how many times as long it took."""
    ours: dict[str, dict[str, Any]] = {}
    plain: list[dict[str, float]] = []
    for name in ways.split(","):
        said = f"seed={seed}", "trackers=[]", "explain.samples=0", *sets, *OURS[name]
        with tempfile.TemporaryDirectory() as place, empty_cache():
            recipe = load_recipe(RECIPE, [f"output={place}/run", *said])
            started = time.process_time()
            travel(recipe, Reporter(quiet=True))
            seconds = time.process_time() - started
            metrics = json.loads((Path(place) / "run" / "metrics.json").read_text())
            accuracy = metrics["test"]["accuracy"]["value"]
            ours[name] = {"accuracy": accuracy, "seconds": round(seconds, 1)}
            keep("picture_race", {"seed": seed, "ours": ours, "end to end": plain})
            if name == ways.split(",")[-1]:
                collection = Collection.load(Path(place) / "run" / "data")
                labels = list(metrics["confusion"]["labels"])
                plain = _plain(collection, seed, epochs, labels)
    for one in ours.values():
        reached = [each["seconds"] for each in plain if each["accuracy"] >= one["accuracy"]]
        last = plain[-1]["seconds"]
        one["times as long"] = round((reached[0] if reached else last) / one["seconds"], 2)
        one["reached"] = bool(reached)
    keep("picture_race", {"seed": seed, "ours": ours, "end to end": plain})


def _plain(
    collection: Collection, seed: int, epochs: int, labels: Sequence[str]
) -> list[dict[str, float]]:
    """Test accuracy and training seconds after each epoch."""
    torch.manual_seed(seed)
    started = time.process_time()
    learned = [*collection.train.rows(), *collection.validation.rows()]
    pixels, targets = _pixels(learned), torch.tensor([labels.index(r["label"]) for r in learned])
    network, head = _network(), nn.Linear(1280, len(labels))
    parameters = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, RATE, weight_decay=0.01, fused=True)
    steps = epochs * -(-len(pixels) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / (steps + 1))
    seconds = time.process_time() - started
    asked = list(collection.test.rows())
    shown, truths = _pixels(asked), torch.tensor([labels.index(row["label"]) for row in asked])
    found = []
    for epoch in range(epochs):
        started = time.process_time()
        network.train()
        for rows in torch.randperm(len(pixels)).split(BATCH):
            batch = pixels[rows].to(torch.float32, memory_format=torch.channels_last)
            mirrored = torch.rand(len(rows), 1, 1, 1) < 0.5
            outputs = head(network(torch.where(mirrored, batch.flip(3), batch)).mean((2, 3)))
            nn.functional.cross_entropy(outputs, targets[rows]).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        seconds += time.process_time() - started
        network.eval()
        with torch.no_grad():
            guesses = [head(network(part.float()).mean((2, 3))).argmax(1)
                       for part in shown.split(BATCH)]  # fmt: skip
        accuracy = float((torch.cat(guesses) == truths).double().mean())
        found.append({"epoch": epoch + 1, "accuracy": round(accuracy, 4),
                      "seconds": round(seconds, 1)})  # fmt: skip
    return found


def _pixels(rows: Sequence[Any]) -> Tensor:
    """[N, 3, H, W] in half precision."""
    found = resolve(NETWORK)
    said = {"name": NETWORK, "licence": found.licence, "source": found.source,
            "sha256": found.sha256}  # fmt: skip
    backbone = load_backbone(found.folder, said, {"image_size": PIXELS, "resize": "exact"})
    if not isinstance(backbone, VisionBackbone):
        raise TypeError(f"{NETWORK} is no network for pictures")
    inputs = backbone.prepare([Picture(str(row["image"])) for row in rows])
    spans = np.array_split(np.arange(len(rows)), -(-len(rows) // 256))
    return torch.cat([inputs.select(span).pixels().half() for span in spans])


def _network() -> InvertedResidualNetwork:
    """As it was pretrained, all of it to be trained."""
    folder = Path(resolve(NETWORK).folder)
    said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = InvertedResidualNetwork(InvertedResidualSaid.model_validate(said))
    network.load_state_dict(read_tensors(folder / "model.safetensors")[0], strict=False)
    return network.to(memory_format=torch.channels_last)


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:3]), *sys.argv[3:])
