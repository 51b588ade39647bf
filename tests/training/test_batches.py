"""Batches: every row once, within the budget, and the same for the same seed and epoch."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.training.batches import by_length, shuffled_batches, token_batches

LENGTHS = st.lists(st.integers(1, 300), max_size=120).map(lambda v: np.array(v, dtype=np.int64))


@given(LENGTHS, st.integers(1, 1000))
@settings(max_examples=150, deadline=None)
def test_token_batches_take_every_row_once_within_the_budget_and_of_one_length(lengths, tokens):
    order = np.argsort(lengths, kind="stable")
    batches = list(token_batches(lengths, order, tokens))
    assert [int(i) for batch in batches for i in batch] == order.tolist()
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens
        assert len(set(lengths[batch].tolist())) == 1
    for batch, after in itertools.pairwise(batches):
        length = lengths[batch[0]]
        assert lengths[after[0]] != length or (len(batch) + 1) * length > tokens


@given(LENGTHS, st.integers(1, 40), st.integers(0, 2**32 - 1), st.integers(0, 50))
@settings(max_examples=100, deadline=None)
def test_shuffled_batches_are_a_permutation(lengths, size, seed, epoch):
    batches = shuffled_batches(lengths, size, seed=seed, epoch=epoch)
    assert sorted(int(i) for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(0 < len(batch) <= size for batch in batches)
    assert len(batches) == -(-len(lengths) // size)
    again = shuffled_batches(lengths, size, seed=seed, epoch=epoch)
    assert [b.tolist() for b in batches] == [b.tolist() for b in again]


def test_another_epoch_or_seed_is_another_composition():
    lengths = np.random.default_rng(0).integers(3, 60, size=500)

    def sets(seed, epoch):
        found = shuffled_batches(lengths, 16, seed=seed, epoch=epoch, pool=4)
        return {frozenset(batch.tolist()) for batch in found}

    assert sets(0, 0) == sets(0, 0)
    assert len(sets(0, 0) & sets(0, 1)) < 3
    assert len(sets(0, 0) & sets(1, 0)) < 3


def test_batches_are_of_like_length():
    lengths = np.random.default_rng(0).integers(3, 250, size=2000)
    padded = sum(
        int(lengths[b].max()) * len(b) for b in shuffled_batches(lengths, 32, seed=0, epoch=0)
    )
    assert padded < 1.1 * lengths.sum()


@given(LENGTHS, st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_evaluation_takes_every_row_shortest_first(lengths, size):
    rows = [int(i) for batch in by_length(lengths, size) for i in batch]
    assert sorted(rows) == list(range(len(lengths)))
    assert (np.diff(lengths[rows]) >= 0).all()
