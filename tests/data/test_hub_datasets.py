"""Datasets of the hub: how one is named, and that a change of it is a change of the data."""

from types import SimpleNamespace

import datasets
import pytest

from journeyman.data.ingest import content_hash
from journeyman.data.options import DataOptions
from journeyman.data.readers.hub import HubDataset
from journeyman.data.readers.registry import read
from journeyman.errors import DataError, ResourceError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(monkeypatch):
    """A hub whose newest commit is its `commit`; what was asked of it is in `asked`."""
    state = {"commit": "a" * 40, "asked": []}

    def builder(name, config=None, revision=None):
        state["asked"].append((name, config, revision))
        return SimpleNamespace(hash=revision or state["commit"])

    def load(name, config=None, revision=None):
        state["asked"].append((name, config, revision))
        rows = {"text": [f"{config} {n}" for n in range(3)], "label": ["a", "b", "a"]}
        return datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)})

    monkeypatch.setattr(datasets, "load_dataset_builder", builder)
    monkeypatch.setattr(datasets, "load_dataset", load)
    return state


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("hub:imdb", HubDataset("imdb")),
        ("hub:o/n#test", HubDataset("o/n", split="test")),
        ("hub:o/n:en#test", HubDataset("o/n", "en", None, "test")),
        ("hub:o/n@v1.0", HubDataset("o/n", None, "v1.0")),
        ("hub:o/n:en@refs/pr/2#train", HubDataset("o/n", "en", "refs/pr/2", "train")),
    ],
)
def test_a_source_names_part_commit_and_split(source, meant):
    assert HubDataset.parse(source) == meant


@pytest.mark.parametrize("source", ["hub:", "hub:a/b/c", "hub:a b", "hub:o/n:", "hub:o/n@"])
def test_a_malformed_name_is_told(source):
    with pytest.raises(DataError, match="not named") as caught:
        HubDataset.parse(source)
    assert caught.value.place == source


def test_only_a_commit_is_fixed():
    assert HubDataset.parse(f"hub:o/n@{COMMIT}").is_fixed
    assert not HubDataset.parse("hub:o/n@main").is_fixed
    assert not HubDataset.parse("hub:o/n").is_fixed


def test_another_commit_or_part_is_other_data(hub):
    before = content_hash("hub:o/n")
    assert content_hash("hub:o/n") == before
    assert content_hash("hub:o/n:en") != before
    assert content_hash("hub:o/n#test") != before
    pinned = content_hash(f"hub:o/n@{COMMIT}")
    hub["commit"] = "b" * 40
    assert content_hash("hub:o/n") != before
    assert content_hash(f"hub:o/n@{COMMIT}") == pinned


def test_the_rows_are_of_the_part_and_commit_that_is_named(hub):
    source = f"hub:o/n:en@{COMMIT}#train"
    found = list(read(source, DataOptions(train=source)))
    assert [record.values["text"] for record in found] == ["en 0", "en 1", "en 2"]
    assert hub["asked"] == [("o/n", "en", COMMIT)]


def test_a_hub_that_is_not_reached_is_told(monkeypatch):
    def gone(*arguments, **options):
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset_builder", gone)
    with pytest.raises(ResourceError, match="cannot be fetched") as caught:
        content_hash("hub:o/n")
    assert "no route" in caught.value.found
