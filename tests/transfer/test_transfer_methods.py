"""The methods: exact left-out answers, evidence, nested draws, staying near a source, savings."""

import numpy as np
import pytest
import torch

from journeyman.heads.base import HeadShape
from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions
from journeyman.transfer.basis import Basis, Prior, followed
from journeyman.transfer.curve import Curve, Point
from journeyman.transfer.head_fit import fit_head, ridge_head
from journeyman.transfer.logme import logme
from journeyman.transfer.new_data import nested_order
from journeyman.transfer.ridge_path import RidgePath
from journeyman.transfer.savings import needed, savings
from journeyman.types import Metric

WIDTH = 6


def rows(count, width=WIDTH, classes=3, noise=0.3, seed=0):
    """Features whose first directions say the class, and one-hot targets."""
    draw = torch.Generator().manual_seed(seed)
    said = torch.arange(count) % classes
    features = noise * torch.randn(count, width, generator=draw)
    features[torch.arange(count), said] += 1.0
    return features, torch.nn.functional.one_hot(said, classes).float()


def basis(features, prior=None):
    made = FeatureMap((1,), features.shape[1:], None)
    made.fit({1: features})
    return Basis(made, 0, prior)


def test_a_kernels_answers_are_followed_by_a_plain_head():
    features, targets = rows(120, noise=0.2)
    width, classes = features.shape[1], targets.shape[1]
    source = RidgeHead(RidgeOptions(kernel=True), HeadShape(width, (1,), classes, "row"), 0)
    layers = {1: features}
    source.solve(layers, targets, layers, lambda outputs: 0.0, leave_one_out=True)
    plain = basis(features).features(layers)
    prior = followed(source, plain, layers)
    answers = plain.double() @ prior.weight + prior.offset
    theirs = source.outputs(layers).double()
    constant = torch.cat([plain.double(), torch.ones(120, 1, dtype=torch.float64)], dim=1)
    closest = constant @ torch.linalg.lstsq(constant, theirs).solution
    error, least = (float((each - theirs).square().mean()) for each in (answers, closest))
    assert least <= error < 1.01 * least
    assert bool((answers.argmax(1) == theirs.argmax(1)).float().mean() > 0.95)


@pytest.mark.parametrize(("count", "width"), [(5, 9), (30, 6)])
def test_left_out_answers_are_those_of_training_without_the_row(count, width):
    features, targets = rows(count, width)
    exact, path = targets.double(), RidgePath(features)
    found = path.left_out(exact, 0.7)
    for at in range(count):
        others = [i for i in range(count) if i != at]
        weight, offset = RidgePath(features[others]).solve(exact[others], 0.7)
        assert torch.allclose(features[at].double() @ weight + offset, found[at], atol=1e-8)


def test_logme_is_the_evidence_and_prefers_features_that_tell():
    features, targets = rows(60)
    told = logme(features, targets)
    assert told > logme(torch.randn(60, WIDTH, generator=torch.Generator().manual_seed(1)), targets)
    assert told > logme(features + torch.randn(60, WIDTH), targets)
    assert logme(features, torch.ones(60, 1)) == 0.0
    path, y = RidgePath(features), targets[:, :1].double() - targets[:, :1].double().mean()
    best = -np.inf
    for alpha in np.logspace(-2, 3, 60):
        for beta in np.logspace(-1, 3, 60):
            cover = np.eye(60) / beta + (path.centred @ path.centred.T).numpy() / alpha
            log = np.linalg.slogdet(cover)[1] + float(
                y.T @ torch.from_numpy(np.linalg.inv(cover)) @ y
            )
            best = max(best, -0.5 * (log + 60 * np.log(2 * np.pi)) / 60)
    assert logme(features, targets[:, :1]) == pytest.approx(best, abs=2e-3)


def test_every_beginning_of_an_order_is_a_stratified_sample():
    strata = np.array([0] * 60 + [1] * 30 + [2] * 10)
    order = nested_order(strata, np.random.default_rng(0))
    assert sorted(order) == list(range(100))
    assert set(strata[order[:3]]) == {0, 1, 2}
    for size in (10, 20, 50):
        counts = np.bincount(strata[order[:size]], minlength=3) / size
        assert np.abs(counts - [0.6, 0.3, 0.1]).max() <= 0.15
    assert list(order) != list(nested_order(strata, np.random.default_rng(1)))


def test_the_saved_head_answers_as_the_fit_and_unlearns():
    features, targets = rows(40)
    made = basis(features)
    mapped = made.features({1: features})
    fit = fit_head([(made, mapped)], targets)
    head = ridge_head(fit, HeadShape(WIDTH, (1,), 3, "row"), mapped, targets)
    outputs = mapped @ head.weight + head.offset
    assert torch.allclose(outputs, fit.outputs(mapped).float(), atol=2e-3)
    before = head.weight.clone()
    head.add({1: features[:5]}, targets[:5])
    head.resolve()
    assert not torch.equal(head.weight, before)
    head.remove({1: features[:5]}, targets[:5])
    head.resolve()
    assert torch.equal(head.weight, before)


def test_near_a_good_source_few_rows_do_better_than_alone():
    many, said = rows(400, noise=0.6, seed=1)
    made = basis(many)
    source = fit_head([(made, made.features({1: many}))], said)
    zero, one = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    prior = Basis(made.map, 0, Prior(source.weight, source.offset, zero, one))
    few, targets = rows(6, noise=0.6, seed=2)
    test, truths = rows(300, noise=0.6, seed=3)

    def error(chosen):
        fit = fit_head([(chosen, chosen.features({1: few}))], targets)
        return float((fit.outputs(chosen.features({1: test})) - truths).square().mean())

    assert error(prior) < 0.8 * error(made)
    fit = fit_head([(prior, prior.features({1: few}))], targets)
    mapped = prior.features({1: few})
    head = ridge_head(fit, HeadShape(WIDTH, (1,), 3, "row"), mapped, targets)
    assert torch.allclose(
        mapped @ head.weight + head.offset, fit.outputs(mapped).float(), atol=2e-3
    )


def curve(name, scores):
    points = [Point(n, Metric(s), (s,)) for n, s in scores.items()]
    return Curve(name, tuple(points))


def test_labels_are_read_off_the_curve_on_a_logarithmic_scale():
    assert needed([8, 16, 32], [0.5, 0.6, 0.7], 0.65) == pytest.approx(2**4.5)
    assert needed([8, 16, 32], [0.5, 0.6, 0.7], 0.4) == 8
    assert needed([8, 16, 32], [0.5, 0.7, 0.6], 0.7) == 16
    assert needed([8, 16, 32], [0.5, 0.6, 0.7], 0.8) == float("inf")
    found = savings(curve("warm", {8: 0.6, 16: 0.9}), curve("cold", {8: 0.5, 16: 0.6, 32: 0.7}))
    assert (found[0].needed, found[0].saved) == (16, 8)
    assert (found[1].needed, found[1].saved, found[1].high) == (None, None, None)
