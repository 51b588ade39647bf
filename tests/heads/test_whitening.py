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
from journeyman.heads.base import HeadShape
from journeyman.heads.layer_view import View
from journeyman.heads.whitening import WhiteningHead, WhiteningOptions
from journeyman.heads.whitening_search import FINE, Candidate, LeftOut, candidates

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
    parts = [torch.nn.functional.normalize(layers[layer]) * WIDTH**0.5 for layer in (1, 3)]
    rows = torch.cat(parts, dim=1).double()
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


def by_hand(layers, targets, names, groups):
    """Scores and sameness of all pairs, by a head solved anew for every two parts left out."""
    people = np.random.default_rng(0).permutation(PEOPLE)
    parts = [people[at::groups] for at in range(groups)]
    scores, same = [], []
    for one, other in combinations_with_replacement(range(groups), 2):
        held = torch.from_numpy(np.isin(names.numpy(), [*parts[one], *parts[other]]))
        shape = HeadShape(layers[4].shape[1], (4,), PEOPLE, "row")
        head = WhiteningHead(WhiteningOptions(layers=(4,), shrinkage=0.3), shape, 0)
        head._adopt(Candidate((4,), 0.3))
        head.add({4: layers[4][~held]}, targets[~held])
        head.resolve()
        found = head.outputs({4: layers[4][held]})
        own = names[held]
        home = torch.from_numpy(np.isin(own.numpy(), parts[one]))
        for a, b in combinations(range(len(own)), 2):
            if (home[a] == home[b]) == (one == other):
                scores.append(float(found[a] @ found[b]))
                same.append(bool(own[a] == own[b]))
    return np.array(scores), np.array(same)


def test_left_out_people_are_judged_by_the_others_alone():
    layers, targets, names = faces()
    wide = {4: torch.cat([layers[4]] * 9, dim=1) + 0.01 * torch.randn(
        PEOPLE * EACH, 9 * WIDTH, generator=torch.Generator().manual_seed(3))}  # fmt: skip
    chosen = Candidate((4,), 0.3)
    for given in (layers, wide):  # More rows than features, and fewer.
        shape = HeadShape(given[4].shape[1], (4,), PEOPLE, "row")
        people = LeftOut(targets, seed=0)

        def see(each, shape=shape):
            return View(shape, each.layers, each.cells, 4096, 0)

        (tried,) = people.tried(given, [chosen], see)
        scores, same = by_hand(given, targets, names, groups=10)
        assert 1.0 - tried.score == pytest.approx(equal_error(scores, same), abs=0.004)
        pairs = people.pairs(given, chosen, see)
        assert FINE > PEOPLE  # So that each person is a part, and at most two are missing.
        scores, same = by_hand(given, targets, names, groups=PEOPLE)
        assert len(scores) == len(names) * (len(names) - 1) // 2 == len(pairs.scores)
        np.testing.assert_allclose(pairs.scores, np.sort(scores)[::-1], atol=2e-3)
        assert pairs.genuine.mean() == pytest.approx(scores[same].mean(), abs=1e-3)


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


def test_a_shrinkage_that_cannot_be_is_refused():
    with pytest.raises(JourneymanError) as caught:
        WhiteningHead(WhiteningOptions(shrinkage=0.0), SHAPE, 0)
    assert caught.value.place == "finetune.head.shrinkage"


CELLED = HeadShape(4 * WIDTH, SHAPE.layers, PEOPLE, "row", cells=(4, 4, 4, 4))


def in_cells(seed=0):
    """Rows of four cells each, where people differ in one alone, and all else is the weather."""
    layers, targets, names = faces(seed)
    draw = torch.Generator().manual_seed(seed + 50)
    found = {}
    for layer, rows in layers.items():
        cells = 3.0 * torch.randn(len(rows), 4, WIDTH, generator=draw)
        cells[:, 2] = rows
        found[layer] = cells.flatten(1)
    return found, targets, names


@pytest.mark.parametrize("said", ["auto", True, False])
def test_cells_are_read_where_they_tell_people_apart(said):
    head = WhiteningHead(WhiteningOptions(cells=said), CELLED, 0)
    layers, targets, _ = in_cells()
    empty = {layer: rows[:0] for layer, rows in layers.items()}
    report = head.solve(layers, targets, empty, lambda found: 0.0, leave_one_out=True)
    assert head.choices["cells"] == (said is not False)
    assert {each["cells"] for each in report.candidates} == (
        {True, False} if said == "auto" else {said}
    )
    width = WIDTH * len(head.choices["layers"])
    assert head.output_width == width * (4 if head.choices["cells"] else 1)


def test_without_cells_the_mean_of_them_stands_for_the_whole():
    layers, _, _ = in_cells()
    means = {layer: rows.reshape(-1, 4, WIDTH).mean(1) for layer, rows in layers.items()}
    whole = View(SHAPE, (2, 4), False, 4096, 0)(means)
    torch.testing.assert_close(View(CELLED, (2, 4), False, 4096, 0)(layers), whole)
    assert View(CELLED, (2, 4), True, 4096, 0).width == 8 * WIDTH


def test_long_vectors_are_projected_and_keep_their_angles():
    draw = torch.Generator().manual_seed(0)
    shape = HeadShape(3000, (1, 2), 2, "row", widths=(1000, 3000))
    layers = {1: torch.randn(20, 1000, generator=draw), 2: torch.randn(20, 3000, generator=draw)}
    layers = {layer: rows + rows[:1] for layer, rows in layers.items()}
    plain, short = View(shape, (1, 2), False, 4000, 7), View(shape, (1, 2), False, 1600, 7)
    assert (plain.projects, short.projects) == (False, True)
    assert (plain.width, short.width) == (4000, 1600)
    one, other = (torch.nn.functional.normalize(view(layers)) for view in (plain, short))
    torch.testing.assert_close(one @ one.T, other @ other.T, atol=0.12, rtol=0.0)
    assert torch.equal(short(layers), View(shape, (1, 2), False, 1600, 7)(layers))
    assert not torch.equal(short(layers), View(shape, (1, 2), False, 1600, 8)(layers))


def test_a_projecting_head_is_saved_without_its_signs_and_gives_the_same_vectors():
    options, (layers, targets, _) = WhiteningOptions(layers=(3, 4), features=50), in_cells()
    head = WhiteningHead(options, CELLED, 3)
    empty = {layer: rows[:0] for layer, rows in layers.items()}
    head.solve(layers, targets, empty, lambda found: 0.0, leave_one_out=True)
    assert head.choices["cells"]
    assert head.features == 50
    again = WhiteningHead(options, HeadShape.from_json(CELLED.to_json()), 3)
    again.restore(head.choices, head.state_dict())
    assert torch.equal(again.outputs(layers), head.outputs(layers))
    again.load_statistics(head.statistics())
    again.remove({layer: rows[:6] for layer, rows in layers.items()}, targets[:6])
    again.resolve()
    assert not torch.equal(again.outputs(layers), head.outputs(layers))
    again.add({layer: rows[:6] for layer, rows in layers.items()}, targets[:6])
    again.resolve()
    assert torch.equal(again.outputs(layers), head.outputs(layers))
    assert sum(tensor.numel() for tensor in head.state_dict().values()) == 50 * 50 + 50


def test_only_what_was_asked_for_is_compared():
    assert {each.cells for each in candidates(SHAPE, SHAPE.layers, "auto", "auto", True)} == {False}
    both = candidates(CELLED, CELLED.layers, (1, 2), 0.5)
    assert [(each.layers, each.cells) for each in both] == [((1, 2), False), ((1, 2), True)]


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
