"""Vectors that tell people apart: the solved map against its definition, and the margin."""

import math
from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest
import torch

from journeyman.backbones.base import Features
from journeyman.errors import JourneymanError
from journeyman.evaluation.verification import verification_metrics
from journeyman.heads.arcface import ArcFaceHead, ArcFaceOptions
from journeyman.heads.base import HeadShape, at_unit_scale
from journeyman.heads.whitening import WhiteningHead, WhiteningOptions
from journeyman.heads.whitening_search import Candidate, candidates, left_out

WIDTH, DEPTH, PEOPLE, EACH = 10, 4, 12, 6
SHAPE = HeadShape(WIDTH, (1, 2, 3, 4), PEOPLE, "row")


def faces(seed=0, count=PEOPLE):
    """Layers of rows whose first two directions differ within a person far more than between."""
    draw = torch.Generator().manual_seed(seed)
    names = torch.arange(count).repeat_interleave(EACH)
    found = {}
    for layer in SHAPE.layers:
        mix = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(100 + layer))
        rows = torch.randn(count, WIDTH, generator=draw)[names]
        own = 0.2 * torch.randn(len(names), WIDTH, generator=draw)
        own[:, :2] *= 20.0
        found[layer] = (rows + own) @ mix
    return found, torch.nn.functional.one_hot(names, count).float(), names


def solved(**said):
    head = WhiteningHead(WhiteningOptions(**said), SHAPE, 0)
    layers, targets, _ = faces()
    empty = {layer: rows[:0] for layer, rows in layers.items()}
    report = head.solve(layers, targets, empty, lambda found: 0.0, leave_one_out=True)
    return head, report


def test_rows_are_mapped_as_the_scatter_within_people_says():
    head, _ = solved(layers=(1, 3), shrinkage=0.25)
    layers, _, names = faces()
    rows = at_unit_scale(layers, (1, 3)).double()
    means = torch.stack([rows[names == name].mean(0) for name in range(PEOPLE)])
    about = rows - means[names]
    scatter = about.T @ about / (len(rows) - PEOPLE)
    mean = scatter.diagonal().mean()
    shrunk = 0.75 * scatter + 0.25 * mean * torch.eye(2 * WIDTH, dtype=torch.float64)
    centred = rows - rows.mean(0)
    products = centred @ torch.linalg.inv(shrunk) @ centred.T
    lengths = products.diagonal().sqrt()
    found = head.outputs(layers)
    torch.testing.assert_close(
        (found @ found.T).double(), products / lengths[:, None] / lengths, atol=2e-4, rtol=2e-3
    )
    assert head.output_width == head.features == 2 * WIDTH


def test_people_who_were_not_learned_are_told_apart_better_than_by_plain_vectors():
    head, _ = solved()
    layers, _, names = faces(seed=5)
    people = [str(name) for name in names.tolist()]
    plain = verification_metrics(layers[4].numpy(), people)["equal_error_rate"].value
    mapped = verification_metrics(head.outputs(layers).numpy(), people)["equal_error_rate"].value
    assert mapped < 0.6 * plain


def test_left_out_people_are_judged_by_the_others_alone():
    layers, targets, names = faces()
    wide = {4: torch.cat([layers[4]] * 9, dim=1) + 0.01 * torch.randn(
        PEOPLE * EACH, 9 * WIDTH, generator=torch.Generator().manual_seed(3))}  # fmt: skip
    for given in (layers, wide):  # More rows than features, and fewer.
        (tried,) = left_out(given, targets, [Candidate((4,), 0.3)], seed=0)
        people = np.random.default_rng(0).permutation(PEOPLE)
        parts = [people[at::10] for at in range(10)]
        scores, same = [], []
        for one, other in combinations_with_replacement(range(10), 2):
            held = torch.from_numpy(np.isin(names.numpy(), [*parts[one], *parts[other]]))
            width = given[4].shape[1]
            shape = HeadShape(width, (4,), PEOPLE, "row")
            head = WhiteningHead(WhiteningOptions(layers=(4,), shrinkage=0.3), shape, 0)
            head._adopt(Candidate((4,), 0.3))
            head.add({4: given[4][~held]}, targets[~held])
            head.resolve()
            found = head.outputs({4: given[4][held]})
            own = names[held]
            home = torch.from_numpy(np.isin(own.numpy(), parts[one]))
            for a, b in combinations(range(len(own)), 2):
                if (home[a] == home[b]) == (one == other):
                    scores.append(float(found[a] @ found[b]))
                    same.append(bool(own[a] == own[b]))
        assert len(scores) == len(names) * (len(names) - 1) // 2 == len(tried.pairs.scores)
        wanted = equal_error(np.array(scores), np.array(same))
        assert 1.0 - tried.score == pytest.approx(wanted, abs=0.004)


