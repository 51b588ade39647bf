import gzip
import hashlib
import io
import json
import tarfile

import pytest
from catalogue_entries import pin

from journeyman.catalogue import datasets
from journeyman.catalogue.converters.base import CONVERTERS
from journeyman.catalogue.converters.rated_snippets import DOMAINS, label_of, soft_label_of
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.catalogue.digest import digest_of
from journeyman.catalogue.entry import (
    BackboneEntry,
    DatasetEntry,
    backbone_entries,
    dataset_entries,
)
from journeyman.catalogue.home import home
from journeyman.catalogue.listing import listing
from journeyman.catalogue.sources.base import SOURCES
from journeyman.errors import FetchError, ResourceError

ENTRIES = {**backbone_entries(), **dataset_entries()}


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """Enter a dataset of these raw files, found through JOURNEYMAN_DATA, and resolve it."""

    def make(converter, raw, splits, named=None, **options):
        folder = tmp_path / "data" / "tiny"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in raw.items():
            (folder / name).write_bytes(content)
        entry = DatasetEntry(
            name="tiny",
            what="tiny",
            licence="MIT",
            task="text-classification",
            language="en",
            sources=[{"kind": "folder", "folder": "tiny"}],
            files=[{"path": name, **pin(content)} for name, content in raw.items()],
            converter=converter,
            options=options,
            columns=named or {"text": "text", "label": "label", "id": "id"},
            splits=splits,
        )
        monkeypatch.setenv("JOURNEYMAN_DATA", str(tmp_path / "data"))
        monkeypatch.setattr(datasets, "dataset_entries", lambda: {"tiny": entry})
        return resolve_dataset("tiny")

    return make


