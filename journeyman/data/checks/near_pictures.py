"""Training pictures that nearly repeat a test picture: scaled, saved anew, a little retouched.

Difference hashes find candidates (see `journeyman.data.pictures`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome
from journeyman.data.checks.near_overlap import outcome, sampled

BITS = 64
MOST_DIFFERENT = 4
"""Bits of 64 in which two hashes that mean the same picture may differ."""

PLAIN = 8
"""A hash with fewer bits set, or fewer unset, is of a picture too plain to be told by it."""

_BATCH = 512

Hashes = NDArray[np.uint64]


@CHECKS.register("overlap_near_pictures")
class NearPictures(Check):
    """Pictures whose difference hashes are at most `MOST_DIFFERENT` bits apart."""

    def check(self, checked: Checked) -> Outcome:
        """Compare up to `collect.near_limit` rows; the finding says how many of how many."""
        options, train = checked.options, checked.tables["train"]
        test = checked.tables.get("test")
        if checked.data.image is None or options.near_duplicates == "off" or test is None:
            return Outcome()
        if not len(test) or not len(train):
            return Outcome()
        left, right = sampled(train, test, options.near_limit, checked.seed)
        near = _near(train.difference_hashes[left], test.difference_hashes[right])
        near &= ~np.isin(train.inputs[left], test.inputs)
        measure = f"difference hashes at most {MOST_DIFFERENT} of {BITS} bits apart"
        return outcome(checked, left, right, left[np.flatnonzero(near)], measure)


def _near(train: Hashes, test: Hashes) -> NDArray[np.bool_]:
    """Which of the first hashes have a near one among the second."""
    signs = _signs(test)
    telling = np.abs(signs.sum(axis=1)) <= BITS - 2 * PLAIN
    signs, near = signs[telling], np.zeros(len(train), dtype=bool)
    if not len(signs):
        return near
    for start in range(0, len(train), _BATCH):
        # The product of two rows of signs is the bits that agree less those that differ.
        agreeing = _signs(train[start : start + _BATCH]) @ signs.T
        near[start : start + _BATCH] = agreeing.max(axis=1) >= BITS - 2 * MOST_DIFFERENT
    return near


def _signs(hashes: Hashes) -> NDArray[np.float32]:
    """[N, 64]: each bit as 1 or -1."""
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    return bits.astype(np.float32) * 2 - 1
