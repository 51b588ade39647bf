"""A backbone's reference, whatever its kind, to a checked folder on disk."""

from __future__ import annotations

import difflib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from journeyman.catalogue.digest import digest_of, remembered_sha256
from journeyman.catalogue.entry import backbone_entries
from journeyman.catalogue.fetch import fetch, receipt_of
from journeyman.errors import FetchError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w.-]+)?")
"""owner/name, and a revision when one is wanted."""

CONTENT = (
    "config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "preprocessor_config.json",
)
"""What decides a backbone's output, and so its SHA-256."""

TOKENIZERS = ("tokenizer.json", "vocab.*", "*.model")
"""Any of these makes a tokenizer; without one the library would make up an empty one."""

PREPROCESSING = "preprocessor_config.json"
"""What a network for pictures or sound has in a tokenizer's place."""

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class ResolvedBackbone:
    """A backbone on disk. `sha256` is over its config, tokenizer and weights."""

    name: str
    folder: Path
    licence: str
    source: str
    sha256: str


def resolve(reference: str, *, progress: bool = True) -> ResolvedBackbone:
    """The backbone that a catalogue name, a local folder or a hub id (`owner/name@revision`) names.

    What is not on disk is fetched. Raises FetchError when nothing of that name is found, or when it
    has no weights in safetensors.
    """
    entry = backbone_entries().get(reference)
    if entry is not None:
        folder = fetch(entry, progress=progress)
        receipt = receipt_of(entry) or {}
        source = str(receipt.get("source", ""))
        return ResolvedBackbone(reference, folder, entry.licence, source, content_sha256(folder))
    folder = Path(reference).expanduser()
    if reference and folder.is_dir():
        return _resolved_folder(folder.name or reference, folder.absolute(), "folder")
    if _looks_like_path(reference) or not HUB_ID.fullmatch(reference):
        raise _unknown(reference)
    from journeyman.catalogue.hub_snapshot import hub_snapshot  # And all that speaks HTTP.

    folder, commit = hub_snapshot(reference, progress=progress)
    return _resolved_folder(reference, folder, f"hub: {reference.partition('@')[0]}@{commit[:12]}")


def content_of(folder: Path) -> list[Path]:
    """The files of a backbone folder that decide its output, by name."""
    paths = {path for pattern in CONTENT for path in folder.glob(pattern) if path.is_file()}
    return sorted(paths)


def content_sha256(folder: Path) -> str:
    """The SHA-256 of a backbone folder: the same wherever the same files lie."""
    return digest_of({path.name: remembered_sha256(path) for path in content_of(folder)})


def _resolved_folder(name: str, folder: Path, source: str) -> ResolvedBackbone:
    check_folder(folder)
    return ResolvedBackbone(name, folder, _licence(folder), source, content_sha256(folder))


def check_folder(folder: Path) -> None:
    """Raise FetchError when the folder lacks a readable config or its safetensors weights."""
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FetchError(
            "The folder is not a backbone.",
            place=str(folder),
            expected="a Hugging Face model folder with a config.json",
            found=f"config.json: {type(error).__name__}",
            remedy="Name the folder that `save_pretrained` wrote.",
        ) from error
    wanted = _weight_files(folder)
    missing = [name for name in wanted if not (folder / name).is_file()]
    if wanted and not missing:
        return
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles and not wanted:
        raise pickle_refused(str(folder), pickles)
    raise FetchError(
        "The backbone's weights are missing.",
        place=str(folder),
        expected=", ".join(wanted) or "model.safetensors",
        found=f"no {missing[0]}" if missing else "no safetensors file",
        remedy="Copy the whole model folder again.",
    )


def check_readable(folder: Path) -> None:
    """Raise FetchError where weights are no whole safetensors, or nothing prepares inputs."""
    for name in _weight_files(folder):
        _check_weights(folder / name)
    _check_tokenizer(folder)


def _check_weights(path: Path) -> None:
    try:
        with safe_open(path, framework="numpy"):
            return
    except (OSError, SafetensorError) as error:
        raise FetchError(
            "The backbone's weights cannot be read.",
            place=str(path),
            expected="a whole safetensors file",
            found=str(error).splitlines()[0],
            remedy="Fetch or copy the file again.",
        ) from error


def _check_tokenizer(folder: Path) -> None:
    if any(next(folder.glob(name), None) for name in (*TOKENIZERS, PREPROCESSING)):
        return
    raise FetchError(
        "The backbone has no tokenizer.",
        place=str(folder),
        expected=f"one of {', '.join(TOKENIZERS)} beside the weights; of pictures, {PREPROCESSING}",
        found="none of them",
        remedy="Copy the whole model folder again; a tokenizer is saved by `save_pretrained` too.",
    )


def pickle_refused(place: str, files: list[str]) -> FetchError:
    """Weights in a pickle can run code when they are read."""
    return FetchError(
        "The backbone's weights are a pickle, which can run code when it is loaded.",
        place=place,
        expected="weights in safetensors",
        found=", ".join(files[:3]),
        remedy="Where you trust it, load it and `save_pretrained` it: that writes safetensors.",
    )


def _weight_files(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        except (ValueError, KeyError, AttributeError):
            return [index.name + " that can be read"]
        return sorted(set(shards))
    return sorted(path.name for path in folder.glob("model*.safetensors"))


def _licence(folder: Path) -> str:
    """What the folder's model card states."""
    from huggingface_hub import ModelCard  # And all that speaks HTTP.

    card = folder / "README.md"
    try:
        stated = ModelCard.load(card).data.license if card.is_file() else None
    except (ValueError, OSError):
        stated = None
    return str(stated) if stated else "none stated"


def _looks_like_path(reference: str) -> bool:
    return reference.startswith((".", "~", os.sep)) or reference.endswith(("/", os.sep))


def _unknown(reference: str) -> FetchError:
    names = list(backbone_entries())
    near = difflib.get_close_matches(reference.lower(), names, n=3, cutoff=0.4)
    return FetchError(
        f"There is no backbone {reference!r}.",
        place="backbone",
        expected=f"a catalogue name ({', '.join(names)}), a folder, or a hub id such as owner/name",
        found=repr(reference),
        remedy=f"Did you mean {' or '.join(map(repr, near))}?"
        if near
        else "List the names with `journeyman backbones`.",
    )
