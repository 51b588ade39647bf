"""The feature cache: what the frozen layers make of each distinct row, computed once.

Entries are keyed by backbone hash, cut, preparation and content, and kept in half precision in
immutable shard files under a bounded size. Several processes may share one cache: a shard enters
the index in the transaction that renames its files into place, and the longest unused shards go
first, whole.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from journeyman.backbones.base import HALF_LIMIT, Backbone, Inputs
from journeyman.catalogue.home import home
from journeyman.errors import ResourceError
from journeyman.training.batches import token_batches
from journeyman.training.cache.features import CachedFeatures, places_of
from journeyman.training.cache.index import CacheIndex, Entry, ShardRecord
from journeyman.training.cache.packing import Packing
from journeyman.training.cache.shards import (
    PARTS,
    Shard,
    ShardWriter,
    checksum,
    map_part,
    write_part,
)

FORMAT = 1
SHARD_BYTES = 64 << 20
BATCH_TOKENS = 1024
DEFAULT_GIGABYTES = 20.0

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all)."""


@dataclass
class CacheStats:
    """What one run asked of the cache: rows, bytes that new ones take on disk, seconds."""

    rows_asked: int = 0
    rows_found: int = 0
    rows_computed: int = 0
    bytes_asked: int = 0
    seconds_computing: float = 0.0
    seconds_saved: float = 0.0


