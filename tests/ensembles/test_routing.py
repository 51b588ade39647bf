"""Models of several domains behind a router: each row has the answer of the one it is led to."""

import json
from dataclasses import replace

import numpy as np
import pytest
from contract_samples import made_rows, with_pictures
from trained_models import found_network, trained
from typer.testing import CliRunner

import journeyman
from journeyman.cli import app
from journeyman.ensembles.ensemble import Ensemble, ensemble
from journeyman.errors import DataError, ModelError
from journeyman.model import Model
from journeyman.tasks.base import TASKS

NAMES = ("good", "bad", "plain")
"""Of members, in an order that is not the router's."""
ROWS = with_pictures(made_rows(24, seed=9), 9)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return found_network(tmp_path_factory.mktemp("network") / "one")


@pytest.fixture(scope="module", params=[name for name in TASKS if TASKS[name].averages])
def parts(request, network, tmp_path_factory):
    """Three members that have learned different rows, and a router of what they read."""
    place = tmp_path_factory.mktemp(request.param)
    members = {
        name: trained(network, request.param, place / name, seed=at)
        for at, name in enumerate(NAMES)
    }
    pictures = TASKS[request.param].modality == "image"
    kind = "image-classification" if pictures else "text-classification"
    return members, trained(network, kind, place / "router", seed=7)


@pytest.fixture(scope="module")
def texts(network, tmp_path_factory):
    """Members that classify texts, and their router."""
    place = tmp_path_factory.mktemp("texts")
    kind = "text-classification"
    members = {n: trained(network, kind, place / n, seed=at) for at, n in enumerate(NAMES)}
    return members, trained(network, kind, place / "router", seed=7)


def asked(model):
    if model.learner.task.modality == "image":
        return [row["image"] for row in ROWS]
    return [row["tokens" if model.learner.task.unit == "token" else "text"] for row in ROWS]


def near(one, other):
    """Whether answers say the same, numbers but for rounding; intervals are the members' own."""
    if isinstance(one, float):
        return one == pytest.approx(other, abs=1e-4)
    if isinstance(one, dict):
        apart = ("model", "version", "low", "high")
        return all(near(one[name], other[name]) for name in one if name not in apart)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(near, one, other))
    return one == other


def test_each_row_has_the_answer_of_the_member_it_is_led_to(parts, tmp_path):
    members, router = parts
    whole = ensemble(members, router=router, name="whole").save(tmp_path / "whole")
    questions = asked(whole)
    words = [" ".join(each) if isinstance(each, list) else each for each in questions]
    led = [answer.label for answer in router.predict(words)]
    assert len(set(led)) == 3, "the router leads rows to every member"
    alone = {name: member.predict(questions) for name, member in members.items()}
    again = journeyman.load(tmp_path / "whole")
    assert isinstance(again, Ensemble)
    for model in (whole, again):
        for at, (name, answer) in enumerate(zip(led, model.predict(questions), strict=True)):
            assert near(answer.to_json(), alone[name][at].to_json())
    assert again.version == whole.version == again.predict(questions[0])[0].version
    assert again.router.model.version == router.version
    measured = whole.evaluate(ROWS).overall.metrics
    own = members["good"].evaluate(ROWS).overall.metrics.keys()
    assert measured.keys() == own - {"interval_coverage"}


def test_it_is_explained_by_the_member_that_answers(texts):
    members, router = texts
    whole = ensemble(members, router=router)
    for row in ROWS[:3]:
        (own,) = members[router.predict(row["text"])[0].label].explain(row["text"])
        (why,) = whole.explain(row["text"])
        assert why.target == own.target
        assert why.weights == pytest.approx(own.weights, abs=1e-9)


def renamed(model, suffix):
    labels = tuple(label + suffix for label in model.schema.labels)
    schema = replace(model.schema, labels=labels)
    return Model(**{**vars(model), "schema": schema, "folder": None})


