"""The prototype head: means that are means, left-out outputs that are those of refitting."""

import pytest
import torch

from journeyman.backbones.base import Features
from journeyman.errors import JourneymanError
from journeyman.heads.base import HeadShape, at_unit_scale
from journeyman.heads.class_means import ClassMeans, cosine_left_out, mahalanobis_left_out
from journeyman.heads.prototype import PrototypeHead, PrototypeOptions
from journeyman.heads.statistics import RidgeStatistics

WIDTH, CLASSES = 10, 4


def rows(seed, count=32):
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(7))
    label = torch.arange(count) % CLASSES
    stretch = torch.linspace(0.2, 2.0, WIDTH)
    vectors = centres[label] + stretch * torch.randn(count, WIDTH, generator=draw)
    return vectors, label


def one_hot(label):
    return torch.nn.functional.one_hot(label, CLASSES).float()


def means_of(vectors, label):
    held = RidgeStatistics(WIDTH, CLASSES)
    held.add(vectors, one_hot(label))
    return ClassMeans.of(held)


def made(**options):
    return PrototypeHead(PrototypeOptions(**options), HeadShape(WIDTH, (1, 2), CLASSES, "row"), 0)


def solved(count=32, leave_one_out=True, validation=40, **options):
    vectors, label = rows(0, count)
    other, truth = rows(1, validation)
    head = made(**options)
    report = head.solve(
        {2: vectors},
        one_hot(label),
        {2: other},
        lambda outputs: float((outputs.argmax(1) == truth).float().mean()),
        leave_one_out=leave_one_out,
    )
    return head, report


def test_means_and_scatter_are_what_they_say():
    vectors, label = rows(0)
    found = means_of(vectors, label)
    exact = vectors.double()
    means = torch.stack([exact[label == each].mean(0) for each in range(CLASSES)])
    away = exact - means[label]
    torch.testing.assert_close(found.means, means, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.scatter, away.T @ away / (32 - CLASSES), atol=1e-3, rtol=0)


@pytest.mark.parametrize("shrinkage", [0.2, 1.0])
def test_leaving_a_row_out_equals_refitting_without_it(shrinkage):
    vectors, label = rows(0, 24)
    vectors = (vectors * 2**13).round() / 2**13
    whole = means_of(vectors, label)
    found = mahalanobis_left_out(whole, shrinkage, vectors.double(), label)
    for at in (0, 5, 23):
        rest = [i for i in range(24) if i != at]
        fewer = means_of(vectors[rest], label[rest])
        scatter = fewer.scatter * (fewer.degrees / whole.degrees)
        same_sphere = ClassMeans(fewer.means, fewer.counts, scatter, whole.spread, whole.degrees)
        weight, offset = same_sphere.solution("mahalanobis", shrinkage)
        wanted = vectors[at] @ weight + offset
        torch.testing.assert_close(found[at].float(), wanted, atol=1e-3, rtol=1e-3)


def test_leaving_a_row_out_by_angle_equals_refitting_without_it():
    vectors, label = rows(0, 24)
    vectors = (vectors * 2**13).round() / 2**13
    found = cosine_left_out(means_of(vectors, label), vectors.double(), label)
    rest = list(range(1, 24))
    weight, offset = means_of(vectors[rest], label[rest]).solution("cosine", 1.0)
    torch.testing.assert_close(found[0].float(), vectors[0] @ weight + offset, atol=1e-3, rtol=0)


def test_it_learns_from_few_rows_and_says_what_it_tried():
    head, report = solved()
    other, truth = rows(2, 200)
    outputs = at_unit_scale({2: other}, head.layers) @ head.weight + head.offset
    assert float((outputs.argmax(1) == truth).float().mean()) > 0.8
    assert report.chosen == head.choices
    assert {one["metric"] for one in report.candidates} == {"cosine", "mahalanobis"}


def test_one_row_a_class_is_enough_and_a_class_without_rows_is_never_the_answer():
    head, _ = solved(count=CLASSES)
    assert bool(torch.isfinite(head.weight).all())
    vectors, label = rows(0, CLASSES)
    head.remove({2: vectors[:1]}, one_hot(label[:1]))
    head.resolve()
    outputs = at_unit_scale({2: vectors}, head.layers) @ head.weight + head.offset
    assert not bool((outputs.argmax(1) == 0).any())
    assert bool((outputs.argmax(1)[1:] == label[1:]).all())


def test_without_anything_to_judge_by_it_takes_the_usual():
    head, report = solved(leave_one_out=False, validation=0)
    assert head.choices == {"metric": "mahalanobis", "shrinkage": 0.5}
    assert len(report.candidates) == 1


@pytest.mark.parametrize("wrong", [0.0, 1.5])
def test_a_shrinkage_out_of_range_is_refused(wrong):
    with pytest.raises(JourneymanError) as caught:
        made(shrinkage=wrong)
    assert caught.value.place == "finetune.head.shrinkage"


@pytest.mark.parametrize("judged", [0, 40])
def test_one_row_a_class_is_met_by_angle(judged):
    """There is no scatter to measure distance in, and every metric that is left agrees."""
    head, report = solved(CLASSES, validation=judged)
    assert head.choices == {"metric": "cosine", "shrinkage": 1.0}
    assert len(report.candidates) == 1
    vectors, label = rows(0, CLASSES)
    other, _ = rows(1, 40)
    features = Features(mask=torch.ones(40, 1, dtype=torch.bool), pooled={2: other})
    unit = torch.nn.functional.normalize
    cosines = unit(other, dim=1) @ unit(vectors[label.argsort()], dim=1).T
    torch.testing.assert_close(head(features), 20 * cosines, atol=2e-3, rtol=0)
    asked, _ = solved(CLASSES, validation=judged, metric="mahalanobis")
    assert torch.isfinite(asked.weight).all()
    assert torch.equal(asked(features).argmax(1), cosines.argmax(1))
