"""Recipes written for a file: they load, say why, and stay right with their options taken in."""

import json
import re

import pytest

from journeyman.errors import DataError
from journeyman.recipe import load_recipe
from journeyman.recipe.init import init_recipe

WORDS = "the of and to in is it good bad film room food very not".split()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sentence(number):
    return " ".join(WORDS[(number * step + step) % len(WORDS)] for step in range(1, 9)) + str(
        number
    )


def table(path, header, rows, encoding="utf-8", mark=","):
    lines = [mark.join(header), *(mark.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding=encoding)


def english(here):
    rows = [(sentence(n), "pos" if n % 2 else "neg", f"u{n % 7}") for n in range(60)]
    table(here / "reviews.csv", ("review", "label", "user"), rows)
    return "reviews.csv"


def chinese(here):
    rows = [("房间很大服务很好" * (n % 3 + 1) + "号" * n, n % 2) for n in range(60)]
    table(here / "酒店.csv", ("评论", "标签"), rows, "gb18030", "\t")
    return "酒店.csv"


def numbers(here):
    rows = [(sentence(n), n * 0.37) for n in range(60)]
    table(here / "scores.csv", ("text", "score"), rows)
    return "scores.csv"


def several(here):
    rows = [{"text": sentence(n), "topics": ["a", "b"][: n % 2 + 1]} for n in range(60)]
    (here / "t.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return "t.jsonl"


def tagged(here):
    rows = [{"words": ["Ann", "ran"], "marks": ["B-PER", "O"]} for _ in range(20)]
    (here / "n.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return "n.jsonl"


def conll(here):
    (here / "n.conll").write_text("Ann B-PER\nran O\n\n" * 20)
    return "n.conll"


def odd_names(here):
    rows = [(sentence(n), "yes" if n % 2 else "no", n % 3) for n in range(60)]
    table(here / "it's #1: a file.csv", ("text: the", "# label", "null"), rows)
    return "it's #1: a file.csv"


FILES = [english, chinese, numbers, several, tagged, conll, odd_names]


@pytest.mark.parametrize(
    ("write", "task", "data"),
    [
        (english, "text-classification", {"text": "review", "label": "label", "delimiter": ","}),
        (chinese, "text-classification", {"text": "评论", "label": "标签", "delimiter": "\t"}),
        (numbers, "text-regression", {"text": "text", "label": "score"}),
        (several, "multi-label-classification", {"text": "text", "label": "topics"}),
        (tagged, "token-classification", {"tokens": "words", "tags": "marks"}),
        (conll, "token-classification", {"tokens": None, "text": None}),
        (odd_names, "text-classification", {"text": "text: the"}),
    ],
)
def test_what_is_written_loads(here, write, task, data):
    path = write(here)
    recipe = load_recipe(init_recipe(path))
    assert recipe.task == task
    assert recipe.data.train == path
    assert {name: getattr(recipe.data, name) for name in data} == data


@pytest.mark.parametrize("write", FILES)
def test_every_option_can_be_taken_in(here, write):
    """A name, a colon and a value right after # are an option; the backbone replaces one."""
    text = init_recipe(write(here))
    options = re.findall(r"^ *#\w+: .+$", text, re.MULTILINE)
    assert len(options) >= 4
    for line in options:
        taken = line.replace("#", "", 1).replace("FILE", "other.csv")
        (here / "other.csv").write_text("text,label\n")
        whole = text.replace(line, taken, 1)
        if taken.startswith("backbone:"):
            whole = whole.replace("\nbackbone: minilm-l6\n", "\n")
        load_recipe(whole)


def test_it_says_what_was_seen(here):
    text = init_recipe(english(here))
    assert "60 rows" in text
    assert "2 classes: neg (30), pos (30)" in text
    assert "Columns: review, label, user" in text
    assert "'review' is taken as the text" in text
    assert "multilingual" not in text


def test_chinese_gets_a_backbone_that_reads_it(here):
    text = init_recipe(chinese(here))
    assert "seem to be Chinese" in text
    assert "#backbone: sentence-transformers/paraphrase-multilingual" in text
    assert load_recipe(text).data.encoding == "gb18030"


def test_a_file_that_is_not_rows(here):
    (here / "empty.csv").write_text("")
    with pytest.raises(DataError):
        init_recipe("empty.csv")
    with pytest.raises(DataError):
        init_recipe("nothing.csv")
