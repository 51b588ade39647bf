"""Which points learn which box: cases made by hand."""

import torch

from journeyman.heads.detection.assignment import AssignmentSettings, assign
from journeyman.heads.detection.points import boxes_about, distances_to, points_of

POINTS = points_of([(8, 8), (4, 4), (2, 2)], 8, torch.device("cpu"))
PAD = [-100.0] * 5


def told(boxes, scores=None, settings=None, predicted=None):
    """The assignment for one picture of 64 pixels, all points predicting one box of 16 pixels."""
    targets = torch.tensor([boxes], dtype=torch.float32)
    reach = torch.full((1, len(POINTS), 4), 8.0) / POINTS.cells[:, :1]
    predicted = POINTS.boxes(reach) if predicted is None else predicted
    scores = torch.full((1, len(POINTS), 3), 0.5) if scores is None else scores
    return assign(scores, predicted, POINTS, targets, settings or AssignmentSettings())


def centres(given):
    return POINTS.centres[given.taken[0]]


def test_points_stand_in_the_middle_of_cells_and_levels_cover_the_same_picture():
    assert POINTS.size == (64.0, 64.0)
    assert POINTS.finest == 64
    assert POINTS.centres[0].tolist() == [4.0, 4.0]
    assert POINTS.centres[1].tolist() == [12.0, 4.0]
    assert POINTS.centres[64].tolist() == [8.0, 8.0]
    assert POINTS.centres[-1].tolist() == [48.0, 48.0]
    assert POINTS.cells[-1].tolist() == [32.0, 32.0]


def test_a_level_that_does_not_divide_the_picture_still_covers_it():
    points = points_of([(5, 7), (3, 4)], 8, torch.device("cpu"))
    assert points.size == (56.0, 40.0)
    torch.testing.assert_close(points.cells[-1], torch.tensor([14.0, 40 / 3]))
    torch.testing.assert_close(points.centres[-1], torch.tensor([49.0, 40 * 5 / 6]))


def test_boxes_and_distances_are_each_others_inverse():
    boxes = torch.tensor([3.0, 5.0, 40.0, 44.0]).expand(len(POINTS), 4)
    distances = distances_to(POINTS.centres, POINTS.cells, boxes)
    torch.testing.assert_close(boxes_about(POINTS.centres, POINTS.cells, distances), boxes)


def test_points_outside_a_box_never_learn_it():
    given = told([[0, 16, 16, 32, 32]], settings=AssignmentSettings(count=100))
    assert ((centres(given) > 16) & (centres(given) < 32)).all()
    assert int(given.taken.sum()) == 4 + 1


def test_the_best_points_alone_learn_and_the_best_of_all_is_as_sure_as_its_overlap():
    box = [1, 10, 10, 40, 40]
    given = told([box], settings=AssignmentSettings(count=3))
    assert int(given.taken.sum()) == 3
    shares = 16 * 16 / (30 * 30)
    torch.testing.assert_close(given.scores.max(), torch.tensor(shares))
    assert bool((given.scores[~given.taken] == 0).all())


def test_a_higher_score_is_preferred_and_only_that_of_the_boxs_own_class():
    scores = torch.full((1, len(POINTS), 3), 0.1)
    inside = [
        at for at, (x, y) in enumerate(POINTS.centres.tolist()) if 10 < x < 40 and 10 < y < 40
    ]
    scores[0, inside[2], 2] = 0.9
    scores[0, inside[0], 0] = 0.9
    given = told([[2, 10, 10, 40, 40]], scores, AssignmentSettings(count=1, alpha=1, beta=0))
    assert given.taken[0].nonzero().flatten().tolist() == [inside[2]]


def test_a_box_smaller_than_a_cell_has_the_nearest_point():
    given = told([[0, 17.0, 17.0, 18.5, 18.0]])
    assert centres(given).tolist() == [[20.0, 20.0]]
    assert float(given.scores.max()) >= 0.1


def test_a_small_box_keeps_its_point_within_a_large_one():
    given = told([[0, 17.0, 17.0, 18.5, 18.0], [1, 12, 12, 28, 28]])
    at = (POINTS.centres == torch.tensor([20.0, 20.0])).all(1).nonzero()[0, 0]
    assert int(given.boxes[0, at]) == 0
    assert set(given.boxes[given.taken].tolist()) == {0, 1}


def test_a_point_of_two_boxes_learns_the_one_that_it_overlaps_more():
    given = told([[0, 0, 0, 64, 64], [0, 16, 16, 32, 32]], settings=AssignmentSettings(count=100))
    at = (POINTS.centres == torch.tensor([24.0, 24.0])).all(1).nonzero().flatten()
    assert given.boxes[0, at].tolist() == [1]
    assert int((given.taken[0] & (given.boxes[0] == 0)).sum()) > 20


def test_a_box_that_no_prediction_touches_is_learned_nonetheless():
    away = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, len(POINTS), 4)
    given = told([[0, 30, 30, 50, 50]], predicted=away)
    assert int(given.taken.sum()) > 0
    torch.testing.assert_close(given.scores.max(), torch.tensor(0.1))


def test_padding_takes_no_point():
    alone = told([[0, 16, 16, 32, 32]])
    padded = told([[0, 16, 16, 32, 32], PAD, PAD])
    assert torch.equal(alone.taken, padded.taken)
    assert torch.equal(alone.scores, padded.scores)
    nothing = told([PAD, PAD])
    assert not bool(nothing.taken.any())
    assert float(nothing.scores.max()) == 0


def test_pictures_of_a_batch_do_not_mix():
    boxes = torch.tensor([[[0, 16, 16, 32, 32], [1, 40, 8, 60, 30]], [[2, 0, 0, 50, 50], PAD]])
    scores = torch.rand(2, len(POINTS), 3, generator=torch.Generator().manual_seed(0))
    predicted = POINTS.boxes(torch.full((2, len(POINTS), 4), 1.0))
    whole = assign(scores, predicted, POINTS, boxes, AssignmentSettings())
    for at in range(2):
        one = slice(at, at + 1)
        alone = assign(scores[one], predicted[one], POINTS, boxes[one], AssignmentSettings())
        assert torch.equal(alone.taken[0], whole.taken[at])
        torch.testing.assert_close(alone.scores[0], whole.scores[at])
        assert torch.equal(alone.boxes[0, alone.taken[0]], whole.boxes[at, alone.taken[0]])
