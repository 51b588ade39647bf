"""Training rows that nearly repeat a test row.

MinHash over word shingles finds candidates (Broder, "On the resemblance and containment of
documents", 1997); each is confirmed by its exact Jaccard similarity.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from datasketch import MinHash, MinHashLSH

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found
from journeyman.data.findings import Severity
from journeyman.data.table import Indices, Table

_PERMUTATIONS = 64
_WORDS = 3
_CHARACTERS = 5
_READ_CHARACTERS = 5000
_EMPTY = MinHash(num_perm=_PERMUTATIONS, hashfunc=int)


@CHECKS.register("overlap_near")
class NearOverlap(Check):
    """Texts whose shingles overlap by `collect.near_threshold` or more."""

    def check(self, checked: Checked) -> Outcome:
        """Compare up to `collect.near_limit` rows; the finding says how many of how many."""
        options, train = checked.options, checked.tables["train"]
        test = checked.tables.get("test")
        if options.near_duplicates == "off" or test is None or not len(test) or not len(train):
            return Outcome()
        if checked.data.image is not None:
            return Outcome()
        left, right = sampled(train, test, options.near_limit, checked.seed)
        near = self._near(checked, train.select(left), test.select(right))
        measure = f"Jaccard similarity at least {options.near_threshold:g}"
        return outcome(checked, left, right, left[near], measure)

    def _near(self, checked: Checked, train: Table, test: Table) -> Indices:
        threshold = checked.options.near_threshold
        index = MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS)
        shingled = [_shingles(text) for text in _texts(test, checked)]
        for number, shingles in enumerate(shingled):
            index.insert(number, _signature(shingles))
        same = np.isin(train.inputs, test.inputs)
        near = []
        for position, text in enumerate(_texts(train, checked)):
            shingles = _shingles(text)
            if same[position]:
                continue
            candidates = index.query(_signature(shingles))
            if any(_jaccard(shingles, shingled[number]) >= threshold for number in candidates):
                near.append(position)
        return np.array(near, dtype=np.int64)


def outcome(
    checked: Checked, left: Indices, right: Indices, positions: Indices, measure: str
) -> Outcome:
    """What is told and done where `positions` of the training rows nearly repeat a test row.

    `left` and `right` are the training and test rows that were compared, by `measure`.
    """
    train, test = checked.tables["train"], checked.tables["test"]
    compared = f"compared {len(left)} of {len(train)} training and {len(right)} of "
    compared += f"{len(test)} test rows"
    if not len(positions) and len(left) == len(train) and len(right) == len(test):
        return Outcome()
    detail = f"Training rows that nearly repeat a test row: {len(positions)} "
    detail += f"({measure}; {compared})."
    remove = checked.options.near_duplicates == "remove"
    action = "removed from training" if remove else "kept; set collect.near_duplicates: remove"
    severity: Severity = "warning" if len(positions) else "note"
    if not len(positions):
        action = "raise collect.near_limit to compare all"
    finding = found("near_overlap", severity, train, positions, detail, action)
    kept = np.setdiff1d(np.arange(len(train)), positions) if remove else None
    return Outcome((finding,), kept)


def sampled(train: Table, test: Table, limit: int, seed: int) -> tuple[Indices, Indices]:
    """Positions to compare: all, or seeded samples with at most a third of the limit for test."""
    random = np.random.default_rng(seed)
    rows = min(len(test), max(limit // 3, limit - len(train)))
    right = np.sort(random.choice(len(test), rows, replace=False))
    left = np.sort(random.choice(len(train), min(len(train), limit - rows), replace=False))
    return left, right


def _texts(table: Table, checked: Checked) -> list[str]:
    columns = [table.column(name) for name in checked.data.texts]
    return ["\n".join(parts)[:_READ_CHARACTERS] for parts in zip(*columns, strict=True)]


def _shingles(text: str) -> frozenset[int]:
    """Hashes of runs of three words; of five characters where words are few or not spaced."""
    words = text.casefold().split()
    if len(words) >= 2 * _WORDS and len(text) < 12 * len(words):
        runs = (" ".join(words[at : at + _WORDS]) for at in range(len(words) - _WORDS + 1))
    else:
        joined = " ".join(words)
        runs = (joined[at : at + _CHARACTERS] for at in range(max(1, len(joined) - 4)))
    return frozenset(crc32(run.encode()) for run in runs)


def _signature(shingles: frozenset[int]) -> MinHash:
    signature = _EMPTY.copy()  # drawing the permutations anew is slow
    signature.update_batch(shingles)
    return signature


def _jaccard(left: frozenset[int], right: frozenset[int]) -> float:
    return len(left & right) / max(1, len(left | right))
