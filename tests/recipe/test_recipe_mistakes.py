"""Bad recipes: each gives one clear mistake, and several give all of theirs."""

import pytest

from journeyman.errors import RecipeError
from journeyman.recipe import load_recipe

GOOD = "data: {train: train.csv}\n"


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """A folder with some data, and the recipe beside it."""
    (tmp_path / "train.csv").write_text("text,label\ngood,pos\nbad,neg\n", encoding="utf-8")
    (tmp_path / "test.csv").write_text("text,label\nfine,pos\n", encoding="utf-8")
    (tmp_path / "tags.conll").write_text("Ann B-PER\nran O\n\n", encoding="utf-8")
    (tmp_path / "words.jsonl").write_text('{"words": ["Ann"], "marks": ["B-PER"]}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mistakes(files, text, sets=()):
    content = text if isinstance(text, bytes) else text.encode()
    (files / "recipe.yaml").write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe("recipe.yaml", sets)
    for mistake in caught.value.mistakes:
        assert mistake.problem.endswith((".", "?"))
        assert mistake.place
        assert mistake.expected
        assert mistake.found
        assert mistake.remedy
    return caught.value.mistakes


SYNTAX = [
    ("", "recipe.yaml", "fields", "nothing", "journeyman init"),
    ("# only this\n", "recipe.yaml", "fields", "nothing", "journeyman init"),
    ("- a\n- b\n", "recipe.yaml", "fields", "['a', 'b']", "journeyman init"),
    ("just words\n", "recipe.yaml", "fields", "'just words'", "journeyman init"),
    ("text,label\na,b\n", "recipe.yaml", "fields", "text,label", "journeyman init"),
    ("name: a\n\tseed: 1\n", "recipe.yaml:2 column 1", "spaces", "seed", "tabs by spaces"),
    ("name: [a, b\n", "recipe.yaml:1 column 7", "lines", "expected ',' or ']'", "bracket"),
    ("name: a: b\n", "recipe.yaml:1 column 8", "lines", "name: a: b", "quotes"),
    ('name: "a\n', "recipe.yaml:1 column 7", "lines", "quoted", "close the quotes"),
    ("a: 1\n b: 2\n", "recipe.yaml:2 column 3", "lines", "b: 2", "indent"),
    ("a: 1\nb\nc: 2\n", "recipe.yaml:3 column 1", "lines", "':'", "colon"),
    ("a: 1\n---\nb: 2\n", "recipe.yaml:2 column 1", "lines", "document", "`---`"),
    ("!!set\na: 1\n", "recipe.yaml:1", "plain", "the tag", "plainly"),
    ("a: *b\n", "recipe.yaml:1 column 4", "lines", "undefined alias", "quotes"),
    ("a: \x01\n", "recipe.yaml:1 column 4", "lines", "character", "quotes"),
    (b"name: caf\xe9\n", "recipe.yaml:1", "UTF-8", "0xe9", "save the file as UTF-8"),
    ("name: a\n".encode("utf-16"), "recipe.yaml:1", "UTF-8", "0xff", "save the file as UTF-8"),
    ("[" * 1500, "recipe.yaml", "levels", "hundreds", "brackets"),
    ("a: " + "x" * (1 << 20), "recipe.yaml", "few lines", "1 MB", "journeyman init"),
]  # fmt: skip

VALUES = [
    ("name: a\nname: b\n" + GOOD, "recipe.yaml:2 name", "once", "first in line 1", "remove one"),
    ("seed: !!python/none x\n" + GOOD, "recipe.yaml:1 seed", "plain", "python/none", "plainly"),
    ("seed: !mine {}\n" + GOOD, "recipe.yaml:1 seed", "plain", "!mine", "plainly"),
    ("seed: &a [*a]\n" + GOOD, "recipe.yaml:1 seed.0", "plain", "alias", "plainly"),
    ("? [a]\n: 1\n" + GOOD, "recipe.yaml:1", "name of a field", "list", "plainly"),
    (GOOD + "finetune: {clip: .inf}", "recipe.yaml:2 finetune.clip", "finite", ".inf", "plainly"),
    ("nam: a\n" + GOOD, "recipe.yaml:1 nam", "name, task", "'nam'", "did you mean 'name'?"),
    ("epochs: 3\n" + GOOD, "recipe.yaml:1 epochs", "finetune", "'epochs'", "or finetune.epochs"),
    ("zzz: 3\n" + GOOD, "recipe.yaml:1 zzz", "name, task", "'zzz'", "remove it"),
    ("task: a\n", "recipe.yaml:1 data", "train", "no such field", "add `data: {train: FILE}`"),
    ("data: 5\n", "recipe.yaml:1 data", "an object", "5", "indented below `data:`"),
    ("data: {}\n", "recipe.yaml:1 data", "agree", "{}", "give `train`"),
    (
        "data: {train: train.csv, dataset: snippets}\n",
        "recipe.yaml:1 data", "agree", "snippets", "not both",
    ),
    ("name: a/b\n" + GOOD, "recipe.yaml:1 name", "letters, digits", "'a/b'", "leave it out"),
    ("name: ..\n" + GOOD, "recipe.yaml:1 name", "letters, digits", "'..'", "leave it out"),
    ("name: 12\n" + GOOD, "recipe.yaml:1 name", "text", "12", "in quotes: '12'"),
    (
        "task: text-clasification\n" + GOOD,
        "recipe.yaml:1 task", "token-classification", "'text-clasification'",
        "did you mean 'text-classification'?",
    ),
    ("seed: -1\n" + GOOD, "recipe.yaml:1 seed", "from 0 to 4,294,967,295", "-1", "default (0)"),
    ("seed: true\n" + GOOD, "recipe.yaml:1 seed", "a whole number", "true", "default (0)"),
    ("seed: 1.5\n" + GOOD, "recipe.yaml:1 seed", "a whole number", "1.5", "default (0)"),
    ("threads: 0\n" + GOOD, "recipe.yaml:1 threads", "auto or a whole number", "0", "(auto)"),
    ("trackers: wandb\n" + GOOD, "recipe.yaml:1 trackers", "a list of", "'wandb'", "[wandb]"),
    (
        "trackers: [tensorbord]\n" + GOOD,
        "recipe.yaml:1 trackers.0", "mlflow", "'tensorbord'", "did you mean 'tensorboard'?",
    ),
    ("output: train.csv\n" + GOOD, "recipe.yaml:1 output", "a folder", "a file", "another folder"),
    (
        "backbone: minilm\n" + GOOD,
        "recipe.yaml:1 backbone", "a hub id", "'minilm'", "did you mean 'minilm-l6'?",
    ),
    ("backbone: ./no\n" + GOOD, "recipe.yaml:1 backbone", "folder", "no such folder", "journeyman"),
    (
        "backbone: {name: minilm-l6, max_tokens: 4}\n" + GOOD,
        "recipe.yaml:1 backbone.max_tokens", "from 8 to 8,192", "4", "leave it out",
    ),
    (
        GOOD + "finetune:\n  epochs: 0\n",
        "recipe.yaml:3 finetune.epochs", "from 1 to 10,000", "0", "default (4)",
    ),
    (
        GOOD + "finetune:\n  epochs: many\n",
        "recipe.yaml:3 finetune.epochs", "a whole number", "'many'", "default (4)",
    ),
    (
        GOOD + "finetune: {learning_rate: 0}\n",
        "recipe.yaml:2 finetune.learning_rate", "a number above 0", "0", "leave it out",
    ),
    (
        GOOD + "finetune: {warmup: 1.5}\n",
        "recipe.yaml:2 finetune.warmup", "a number from 0 to 1", "1.5", "default (0.06)",
    ),
    (
        GOOD + "finetune: {schedule: cosin}\n",
        "recipe.yaml:2 finetune.schedule", "linear | cosine", "'cosin'", "did you mean 'cosine'?",
    ),
    (
        GOOD + "finetune: {class_weights: maybe}\n",
        "recipe.yaml:2 finetune.class_weights", "true or false", "'maybe'", "default (false)",
    ),
    (
        GOOD + "finetune: {tuner: lorra}\n",
        "recipe.yaml:2 finetune.tuner", "full | lora | none", "'lorra'", "did you mean 'lora'?",
    ),
    (
        GOOD + "finetune: {tuner: {rank: 4}}\n",
        "recipe.yaml:2 finetune.tuner", "lora", "{'rank': 4}", "add the name",
    ),
    (
        GOOD + "finetune:\n  tuner:\n    name: lora\n    rank: 0\n",
        "recipe.yaml:5 finetune.tuner.rank", "from 1 to 512", "0", "default (16)",
    ),
    (
        GOOD + "finetune: {tuner: {name: lora, rnak: 4}}\n",
        "recipe.yaml:2 finetune.tuner.rnak", "rank", "'rnak'", "did you mean 'rank'?",
    ),
    (
        GOOD + "finetune: {head: {name: ridge, layers: [1, x]}}\n",
        "recipe.yaml:2 finetune.head.layers.1", "a whole number", "'x'", "leave it out",
    ),
    (
        GOOD + "finetune: {cut: deep}\n",
        "recipe.yaml:2 finetune.cut", "a whole number or auto", "'deep'", "default (auto)",
    ),
    (
        GOOD + "collect: {fractions: {test: 0.6, exam: 0.5}}\n",
        "recipe.yaml:2 collect.fractions", "agree", "0.6", "change one of them",
    ),
    (GOOD + "explain: {method: x}", "recipe.yaml:2 explain.method", "occlusion", "x", "out"),
    (
        "data: {train: trian.csv}\n",
        "recipe.yaml:1 data.train", "path", "no such file", "did you mean train.csv",
    ),
    ("data: {train: a/b.csv}\n", "recipe.yaml:1 data.train", "path", "no folder a", "beside"),
    (
        "data: {dataset: snipets}\n",
        "recipe.yaml:1 data.dataset", "banking77", "'snipets'", "did you mean 'snippets'?",
    ),
    (
        "data: {train: train.csv, test: ./train.csv}\n",
        "recipe.yaml:1 data.test", "other rows", "data.train", "remove data.test",
    ),
    (
        "data: {train: train.csv, encoding: uft-8}\n",
        "recipe.yaml:1 data.encoding", "gb18030", "'uft-8'", "did you mean 'utf-8'?",
    ),
    (
        "data: {train: train.csv, format: cvs}\n",
        "recipe.yaml:1 data.format", "csv | ", "'cvs'", "did you mean 'csv'?",
    ),
    (
        "data: {train: train.csv, delimiter: \\t}\n",
        "recipe.yaml:1 data.delimiter", "one character", "t'", "in double quotes",
    ),
    (
        "data: {train: words.jsonl, format: jsonl, delimiter: ','}\n",
        "recipe.yaml:1 data.delimiter", "CSV", "jsonl", "remove data.delimiter",
    ),
    (
        "data: {train: train.csv, text: [a, b, c]}\n",
        "recipe.yaml:1 data", "agree", "'c'", "change one",
    ),
    (
        "data: {train: train.csv, text: a, label: a}\n",
        "recipe.yaml:1 data", "agree", "'a'", "change one",
    ),
]  # fmt: skip

CONTRADICTIONS = [
    (
        GOOD + "finetune: {tuner: prefix, cut: 3}\n",
        "recipe.yaml:2 finetune.cut", "no `cut`, or 0", "cut 3", "tuner: lora",
    ),
    (
        GOOD + "finetune: {tuner: none, cut: 3}\n",
        "recipe.yaml:2 finetune.cut", "no `cut`", "cut 3 with tuner none", "tuner: full",
    ),
    (
        "task: text-classification\n" + GOOD + "finetune: {cut: 3}\n",
        "recipe.yaml:3 finetune.cut", "no `cut`", "the default of the task", "tuner: full",
    ),
    (
        "task: text-regression\ndata: {train: train.csv, label_separator: '|'}\n",
        "recipe.yaml:2 data.label_separator", "multi-label", "|", "remove data.label_separator",
    ),
    (
        "data: {train: train.csv, ratings: r, rating_labels: [a, b, c], "
        "rating_thresholds: [1, 1]}\n",
        "recipe.yaml:1 data.rating_thresholds", "first below", "1 and 1", "smaller one first",
    ),
    (
        "data: {train: train.csv, ratings: r, rating_labels: [a, b, a]}\n",
        "recipe.yaml:1 data.rating_labels", "three labels", "a, b, a", "of its own",
    ),
    (
        "data: {train: train.csv, ratings: r, rating_labels: [a, b]}\n",
        "recipe.yaml:1 data.rating_labels", "a list of 3", "['a', 'b']", "give such a value",
    ),
    (
        "data: {train: train.csv, ratings: r}\n",
        "recipe.yaml:1 data.rating_labels", "`rating_labels`", "no rating_labels", "labels: [",
    ),
    (
        "task: multi-label-classification\n"
        "data: {train: train.csv, ratings: r, rating_labels: [a, b, c]}\n",
        "recipe.yaml:2 data.ratings", "text-regression", "ratings: r", "remove data.ratings",
    ),
    (
        "task: text-regression\ndata: {train: train.csv, soft_label: p}\n",
        "recipe.yaml:2 data.soft_label", "text-classification", "p", "remove data.soft_label",
    ),
    (
        "task: text-regression\n" + GOOD + "finetune: {class_weights: true}\n",
        "recipe.yaml:3 finetune.class_weights", "classes", "text-regression", "remove",
    ),
    (
        "task: text-regression\n" + GOOD + "finetune: {balance: 0.5}\n",
        "recipe.yaml:3 finetune.balance", "text-classification", "text-regression", "remove",
    ),
    (
        GOOD + "finetune: {balance: 0.5, class_weights: true}\n",
        "recipe.yaml:2 finetune.balance", "`balance` or `class_weights`", "both", "remove",
    ),
    (
        GOOD + "finetune: {balance: {within: shop}}\n",
        "recipe.yaml:2 finetune.balance.within", "data.slices", "'shop'", "slices: [shop]",
    ),
    (
        "task: text-regression\n" + GOOD + "finetune: {target_accuracy: 0.9}\n",
        "recipe.yaml:3 finetune.target_accuracy", "text-classification", "0.9", "remove",
    ),
    (
        "task: text-regression\n" + GOOD + "finetune: {metric: accuracy}\n",
        "recipe.yaml:3 finetune.metric", "pearson", "'accuracy'", "default (pearson)",
    ),
    (
        "task: text-classification\n" + GOOD + "finetune: {metric: macro-f1}\n",
        "recipe.yaml:3 finetune.metric", "macro_f1", "'macro-f1'", "did you mean 'macro_f1'?",
    ),
    (
        "task: text-classification\ndata: {train: train.csv, label_separator: '|'}\n",
        "recipe.yaml:2 data.label_separator", "multi-label", "|", "change the task",
    ),
    (
        "task: token-classification\n" + GOOD,
        "recipe.yaml:1 task", "data.tokens and data.tags", "no tokens and no", "tokens: COLUMN",
    ),
    (
        "task: token-classification\ndata: {train: words.jsonl, tokens: words}\n",
        "recipe.yaml:1 task", "data.tags", "no tags", "tags: COLUMN",
    ),
    (
        "task: token-classification\ndata: {train: tags.conll, label: a}\n",
        "recipe.yaml:2 data.label", "text-regression", "a", "change the task",
    ),
    (
        "task: text-classification\ndata: {dataset: broad_twitter_ner}\n",
        "recipe.yaml:1 task", "broad_twitter_ner", "no text and no label", "token-classification",
    ),
    (
        "task: token-classification\ndata: {dataset: banking77}\n",
        "recipe.yaml:1 task", "banking77", "no tokens", "`task: text-classification`",
    ),
    (
        "data: {dataset: banking77, header: true}\n",
        "recipe.yaml:1 data.header", "CSV", "dataset", "remove data.header",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "expected", "found", "remedy"), SYNTAX + VALUES + CONTRADICTIONS
)
def test_one_mistake(files, text, place, expected, found, remedy):
    (one,) = [m for m in mistakes(files, text) if m.place == place] or mistakes(files, text)
    assert one.place == place
    assert expected in one.expected
    assert found in one.found
    assert remedy in one.remedy


@pytest.mark.parametrize(
    "text", [row[0] for row in VALUES + CONTRADICTIONS if row[0] != "task: a\n"]
)
def test_one_mistake_is_not_told_twice(files, text):
    assert len(mistakes(files, text)) == 1


OVERRIDES = [
    ("x", "FIELD=VALUE", "'x'", "--set finetune.epochs=3"),
    ("=3", "FIELD=VALUE", "'=3'", "--set finetune.epochs=3"),
    ("a..b=3", "FIELD=VALUE", "'a..b=3'", "--set finetune.epochs=3"),
    ("finetune.epochs=[", "a value in YAML", "'['", ""),
    ("finetune.epoch=3", "epochs", "'epoch'", "did you mean 'epochs'?"),
    ("finetun.epochs=3", "finetune", "'finetun'", "did you mean 'finetune'?"),
    ("finetune.epochs=many", "a whole number", "'many'", "default (4)"),
    ("seed.x=3", "`seed` to have fields", "seed is 1", "set seed itself"),
    ("trackers.5=wandb", "a position from 0 to 1", "5", "--set 'trackers=[a, b]'"),
]


@pytest.mark.parametrize(("override", "expected", "found", "remedy"), OVERRIDES)
def test_wrong_overrides(files, override, expected, found, remedy):
    text = GOOD + "seed: 1\ntrackers: [tensorboard]\n"
    (one,) = mistakes(files, text, [override])
    assert one.place == f"--set {override}"
    assert expected in one.expected
    assert found in one.found
    assert remedy in one.remedy


def test_every_mistake_at_once_in_the_order_of_the_file(files):
    text = """\
nam: x
task: text-clasification
backbone: minilm-l7
data:
  trian: trian.csv
  test: tset.csv
  encoding: uft-8
finetune:
  tuner: {name: lorra, rank: 1000}
  epochs: 0
  metric: acuracy
  cut: deep
seed: -1
"""
    told = [mistake.place for mistake in mistakes(files, text, ["finetune.patience=-1"])]
    assert told == [
        "recipe.yaml:1 nam",
        "recipe.yaml:2 task",
        "recipe.yaml:3 backbone",
        "recipe.yaml:5 data.trian",
        "recipe.yaml:5 data.train",
        "recipe.yaml:6 data.test",
        "recipe.yaml:7 data.encoding",
        "recipe.yaml:9 finetune.tuner",
        "recipe.yaml:9 finetune.tuner.rank",
        "recipe.yaml:10 finetune.epochs",
        "recipe.yaml:11 finetune.metric",
        "recipe.yaml:12 finetune.cut",
        "recipe.yaml:13 seed",
        "--set finetune.patience=-1",
    ]


def test_the_message_counts_and_prints_every_mistake(files):
    (files / "recipe.yaml").write_text("seed: -1\nthreads: 0\ndata: {train: train.csv}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("recipe.yaml")
    assert caught.value.problem == "The recipe recipe.yaml has 2 mistakes."
    assert "recipe.yaml:1 seed" in str(caught.value)
    assert "recipe.yaml:2 threads" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "found", "remedy"),
    [
        ("recipes.yaml", "no such file", "did you mean recipe.yaml?"),
        ("no/recipe.yaml", "no folder no", "journeyman init"),
        ("inner", "a folder with one.yaml", "such as inner/one.yaml"),
        ("train.csv", "text,label", "journeyman init train.csv"),
        ("a\0b", "null", "check the path"),
    ],
)
def test_files_that_are_no_recipe(files, name, found, remedy):
    (files / "recipe.yaml").write_text(GOOD)
    (files / "inner").mkdir()
    (files / "inner" / "one.yaml").write_text(GOOD)
    with pytest.raises(RecipeError) as caught:
        load_recipe(name)
    (one,) = caught.value.mistakes
    assert found in one.found
    assert remedy in one.remedy


def test_an_alias_bomb_is_refused(files):
    levels = ["a0: &a0 [x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (one,) = mistakes(files, "\n".join(levels))
    assert "10,000" in one.expected
