"""Statistics of ridge: exact in any order, reversible, and leave-one-out is what it says."""

from __future__ import annotations

import pytest
import torch

from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.regulariser import ALPHAS, choose_alpha, left_out_judge
from journeyman.heads.statistics import RidgeStatistics


def data(count=300, features=70, outputs=3, seed=0):
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(count, features, generator=random).relu()
    y = torch.randn(count, outputs, generator=random)
    return x, y


def of(x, y):
    made = RidgeStatistics(x.shape[1], y.shape[1])
    made.add(x, y)
    return made


def same(first, second):
    a, b = first.tensors(), second.tensors()
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("size", [1, 7, 128])
def test_order_and_split_of_batches_do_not_show(size):
    x, y = data()
    parts = RidgeStatistics(70, 3)
    for part in torch.randperm(300, generator=torch.Generator().manual_seed(size)).split(size):
        parts.add(x[part], y[part])
    assert same(of(x, y), parts)
    whole, split = of(x, y).resolve(0.1), parts.resolve(0.1)
    torch.testing.assert_close(whole.outputs(x), split.outputs(x), rtol=1e-5, atol=0)


def test_removing_is_never_having_seen():
    x, y = data()
    made = of(x, y)
    made.remove(x[200:], y[200:])
    assert same(made, of(x[:200], y[:200]))


def test_merging_is_adding():
    x, y = data()
    made = of(x[:120], y[:120])
    made.merge(of(x[120:], y[120:]))
    assert same(made, of(x, y))


def test_more_rows_than_are_held_cannot_be_removed():
    x, y = data()
    with pytest.raises(ValueError, match="cannot remove 300 rows of 10"):
        of(x[:10], y[:10]).remove(x, y)


def test_the_solution_is_that_of_exact_arithmetic():
    x, y = data()
    mean, center = y.double().mean(0), x.double().mean(0)
    centred = x.double() - center
    system = centred.T @ centred + 0.3 * torch.eye(70, dtype=torch.float64)
    expected = centred @ torch.linalg.solve(system, centred.T @ (y - mean)) + mean
    actual = of(x, y).resolve(0.3).outputs(x.double())
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-3)


def test_leave_one_out_is_solving_without_the_row():
    x, y = data(count=40, features=9)
    left_out = of(x, y).resolve(0.5).leave_one_out(x.double(), y.double())
    for row in (0, 17, 39):
        without = of(x, y)
        without.remove(x[row : row + 1], y[row : row + 1])
        expected = without.resolve(0.5).outputs(x[row : row + 1].double())
        torch.testing.assert_close(left_out[row : row + 1], expected, rtol=0, atol=1e-3)


def test_stored_statistics_come_back_packed():
    made = of(*data())
    tensors = made.tensors()
    assert tensors["gram"].shape == (70 * 71 // 2,)
    assert tensors["gram"].dtype == torch.float64
    assert same(RidgeStatistics.from_tensors(tensors), made)


def test_sums_too_large_to_be_exact_are_known():
    made = of(*data())
    assert made.exact
    made.add(torch.full((10, 70), 1e5), torch.zeros(10, 3))
    assert not made.exact


def test_the_penalty_grows_with_the_noise():
    random = torch.Generator().manual_seed(1)
    x = torch.randn(200, 40, generator=random)
    truth = x[:, :1] * 2.0
    chosen = []
    for noise in (0.01, 5.0):
        y = truth + noise * torch.randn(200, 1, generator=random)
        statistics = of(x, y)
        solution, trials = choose_alpha(statistics, ALPHAS, 1e-2, left_out_judge(x, y))
        assert trials[0].merit == max(trial.merit for trial in trials)
        assert torch.equal(solution.weight, statistics.resolve(trials[0].alpha).weight)
        chosen.append(trials[0].relative)
    assert chosen[0] < chosen[1]


def test_a_row_maps_to_the_same_bits_wherever_it_stands():
    values = torch.randn(1500, 24, generator=torch.Generator().manual_seed(2))
    made = FeatureMap((1,), (24,), 200)
    made.fit({1: values})
    made.place(values[:200])
    whole = torch.cat([part for _, part in made.chunks({1: values})])
    for rows in (slice(0, 1), slice(700, 741), slice(1400, 1500)):
        alone = torch.cat([part for _, part in made.chunks({1: values[rows]})])
        assert torch.equal(alone, whole[rows])


def test_a_constant_column_is_harmless():
    values = torch.ones(50, 4)
    made = FeatureMap((1,), (4,), None)
    made.fit({1: values})
    assert torch.equal(made(values), torch.zeros(50, 4))
