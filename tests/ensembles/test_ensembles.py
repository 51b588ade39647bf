"""Models that answer together: by the mean of them, saved whole, explained, and checked."""

import json
import shutil

import numpy as np
import pytest
from contract_samples import made_rows, with_pictures
from trained_models import found_network, trained
from typer.testing import CliRunner

import journeyman
from journeyman.cli import app
from journeyman.ensembles.ensemble import Ensemble, ensemble
from journeyman.errors import ModelError
from journeyman.model import Model
from journeyman.tasks.base import TASKS

ROWS = made_rows(24, seed=9)
ASKED = [row["text"] for row in ROWS]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Two backbones, of two families."""
    place = tmp_path_factory.mktemp("networks")
    return [found_network(place / "one", "bert"), found_network(place / "two", "distilbert", 1)]


@pytest.fixture(scope="module", params=[name for name in TASKS if TASKS[name].averages])
def members(request, networks, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    return [trained(each, request.param, place / str(at)) for at, each in enumerate(networks)]


@pytest.fixture(scope="module")
def classifiers(networks, tmp_path_factory):
    place = tmp_path_factory.mktemp("classifiers")
    name = "text-classification"
    return [trained(each, name, place / str(at)) for at, each in enumerate(networks)]


def questions(model):
    if model.learner.task.modality == "image":
        return [row["image"] for row in with_pictures(ROWS, 9)]
    return [row["tokens"] for row in ROWS] if model.learner.task.unit == "token" else ASKED


def held(model):
    """What it holds probable of each question, by the task's own account."""
    found = []
    for answer in model.predict(questions(model)):
        said = answer.to_json()
        found.append(said.get("scores") or {"value": said.get("value")})
    return found


def test_it_holds_the_mean_of_what_its_members_hold(members):
    together = ensemble(members)
    if together.learner.task.unit == "token":
        pytest.skip("spans are decoded of words: see below")
    for own, one, other in zip(held(together), *map(held, members), strict=True):
        assert own.keys() == one.keys()
        for name, value in own.items():
            assert value == pytest.approx((one[name] + other[name]) / 2, abs=1e-5)


def test_words_have_the_mean_of_what_its_members_hold(networks, tmp_path):
    name = "token-classification"
    both = [trained(each, name, tmp_path / str(at)) for at, each in enumerate(networks)]
    together = ensemble(both)
    task = together.learner.task

    def opinions(model):
        texts = [task.text(row, model.columns) for row in ROWS]
        inputs = model.learner.backbone.prepare(texts)
        examples = journeyman.training.examples.Examples(texts, inputs, ())
        outputs = model.heard(examples, None, journeyman.progress.QUIET).outputs
        return task.opinions(outputs, model.schema, model.calibration)

    for own, one, other in zip(opinions(together), *map(opinions, both), strict=True):
        assert own.shape == one.shape == other.shape
        np.testing.assert_allclose(own, (one + other) / 2, atol=1e-5)
    reached = [each.evaluate(ROWS).overall.metrics["span_f1"].value for each in [together, *both]]
    assert reached[0] >= min(reached[1:]) > 0


def test_it_is_saved_whole_and_answers_the_same(members, tmp_path):
    together = ensemble(members, name="both").save(tmp_path / "both")
    again = journeyman.load(tmp_path / "both")
    assert isinstance(again, Ensemble)
    assert (again.name, again.version) == ("both", together.version)
    assert [m.version for m in again.members] == [m.version for m in members]
    assert again.predict(questions(again)) == together.predict(questions(together))
    assert again.predict(questions(again))[0].version == together.version
    one = journeyman.load(tmp_path / "both" / "members" / "1")
    assert one.predict(questions(one)) == members[1].predict(questions(one))


def test_it_is_measured_and_explained_as_a_model_is(members):
    together = ensemble(members)
    together = together.calibrate(with_pictures(made_rows(30, seed=11), 11))
    rows = with_pictures(ROWS, 9)
    measured = together.evaluate(rows).overall.metrics
    assert measured.keys() == members[0].evaluate(rows).overall.metrics.keys()
    asked = questions(together)[0]
    (why,) = together.explain([asked])
    assert why.weights
    assert why.version == together.version


def test_a_word_weighs_the_mean_of_its_weights(classifiers):
    together = ensemble(classifiers)
    text = "an awful film was on"
    (why,) = together.explain(text)
    assert why.target == together.predict(text)[0].label
    from journeyman.explainers.base import EXPLAINERS

    explainer = EXPLAINERS["integrated-gradients"]()
    alone = [
        explainer.explain(m.learner, m.schema, [text], ["x"], m.calibration, [why.target])[0]
        for m in classifiers
    ]
    assert [part.text for part in why.tokens] == text.split()
    for at, part in enumerate(why.tokens):
        mean = sum(each.tokens[at].weight for each in alone) / 2
        assert part.weight == pytest.approx(mean, abs=1e-9)


def test_it_is_calibrated_on_rows_that_are_given(classifiers):
    plain = ensemble(classifiers)
    better = plain.calibrate(made_rows(60, seed=11))
    assert better.calibration["rows"] == 60
    assert better.version != plain.version
    assert [a.label for a in better.predict(ASKED)] == [a.label for a in plain.predict(ASKED)]