def equal_error(scores, same):
    """By hand: the threshold where both errors are nearest."""
    errors = []
    for threshold in np.unique(scores):
        accepted = scores >= threshold
        errors.append((accepted[~same].mean(), 1 - accepted[same].mean()))
    one, other = min(errors, key=lambda pair: abs(pair[0] - pair[1]))
    return (one + other) / 2


def test_too_few_people_leave_the_usual_settings():
    layers, targets, names = faces()
    few = names < 3
    head = WhiteningHead(WhiteningOptions(), SHAPE, 0)
    some = {layer: rows[few] for layer, rows in layers.items()}
    empty = {layer: rows[:0] for layer, rows in layers.items()}
    report = head.solve(some, targets[few], empty, lambda found: 0.0, leave_one_out=True)
    assert head.choices["shrinkage"] == 0.5
    assert report.candidates == ()


def test_where_features_saw_the_people_validation_chooses():
    layers, targets, _ = faces()
    held, _, _ = faces(seed=2)
    seen = []
    head = WhiteningHead(WhiteningOptions(layers=(4,)), SHAPE, 0)

    def score(outputs):
        seen.append(outputs)
        return float(len(seen) == 2)

    report = head.solve(layers, targets, held, score, leave_one_out=False)
    assert len(seen) == 5
    assert head.choices["shrinkage"] == report.candidates[1]["shrinkage"]


def test_rows_of_no_known_class_are_left_alone():
    head, _ = solved()
    layers, targets, _ = faces(seed=4)
    before = head.outputs(layers)
    head.add(layers, torch.zeros_like(targets))
    head.resolve()
    assert torch.equal(head.outputs(layers), before)


def test_layers_and_shrinkage_that_cannot_be_are_refused():
    with pytest.raises(JourneymanError) as caught:
        candidates(SHAPE, SHAPE.layers, (1, 2), "auto", 15)
    assert caught.value.place == "finetune.head.features"
    with pytest.raises(JourneymanError) as caught:
        WhiteningHead(WhiteningOptions(shrinkage=0.0), SHAPE, 0)
    assert caught.value.place == "finetune.head.shrinkage"


def test_a_margin_is_added_to_the_angle_of_the_own_class_alone():
    head = ArcFaceHead(ArcFaceOptions(width=4, margin=0.4, scale=10.0), SHAPE, 0).eval()
    mask = torch.ones(3, 1, dtype=torch.bool)
    layers = {layer: torch.randn(3, WIDTH) for layer in SHAPE.layers}
    outputs = head(Features(mask, None, layers))
    torch.testing.assert_close(outputs.norm(dim=1), torch.ones(3))
    targets = torch.nn.functional.one_hot(torch.tensor([0, 1, 2]), PEOPLE).float()
    plain = (outputs @ torch.nn.functional.normalize(head.directions, dim=1).T).detach()
    found = head.against(outputs, targets).detach()
    for row in range(3):
        for person in range(PEOPLE):
            cosine = float(plain[row, person])
            wanted = math.cos(math.acos(cosine) + 0.4) if person == row else cosine
            assert float(found[row, person]) == pytest.approx(10 * wanted, abs=1e-3)


def test_the_margin_never_makes_a_larger_angle_better():
    head = ArcFaceHead(ArcFaceOptions(width=2, margin=0.5), HeadShape(2, (1,), 1, "row"), 0)
    head.directions.data = torch.tensor([[1.0, 0.0]])
    angles = torch.linspace(0.01, math.pi - 0.01, 200)
    outputs = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = head.against(outputs, torch.ones(200, 1))[:, 0]
    assert bool((found.diff() < 0).all())
