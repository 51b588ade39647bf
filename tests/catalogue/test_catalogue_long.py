"""The real entries, fetched through the machine's own configuration."""

import json
import os
from collections import Counter

import pytest

from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.catalogue.entry import dataset_entries
from journeyman.catalogue.listing import listing

pytestmark = pytest.mark.long

DATA = os.environ.get("JOURNEYMAN_DATA")

SNIPPETS = {
    "tweets": {"positive": 2345, "negative": 1087, "neutral": 768},
    "movie": {"positive": 4996, "negative": 5076, "neutral": 533},
    "amazon": {"positive": 1750, "negative": 1235, "neutral": 723},
    "nyt": {"positive": 1187, "negative": 1783, "neutral": 2220},
}


def rows_of(file):
    return [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]


def test_the_default_backbone_is_fetched_and_loads():
    from transformers import AutoModel, AutoTokenizer

    found = resolve("minilm-l6", progress=False)
    assert found.licence == "Apache-2.0"
    assert found.sha256 == resolve("minilm-l6").sha256
    assert listing("backbones")[0].on_disk
    tokens = AutoTokenizer.from_pretrained(found.folder)("a film", return_tensors="pt")
    hidden = AutoModel.from_pretrained(found.folder)(**tokens).last_hidden_state
    assert hidden.shape == (1, 4, 384)


def likeness_of(name, pairs):
    """[pair, pair]: the cosine of the first text of each pair and the second of each."""
    from torch.nn.functional import normalize

    from journeyman.backbones.text_encoder import load_backbone

    found = resolve(name, progress=False)
    spec = {"name": found.name, "licence": found.licence, "source": "", "sha256": found.sha256}
    backbone = load_backbone(found.folder, spec)
    inputs = backbone.prepare([text for pair in pairs for text in pair])
    vectors = normalize(backbone.frozen(inputs, 12).pooled[12], dim=1)
    return vectors[0::2] @ vectors[1::2].T


def test_sentences_of_one_meaning_are_near_in_two_languages():
    pairs = [
        ("酒店房间很干净，服务员热情", "The hotel room was clean and the staff friendly"),
        ("股票市场今天大跌", "The stock market fell sharply today"),
        ("我喜欢猫", "I love cats"),
    ]
    likeness = likeness_of("e5-small", [[f"query: {text}" for text in pair] for pair in pairs])
    assert likeness.diagonal().min() > 0.87
    assert (likeness - likeness.diagonal().diag()).max() < 0.78


def test_the_backbone_that_comes_in_pieces_is_fetched_and_knows_meanings():
    pairs = [
        ("My card was swallowed by the machine", "The ATM kept my card"),
        ("The stock market fell sharply today", "Shares plunged this afternoon"),
        ("I love cats", "Cats are my favourite animals"),
    ]
    likeness = likeness_of("mpnet-base", pairs)
    assert likeness.diagonal().min() > 0.5
    assert (likeness - likeness.diagonal().diag()).max() < 0.3


def test_snippets_are_fetched_and_counted():
    found = resolve_dataset("snippets", progress=False)
    rows = rows_of(found.files["train"])
    assert len({row["id"] for row in rows}) == len(rows) == 23_703
    for domain, labels in SNIPPETS.items():
        assert Counter(row["label"] for row in rows if row["domain"] == domain) == labels
    for row in rows:
        assert row["rating"] == pytest.approx(sum(row["ratings"]) / len(row["ratings"]), abs=1e-6)
        assert sum(row["soft_label"].values()) == pytest.approx(1.0)
        assert "&amp" not in row["text"]


def test_words_are_fetched_and_counted():
    found = resolve_dataset("vader-words", progress=False)
    rows = rows_of(found.files["train"])
    assert len({row["id"] for row in rows}) == len(rows) == 7_179
    assert len({row["text"] for row in rows}) == 7_174
    assert all(len(row["ratings"]) == 10 for row in rows)
    by_text = {row["text"]: row["label"] for row in rows}
    assert (by_text["great"], by_text["awful"]) == ("positive", "negative")


def test_chinese_reviews_are_fetched_and_counted():
    found = resolve_dataset("reviews-zh", progress=False)
    rows = rows_of(found.files["train"])
    assert Counter(row["label"] for row in rows) == {"negative": 18_575, "positive": 16_548}


@pytest.mark.skipif(DATA is None, reason="JOURNEYMAN_DATA is not set")
@pytest.mark.parametrize(
    "name", [n for n, entry in dataset_entries().items() if len(entry.sources) == 1]
)
def test_the_data_folder_gives_every_dataset_it_holds(name, monkeypatch):
    monkeypatch.setenv("JOURNEYMAN_DATA", str(DATA))
    found = resolve_dataset(name, progress=False)
    named = [column for column in found.columns.values() if isinstance(column, str)]
    for file in found.files.values():
        rows = rows_of(file)
        assert rows
        empty = sum(not row[column] for row in rows for column in named)
        assert empty == (1 if name == "chnsenticorp_hotel" else 0)


@pytest.mark.parametrize(
    ("name", "stages"),
    [("efficientnet-lite0", {8: 5, 16: 11, 32: 16}), ("mobilenet-v2", {8: 6, 16: 13, 32: 17})],
)
def test_networks_for_pictures_are_fetched_and_look_at_pictures(name, stages, tmp_path):
    import torch
    from PIL import Image, ImageDraw
    from torch.nn.functional import normalize

    from journeyman.backbones.text_encoder import load_backbone

    found = resolve(name, progress=False)
    spec = {"name": name, "licence": found.licence, "source": "", "sha256": found.sha256}
    backbone = load_backbone(found.folder, spec)
    assert backbone.stage_ends == stages
    paths = []
    for at, (shape, colour) in enumerate((s, c) for s in ("ellipse", "line") for c in (40, 90)):
        image = Image.new("RGB", (300, 260), (colour, 120, 200))
        for step in range(0, 240, 60 if shape == "ellipse" else 12):
            getattr(ImageDraw.Draw(image), shape)((step, 30, step + 50, 230), fill="white")
        paths.append(tmp_path / f"{at}.png")
        image.save(paths[-1])
    depth = backbone.spec.depth
    with torch.no_grad():
        vectors = normalize(backbone.frozen(backbone.prepare(paths), depth).pooled[depth], dim=1)
    likeness = vectors @ vectors.T
    assert min(likeness[0, 1], likeness[2, 3]) > likeness[:2, 2:].max()
