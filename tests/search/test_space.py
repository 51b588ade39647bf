"""The space of a search: its mistakes are told before any work, and what fields count when."""

import sys

import pytest
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.errors import RecipeError
from journeyman.recipe import load_recipe
from journeyman.recipe.domains import Choices, Range
from journeyman.recipe.space import applied, default_space, in_force, ordered, space_of
from journeyman.tasks.base import TASKS

TASK = TASKS["text-classification"]()


@pytest.fixture
def recipe(written, tmp_path):
    def make(search, **finetune):
        more = {"finetune": finetune} if finetune else {}
        return load_recipe(written(tmp_path / "run", search, **more))

    return make


MISTAKES = [
    ({"finetune.lerning_rate": [1e-3]}, "no field", "did you mean 'finetune.learning_rate'"),
    ({"learning_rate": [1e-3]}, "no field", "finetune.learning_rate"),
    ({"finetune.epochs.more": [1]}, "no field", "remove it"),
    ({"finetune.learning_rate": {"low": 1e-2, "high": 1e-3}}, "upside down", "swap"),
    ({"finetune.epochs": []}, "nothing to choose", "name values"),
    ({"finetune.epochs": {"choices": []}}, "nothing to choose", "name values"),
    ({"finetune.epochs": ["four"]}, "cannot take", "change it"),
    ({"finetune.epochs": [True]}, "cannot take", "change it"),
    ({"finetune.epochs": {"low": 1.5, "high": 3}}, "cannot take", "change it"),
    ({"finetune.epochs": {"low": 0, "high": 3}}, "cannot take", "change it"),
    ({"finetune.epochs": 4}, "cannot be read", "low"),
    ({"finetune.epochs": {"low": 1}}, "cannot be read", "low"),
    ({"finetune.epochs": {"low": 1, "high": 2, "mid": 1}}, "cannot be read", "low"),
    ({"finetune.epochs": {"low": "one", "high": 2}}, "not made of numbers", "give numbers"),
    ({"finetune.epochs": {"low": 1, "high": 3, "step": 0}}, "does not move", "step above 0"),
    ({"finetune.clip": {"low": 0, "high": 1, "log": True}}, "no logarithm", "raise low"),
    ({"finetune.clip": {"low": 1, "high": 2, "log": "yes"}}, "neither true", "log: true"),
    ({"finetune.clip": {"low": 1, "high": 2, "log": True, "step": 1}}, "both", "one of them"),
    ({"finetune.tuner": {"low": 1, "high": 2}}, "no numbers", "list its values"),
    ({"finetune.tuner": ["lora", "lorra"]}, "cannot take", "change it"),
    ({"finetune.tuner": ["lora", "auto"]}, "cannot take", "change it"),
    ({"finetune.tuner.rank": [4]}, "with `none`", "`finetune.tuner: "),
    ({"finetune.tuner": ["lora"], "finetune.tuner.rank": [0]}, "cannot take", "change it"),
    ({"finetune": [1]}, "is a section", "name the fields"),
    ({"data.limit": [10]}, "changes the rows", "remove it"),
    ({"collect.duplicates": ["keep"]}, "changes the rows", "remove it"),
    ({"seed": [1, 2]}, "changes the rows", "remove it"),
    ({"explain.samples": [1]}, "changes no score", "remove it"),
    ({}, "no field to try", "remove search.space"),
]


@pytest.mark.parametrize(("space", "problem", "remedy"), MISTAKES)
def test_a_mistake_in_the_space_is_named(space, problem, remedy, recipe):
    with pytest.raises(RecipeError) as caught:
        recipe({"space": space})
    (one,) = caught.value.mistakes
    assert problem in one.problem
    assert remedy in one.remedy
    assert "search.space" in one.place
    assert one.expected
    assert one.found


OTHERS = [
    ({"metric": "acuracy"}, "no metric", "did you mean 'accuracy'"),
    ({"storage": "mysql://here/trials"}, "cannot keep", "leave it out"),
    ({"storage": "postgresql://me:secret@here/trials"}, "password", "PGPASSWORD"),
    ({"timeout": "soon"}, "cannot take", "give such a value"),
    ({"trials": 0}, "cannot take", "give such a value"),
    ({"space": ["finetune.cut"]}, "cannot take", "write its fields"),
]


