"""What every strategy promises, and what each is for."""

import numpy as np
import pytest
from scipy.special import softmax

from journeyman.errors import JourneymanError
from journeyman.labelling.strategies.base import NEAR, STRATEGIES, choose
from journeyman.labelling.strategies.design import PRIOR, Design
from journeyman.labelling.strategies.disagreement import Disagreement
from journeyman.labelling.view import View, directions, nearest

NAMES = list(STRATEGIES)
ROWS, WIDTH, CLASSES = 60, 12, 4


def made_view(rows=ROWS, known=10, seed=0):
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(rows + known, WIDTH)).astype(np.float32)
    vectors = directions(vectors, vectors.mean(axis=0, keepdims=True))
    chances = softmax(draw.normal(size=(rows, CLASSES)), axis=1)
    held = softmax(draw.normal(size=(3, rows, CLASSES)), axis=2)
    top = np.sort(chances, axis=1)
    return View(
        keys=[f"{at:03d}" for at in draw.permutation(rows)],
        vectors=vectors[:rows],
        known=vectors[rows:],
        doubts=1 - (top[:, -1] - top[:, -2]),
        chances=chances,
        committee=lambda: held,
    )


def chosen_keys(name, view, count, seed=0):
    return [view.keys[at] for at in choose(STRATEGIES[name](), view, count, seed)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 7, ROWS, ROWS + 5])