class FeatureCache:
    """The cache in `folder` (default: under JOURNEYMAN_HOME), at most `limit_bytes` large."""

    def __init__(self, folder: Path | None = None, limit_bytes: int | None = None) -> None:
        self.folder = folder or home() / "features"
        self.limit_bytes = limit_bytes if limit_bytes is not None else _limit_from_environment()
        self.index = CacheIndex(self.folder)
        self.stats = CacheStats()
        self._open: dict[str, Shard] = {}

    def features(
        self,
        backbone: Backbone,
        inputs: Inputs,
        cut: int,
        *,
        keep_hidden: bool,
        progress: Progress | None = None,
    ) -> CachedFeatures:
        """Features of `inputs` at `cut`, computing only the rows that are not there yet.

        Rows are computed in batches planned from the missing rows alone, sorted by length and
        content, so a killed pass leaves whole shards and the rest comes out the same. Room for
        them is made first, so the cache never outgrows its limit by more than what is in use.
        """
        backbone.check_cut(cut)
        work = _Pass(backbone, cut, Packing.of(backbone, cut, keep_hidden))
        distinct = _distinct(inputs)
        self._check_size(work, inputs, list(distinct.values()))
        found = self._lookup(work.namespace, list(distinct), work.packing.any)
        missing = [at for key, at in distinct.items() if key not in found]
        need = work.size(inputs.lengths[missing])
        self.stats.bytes_asked += need
        self._evict(keep={entry.shard for entry in found.values()}, room=need)
        self._count(inputs, found)
        done = 0
        for block in work.blocks(inputs, missing):
            found.update(self._compute(work, inputs, block))
            done += sum(map(len, block))
            if progress:
                progress(done, len(missing))
        shards = {entry.shard: self._open[entry.shard] for entry in found.values()}
        self.index.touch(shards)
        self._evict(keep=set(shards))
        names = tuple(shards)
        return CachedFeatures(
            lengths=backbone.positions(inputs.lengths, cut),
            widths={layer: backbone.pooled_width_at(layer) for layer in range(1, cut + 1)},
            places=places_of(inputs.keys, found, names),
            names=names,
            shards=shards,
            folder=self.folder,
            packing=work.packing,
            grid=backbone.grid_at(cut),
        )

    def planned(self, backbone: Backbone, inputs: Inputs, cut: int, *, keep_hidden: bool) -> int:
        """Bytes that `inputs` take on disk at this cut, were none of them there."""
        rows = list(_distinct(inputs).values())
        return expected_bytes(backbone, inputs.lengths[rows], cut, keep_hidden)

    def _lookup(self, namespace: str, keys: list[bytes], hidden: bool) -> dict[bytes, Entry]:
        found = self.index.find(namespace, keys, hidden)
        names = {entry.shard for entry in found.values()}
        records = self.index.shards(names)
        lost = {name for name in names if not self._opened(name, records.get(name))}
        return {key: entry for key, entry in found.items() if entry.shard not in lost}

    def _opened(self, name: str, record: ShardRecord | None) -> bool:
        if name in self._open:
            return True
        if record is not None:
            pooled = map_part(self.folder / f"{name}.pooled.npy", record.pooled_sum)
            hidden = None
            if record.hidden:
                hidden = map_part(self.folder / f"{name}.hidden.npy", record.hidden_sum)
            if pooled is not None and (hidden is not None or not record.hidden):
                self._open[name] = Shard(pooled.reshape(len(pooled), -1), hidden)
                return True
        with self.index.writing():
            self._remove(name)
        return False

    def _count(self, inputs: Inputs, found: dict[bytes, Entry]) -> None:
        seconds = {
            name: record.seconds_per_token
            for name, record in self.index.shards({e.shard for e in found.values()}).items()
        }
        self.stats.rows_asked += len(inputs)
        self.stats.rows_found += sum(key in found for key in inputs.keys)
        self.stats.seconds_saved += sum(
            entry.length * seconds.get(entry.shard, 0.0) for entry in found.values()
        )

    def _compute(
        self, work: _Pass, inputs: Inputs, block: Sequence[NDArray[np.int64]]
    ) -> dict[bytes, Entry]:
        started = time.perf_counter()
        small, large = ShardWriter(), ShardWriter()
        for batch in block:
            rows = inputs.select(batch)
            for (key, pooled, hidden), source in zip(work.rows(rows), _sources(rows), strict=True):
                writer = small if _survives(pooled, hidden) else large
                writer.add(key, pooled, hidden, source)
        seconds = time.perf_counter() - started
        self.stats.rows_computed += sum(map(len, block))
        self.stats.seconds_computing += seconds
        lines = sum(small.lengths) + sum(large.lengths)
        entries: dict[bytes, Entry] = {}
        for writer, kind in ((small, np.float16), (large, np.float32)):
            if writer.keys:
                entries.update(self._write(work, writer, kind, seconds / lines))
        return entries

    def _write(
        self, work: _Pass, writer: ShardWriter, kind: type, seconds_per_token: float
    ) -> dict[bytes, Entry]:
        name, hidden = uuid.uuid4().hex, work.packing.any
        self._make_room(writer.size(kind))
        parts: dict[str, list[NDArray[Any]]] = {"pooled": [np.stack(writer.pooled).astype(kind)]}
        if hidden:
            parts["hidden"] = [array.astype(kind) for array in writer.hidden]
        entries = writer.entries(name)
        written: dict[str, tuple[Path, int]] = {}
        try:
            for part, arrays in parts.items():
                written[part] = write_part(self.folder, f"{name}.{part}", arrays)
            pooled_sum, hidden_sum = (written[p][1] if p in written else 0 for p in PARTS)
            size = sum(path.stat().st_size for path, _ in written.values())
            record = ShardRecord(
                name, work.namespace, hidden, size, pooled_sum, hidden_sum, seconds_per_token
            )
            with self.index.writing():
                for part, (path, _) in written.items():
                    os.replace(path, self.folder / f"{name}.{part}.npy")
                self.index.add(record, entries)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        finally:
            for path, _ in written.values():
                path.unlink(missing_ok=True)
        if not self._opened(name, record):
            raise _unwritable(self.folder, OSError("what was written does not read back"))
        return entries

    def _make_room(self, size: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < 2 * size:
            raise _unwritable(self.folder, OSError(f"{free >> 20} MB free, {size >> 20} MB wanted"))

    def _evict(self, keep: set[str], room: int = 0) -> None:
        excess = self.index.total_bytes() + room - self.limit_bytes
        with self.index.writing():
            for name, size in self.index.least_used():
                if excess <= 0:
                    break
                if name not in keep:
                    self._remove(name)
                    excess -= size
            self._sweep()

    def _sweep(self) -> None:
        known = {name for name, _ in self.index.least_used()}
        for path in self.folder.glob("*.npy"):
            if path.name.split(".")[0] not in known:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(".*.tmp"):
            writer = path.name.split(".")[-2]
            if writer.isdecimal() and not _alive(int(writer)):
                path.unlink(missing_ok=True)

    def _remove(self, name: str) -> None:
        self.index.drop(name)
        self._open.pop(name, None)
        for part in PARTS:
            (self.folder / f"{name}.{part}.npy").unlink(missing_ok=True)

    def sources(self) -> set[int]:
        """Hashes of the rows that anything here was made from (`Inputs.sources`), where known."""
        return self.index.sources()

    def forget(self, sources: Iterable[int]) -> int:
        """Delete what was made from rows with these hashes (`Inputs.sources`), by whatever backbone
        at whatever cut, from the disk; how many rows that were.

        Their shards go whole: other rows of them are computed again when they are asked for, and
        rows of which it is not known what they were made from go too.
        """
        with self.index.writing():
            found = self.index.made_from(sources)
            for name in found:
                self._remove(name)
            self._sweep()
        self.index.scrub()
        return sum(found.values())

    def _check_size(self, work: _Pass, inputs: Inputs, rows: list[int]) -> None:
        need = work.size(inputs.lengths[rows])
        if need > self.limit_bytes:
            raise ResourceError(
                "The frozen features of these rows do not fit in the feature cache.",
                place=str(self.folder),
                expected=f"at most {self.limit_bytes / 1e9:.1f} GB",
                found=f"{need / 1e9:.1f} GB for {len(rows):,} distinct rows at cut {work.cut}",
                remedy="raise JOURNEYMAN_CACHE_GB, use `tuner: none`, or shorten the texts",
            )

    def close(self) -> None:
        """Let go of the index and the mapped shards."""
        self._open.clear()
        self.index.close()


@dataclass(frozen=True)
class _Pass:
    """One run of the frozen layers: through which, and what is kept of each row."""

    backbone: Backbone
    cut: int
    packing: Packing

    @property
    def namespace(self) -> str:
        """What tells its rows from those of any other pass."""
        backbone, packing = self.backbone, self.packing
        said = f"{FORMAT} {backbone.spec.sha256} {self.cut}{backbone.manner}{packing.said}"
        return sha256(said.encode()).hexdigest()[:32]

    def size(self, lengths: NDArray[np.int64]) -> int:
        """Bytes the cache takes for distinct rows of these lengths, in half precision."""
        vectors = sum(map(self.backbone.pooled_width_at, range(1, self.cut + 1)))
        lines = self.packing.numbers(self.backbone.positions(lengths, self.cut))
        return 2 * (len(lengths) * vectors + int(lines.sum()))

    def rows(
        self, inputs: Inputs
    ) -> Iterator[tuple[bytes, NDArray[np.float32], NDArray[np.float32] | int]]:
        """Key, pooled vectors side by side, and what else is kept, of each row."""
        features = self.backbone.frozen(inputs, self.cut, keep_hidden=self.packing.hidden)
        features = features.to(torch.device("cpu"))
        layers = [features.pooled[layer] for layer in sorted(features.pooled)]
        pooled = torch.cat(layers, dim=1).numpy()
        positions = self.backbone.positions(inputs.lengths, self.cut).tolist()
        for at, (key, length) in enumerate(zip(inputs.keys, positions, strict=True)):
            yield key, pooled[at].copy(), self.packing.packed(features, at, length)

    def blocks(self, inputs: Inputs, rows: list[int]) -> Iterator[list[NDArray[np.int64]]]:
        """Batches of the missing rows, in blocks of about one shard's size."""
        block: list[NDArray[np.int64]] = []
        size = 0
        order = sorted(rows, key=lambda at: (int(inputs.lengths[at]), inputs.keys[at]))
        for batch in token_batches(inputs.lengths, np.array(order, dtype=np.int64), BATCH_TOKENS):
            block.append(batch)
            size += self.size(inputs.lengths[batch])
            if size >= SHARD_BYTES:
                yield block
                block, size = [], 0
        if block:
            yield block


def _sources(inputs: Inputs) -> Sequence[int | None]:
    return [None] * len(inputs) if inputs.sources is None else inputs.sources.tolist()


def _survives(pooled: NDArray[np.float32], hidden: NDArray[np.float32] | int) -> bool:
    arrays: list[Any] = [pooled] if isinstance(hidden, int) else [pooled, hidden]
    return all(bool((np.abs(a) <= HALF_LIMIT).all()) for a in arrays)


def expected_bytes(backbone: Backbone, lengths: NDArray[np.int64], cut: int, hidden: bool) -> int:
    """Bytes the cache takes for distinct rows of these lengths, in half precision."""
    return _Pass(backbone, cut, Packing.of(backbone, cut, hidden)).size(lengths)


def _distinct(inputs: Inputs) -> dict[bytes, int]:
    first: dict[bytes, int] = {}
    for at, key in enumerate(inputs.keys):
        first.setdefault(key, at)
    return first


def _limit_from_environment() -> int:
    text = os.environ.get("JOURNEYMAN_CACHE_GB", str(DEFAULT_GIGABYTES))
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 < gigabytes < 1e6:
        raise ResourceError(
            "The size of the feature cache is not a number.",
            place="JOURNEYMAN_CACHE_GB",
            expected="gigabytes, above 0",
            found=repr(text),
            remedy=f"unset it for the default of {DEFAULT_GIGABYTES:g}",
        )
    return int(gigabytes * 1e9)


def _unwritable(folder: Path, error: OSError) -> ResourceError:
    return ResourceError(
        "The feature cache cannot be written.",
        place=str(folder),
        expected="free space and write permission",
        found=str(error),
        remedy="free some space, or set JOURNEYMAN_HOME to a folder on another disk",
    )


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


__all__ = ["CacheStats", "CachedFeatures", "FeatureCache", "checksum", "expected_bytes"]
