"""A model of descriptions alone: it answers, explains, is saved, and takes rows later exactly."""

import json

import pytest
import torch
from contract_samples import made_rows
from tiny import tiny_backbone, tiny_folder
from typer.testing import CliRunner

import journeyman
from journeyman.cli import app
from journeyman.descriptions import label_pairs, zero_shot
from journeyman.errors import DataError, FetchError, JourneymanError
from journeyman.tensors import read_tensors
from journeyman.training.examples import make_examples
from journeyman.training.loop import Split
from journeyman.training.solving import solver_rows, solver_targets

MEANT = {"bad": "bad awful film", "good": "good fine film", "plain": "much longer text"}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_folder(tmp_path_factory.mktemp("tiny") / "tiny"))


def test_it_answers_with_the_label_whose_description_is_nearest(backbone):
    model = journeyman.zero_shot(MEANT, backbone=backbone)
    answers = model.predict(list(MEANT.values()))
    assert [answer.label for answer in answers] == list(MEANT)
    assert model.schema.labels == ("bad", "good", "plain")
    rows = made_rows(90)
    assert model.evaluate(rows).overall.metrics["accuracy"].value > 0.5
    (why,) = model.explain("an awful film")
    assert why.target == model.predict("an awful film")[0].label
    assert [part.text for part in why.tokens] == ["an", "awful", "film"]


def test_outputs_are_cosines_with_the_descriptions(backbone):
    model = zero_shot(MEANT, backbone=backbone)
    head = model.learner.head
    assert head.choices == {"metric": "cosine", "shrinkage": 1.0}
    inputs = backbone.prepare([*MEANT.values(), "the cat sat"])
    features = backbone.frozen(inputs, backbone.spec.depth)
    vectors = torch.nn.functional.normalize(features.pooled[backbone.spec.depth], dim=1)
    torch.testing.assert_close(head(features), 20 * vectors @ vectors[:3].T, atol=2e-2, rtol=0)


def test_names_alone_are_their_own_descriptions_and_a_template_puts_them(backbone):
    model = zero_shot(["good_film", "bad_film"], backbone=backbone)
    assert model.columns.label_names == {"good_film": "good film", "bad_film": "bad film"}
    other = zero_shot(["good_film", "bad_film"], backbone=backbone, template="a {} story")
    asked = ["a good film story", "a bad film story"]
    sure = [answer.score for answer in other.predict(asked)]
    assert [answer.label for answer in other.predict(asked)] == ["good_film", "bad_film"]
    assert sure != [answer.score for answer in model.predict(asked)]


def test_rows_that_come_later_are_added_exactly(backbone, folder, tmp_path):
    saved = zero_shot(MEANT, backbone=folder).save(tmp_path / "model")
    model = journeyman.load(saved.folder)
    head = model.learner.head
    head.load_statistics(read_tensors(saved.folder / "statistics.safetensors")[0])
    before = head.weight.clone()
    rows = made_rows(12, seed=3)
    learner = model.learner
    examples = make_examples(learner.task, learner.backbone, rows, model.columns, model.schema)
    split = Split(examples, learner.uncached(examples))
    more = solver_rows(learner, split), solver_targets(learner, model.schema, examples)
    head.add(*more)
    head.resolve()
    assert head.statistics()["count"].item() == 15
    assert not torch.equal(head.weight, before)
    head.remove(*more)
    head.resolve()
    assert torch.equal(head.weight, before)


def test_the_saved_folder_is_a_model_like_any_other(folder, tmp_path):
    model = zero_shot(MEANT, backbone=folder)
    model.save(tmp_path / "model")
    again = journeyman.load(tmp_path / "model")
    asked = ["a good film", "the plot was awful"]
    assert again.predict(asked) == model.predict(asked)
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert manifest["about"]["rows"] == {"descriptions": 3}
    card = (tmp_path / "model" / "README.md").read_text()
    assert "not calibrated" in card
    assert "calibrated on validation" not in card
    zero_shot(MEANT, backbone=folder).save(tmp_path / "other")
    assert (tmp_path / "other" / "model.json").read_bytes() == (
        tmp_path / "model" / "model.json"
    ).read_bytes()


@pytest.mark.parametrize(("labels", "template", "problem"), [
    ({"a": "one"}, "{}", "nothing to choose"),
    ([], "{}", "nothing to choose"),
    (["a", "b", "a"], "{}", "there twice"),
    (["a", " "], "{}", "no name"),
    ({"a": "x", 3: "y"}, "{}", "no name"),
    ({"a": "x", "b": " "}, "{}", "no description"),
    ({"a": "x", "b": None}, "{}", "no description"),
    ({"a": "x", "b": "x"}, "{}", "mean the same"),
    (["top_up", "top up"], "{}", "mean the same"),
    ("ab", "{}", "mapping or a list"),
    (["a", "b"], "about", "template"),
    (["a", "b"], "{} and {}", "template"),
    (["a", "b"], "{} {label}", "template"),
])  # fmt: skip
def test_labels_and_templates_that_say_nothing_are_refused(labels, template, problem, backbone):
    with pytest.raises(DataError) as caught:
        zero_shot(labels, backbone=backbone, template=template)
    assert problem in caught.value.problem
    assert caught.value.place in ("labels", "template")
    assert caught.value.remedy


def test_a_backbone_that_is_not_there_is_told():
    with pytest.raises(FetchError):
        zero_shot(["a", "b"], backbone="no-such-backbone")


def test_a_label_and_its_description_are_told_apart_at_the_first_equals_sign():
    said = ["refund=I want 2=3 back", " top_up", "other="]
    assert label_pairs(said) == {"refund": "I want 2=3 back", "top_up": "top up", "other": ""}
    with pytest.raises(DataError, match="there twice"):
        label_pairs(["a=x", "a=y"])


def invoke(*said):
    return CliRunner().invoke(app, ["zero-shot", *map(str, said)])


def test_the_command_writes_a_model_folder_that_other_commands_take(folder, tmp_path):
    out = tmp_path / "model"
    labels = [part for name, text in MEANT.items() for part in ("--label", f"{name}={text}")]
    found = invoke(out, *labels, "--backbone", folder, "--template", "a {}", "--quiet")
    assert found.exit_code == 0, found.output
    assert str(out) in found.output
    assert journeyman.load(out).name == "model"
    asked = CliRunner().invoke(app, ["predict", str(out), "--text", "a good fine film"])
    assert json.loads(asked.output)["label"] == "good"
    (tmp_path / "rows.csv").write_text("text,label\na good fine film,good\nawful,bad\n")
    said = CliRunner().invoke(app, ["evaluate", str(out), "--file", str(tmp_path / "rows.csv")])
    assert json.loads(said.output)["metrics"]["accuracy"]["n"] == 2
    again = invoke(out, *labels, "--backbone", folder)
    assert isinstance(again.exception, JourneymanError)
    assert "overwrite a folder" in again.exception.problem


def test_the_command_refuses_what_python_refuses(folder, tmp_path):
    for said in (["--label", "one"], ["--label", "a=x", "--label", "a=y"]):
        found = invoke(tmp_path / "model", *said, "--backbone", folder)
        assert isinstance(found.exception, DataError)
        assert not (tmp_path / "model").exists()
