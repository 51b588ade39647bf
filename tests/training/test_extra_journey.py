"""A journey with rows that are only learned from: what runs again, and what the folds judge."""

import json

import pytest
from contract_samples import made_rows
from tiny import tiny_folder


@pytest.fixture
def ground(tmp_path):
    tiny_folder(tmp_path / "tiny")
    for name, rows in (("rows", made_rows(120)), ("more", made_rows(40, seed=5))):
        lines = [f"{row['text']},{row['label']}" for row in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return tmp_path


def recipe(ground, **finetune):
    return {
        "name": "extra", "task": "text-classification", "backbone": str(ground / "tiny"),
        "data": {
            "train": str(ground / "rows.csv"), "text": "text", "label": "label",
            "extra": str(ground / "more.csv"),
        },
        "finetune": {"tuner": "none", "head": "prototype", **finetune},
        "explain": {"samples": 1}, "trackers": [], "threads": 1, "output": str(ground / "run"),
    }  # fmt: skip


def test_an_extra_file_that_changed_is_collected_again(ground):
    from journeyman.journey import input_files, travel
    from journeyman.recipe import load_recipe

    chosen = load_recipe(recipe(ground))
    more = ground / "more.csv"
    assert more in input_files(chosen)
    assert travel(chosen).fresh
    assert not travel(chosen).fresh
    told = json.loads((ground / "run" / "metrics.json").read_text())
    added = told["steps"]["collect"]["extra rows"]["value"]
    assert 0 < added <= 40
    more.write_text(more.read_text() + "an altogether unheard of lovely thing,neutral\n")
    assert travel(chosen).fresh
    again = json.loads((ground / "run" / "metrics.json").read_text())
    assert again["steps"]["collect"]["extra rows"]["value"] == added + 1
    kept = ("validation", "exam", "test")
    assert [again["data"][role] for role in kept] == [told["data"][role] for role in kept]
    assert again["data"]["train"] == told["data"]["train"] + 1


def test_folds_judge_none_of_the_extra_rows(ground):
    from journeyman.outset import workspace_of
    from journeyman.progress import QUIET
    from journeyman.recipe import load_recipe
    from journeyman.steps import collect

    workspace = workspace_of(load_recipe(recipe(ground, folds=2)), QUIET)
    collect.run(workspace)
    learned, judged = workspace.labelled()
    collection = workspace.collection
    added = [row["text"] for table in collection.added for row in table.rows()]
    own = [row["text"] for table in (collection.own, collection.validation) for row in table.rows()]
    assert added
    assert list(judged.texts) == own
    assert list(learned.texts) == [*own, *added]


def test_transfer_learns_from_none_of_the_extra_rows(ground):
    from journeyman.outset import workspace_of
    from journeyman.progress import QUIET
    from journeyman.recipe import load_recipe
    from journeyman.steps import collect
    from journeyman.steps.transfer import gathered
    from journeyman.transfer.options import TransferOptions

    workspace = workspace_of(load_recipe(recipe(ground)), QUIET)
    collect.run(workspace)
    collection = workspace.collection
    rows = gathered(workspace, TransferOptions(candidates=("some-model",))).rows
    assert len(collection.added[0])
    assert len(rows) == len(collection.own) + len(collection.validation)
    added = {row["text"] for row in collection.added[0].rows()}
    assert not added & {row["text"] for row in rows}
