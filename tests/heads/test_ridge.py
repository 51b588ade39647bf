"""The ridge head: exact statistics, honest choices, and outputs that survive saving."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from journeyman.backbones.base import Features
from journeyman.errors import JourneymanError, ModelError
from journeyman.heads import feature_map, ridge_search
from journeyman.heads.base import HEADS, HeadShape
from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.kernel_rows import KernelSystem
from journeyman.heads.relu_kernel import relu_kernel
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions, RidgeSearch
from journeyman.heads.statistics import RidgeStatistics

WIDTH, CLASSES, LAYERS = 12, 4, (1, 2, 3)


def rows(seed, count, classes=CLASSES, prior=None):
    """Rows whose class shows in a nonlinear way in the last layer; earlier layers are noise."""
    random = np.random.Generator(np.random.Philox(seed))
    label = random.choice(classes, size=count, p=prior)
    centres = np.random.Generator(np.random.Philox(7)).standard_normal((classes, WIDTH))
    sign = random.choice([-1.0, 1.0], size=(count, 1))
    last = sign * centres[label] + 0.3 * random.standard_normal((count, WIDTH))
    noise = random.standard_normal((2, count, WIDTH))
    layers = {1: noise[0], 2: noise[1], 3: last}
    tensors = {layer: torch.tensor(value, dtype=torch.float32) for layer, value in layers.items()}
    return tensors, torch.tensor(label)


def blurred(seed, count, prior):
    """The last layer alone, of classes that overlap."""
    layers, label = rows(seed, count, prior=prior)
    noise = torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))
    return {3: layers[3] + noise}, label


def one_hot(label, classes=CLASSES):
    return torch.nn.functional.one_hot(label, classes).float()


def accuracy(label):
    return lambda outputs: float((outputs.argmax(1) == label).float().mean())


def head(unit="row", outputs=CLASSES, standing=LAYERS, **options):
    options.setdefault("features", 128)
    return RidgeHead(RidgeOptions(**options), HeadShape(WIDTH, standing, outputs, unit), seed=3)


def solved(leave_one_out=True, **options):
    train, label = rows(0, 600)
    validation, expected = rows(1, 200)
    made = head(**options)
    report = made.solve(
        train, one_hot(label), validation, accuracy(expected), leave_one_out=leave_one_out
    )
    return made, report


def outputs(made, layers):
    count = len(layers[3])
    return made(Features(mask=torch.ones(count, 1, dtype=torch.bool), pooled=layers))


def test_it_is_registered():
    assert HEADS["ridge"] is RidgeHead
    assert RidgeHead.solved


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_it_chooses_the_kernel_where_classes_are_not_linear(leave_one_out):
    made, report = solved(leave_one_out)
    test, expected = rows(2, 300)
    assert report.chosen["kernel"] is True
    assert report.chosen["layers"] == [3]
    assert accuracy(expected)(outputs(made, test)) > 0.95


def test_of_many_rows_only_the_best_two_candidates_are_compared_finely(monkeypatch):
    monkeypatch.setattr(ridge_search, "EXACT_ROWS", 100)
    compared, real = [], RidgeSearch._proxy

    def proxy(search, candidate, how):
        compared.append((candidate, how))
        return real(search, candidate, how)

    monkeypatch.setattr(RidgeSearch, "_proxy", proxy)
    _, report = solved()
    rough, fine = (
        [candidate for candidate, how in compared if how is each] for each in ridge_search.ROUNDS
    )
    assert len(rough) == len(set(rough)) > len(fine) == 2
    assert report.chosen["layers"] == [3]
    assert [(tuple(c["layers"]), c["kernel"]) for c in report.candidates if "score" in c] == [
        (candidate.layers, candidate.kernel) for candidate in rough
    ]
    compared.clear()
    solved(layers=[3])
    assert {how for _, how in compared} == {ridge_search.ROUNDS[-1]}


def test_plain_vectors_are_the_textbook_solution():
    made, report = solved(kernel=False, layers=[3], balance=False)
    train, label = rows(0, 600)
    x = train[3].double()
    x = (x - x.mean(0)) / x.std(0, correction=0)
    y = one_hot(label).double()
    system = x.T @ x + report.chosen["alpha"] * torch.eye(WIDTH, dtype=torch.float64)
    expected = x @ torch.linalg.solve(system, x.T @ (y - y.mean(0))) + y.mean(0)
    torch.testing.assert_close(outputs(made, train).double(), expected, atol=2e-4, rtol=0)


def relu_kernel_of(first, second, draws=400_000):
    """The kernel by its definition: the mean over Gaussian directions."""
    random = torch.randn(draws, first.shape[1], generator=torch.Generator().manual_seed(0))
    return (first @ random.T).relu() @ (second @ random.T).relu().T / draws


def test_the_kernel_is_the_mean_over_random_relu_features():
    random = torch.Generator().manual_seed(1)
    first, second = (torch.randn(n, 5, generator=random) for n in (4, 6))
    torch.testing.assert_close(
        relu_kernel(first, second), relu_kernel_of(first, second), atol=0.03, rtol=0.02
    )
    alike = relu_kernel(first, first).diagonal()
    torch.testing.assert_close(alike, first.square().sum(1) / 2.0)


def test_the_kernel_has_a_slope_where_vectors_are_alike():
    vector = torch.tensor([[3.0, 4.0]], requires_grad=True)
    relu_kernel(vector, torch.tensor([[3.0, 4.0], [-3.0, -4.0]])).sum().backward()
    torch.testing.assert_close(vector.grad, torch.tensor([[1.5, 2.0]]))


def test_all_rows_as_landmarks_are_the_textbook_kernel_ridge_regression():
    made, report = solved(kernel=True, layers=[3], balance=False)
    train, label = rows(0, 600)
    assert report.chosen["features"] == 600
    landmarks, alpha = made.map.landmarks, report.chosen["alpha"]
    assert torch.equal(landmarks.sort(0).values, train[3].half().sort(0).values)
    order = [row.tobytes() for row in train[3].half().numpy()]
    label = label[[order.index(row.tobytes()) for row in landmarks.numpy()]]
    kernel, one = made.map.kernel(), torch.ones(600, 1, dtype=torch.float64)
    whole = torch.cat([kernel + alpha * torch.eye(600, dtype=torch.float64), one], dim=1)
    whole = torch.cat([whole, torch.cat([one.T, torch.zeros(1, 1, dtype=torch.float64)], dim=1)])
    aim = torch.cat([one_hot(label).double(), torch.zeros(1, CLASSES, dtype=torch.float64)])
    weight = torch.linalg.solve(whole, aim)
    expected = kernel @ weight[:-1] + weight[-1]
    answer = outputs(made, {**train, 3: landmarks.float()})
    torch.testing.assert_close(answer.double(), expected, atol=1e-3, rtol=0)


def eighty():
    """The kernel of eighty rows in float64, and their targets."""
    train, label = rows(0, 80)
    made = FeatureMap((3,), (WIDTH,), 80)
    made.fit(train)
    made.place(train[3])
    return made.kernel(), one_hot(label).double()


def test_the_kernel_is_symmetric_to_the_last_bit(monkeypatch):
    monkeypatch.setattr(feature_map, "CHUNK", 32)
    kernel, _ = eighty()
    assert torch.equal(kernel, kernel.T)


def test_rows_left_out_are_answered_as_by_training_without_them():
    kernel, targets = eighty()
    left = KernelSystem(kernel, targets).resolve(0.05).leave_one_out(kernel, targets)
    for at in (0, 33, 79):
        rest = [i for i in range(80) if i != at]
        other = KernelSystem(kernel[rest][:, rest], targets[rest]).resolve(0.05)
        torch.testing.assert_close(left[at], other.outputs(kernel[at : at + 1, rest])[0])


def test_a_group_left_out_is_answered_as_by_training_without_it():
    kernel, targets = eighty()
    group = torch.tensor([71, 2, 30, 31])
    found = KernelSystem(kernel, targets).resolve(0.05).left_out(group, targets[group])
    rest = [i for i in range(80) if i not in group.tolist()]
    other = KernelSystem(kernel[rest][:, rest], targets[rest]).resolve(0.05)
    torch.testing.assert_close(found, other.outputs(kernel[group][:, rest]))


KINDS = [{"kernel": False}, {"kernel": True}, {"kernel": True, "exact_rows": 0}]


@pytest.mark.parametrize("options", KINDS)
def test_rows_added_and_removed_leave_no_trace(options):
    made, _ = solved(**options)
    before = {name: value.clone() for name, value in made.statistics().items()}
    weight = made.weight.clone()
    more, label = rows(5, 37)
    made.add(more, one_hot(label))
    made.resolve()
    assert made.weight.shape != weight.shape or not torch.equal(made.weight, weight)
    order = torch.randperm(37, generator=torch.Generator().manual_seed(0))
    for part in order.split(10):
        made.remove({layer: value[part] for layer, value in more.items()}, one_hot(label[part]))
    made.resolve()
    after = made.statistics()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(made.weight, weight)


def test_rows_of_an_exact_kernel_come_in_any_order():
    train, label = rows(0, 300)
    made = head(kernel=True, layers=[3])
    made.solve(train, one_hot(label), train, accuracy(label), leave_one_out=True)
    weight = made.weight.clone()
    some = torch.arange(120, 180)
    part = {layer: value[some] for layer, value in train.items()}
    made.remove(part, one_hot(label[some]))
    made.resolve()
    assert made.features == made.choices["features"] == 240
    assert not bool((made.map.landmarks[:, None] == part[3].half()).all(2).any())
    made.add(part, one_hot(label[some]))
    made.resolve()
    assert torch.equal(made.weight, weight)


def test_rows_that_an_exact_kernel_does_not_hold_cannot_be_removed():
    made, _ = solved(kernel=True)
    other, label = rows(9, 3)
    with pytest.raises(ValueError, match="not held"):
        made.remove(other, one_hot(label))


def test_a_landmark_leaves_with_its_row():
    """Sums over landmarks are those of a head whose landmarks never had the rows that left."""
    made, _ = solved(kernel=True, layers=[3], exact_rows=0, balance=False)
    train, label = rows(0, 600)
    gone = torch.arange(0, 600, 3)
    rest = torch.tensor([i for i in range(600) if i % 3])
    before = made.features
    made.remove({3: train[3][gone]}, one_hot(label[gone]))
    made.resolve()
    assert made.features == made.choices["features"] < before
    assert not bool((made.map.landmarks[:, None] == train[3][gone].half()).all(2).any())
    fresh = RidgeStatistics(made.features, CLASSES, made.map.kernel())
    for span, part in made.map.chunks({3: train[3][rest]}):
        fresh.add(part, one_hot(label[rest])[span])
    expected = fresh.resolve(made.choices["alpha"])
    torch.testing.assert_close(made.weight.double(), expected.weight, atol=1e-3, rtol=1e-4)
    found = outputs(made, {3: train[3][rest]})
    answers = torch.cat([expected.outputs(p) for _, p in made.map.chunks({3: train[3][rest]})])
    torch.testing.assert_close(found, answers, atol=1e-4, rtol=0)


def test_rows_that_become_too_many_are_summed_over_landmarks():
    made, _ = solved(kernel=True, layers=[3], exact_rows=650, features=200)
    assert made.features == 600
    more, label = rows(5, 300)
    made.add(more, one_hot(label))
    made.resolve()
    assert made.features == made.choices["features"] == 200
    assert int(made.statistics()["count"]) == 900
    test, expected = rows(2, 300)
    assert accuracy(expected)(outputs(made, test)) > 0.95
    made.add(test, one_hot(expected))
    assert int(made.statistics()["count"]) == 1200


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_there_may_be_fewer_rows_than_landmarks(leave_one_out):
    made, report = solved(leave_one_out, kernel=True, layers=[3], exact_rows=0, features=4096)
    assert report.chosen["features"] == 300  # Half of the rows: the others judge.
    test, expected = rows(2, 300)
    assert accuracy(expected)(outputs(made, test)) > 0.9


@pytest.mark.parametrize("exact_rows", [0, 10_240])
@pytest.mark.parametrize("count", [2, 3, 40])
def test_rows_that_are_all_alike_are_solved(count, exact_rows):
    train = {layer: value[:1].expand(count, -1) for layer, value in rows(0, 1)[0].items()}
    label = torch.arange(count) % 2
    made = head(kernel=True, exact_rows=exact_rows, balance=False)
    made.solve(train, one_hot(label), train, accuracy(label), leave_one_out=True)
    shares = one_hot(label).mean(0)
    torch.testing.assert_close(outputs(made, train)[0], shares, atol=0.05, rtol=0)


def test_a_head_that_is_solved_anew_forgets_the_rows_before():
    made, _ = solved(kernel=True, layers=[3], exact_rows=200)
    assert "gram" in made.statistics()
    train, label = rows(7, 150)
    made.solve(train, one_hot(label), train, accuracy(label), leave_one_out=True)
    assert len(made.statistics()["targets"]) == made.features == 150
    train, label = rows(8, 400)
    made.solve(train, one_hot(label), train, accuracy(label), leave_one_out=True)
    assert int(made.statistics()["count"]) == 400


@pytest.mark.parametrize("options", KINDS)
def test_a_saved_head_answers_and_learns_the_same(options):
    made, _ = solved(**options)
    choices = json.loads(json.dumps(made.choices))
    tensors = {name: value.clone() for name, value in made.state_dict().items()}
    again = head(**options)
    again.restore(choices, tensors)
    again.load_statistics({name: value.clone() for name, value in made.statistics().items()})
    test, label = rows(2, 50)
    assert torch.equal(outputs(made, test), outputs(again, test))
    for each in (made, again):
        each.add(test, one_hot(label))
        each.resolve()
    assert torch.equal(outputs(made, test), outputs(again, test))


def test_statistics_of_another_head_are_refused():
    made, _ = solved()
    other, _ = solved(kernel=False, layers=[3])
    with pytest.raises(ModelError, match="do not fit"):
        made.load_statistics(other.statistics())


def test_solving_twice_gives_the_same_bits():
    first, second = solved()[0], solved()[0]
    assert first.choices == second.choices
    assert torch.equal(first.weight, second.weight)


def test_values_of_any_scale_are_met():
    train, _ = rows(0, 500)
    test, _ = rows(1, 200)

    def value(layers):
        return 2000.0 + 1e-3 * layers[3][:, :1].abs()

    made = head(outputs=1)
    aim = value(test)
    report = made.solve(
        train, value(train), test, lambda out: -float((out - aim).square().mean()),
        leave_one_out=True,
    )  # fmt: skip
    assert report.chosen["kernel"] is True
    error = (outputs(made, test) - aim).std() / aim.std()
    assert float(error) < 0.6


def test_imbalance_is_corrected_where_the_score_asks_for_it():
    prior = [0.85, 0.05, 0.05, 0.05]
    train, label = blurred(0, 500, prior)
    validation, expected = blurred(1, 400, prior)

    def recall(out):
        hit = out.argmax(1) == expected
        return float(torch.stack([hit[expected == c].float().mean() for c in range(4)]).mean())

    scores = {}
    for balance in ("auto", False):
        made = head(balance=balance, standing=(3,), features=32)
        made.solve(train, one_hot(label), validation, recall, leave_one_out=True)
        scores[balance] = recall(outputs(made, validation))
        assert (made.choices["balance"] > 0) is (balance == "auto")
    assert scores["auto"] > scores[False] + 0.02


def test_the_correction_follows_the_counts():
    train, label = rows(0, 300, prior=[0.7, 0.1, 0.1, 0.1])
    made = head()
    made.solve(train, one_hot(label), train, accuracy(label), leave_one_out=True)
    made.choices["balance"] = 0.3
    made.resolve()
    before = outputs(made, train)[:, 1].mean()
    common = label == 1
    made.remove({layer: value[common] for layer, value in train.items()}, one_hot(label[common]))
    made.choices["balance"] = 0.0
    made.resolve()
    plain = outputs(made, train)[:, 1].mean()
    made.choices["balance"] = 0.3
    made.resolve()
    assert outputs(made, train)[:, 1].mean() - plain > 0.3
    assert before < 1.0


def test_tokens_have_outputs_each():
    train, label = rows(0, 700)
    made = head(unit="token", standing=(3,))
    made.solve({3: train[3]}, one_hot(label), {3: train[3]}, accuracy(label), leave_one_out=True)
    hidden = train[3][:60].view(6, 10, WIDTH)
    answer = made(Features(mask=torch.ones(6, 10, dtype=torch.bool), hidden=hidden))
    assert answer.shape == (6, 10, CLASSES)
    assert accuracy(label[:60])(answer.view(60, CLASSES)) > 0.9


def test_half_precision_vectors_and_soft_targets_are_taken():
    train, label = rows(0, 300)
    half = {layer: value.half() for layer, value in train.items()}
    soft = 0.9 * one_hot(label) + 0.1 / CLASSES
    made = head()
    made.solve(half, soft, half, accuracy(label), leave_one_out=True)
    answer = outputs(made, half)
    assert answer.dtype == torch.float32
    torch.testing.assert_close(answer.sum(1), torch.ones(300), atol=1e-3, rtol=0)


def test_gradients_reach_the_vectors():
    made, _ = solved()
    vector = {layer: value.requires_grad_() for layer, value in rows(2, 4)[0].items()}
    outputs(made, vector).sum().backward()
    assert vector[3].grad is not None
    assert float(vector[3].grad.abs().sum()) > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": [9]}, "layers whose vectors are not at hand"),
        ({"layers": []}, "layers whose vectors are not at hand"),
        ({"kernel": False, "features": 8}, "no feature map"),
    ],
)
def test_options_that_cannot_be_met_are_told(options, words):
    with pytest.raises(JourneymanError, match=words) as caught:
        solved(**options)
    error = caught.value
    assert error.place
    assert error.expected
    assert error.found
    assert error.remedy


def test_an_unsolved_head_says_so():
    with pytest.raises(RuntimeError, match="not been solved"):
        outputs(head(), rows(0, 3)[0])
    with pytest.raises(RuntimeError, match="holds no statistics"):
        head().statistics()


@pytest.mark.parametrize("alphas", [[], [0.0], [-1.0], "many"])
def test_penalties_must_be_positive(alphas):
    with pytest.raises(ValidationError):
        RidgeOptions(alphas=alphas)


PRIOR = [0.6, 0.2, 0.1, 0.1]


@pytest.mark.parametrize("balance", [False, "auto"])
@pytest.mark.parametrize("kind", [*KINDS, {"kernel": True, "exact_rows": 630}], ids=str)
def test_solving_with_validation_rows_is_solving_and_then_learning_them(kind, balance):
    train, label = rows(0, 600, prior=PRIOR)
    validation, truth = rows(1, 60, prior=PRIOR)
    validation = {layer: torch.cat([v, v[:3]]) for layer, v in validation.items()}
    truth = torch.cat([truth, truth[:3]])
    arguments = train, one_hot(label), validation
    apart, together = (head(layers=[3], balance=balance, **kind) for _ in range(2))
    report = apart.solve(*arguments, accuracy(truth), leave_one_out=True)
    before = apart.outputs(validation)
    apart.add(validation, one_hot(truth))
    apart.resolve()
    said, answers = together.solve_with(
        *arguments, one_hot(truth), accuracy(truth), leave_one_out=True
    )
    assert said.chosen == report.chosen
    torch.testing.assert_close(answers, before, atol=2e-4, rtol=0)
    assert torch.equal(together.weight, apart.weight)
    assert torch.equal(together.offset, apart.offset)
