"""The queue: what is left out of it, what stands in it, and in whatever order the pool comes."""

import json

import pytest
from contract_samples import made_rows, with_boxes, with_pictures

import journeyman
from journeyman.continual.options import UpdateOptions
from journeyman.ensembles.ensemble import ensemble
from journeyman.errors import DataError, JourneymanError, ModelError
from journeyman.labelling import queue
from journeyman.labelling.doubt import unsure
from journeyman.labelling.pool import Pool, read_pool
from journeyman.labelling.queue import Queue
from journeyman.labelling.strategies.base import STRATEGIES
from journeyman.labelling.suspects import Suspect, read_suspects
from journeyman.tasks.base import TASKS

SERVED = [name for name in TASKS if TASKS[name].kind != "identity"]


def asked_of(task, rows):
    if TASKS[task].kind == "boxes":
        return [row["image"] for row in with_boxes(rows, 3)]
    if TASKS[task].modality == "image":
        return [row["image"] for row in with_pictures(rows, 3)]
    return [row["tokens"] if TASKS[task].unit == "token" else row["text"] for row in rows]


@pytest.mark.parametrize("task", SERVED)
def test_every_task_has_a_queue(shelf, task):
    asked = asked_of(task, made_rows(12, seed=3))
    found = journeyman.label_queue(shelf.model(task), asked, batch=5)
    assert len({wanted.id for wanted in found}) == 5
    assert all(json.loads(json.dumps(wanted.to_json()))["why"] for wanted in found)
    doubts = [wanted.doubt for wanted in found]
    if TASKS[task].kind == "value":
        assert doubts == [None] * 5
    else:
        assert all(0 <= doubt <= 1 for doubt in doubts)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_the_same_rows_in_another_order_give_the_same_queue(model, pool, strategy):
    found = journeyman.label_queue(model, pool, batch=6, strategy=strategy)
    again = journeyman.label_queue(model, pool[::-1], batch=6, strategy=strategy)
    assert [wanted.id for wanted in found] == [wanted.id for wanted in again]


def test_rows_that_are_known_are_left_out(shelf, model, pool):
    learned = [{"text": row["text"]} for row in made_rows(36)]
    queue = journeyman.label_queue(model, [*learned, *pool], batch=100)
    assert not {row["text"] for row in learned} & {str(wanted.text) for wanted in queue}
    first = queue[0]
    others = journeyman.label_queue(model, pool, batch=100, labelled=[first.id])
    assert first.id not in {wanted.id for wanted in others}
    after = model.learn([{**first.row, "label": "good"}], UpdateOptions(exam=0.0, retain=None))
    assert first.id not in {one.id for one in journeyman.label_queue(after, pool, batch=100)}


def test_a_model_that_has_learned_ranks_the_same_pool_anew(model, pool):
    made = Pool.of(model, read_pool(model, pool).rows)
    queue = Queue(model, made)
    before = queue.next(4)
    rows = [{**wanted.row, "label": "bad"} for wanted in before]
    after = queue.after(model.learn(rows, UpdateOptions(exam=0.0, retain=None)))
    assert not {one.id for one in before} & {one.id for one in after.next(100)}
    assert len(after.next(100)) == len(made.rows) - 4


def test_rows_that_read_the_same_are_one(model, pool):
    read = read_pool(model, [*pool, *pool[:5], {"text": "  "}, {"other": "the cat"}])
    assert len(read.rows) == len({row["text"] for row in pool})
    assert (read.repeated, read.refused) == (5 + len(pool) - len(read.rows), 2)
    assert read.failure.error["place"]


def test_of_a_large_pool_a_seeded_sample_is_looked_at(model, pool):
    one, two = (read_pool(model, rows, limit=10, seed=4) for rows in (pool, pool[::-1]))
    assert [row.id for row in one.rows] == [row.id for row in two.rows]
    assert (len(one.rows), one.beyond) == (10, len(read_pool(model, pool).rows) - 10)


def test_margins_come_first(model, pool):
    """With every row wanted, nothing is between a row in doubt and the head of the queue."""
    found = journeyman.label_queue(model, pool, batch=3, strategy="margin")
    rest = journeyman.label_queue(model, pool, batch=100, strategy="random")
    doubts = {wanted.id: wanted.doubt for wanted in rest}
    reach = sorted(doubts.values(), reverse=True)[: 3 * 10]
    assert all(wanted.doubt >= reach[-1] for wanted in found)
    assert unsure(model_chances(found[0])) == pytest.approx(found[0].doubt)


