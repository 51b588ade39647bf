"""Bad recipes through the command line: one clear mistake each, and no run is begun."""

import pytest
from asking import PARTS, ask, check_refusal, files_of

DATA = "data: {train: train.csv, text: text, label: label}\n"

RECIPES = {
    "empty": ("", ("no fields", "journeyman init")),
    "comments alone": ("# nothing\n", ("no fields",)),
    "a list": ("- a\n- b\n", ("['a', 'b']",)),
    "data instead of a recipe": ("text,label\na,b\n", ("journeyman init",)),
    "not YAML": ("name: [a\n", ("bad.yaml:1", "bracket")),
    "tabs": ("name: a\n\tseed: 1\n", ("bad.yaml:2", "tabs")),
    "a tag": ("seed: !!python/object:os.system x\n" + DATA, ("bad.yaml:1", "plainly")),
    "two documents": ("a: 1\n---\nb: 2\n", ("bad.yaml:2",)),
    "a field twice": ("seed: 1\nseed: 2\n" + DATA, ("bad.yaml:2 seed", "line 1")),
    "in latin-1": (b"name: caf\xe9\n", ("UTF-8", "0xe9")),
    "binary": (bytes(range(256)), ("bad.yaml", "UTF-8")),
    "an unknown field": ("epochs: 3\n" + DATA, ("bad.yaml:1 epochs", "finetune.epochs")),
    "a slip of the pen": ("backbon: tiny\n" + DATA, ("'backbone'",)),
    "no data": ("name: a\n", ("data", "train")),
    "data of no kind": ("data: 7\n", ("bad.yaml:1 data",)),
    "a missing file": ("data: {train: trian.csv}\n", ("did you mean train.csv",)),
    "a missing folder": ("data: {train: no/where.csv}\n", ("no folder no",)),
    "both data and dataset": ("data: {train: train.csv, dataset: snippets}\n", ("not both",)),
    "an unknown dataset": ("data: {dataset: snipets}\n", ("'snippets'",)),
    "train and test the same": (
        "data: {train: train.csv, test: ./train.csv}\n",
        ("bad.yaml:1 data.test", "remove data.test"),
    ),
    "one column twice": ("data: {train: train.csv, text: a, label: a}\n", ("'a'",)),
    "an unknown encoding": ("data: {train: train.csv, encoding: uft-8}\n", ("'utf-8'",)),
    "a long delimiter": ("data: {train: train.csv, delimiter: '::'}\n", ("one character",)),
    "an unknown task": ("task: clasification\n" + DATA, ("bad.yaml:1 task",)),
    "an unknown backbone": ("backbone: minilm\n" + DATA, ("'minilm-l6'",)),
    "no such backbone folder": ("backbone: ./none\n" + DATA, ("no such folder",)),
    "a seed below nought": ("seed: -1\n" + DATA, ("bad.yaml:1 seed", "-1")),
    "a seed in words": ("seed: one\n" + DATA, ("whole number", "'one'")),
    "no epochs": (DATA + "finetune: {epochs: 0}\n", ("finetune.epochs", "from 1 to")),
    "epochs in words": (DATA + "finetune: {epochs: many}\n", ("'many'",)),
    "an infinite rate": (DATA + "finetune: {learning_rate: .inf}\n", ("finite",)),
    "a wrong tuner": (DATA + "finetune: {tuner: lorra}\n", ("'lora'",)),
    "a wrong option": (DATA + "finetune: {tuner: {name: lora, rnak: 4}}\n", ("'rank'",)),
    "a wrong metric": (
        "task: text-classification\n" + DATA + "finetune: {metric: macro-f1}\n",
        ("'macro_f1'",),
    ),
    "shares above all": (
        DATA + "collect: {fractions: {test: 0.6, exam: 0.5}}\n",
        ("collect.fractions",),
    ),
    "no tuner above a cut": (
        DATA + "finetune: {tuner: none, cut: 3}\n",
        ("finetune.cut", "tuner: full"),
    ),
    "tags of whole texts": ("task: token-classification\ndata: {train: train.csv}\n", ("tags",)),
    "numbers of several labels": (
        "task: text-regression\ndata: {train: train.csv, label_separator: '|'}\n",
        ("remove data.label_separator",),
    ),
    "a name with a slash": ("name: a/b\n" + DATA, ("bad.yaml:1 name", "'a/b'")),
    "a file as output": ("output: train.csv\n" + DATA, ("a file train.csv",)),
}  # fmt: skip


@pytest.mark.parametrize("case", RECIPES)
def test_a_bad_recipe(place, case):
    text, said = RECIPES[case]
    (place / "bad.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    before = files_of(place)
    check_refusal(ask("run", "bad.yaml"), *said)
    assert files_of(place) == before


def test_all_mistakes_are_told_at_once(place):
    (place / "bad.yaml").write_text("seed: -1\nthreads: 0\nnam: a\n" + DATA)
    told = ask("run", "bad.yaml")
    assert told.code == 2
    assert told.err.startswith("error: The recipe bad.yaml has 3 mistakes.")
    for part in PARTS:
        assert told.err.count(f"\n  {part}: ") == 3
