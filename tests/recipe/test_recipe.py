"""A recipe that is right: read, overridden, resolved, written again; its schema."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman.errors import DataError, RecipeError
from journeyman.recipe import Recipe, dump_recipe, load_recipe, schema
from journeyman.tasks.base import TASKS

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    (tmp_path / "train.csv").write_text("text,label\ngood,pos\nbad,neg\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_line_is_enough(files):
    (files / "my-run.yaml").write_text("data: {train: train.csv}\n")
    recipe = load_recipe("my-run.yaml")
    assert recipe.name == "my-run"
    assert recipe.folder == Path("runs/my-run")
    assert recipe.backbone.name == "minilm-l6"
    assert recipe.seed == 0
    assert recipe.threads == "auto"
    assert recipe.trackers == ("tensorboard",)
    assert recipe.task is None


def test_short_and_long_forms_are_the_same():
    short = {"data": {"train": "train.csv"}, "backbone": "minilm-l6"}
    long = {"data": {"train": "train.csv"}, "backbone": {"name": "minilm-l6"}}
    short["finetune"] = {"tuner": "lora", "head": "ridge"}
    long["finetune"] = {"tuner": {"name": "lora"}, "head": {"name": "ridge"}}
    assert load_recipe(short) == load_recipe(long)


def test_fields_left_empty_are_absent():
    assert load_recipe("finetune:\ndata:\n  train: train.csv\n") == load_recipe(
        {"data": {"train": "train.csv"}}
    )


@pytest.mark.parametrize(
    ("data", "name"), [({"train": "train.csv"}, "train"), ({"dataset": "snippets"}, "snippets")]
)
def test_without_a_file_the_data_give_the_name(data, name):
    assert load_recipe({"data": data}).name == name


def test_names_may_be_of_any_script():
    assert load_recipe({"name": "酒店评论", "data": {"train": "train.csv"}}).name == "酒店评论"


def test_a_date_and_a_merge_sign_are_text():
    recipe = load_recipe("name: 2024-01-31\ndata: {train: train.csv, label: =}\n")
    assert recipe.name == "2024-01-31"
    assert recipe.data.label == "="


def test_numbers_in_scientific_notation():
    recipe = load_recipe("data: {train: train.csv}\nfinetune: {tuner: full, learning_rate: 1e-4}\n")
    assert recipe.finetune.learning_rate == 1e-4


def test_a_byte_order_mark_is_no_part_of_the_first_field(files):
    (files / "r.yaml").write_bytes("name: a\ndata: {train: train.csv}\n".encode("utf-8-sig"))
    assert load_recipe("r.yaml").name == "a"


@pytest.mark.parametrize(
    ("sets", "where", "value"),
    [
        (["seed=7"], ("seed",), 7),
        (["finetune.epochs=3"], ("finetune", "epochs"), 3),
        (["finetune.epochs=3", "finetune.epochs=5"], ("finetune", "epochs"), 5),
        (["finetune.tuner=lora", "finetune.tuner.rank=8"], ("finetune", "tuner", "rank"), 8),
        (["finetune.tuner={name: lora, rank: 4}"], ("finetune", "tuner", "rank"), 4),
        (["finetune.clip=null"], ("finetune", "clip"), None),
        (["backbone.max_tokens=64"], ("backbone", "max_tokens"), 64),
        (["backbone=owner/name", "backbone.max_tokens=64"], ("backbone", "name"), "owner/name"),
        (["collect.fractions.test=0.3"], ("collect", "fractions", "test"), 0.3),
        (["trackers=[]"], ("trackers",), ()),
        (["trackers.0=wandb"], ("trackers",), ("wandb",)),
        (["data.slices.0=year", "data.slices.1=domain"], ("data", "slices"), ("year", "domain")),
        (["data.label=a=b"], ("data", "label"), "a=b"),
        (["data.label='1'"], ("data", "label"), "1"),
        (["output=/tmp/x"], ("output",), "/tmp/x"),
    ],
)
def test_overrides(sets, where, value):
    found = load_recipe("trackers: [tensorboard]\ndata:\n  train: train.csv\n", sets)
    for name in where:
        found = getattr(found, name)
    assert found == value


def test_an_override_replaces_a_mistake_of_the_file():
    assert load_recipe("seed: -1\ndata: {train: train.csv}\n", ["seed=1"]).seed == 1


def test_data_are_looked_for_beside_the_recipe_first(files):
    inner = files / "inner"
    inner.mkdir()
    (inner / "recipe.yaml").write_text("data: {train: train.csv}\n")
    assert load_recipe("inner/recipe.yaml").data.train == "train.csv"
    (inner / "train.csv").write_text("text,label\n")
    assert load_recipe("inner/recipe.yaml").data.train == "inner/train.csv"
    absolute = load_recipe(inner / "recipe.yaml").data.train
    assert absolute == str(inner / "train.csv")


def test_a_backbone_folder_is_looked_for_beside_the_recipe(files):
    (files / "inner" / "network").mkdir(parents=True)
    (files / "inner" / "recipe.yaml").write_text("backbone: network\ndata: {train: train.csv}\n")
    assert load_recipe("inner/recipe.yaml").backbone.name == "inner/network"


def test_a_split_of_a_saved_dataset_and_the_hub_are_no_missing_files(files):
    (files / "saved").mkdir()
    data = {"train": "saved#train", "validation": "saved#validation", "test": "hub:owner/x#test"}
    assert load_recipe({"data": data}).data.train == "saved#train"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_the_project(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert load_recipe(dump_recipe(recipe)) == recipe
    _fits(yaml.safe_load(path.read_text(encoding="utf-8")), schema())


def test_there_are_recipes():
    assert {path.stem for path in RECIPES} >= {"sentiment", "bank-intents", "twitter-entities"}


def test_the_resolved_recipe_reads_back_and_is_stable(files):
    sets = ["finetune.tuner={name: lora, rank: 4}", "finetune.clip=null", "data.slices=[a]"]
    recipe = load_recipe({"data": {"train": "train.csv"}, "name": "größe", "seed": 3}, sets)
    text = dump_recipe(recipe)
    assert load_recipe(text) == recipe
    assert load_recipe(recipe) == recipe
    assert dump_recipe(load_recipe(text)) == text
    assert "epochs: 4" in text
    assert "clip: null" in text
    assert "größe" in text


def test_the_schema_tells_every_field():
    told = schema()
    json.dumps(told)
    assert told["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(told["properties"]) == set(Recipe.model_fields)
    assert told["required"] == ["data"]
    objects = [told, *told["$defs"].values()]
    for one in objects:
        assert one["additionalProperties"] is False
        assert one["title"]
        for name, field in one["properties"].items():
            assert field.get("description"), (one["title"], name)
    names = told["properties"]["task"]["anyOf"][0]["enum"]
    assert names == list(TASKS)


@pytest.mark.parametrize("field", ["tuner", "head"])
def test_the_schema_takes_both_forms(field):
    branches = schema()["$defs"]["FinetuneOptions"]["properties"][field]["anyOf"]
    assert any("enum" in branch for branch in branches)
    assert any("oneOf" in branch for branch in branches)


def _fits(value, told, root=None):
    """The part of JSON Schema that names fields: enough to see one that an editor would refuse."""
    root = root or told
    if "$ref" in told:
        return _fits(value, root["$defs"][told["$ref"].rpartition("/")[2]], root)
    if isinstance(value, dict) and "properties" in told:
        assert set(told.get("required", ())) <= set(value) <= set(told["properties"])
        for name, part in value.items():
            _fits(part, told["properties"][name], root)
    return None


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=12)
)
_NAMES = st.sampled_from(
    "name task backbone data collect finetune explain seed threads output trackers train test "
    "text label dataset tuner head cut epochs fractions rank layers slices lora zzz".split()
) | st.text(max_size=6)
_VALUES = st.recursive(
    _LEAVES | st.sampled_from(["lora", "ridge", "none", "train.csv", "auto", "snippets"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)
_quiet = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _told_completely(error):
    assert error.mistakes
    for one in error.mistakes:
        assert all((one.problem, one.place, one.expected, one.found, one.remedy))


def _loads_or_tells(source, sets=()):
    try:
        recipe = load_recipe(source, sets)
    except RecipeError as error:
        _told_completely(error)
    except DataError:
        pass
    else:
        assert load_recipe(dump_recipe(recipe)) == recipe


@_quiet
@given(st.dictionaries(_NAMES, _VALUES, max_size=6))
def test_any_mapping_loads_or_tells(values):
    _loads_or_tells({"data": {"train": "train.csv"}, **values})


@_quiet
@given(st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_any_yaml_loads_or_tells(values):
    _loads_or_tells(yaml.safe_dump(values, allow_unicode=True) + "\n")


@_quiet
@given(st.text(alphabet=st.sampled_from("abc:-[]{}#&*!|>'\"%@`?, \t\n0123.~="), max_size=60))
def test_any_text_loads_or_tells(text):
    _loads_or_tells(text + "\n")


@_quiet
@given(st.text(max_size=20), _VALUES)
def test_any_override_loads_or_tells(name, value):
    _loads_or_tells({"data": {"train": "train.csv"}}, [f"{name}={value}", f"finetune.{value}=1"])
