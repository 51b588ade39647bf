"""The frozen pass beside sentence-transformers and ONNX Runtime: same texts, turns, threads.

Each side tokenises, runs all layers and gives one mean-pooled vector a text, sorting by length as
it is meant to. Sides take turns, and the median of the ratios within a turn counts. In float32 we
stand beside what computes in float32; where the processor has bfloat16, ours in bfloat16 stands
beside everyone, sentence-transformers in bfloat16 too (ONNX Runtime has no such kernels here).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.runs import keep
from journeyman.backbones.precision import wants_bfloat16
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import read
from journeyman.data.record import Record
from journeyman.training.batches import token_batches
from journeyman.training.cache.feature_cache import BATCH_TOKENS

Side = Callable[[Sequence[str]], Any]
TURNS = 5
BATCHES = (16, 32, 64)
OURS, HALF = "journeyman", "bfloat16"
TOLERANCE_HALF = 0.1


def measure(rows: int = 2000) -> None:
    """Seconds of each side by turn on a sample of snippets, and the ratios to ours."""
    texts = _texts(rows)
    sides = contenders()
    for side in sides.values():
        side(texts[:100])
    agree(sides, texts[:50])
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(TURNS):
        for name, side in sides.items():
            started = time.perf_counter()
            side(texts)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: round(statistics.median(times), 3) for name, times in seconds.items()}
    figures: dict[str, Any] = {"texts": rows, "seconds": medians}
    exact = {name: times for name, times in seconds.items() if HALF not in name}
    keep("frozen_pass", figures | beside(OURS, exact) | beside(f"{OURS}, {HALF}", seconds))


def beside(mine: str, seconds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """How many times the seconds of `mine` the others take, and the fastest of them."""
    if mine not in seconds:
        return {}
    ratios = {
        name: statistics.median(t / m for t, m in zip(times, seconds[mine], strict=True))
        for name, times in seconds.items()
        if OURS not in name
    }
    fastest = min((ratio, name) for name, ratio in ratios.items())
    return {f"times {mine}": ratios, f"fastest peer of {mine}": fastest}


def contenders() -> dict[str, Side]:
    """Everyone by name, ours first; in bfloat16 too where the processor has it."""
    sides = {OURS: ours("float32")}
    for size in BATCHES:
        sides[f"sentence-transformers, batch {size}"] = sentence_transformers(size)
        sides[f"onnxruntime, batch {size}"] = onnx(size)
    if not wants_bfloat16("auto"):
        return sides
    sides[f"{OURS}, {HALF}"] = ours("bfloat16")
    said = {"dtype": torch.bfloat16}
    for size in BATCHES:
        name = f"sentence-transformers, {HALF}, batch {size}"
        sides[name] = sentence_transformers(size, said)
    return sides


def ours(precision: str) -> Side:
    """The product's own pass: batches of one length, no padding."""
    found = resolve("minilm-l6")
    spec = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    backbone = load_backbone(found.folder, spec, {"precision": precision})
    depth = backbone.spec.depth

    def run(texts: Sequence[str]) -> Any:
        inputs = backbone.prepare(texts)
        out = np.zeros((len(texts), backbone.spec.width), dtype=np.float32)
        order = np.argsort(inputs.lengths, kind="stable")
        for batch in token_batches(inputs.lengths, order, BATCH_TOKENS):
            features = backbone.frozen(inputs.select(batch), depth, keep_hidden=False)
            out[batch] = features.pooled[depth].numpy()
        return out

    return run


def sentence_transformers(size: int, said: Mapping[str, Any] | None = None) -> Side:
    """SentenceTransformer.encode, not normalised."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    folder = str(resolve("minilm-l6").folder)
    word = modules.Transformer(folder, max_seq_length=256, model_kwargs=dict(said or {}))
    pooling = modules.Pooling(word.get_embedding_dimension(), pooling_mode="mean")
    model = SentenceTransformer(modules=[word, pooling], device="cpu")
    return lambda texts: model.encode(list(texts), batch_size=size, show_progress_bar=False)


def onnx(size: int) -> Side:
    """ONNX Runtime with all graph optimisations and its transformer fusions."""
    import onnxruntime
    from onnxruntime.transformers import optimizer
    from transformers import AutoModel, AutoTokenizer

    folder = resolve("minilm-l6").folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    path = Path(folder).parent / "minilm-l6.bench.onnx"
    if not path.exists():
        model = _Hidden(AutoModel.from_pretrained(folder, attn_implementation="eager").eval())
        names = ["input_ids", "attention_mask", "token_type_ids"]
        sample = tokenizer(["a text", "another longer text"], padding=True, return_tensors="pt")
        axes = {name: {0: "rows", 1: "tokens"} for name in [*names, "hidden"]}
        torch.onnx.export(
            model,
            tuple(sample[name] for name in names),
            str(path),
            input_names=names,
            output_names=["hidden"],
            dynamic_axes=axes,
            dynamo=False,
            opset_version=17,
        )
        fused = optimizer.optimize_model(
            str(path), model_type="bert", num_heads=12, hidden_size=384
        )
        fused.save_model_to_file(str(path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(texts: Sequence[str]) -> Any:
        order = np.argsort([len(text) for text in texts], kind="stable")
        out = np.zeros((len(texts), 384), dtype=np.float32)
        for at in range(0, len(order), size):
            part = order[at : at + size]
            tokens = tokenizer(
                [texts[i] for i in part],
                padding=True,
                truncation=True,
                max_length=256,
                return_tensors="np",
            )
            hidden = session.run(["hidden"], {n: tokens[n].astype(np.int64) for n in tokens})[0]
            mask = tokens["attention_mask"][..., None].astype(np.float32)
            out[part] = (hidden * mask).sum(1) / mask.sum(1)
        return out

    return run


class _Hidden(torch.nn.Module):
    """The last hidden states alone, by plain arguments, as the exporter wants it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Any, mask: Any, types: Any) -> Any:
        found = self.model(input_ids=ids, attention_mask=mask, token_type_ids=types)
        return found.last_hidden_state


def agree(sides: dict[str, Side], texts: Sequence[str]) -> None:
    """Stop when a side computes something else."""
    expected = sides[OURS](texts)
    for name, side in sides.items():
        error = float(np.abs(np.asarray(side(texts)) - expected).max())
        if error > (TOLERANCE_HALF if HALF in name else 1e-3):
            raise SystemExit(f"{name} differs from ours by {error}")


def _texts(rows: int) -> list[str]:
    path = str(resolve_dataset("snippets").files["train"])
    events = read(path, DataOptions(train=path))
    texts = [event.values["text"] for event in events if isinstance(event, Record)]
    chosen = np.random.default_rng(0).choice(len(texts), rows, replace=False)
    return [texts[int(i)] for i in chosen]


if __name__ == "__main__":
    measure()