def model_chances(wanted):
    import numpy as np

    return np.array([list(wanted.answer.scores.values())])


def test_suspects_take_turns_with_rows_in_doubt(model, pool):
    rows = [*pool, {"text": made_rows(1)[0]["text"], "id": "learned"}]
    doubted = [
        Suspect("learned", "bad", "good", 0.9, ["disagrees"]),
        Suspect("told", "good", "bad", 0.8, row={"text": "the awful cat"}),
        Suspect("nowhere", "good", "bad", 0.7),
    ]
    found = journeyman.label_queue(model, rows, batch=6, suspects=doubted)
    assert [wanted.why == "suspect" for wanted in found] == [False, True, False, True, False, False]
    assert [wanted.given for wanted in found if wanted.suspect] == ["bad", "good"]
    said = found[1].to_json()
    assert said["suspect"] == {
        "given": "bad", "likely": "good", "score": 0.9, "reasons": ["disagrees"],
    }  # fmt: skip
    assert found[3].text == "the awful cat"


def test_an_audit_is_read_and_its_surest_suspects_come_first(tmp_path):
    lines = [
        {"id": "a", "given": "x", "likely": "y", "suspect": True, "score": 0.2, "reasons": []},
        {"id": "b", "given": "x", "likely": "x", "suspect": False, "score": 0.1, "reasons": []},
        {"id": 3, "given": "y", "likely": "x", "suspect": True, "score": 0.7,
         "reasons": ["near copy"], "text": "a row"},
    ]  # fmt: skip
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read_suspects(str(path))
    assert [(one.id, one.given, one.likely) for one in found] == [("3", "y", "x"), ("a", "x", "y")]
    assert found[0].row == {"text": "a row"}


@pytest.mark.parametrize(
    "content", ['{"id": 1, "suspect": false}\n', "", "no json\n", '{"text": "a"}\n']
)
def test_what_is_no_audit_is_refused(tmp_path, content):
    (tmp_path / "audit.jsonl").write_text(content)
    with pytest.raises(DataError, match="audit"):
        read_suspects(str(tmp_path / "audit.jsonl"))


def test_the_very_start_asks_for_typical_rows_and_what_follows_depends_on_the_classes(
    shelf, pool, monkeypatch
):
    names = {"good": "good fine", "bad": "bad awful", "plain": "much text"}
    start = journeyman.zero_shot(names, backbone=shelf.backbone)
    assert {one.why for one in journeyman.label_queue(start, pool, batch=3)} == {"typical"}
    labelled = [{**row, "label": "good"} for row in pool[:3]]
    later = start.learn(labelled, UpdateOptions(exam=0.0, retain=None))
    assert {one.why for one in journeyman.label_queue(later, pool, batch=3)} == {"design"}
    monkeypatch.setattr(queue, "FEW", 2)
    assert {one.why for one in journeyman.label_queue(later, pool, batch=3)} == {"margin"}


@pytest.mark.parametrize("strategy", ["badge", "disagreement"])
def test_a_strategy_that_does_not_fit_says_so(shelf, strategy):
    asked = asked_of("token-classification", made_rows(8, seed=3))
    with pytest.raises(JourneymanError, match=strategy):
        journeyman.label_queue(shelf.model("token-classification"), asked, strategy=strategy)


def test_an_unknown_strategy_is_told_with_the_others(model, pool):
    with pytest.raises(JourneymanError) as caught:
        journeyman.label_queue(model, pool, strategy="margins")
    assert "coreset" in caught.value.expected
    assert "margin" in caught.value.remedy


@pytest.mark.parametrize("rows", [[], [{"text": " "}], [{"other": "a"}]])
def test_a_pool_with_nothing_to_read_is_refused(model, rows):
    with pytest.raises(DataError):
        journeyman.label_queue(model, rows)


def test_an_ensemble_and_faces_have_no_queue(shelf, model, pool):
    with pytest.raises(ModelError, match="ensemble"):
        journeyman.label_queue(ensemble([model, model]), pool)
    with pytest.raises(JourneymanError, match="queue"):
        journeyman.label_queue(shelf.model("face-recognition"), ["a.png"])