def rows(found, split="train"):
    return [json.loads(line) for line in found.files[split].read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_complete(name):
    entry = ENTRIES[name]
    assert entry.licence
    assert entry.size > 0
    assert all(source.kind in SOURCES for source in entry.sources)
    if isinstance(entry, DatasetEntry):
        assert entry.converter in CONVERTERS
        named = entry.columns.model_dump(exclude_none=True)
        assert any(
            pair <= named.keys()
            for pair in (
                {"text", "label"},
                {"tokens", "tags"},
                {"image", "label"},
                {"image", "boxes"},
            )
        )
        files = entry.options.get("files", {})
        assert set(files) <= set(entry.splits)
        assert set(files.values()) <= {file.path for file in entry.files}


def test_defaults_are_there():
    assert isinstance(ENTRIES["minilm-l6"], BackboneEntry)
    assert {"snippets", "reviews-zh", "banking77", "broad_twitter_ner"} <= set(dataset_entries())


@pytest.mark.parametrize("path", ["../up", "/abs", "a/../../b", "a\\b"])
def test_a_path_that_leaves_its_folder_is_no_entry(path):
    fields = ENTRIES["minilm-l6"].model_dump()
    fields["files"] = [{"path": path, "size": 1, "sha256": "0" * 64}]
    with pytest.raises(ValueError, match="not a path inside"):
        BackboneEntry.model_validate(fields)


def snippets_archive():
    made = io.BytesIO()
    texts = {"tweets": "1\t0\tI &lt;3 Meagher &amp;amp; co", "movie": "1\t0\tBad caf\u00e9"}
    texts |= {"amazon": "1_1\t0\tFine\r\n1_2\t0\tSo so\r\n2_1\t0\tMeh", "nyt": "7_1\t0\tNews"}
    ratings = {"tweets": "1\t9\t0\t[4, 3, 4]", "movie": "1\t9\t0\t[-2, -3, 1]"}
    ratings |= {"nyt": "7_1\t9\t0\t[0, 1]"}
    ratings |= {"amazon": "\ufeff1_1\t9\t0\t[1, 0]\r\n1_2\t9\t0\t[-1, 0]\r\n2_1\t9\t0\t[0, 0]"}
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for domain, stem in DOMAINS.items():
            for kind, content in (("GroundTruth", texts), ("anonDataRatings", ratings)):
                body = (content[domain] + "\r\n").encode()
                info = tarfile.TarInfo(f"hutto_ICWSM_2014/{stem}_{kind}.txt")
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
    return made.getvalue()


def test_snippets_have_domain_group_ratings_and_labels(dataset):
    found = dataset("rated_snippets", {"a.tar.gz": snippets_archive()}, {"train": "all.jsonl"})
    by_id = {row["id"]: row for row in rows(found)}
    assert list(by_id) == [
        "tweets/1", "movie/1", "amazon/1_1", "amazon/1_2", "amazon/2_1", "nyt/7_1"
    ]  # fmt: skip
    assert by_id["tweets/1"]["text"] == "I <3 Meagher & co"
    assert by_id["movie/1"]["text"] == "Bad café"
    assert by_id["movie/1"]["ratings"] == [-2.0, -3.0, 1.0]
    assert by_id["movie/1"]["rating"] == pytest.approx(-4 / 3, abs=1e-6)
    assert {key: row["group"] for key, row in by_id.items()} == {
        "tweets/1": "tweets/1",
        "movie/1": "movie/1",
        "amazon/1_1": "amazon/1",
        "amazon/1_2": "amazon/1",
        "amazon/2_1": "amazon/2",
        "nyt/7_1": "nyt/7",
    }
    labels = [row["label"] for row in by_id.values()]
    assert labels == ["positive", "negative", "positive", "negative", "neutral", "positive"]


def test_words_have_the_columns_of_snippets(dataset):
    lines = [":)\t2.0\t0.1\t[2, 2]", "ok\t1.0\t0.1\t[1, 1]", "good\t9.9\t0.1\t[2, 1]"]
    lines += ["so-so\t0.0\t0.1\t[0, 0]", "lol\t2.0\t0.1\t[0, 0]", "lol\t2.0\t0.1\t[-1, 0]"]
    raw = {"lexicon.txt": ("\r\n".join(lines) + "\r\n").encode()}
    found = rows(dataset("rated_words", raw, {"train": "words.jsonl"}))
    assert [row["text"] for row in found] == ["good", "lol", "lol"]
    assert [row["id"] for row in found] == ["words/3", "words/5", "words/6"]
    assert [row["group"] for row in found] == ["words/good", "words/lol", "words/lol"]
    assert [row["label"] for row in found] == ["positive", "neutral", "negative"]
    assert found[0]["rating"] == 1.5
    assert found[0]["ratings"] == [2.0, 1.0]
    assert found[0]["soft_label"] == soft_label_of([2.0, 1.0])
    archive = {"a.tar.gz": snippets_archive()}
    snippets = rows(dataset("rated_snippets", archive, {"train": "all.jsonl"}))
    assert found[0].keys() == snippets[0].keys()
    assert {row["domain"] for row in found} == {"words"}
    assert dataset_entries()["vader-words"].columns == dataset_entries()["snippets"].columns


def test_the_threshold_belongs_to_the_classes_beyond_it():
    assert [label_of(x) for x in (-0.5, -0.49, 0.0, 0.49, 0.5)] == [
        "negative", "neutral", "neutral", "neutral", "positive"
    ]  # fmt: skip


def test_soft_labels_are_probabilities_that_follow_the_raters():
    certain = soft_label_of([4.0] * 20)
    assert certain["positive"] == pytest.approx(1.0)
    edge = soft_label_of([0.0, 1.0] * 10)
    assert edge["positive"] == pytest.approx(0.5, abs=1e-6)
    agreeing = soft_label_of([0.6, 0.6, 0.6, 0.6])
    assert agreeing["positive"] == pytest.approx(0.841345, abs=1e-6)
    few, many = soft_label_of([0.0, 2.0]), soft_label_of([0.0, 2.0] * 40)
    assert few["positive"] < many["positive"]
    mirrored = soft_label_of([0.0, -2.0])
    assert mirrored["negative"] == pytest.approx(few["positive"])
    for soft in (certain, edge, agreeing, few, many, mirrored, soft_label_of([1.0])):
        assert sum(soft.values()) == pytest.approx(1.0)


def test_a_table_is_renamed_and_a_conversion_repeats_byte_for_byte(dataset, monkeypatch, tmp_path):
    raw = {"t.csv": b'label,review\r\n1,"good, very"\r\n0,"bad\r\ntwice"\r\n'}
    options = {
        "files": {"train": "t.csv"},
        "columns": {"text": "review", "label": "label"},
        "values": {"label": {"0": "negative", "1": "positive"}},
    }
    found = dataset("csv_table", raw, {"train": "t.jsonl"}, **options)
    assert rows(found) == [
        {"id": "train/1", "text": "good, very", "label": "positive"},
        {"id": "train/2", "text": "bad\r\ntwice", "label": "negative"},
    ]
    assert (found.licence, found.source) == ("MIT", "folder: tiny")
    assert found.columns == {"text": "text", "label": "label", "id": "id"}
    digest = hashlib.sha256(found.files["train"].read_bytes()).hexdigest()
    assert found.sha256 == digest_of({"t.jsonl": digest})
    monkeypatch.setenv("JOURNEYMAN_HOME", str(tmp_path / "another"))
    assert dataset("csv_table", raw, {"train": "t.jsonl"}, **options).sha256 == found.sha256


def test_what_is_on_disk_needs_its_source_no_more(dataset, monkeypatch):
    raw = {"neg.txt": "坏\n\n很坏 \n".encode(), "pos.txt": "好\n".encode()}
    labels = {"neg.txt": "negative", "pos.txt": "positive"}
    found = dataset("lines_by_label", raw, {"train": "t.jsonl"}, labels=labels)
    assert [(row["id"], row["text"]) for row in rows(found)] == [
        ("negative/1", "坏"), ("negative/3", "很坏"), ("positive/1", "好")
    ]  # fmt: skip
    monkeypatch.delenv("JOURNEYMAN_DATA")
    assert resolve_dataset("tiny") == found


def test_conll_sentences_keep_tokens_beside_tags(dataset):
    first = "科0\tB-ORG\n技1\tI-ORG\n\n\n好0\tO\ne12\tO\n110\tO\n10\tO\n"
    raw = {"a": first.encode(), "b": b"x0\tO\n"}
    columns = {"tokens": "tokens", "tags": "tags", "id": "id"}
    splits = {"train": "a.jsonl", "test": "b.jsonl"}
    files = {"train": "a", "test": "b"}
    found = dataset("conll", raw, splits, columns, files=files, positions=True)
    assert rows(found) == [
        {"id": "train/1", "tokens": ["科", "技"], "tags": ["B-ORG", "I-ORG"]},
        {"id": "train/2", "tokens": ["好", "e", "1", "1"], "tags": ["O"] * 4},
    ]
    assert rows(found, "test")[0]["tokens"] == ["x"]


def test_the_phrasebank_tells_the_agreement_each_sentence_reaches(dataset):
    half = "All @ one@neutral\r\nMost@positive\r\nSome\xe4@negative\r\nHalf@neutral\r\n"
    lines = half.splitlines(keepends=True)
    raw = {
        "Sentences_50Agree.txt": half.encode("latin-1"),
        "Sentences_66Agree.txt": "".join(lines[:3]).encode("latin-1"),
        "Sentences_75Agree.txt": "".join(lines[:2]).encode("latin-1"),
        "Sentences_AllAgree.txt": lines[0].encode(),
    }
    found = dataset("phrasebank", raw, {"train": "s.jsonl"})
    assert [(row["text"], row["label"], row["agreement"]) for row in rows(found)] == [
        ("All @ one", "neutral", 100),
        ("Most", "positive", 75),
        ("Some\xe4", "negative", 66),
        ("Half", "neutral", 50),
    ]


def test_json_lines_are_read_gzipped_and_absent_columns_are_null(dataset):
    raw = {"a.json.gz": gzip.compress(b'{"x": 1, "s": "A", "l": "true"}\n', mtime=0)}
    columns = {"id": "x", "text": "s", "label": "l", "pair": "p"}
    files = {"train": "a.json.gz"}
    found = dataset("json_lines", raw, {"train": "a.jsonl"}, files=files, columns=columns)
    assert rows(found) == [{"id": 1, "text": "A", "label": "true", "pair": None}]


def test_another_content_in_the_data_folder_is_refused(dataset, tmp_path):
    labels = {"neg.txt": "negative"}
    found = dataset("lines_by_label", {"neg.txt": b"bad\n"}, {"train": "t.jsonl"}, labels=labels)
    (tmp_path / "data" / "tiny" / "neg.txt").write_bytes(b"changed\n")
    found.files["train"].unlink()
    with pytest.raises(FetchError, match="could not be fetched") as caught:
        resolve_dataset("tiny")
    assert "pinned is" in caught.value.found
    assert "JOURNEYMAN_DATA" in caught.value.remedy


def test_an_unknown_dataset_gives_the_nearest():
    with pytest.raises(FetchError, match="no dataset") as caught:
        resolve_dataset("banking-77")
    assert "banking77" in caught.value.remedy


def test_without_a_data_folder_the_error_says_how_to_name_one():
    with pytest.raises(FetchError) as caught:
        resolve_dataset("banking77")
    assert "JOURNEYMAN_DATA" in caught.value.remedy


def test_a_data_folder_that_is_none_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("JOURNEYMAN_DATA", str(tmp_path / "none"))
    with pytest.raises(ResourceError, match="data folder does not exist"):
        resolve_dataset("banking77")


def test_the_listing_tells_what_is_on_disk_and_fetches_nothing(dataset, monkeypatch):
    assert [row.name for row in listing("backbones")] == list(backbone_entries())
    assert not any(row.on_disk for row in [*listing("datasets"), *listing("backbones")])
    assert not (home() / "datasets").exists()
    found = dataset(
        "lines_by_label", {"n.txt": b"bad\n"}, {"train": "t.jsonl"}, labels={"n.txt": "x"}
    )
    monkeypatch.setattr("journeyman.catalogue.listing.dataset_entries", datasets.dataset_entries)
    (row,) = listing("datasets")
    assert row.on_disk
    assert row.bytes_on_disk == found.files["train"].stat().st_size
    assert row.size == 4