def test_the_command_makes_one_that_the_others_take(classifiers, tmp_path):
    out, rows = tmp_path / "both", tmp_path / "rows.jsonl"
    lines = [json.dumps({name: row[name] for name in ("text", "label")}) for row in ROWS]
    rows.write_text("\n".join([*lines, '{"text": "a film"}']) + "\n")
    said = [str(each.folder) for each in classifiers]
    run = CliRunner().invoke(app, ["ensemble", str(out), *said, "--file", str(rows)])
    assert run.exit_code == 0, run.output
    assert str(out) in run.output
    assert (
        f"calibrated on {len(ROWS)} rows; 1 cannot be used, row {len(ROWS) + 1} first" in run.output
    )
    asked = CliRunner().invoke(app, ["predict", str(out), "-t", "a good film"])
    answer = json.loads(asked.output)
    assert (answer["model"], answer["version"]) == ("both", journeyman.load(out).version)
    measured = CliRunner().invoke(app, ["evaluate", str(out), "-f", str(rows)])
    assert json.loads(measured.output)["metrics"]["accuracy"]["n"] == len(ROWS)
    card = (out / "README.md").read_text()
    assert all(each.version in card for each in classifiers)
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "ensemble.json", "members"]
    again = CliRunner().invoke(app, ["ensemble", str(out), *said])
    assert "would overwrite" in str(again.exception)


def refused(action):
    with pytest.raises(ModelError) as caught:
        action()
    return str(caught.value)


def test_members_must_fit_each_other(classifiers, networks, tmp_path):
    assert "two members or more" in refused(lambda: ensemble(classifiers[:1]))
    other = trained(networks[0], "text-regression", tmp_path / "other")
    assert "differ in their task" in refused(lambda: ensemble([classifiers[0], other]))
    fewer = journeyman.zero_shot(["good", "bad"], backbone=networks[0])
    said = refused(lambda: ensemble([classifiers[0], fewer]))
    assert "differ in their labels" in said
    assert "bad, good, plain" in said
    unsaved = Ensemble.of([classifiers[0], fewer], "x")
    assert "in memory alone" in refused(lambda: unsaved.save(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_what_was_changed_is_told(classifiers, tmp_path):
    place = tmp_path / "both"
    ensemble(classifiers).save(place)
    path = place / "ensemble.json"
    whole = json.loads(path.read_text())
    for change, told in (
        ({"schema": 2}, "newer version"),
        ({"version": "0" * 12}, "not as it was saved"),
        ({"members": whole["members"][::-1]}, "not as it was saved"),
        ({"members": whole["members"][:1]}, "two members or more"),
        ({"calibration": {"temperature": 2.0}}, "not as it was saved"),
        ({"calibration": None}, "no such calibration"),
    ):
        path.write_text(json.dumps({**whole, **change}))
        assert told in refused(lambda: journeyman.load(place))
    for text in ("", "[]", "{}", '{"schema": 1'):
        path.write_text(text)
        assert str(path) in refused(lambda: journeyman.load(place))
    path.write_text(json.dumps(whole))
    shutil.rmtree(place / "members" / "1")
    assert str(place / "members" / "1") in refused(lambda: journeyman.load(place))


def test_a_member_whose_folder_holds_another_version_is_not_copied(networks, tmp_path):
    first, second = (
        trained(each, "text-classification", tmp_path / str(at)) for at, each in enumerate(networks)
    )
    together = ensemble([first, second])
    trained(networks[1], "text-classification", tmp_path / "1", rows=30)
    said = refused(lambda: together.save(tmp_path / "both"))
    assert f"version {second.version}" in said
    shutil.rmtree(tmp_path / "1" / "model")
    assert "no such folder" in refused(lambda: together.save(tmp_path / "both"))
    assert not (tmp_path / "both").exists()


def test_members_of_one_backbone_share_it(networks, tmp_path):
    names = ("text-classification", tmp_path / "a"), ("text-classification", tmp_path / "b")
    both = [trained(networks[0], name, place) for name, place in names]
    other = trained(networks[1], "text-classification", tmp_path / "c")
    folders = [each.folder for each in (*both, other)]
    made = ensemble(folders).save(tmp_path / "three")
    again = Ensemble.load(tmp_path / "three", networks[1])
    for each in (made, again):
        words = [m.learner.backbone.embedding_module().word_embeddings.weight for m in each.members]
        assert words[0] is words[1]
        assert words[0] is not words[2]
    given = networks[1].embedding_module().word_embeddings.weight
    assert again.members[2].learner.backbone.embedding_module().word_embeddings.weight is given
    assert again.predict(ASKED) == made.predict(ASKED)


def test_it_abstains_for_the_accuracy_its_first_member_does(classifiers):
    careful = Ensemble.of(classifiers, "careful")
    wanted = {**classifiers[0].calibration, "target_accuracy": 0.9}
    careful.members[0].calibration, before = wanted, careful.members[0].calibration
    found = careful.calibrate(made_rows(60, seed=11))
    careful.members[0].calibration = before
    assert found.calibration["target_accuracy"] == 0.9
    assert "abstain_below" in found.calibration
    assert "abstain_below" not in careful.calibrate(made_rows(60, seed=11)).calibration


def test_where_one_model_is_wanted_it_names_a_member(classifiers, tmp_path):
    ensemble(classifiers).save(tmp_path / "both")
    said = refused(lambda: Model.load(tmp_path / "both"))
    assert "a single model is wanted" in said
    assert str(tmp_path / "both" / "members" / "0") in said
    assert "a single model" in refused(lambda: ensemble([tmp_path / "both", classifiers[0]]))
    both = journeyman.load(tmp_path / "both")
    assert "is itself one" in refused(lambda: ensemble([both, classifiers[0]]))