@pytest.mark.parametrize(("search", "problem", "remedy"), OTHERS)
def test_a_mistake_beside_the_space_is_named(search, problem, remedy, recipe):
    with pytest.raises(RecipeError) as caught:
        recipe(search)
    (one,) = caught.value.mistakes
    assert problem in one.problem
    assert remedy in one.remedy
    assert "secret" not in str(one)


def test_every_mistake_is_told_at_once(recipe):
    with pytest.raises(RecipeError) as caught:
        recipe({"space": {"finetune.epochs": [], "data.limit": [1]}, "metric": "x"}, tuner="auto")
    assert len(caught.value.mistakes) == 4


def test_without_the_library_the_extra_is_named(recipe, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError) as caught:
        recipe({"trials": 3})
    assert "journeyman[search]" in caught.value.mistakes[0].remedy


def test_a_space_is_read_by_the_kind_of_its_fields(recipe, tmp_path):
    said = {
        "finetune.epochs": {"low": 1, "high": 6, "step": 2},
        "finetune.clip": {"low": 1, "high": 5},
        "finetune.learning_rate": {"low": "1e-4", "high": 1e-3, "log": True},
        "finetune.tuner": {"choices": ["none", {"name": "lora", "rank": 4}]},
    }
    found = space_of(recipe({"space": said}), TASK, tiny_backbone(tmp_path))
    assert found["finetune.epochs"] == Range(1, 5, step=2, whole=True)
    assert found["finetune.clip"] == Range(1, 5)
    assert found["finetune.learning_rate"] == Range(1e-4, 1e-3, log=True)
    assert found["finetune.tuner"] == Choices(("none", {"name": "lora", "rank": 4}))
    assert ordered(found)[0] == "finetune.tuner"


def test_values_are_put_into_a_recipe(recipe):
    base = recipe({"trials": 2}, tuner={"name": "lora", "rank": 8, "dropout": 0.2}, cut=1)
    found = applied(base, TASK, {"finetune.tuner": "lora", "finetune.tuner.rank": 2})
    assert (found.finetune.tuner.rank, found.finetune.tuner.dropout) == (2, 0.2)
    assert found.finetune.cut == 1
    assert found.search is None
    other = applied(base, TASK, {"finetune.tuner": "none", "finetune.head.features": 16})
    assert other.finetune.tuner.name == "none"
    assert other.finetune.cut == "auto"
    assert (other.finetune.head.name, other.finetune.head.features) == ("ridge", 16)
    assert base.finetune.tuner.rank == 8


def test_fields_count_where_something_reads_them(recipe):
    base = recipe({"trials": 2}, head="ridge")
    tuner = "finetune.tuner"

    def counts(name, **values):
        return in_force(name, base, TASK, {f"finetune.{n}": v for n, v in values.items()})

    assert not counts("finetune.cut")
    assert counts("finetune.cut", tuner="lora")
    assert not counts("finetune.epochs")
    assert counts("finetune.epochs", tuner="full")
    assert counts("finetune.epochs", head="linear")
    assert not counts("finetune.learning_rate", head="linear")
    assert counts(f"{tuner}.rank", tuner="lora")
    assert not counts(f"{tuner}.rank", tuner="full")
    assert counts("finetune.head.features")
    assert not counts("finetune.head.features", head="linear")
    assert counts("finetune.metric")
    assert counts("backbone.max_tokens")


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("tuner", [None, "none", "lora", "full"])
def test_the_default_space_suits_the_recipe(task, tuner, tmp_path, written):
    backbone = Sample(task, tiny_backbone(tmp_path), train=9, validation=3).backbone
    columns = {"tokens": "tokens", "tags": "tags"} if TASKS[task].unit == "token" else {}
    data = written(tmp_path, {})["data"]
    data = {**data, "label": None, "text": None, **columns} if columns else data
    more = {}
    if TASKS[task].kind == "boxes":
        data = {**data, "label": None, "boxes": "label"}
    if TASKS[task].modality == "image":
        data, more = {**data, "text": None, "image": "text"}, {"backbone": "efficientnet-lite0"}
    finetune = {} if tuner is None else {"tuner": tuner}
    base = load_recipe(written(tmp_path, {}, task=task, data=data, finetune=finetune, **more))
    found = default_space(base, TASKS[task](), backbone)
    assert ("finetune.tuner" in found) == (tuner is None)
    assert found
    said = {}
    for name in ordered(found):
        if in_force(name, base, TASKS[task](), said):
            domain = found[name]
            said[name] = domain.values[-1] if isinstance(domain, Choices) else domain.high
    assert applied(base, TASKS[task](), said).finetune != base.finetune