def test_members_may_know_labels_that_others_do_not(texts, tmp_path):
    members, router = texts
    parts = {"good": members["good"], "plain": members["plain"]}
    parts["bad"] = renamed(members["bad"], "-ly").save(tmp_path / "renamed")
    whole = ensemble(parts, router=router, name="whole").save(tmp_path / "whole")
    assert whole.schema.labels == ("bad", "bad-ly", "good", "good-ly", "plain", "plain-ly")
    again = journeyman.load(tmp_path / "whole")
    for row, answer in zip(ROWS, again.predict([row["text"] for row in ROWS]), strict=True):
        led = router.predict(row["text"])[0].label
        assert answer.label.endswith("-ly") == (led == "bad")
        foreign = [v for name, v in answer.scores.items() if name.endswith("-ly") != (led == "bad")]
        assert max(foreign) < 1e-6
        assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-4)
    found = whole.calibrate(made_rows(60, seed=11))
    assert found.router is whole.router
    assert found.calibration["rows"] == 60
    with pytest.raises(ModelError, match="differ in their labels"):
        ensemble(list(parts.values()))


def test_a_further_domain_takes_no_old_row(texts, tmp_path):
    """The router learns a class, a member is added: what stood before answers as before."""
    members, router = texts
    rows = [{"text": "zebra " * 4 + row["text"], "label": "zoo"} for row in made_rows(40, seed=3)]
    wider = router.learn(rows, origin="zoo").save(tmp_path / "wider")
    parts = {**members, "zoo": renamed(members["bad"], "-zoo").save(tmp_path / "zoo")}
    before = ensemble(members, router=router).predict([row["text"] for row in ROWS])
    whole = ensemble(parts, router=wider)
    after = whole.predict([row["text"] for row in ROWS])
    kept = [one.label == other.label for one, other in zip(before, after, strict=True)]
    assert np.mean(kept) > 0.9
    led = [answer.label for answer in whole.predict([row["text"] for row in rows])]
    assert np.mean([label.endswith("-zoo") for label in led]) > 0.9


def test_the_command_names_members_by_the_routers_labels(texts, tmp_path):
    members, router = texts
    out = tmp_path / "whole"
    said = [f"{name}={member.folder}" for name, member in members.items()]
    command = ["ensemble", str(out), *said, "--router", str(router.folder)]
    run = CliRunner().invoke(app, command)
    assert run.exit_code == 0, run.output
    assert {path.name for path in out.iterdir()} == {
        "README.md", "ensemble.json", "members", "router",
    }  # fmt: skip
    card = (out / "README.md").read_text()
    assert all(each.version in card for each in (*members.values(), router))
    answer = json.loads(CliRunner().invoke(app, ["predict", str(out), "-t", "a good film"]).output)
    assert answer["label"] in NAMES
    for wrong in ([said[0], *said], [str(members["good"].folder), *said[1:]], ["=x", *said[1:]]):
        run = CliRunner().invoke(
            app, ["ensemble", str(tmp_path / "x"), *wrong, "--router", str(router.folder)]
        )
        assert isinstance(run.exception, DataError)
        assert "LABEL=MODEL" in str(run.exception)
    assert not (tmp_path / "x").exists()


def test_a_router_must_fit(texts, network, tmp_path):
    members, router = texts
    other = trained(network, "text-regression", tmp_path / "number")
    pictured = trained(network, "image-classification", tmp_path / "pictures")
    fewer = {name: members[name] for name in NAMES[:2]}
    whole = ensemble(members, router=router)
    for models, guide, said in (
        (members, other, "cannot say whose answer"),
        (members, pictured, "cannot say whose answer"),
        (fewer, router, "does not know the members by their names"),
        (list(members.values()), router, "does not know the members by their names"),
        (members, whole, "is itself one"),
        ({**members, "good": other}, router, "differ in their task"),
    ):
        with pytest.raises(ModelError, match=said):
            ensemble(models, router=guide)


def test_what_was_changed_is_told(texts, tmp_path):
    members, router = texts
    place = tmp_path / "whole"
    ensemble(members, router=router).save(place)
    path = place / "ensemble.json"
    whole = json.loads(path.read_text())
    for change, said in (
        ({"router": "0" * 12}, "not as it was saved"),
        ({"names": ["bad", "good", "plain"]}, "not as it was saved"),
        ({"names": ["good", "bad"]}, "does not know the members"),
        ({"names": None}, "no such names"),
        ({"names": [1, 2, 3]}, "does not know the members"),
        ({"names": [1, "bad", None]}, "does not know the members"),
        ({"members": []}, "two members or more"),
        ({"router": None}, "no such router"),
    ):
        path.write_text(json.dumps({**whole, **change}))
        with pytest.raises(ModelError, match=said):
            journeyman.load(place)
    path.write_text(json.dumps({n: v for n, v in whole.items() if n != "router"}))
    with pytest.raises(ModelError, match="no such router"):
        journeyman.load(place)