def test_as_many_rows_as_are_wanted_and_none_twice(name, count):
    found = chosen_keys(name, made_view(), count)
    assert len(found) == len(set(found)) == min(count, ROWS)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_rows(name):
    assert chosen_keys(name, made_view(), 9, 3) == chosen_keys(name, made_view(), 9, 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_pool_does_not_matter(name):
    view = made_view()
    shuffled = view.select(np.random.default_rng(5).permutation(ROWS))
    assert chosen_keys(name, shuffled, 9) == chosen_keys(name, view, 9)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_labelled_yet_is_a_start_too(name):
    view = made_view(known=0)
    assert len(view.known) == 0
    assert len(set(chosen_keys(name, view, 8))) == 8


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_repeat_a_labelled_one_or_each_other_come_last(name):
    view = made_view()
    copies = np.concatenate([view.vectors[:5], view.known[:4], view.vectors[5:40]])
    twice = view.select(np.r_[0:5, 40:44, 5:40])
    twice = View(
        [f"{at:03d}" for at in range(44)], copies, np.concatenate([view.known, view.vectors[0:2]]),
        twice.doubts, twice.chances, twice.committee,
    )  # fmt: skip
    repeats = {f"{at:03d}" for at in (0, 1, 5, 6, 7, 8)}
    found = chosen_keys(name, twice, 44)
    assert set(found[-6:]) == repeats
    assert not repeats & set(found[:38])


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_copies_is_one_question(name):
    view = made_view(rows=30)
    same = np.repeat(view.vectors[:1], 20, axis=0)
    vectors = np.concatenate([same, view.vectors[20:]])
    found = choose(
        STRATEGIES[name](),
        View(view.keys, vectors, view.known, view.doubts, view.chances, view.committee),
        11,
        0,
    )
    assert sum(at < 20 for at in found) == 1


def test_margin_asks_about_rows_in_doubt_and_not_about_one_corner():
    """Two heaps of rows in doubt, one three times the other: a batch has rows of both."""
    draw = np.random.default_rng(0)
    heaps = np.concatenate(
        [
            np.tile([1.0, 0, 0], (30, 1)),
            np.tile([0, 1.0, 0], (10, 1)),
            np.tile([0, 0, 1.0], (60, 1)),
        ]
    )
    vectors = directions((heaps + 0.3 * draw.normal(size=heaps.shape)).astype(np.float32), 0.0)
    doubts = np.r_[0.9 + 0.01 * draw.random(40), 0.1 * draw.random(60)]
    view = View([f"{at:03d}" for at in range(100)], vectors, np.zeros((0, 3), np.float32), doubts)
    found = choose(STRATEGIES["margin"](), view, 4, 0)
    assert max(found) < 40
    assert any(at < 30 for at in found)
    assert any(30 <= at < 40 for at in found)


def test_coreset_covers_what_is_far_from_every_label():
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    view = View(list("bcdefgh"), around[1:], around[:1])
    assert choose(STRATEGIES["coreset"](), view, 1, 0) == [3]
    assert set(choose(STRATEGIES["coreset"](), view, 3, 0)) == {3, 1, 5}


def test_badge_measures_the_gradients_it_never_writes_out():
    """The rows drawn are those that k-means++ draws on the outer products themselves."""
    view = made_view(rows=30, known=0)
    errors = view.chances.copy()
    errors[np.arange(30), errors.argmax(axis=1)] -= 1
    gradients = np.einsum("nc,nd->ncd", errors, view.vectors).reshape(30, -1)
    random = np.random.default_rng(4)
    wanted = [int(np.square(gradients).sum(axis=1).argmax())]
    while len(wanted) < 6:
        apart = gradients[:, None] - gradients[wanted][None]
        distances = np.square(apart).sum(axis=2).min(axis=1)
        distances[wanted] = 0
        wanted.append(int(random.choice(30, p=distances / distances.sum())))
    assert STRATEGIES["badge"]().pick(view, 6, np.random.default_rng(4)) == wanted


def test_typical_starts_with_the_middle_of_each_heap():
    draw = np.random.default_rng(1)
    middles = np.eye(3, dtype=np.float32)
    heaps = [middle + 0.15 * draw.normal(size=(20, 3)) for middle in middles]
    raw = np.concatenate([*middles[:, None], *heaps]).astype(np.float32)
    vectors = directions(raw, np.zeros((1, 3), np.float32))
    view = View([f"{at:03d}" for at in range(63)], vectors, np.zeros((0, 3), np.float32))
    found = choose(STRATEGIES["typical"](), view, 3, 0)
    nearest_middle = {int((vectors[at] @ middles.T).argmax()) for at in found}
    assert nearest_middle == {0, 1, 2}
    assert (vectors[found] @ middles.T).max(axis=1).min() > 0.97


def test_disagreement_prefers_rows_its_members_answer_otherwise():
    held = np.full((2, 20, 2), 0.5)
    held[0, 4], held[1, 4] = [0.99, 0.01], [0.01, 0.99]
    view = View(
        [f"{at:02d}" for at in range(20)], made_view(rows=20).vectors, made_view().known,
        committee=lambda: held,
    )  # fmt: skip
    assert Disagreement().pick(view, 20, np.random.default_rng(0))[0] == 4


@pytest.mark.parametrize("name", [name for name in NAMES if STRATEGIES[name].needs])
def test_a_strategy_that_lacks_what_it_needs_says_so(name):
    view = made_view()
    bare = View(view.keys, view.vectors, view.known)
    with pytest.raises(JourneymanError) as caught:
        choose(STRATEGIES[name](), bare, 3, 0)
    assert name in caught.value.problem
    assert caught.value.remedy


def test_near_rows_are_found_among_none_and_many():
    view = made_view()
    assert (nearest(view.vectors, view.vectors[:0]) == -1).all()
    assert (nearest(view.vectors, view.vectors, size=7) > NEAR).all()


def test_design_takes_the_row_whose_label_makes_all_others_surest():
    """Against the variances of ridge regression computed anew for each row that might be next."""
    view = made_view(rows=25, known=6)
    view = View(view.keys, view.vectors, view.known)
    pool, held = view.vectors.astype(np.float64), view.known.astype(np.float64)

    def variance(rows):
        belief = np.linalg.inv(rows.T @ rows + PRIOR * np.eye(WIDTH))
        return np.einsum("nd,de,ne->n", pool, belief, pool).mean()

    expected = []
    for _ in range(5):
        left = [at for at in range(len(pool)) if at not in expected]
        expected.append(min(left, key=lambda at: variance(np.vstack([held, pool[[at]]]))))
        held = np.vstack([held, pool[expected[-1:]]])
    assert Design().pick(view, 5, np.random.default_rng(0)) == expected


def test_design_asks_of_rows_alike_in_place_about_those_in_doubt():
    view = made_view(rows=20)
    doubts = np.zeros(20)
    doubts[[3, 8, 11]] = 1.0
    view = View(view.keys, view.vectors, view.known, doubts)
    assert set(Design().pick(view, 3, np.random.default_rng(0))) == {3, 8, 11}
