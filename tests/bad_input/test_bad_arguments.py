"""Bad arguments and bad questions; version and help."""

import json

import pytest
from asking import PARTS, ask, ask_outside, check_refusal, files_of

from journeyman.cli import app

MODEL = "runs/good"
WRONG = {
    "an unknown command": (["rnu"], ("'rnu'", "Did you mean 'run'?")),
    "an unknown second command": (["backbones", "get", "x"], ("'get'", "(fetch)")),
    "an unknown option": (["--nope"], ("--nope", "`journeyman --help`")),
    "an unknown option of a command": (["run", "good.yaml", "--no"], ("`journeyman run --help`",)),
    "a cut option": (["predict", MODEL, "--fil", "x"], ("--file",)),
    "no recipe": (["run"], ("'RECIPE'", "journeyman run [OPTIONS] RECIPE")),
    "no data": (["init"], ("'DATA'",)),
    "no model": (["predict"], ("'MODEL'",)),
    "no name": (["backbones", "fetch"], ("'NAME'",)),
    "an argument too many": (["run", "good.yaml", "other"], ("other",)),
    "an argument of a command with none": (["schema", "x"], ("x",)),
    "--set without a value": (["run", "good.yaml", "--set"], ("a value after --set",)),
    "--set without =": (["run", "good.yaml", "--set", "seed"], ("FIELD=VALUE", "'seed'")),
    "--set of nothing": (["run", "good.yaml", "--set", "=1"], ("FIELD=VALUE",)),
    "--set of an unknown field": (["run", "good.yaml", "--set", "sed=1"], ("'seed'",)),
    "--set of a wrong value": (["run", "good.yaml", "--set", "seed=x"], ("--set seed=x", "'x'")),
    "--set of no YAML": (["run", "good.yaml", "--set", "seed=["], ("a value in YAML",)),
    "--set below a number": (
        ["run", "good.yaml", "--set", "seed=1", "--set", "seed.x=1"], ("--set seed.x=1",),
    ),
    "a recipe that is not there": (["run", "god.yaml"], ("did you mean good.yaml",)),
    "a folder as recipe": (["run", "."], ("a folder with good.yaml",)),
    "data as recipe": (["run", "train.csv"], ("journeyman init train.csv",)),
    "a model as recipe": (["run", "tiny/model.safetensors"], ("model.safetensors",)),
    "nothing to ask": (["predict", MODEL], ("none of them", "--text")),
    "text and file": (["predict", MODEL, "--text", "a", "--file", "a.csv"], ("--text and --file",)),
    "text and standard input": (["predict", MODEL, "-", "--text", "a"], ("--text and -",)),
    "a file without --file": (["predict", MODEL, "train.csv"], ("remedy: --file train.csv",)),
    "a text without --text": (["explain", MODEL, "a film"], ("remedy: --text 'a film'",)),
    "a file that is not there": (["predict", MODEL, "--file", "tran.csv"], ("mean train.csv",)),
    "lines that are not there": (["predict", MODEL, "--file", "a.txt"], ("a.txt",)),
    "a folder to ask about": (["predict", MODEL, "--file", "tiny"], ("A folder was given",)),
    "weights to ask about": (
        ["predict", MODEL, "--file", "tiny/model.safetensors"], ("not a text file",),
    ),
    "no targets to measure on": (["evaluate", MODEL], ("--file",)),
    "a file without the text": (["predict", MODEL, "--file", "other.csv"], ("rename 'txt'",)),
    "a file without the label": (["evaluate", MODEL, "--file", "texts.csv"], ("'label'",)),
    "a file without any target": (["evaluate", MODEL, "--file", "blank.csv"], ("row 2",)),
    "an unknown method": (["explain", MODEL, "--text", "a", "--method", "magic"], ("'magic'",)),
    "no steps": (["explain", MODEL, "--text", "a", "--steps", "0"], ("--steps",)),
    "steps in words": (["explain", MODEL, "--text", "a", "--steps", "many"], ("--steps",)),
    "a recipe that is there": (["init", "train.csv", "-o", "good.yaml"], ("good.yaml",)),
    "a recipe below a file": (["init", "train.csv", "-o", "train.csv/a"], ("train.csv/a",)),
    "heat maps of words": (
        ["explain", MODEL, "--text", "a", "--output", "heat"], ("no heat maps", "`tokens`"),
    ),
    "boxes in a text": (["explain", MODEL, "--text", "a", "--boxes", "2"], ("finds no boxes",)),
    "no boxes": (["explain", MODEL, "--text", "a", "--boxes", "0"], ("--boxes",)),
    "data that is not there": (["init", "tran.csv"], ("Did you mean train.csv",)),
    "an ensemble of one": (["ensemble", "both", MODEL], ("at least two models", MODEL)),
    "an ensemble of nothing": (["ensemble", "both"], ("MODEL",)),
    "a member that is not there": (
        ["ensemble", "both", MODEL, "runs/god"], ("no model here", "runs/god"),
    ),
    "an ensemble that is there": (["ensemble", "runs", MODEL, MODEL], ("overwrite a folder",)),
    "an ensemble below a file": (["ensemble", "train.csv/a", MODEL, MODEL], ("train.csv/a",)),
    "a zero-shot model below a file": (
        ["zero-shot", "train.csv/a", "-q", "-b", "tiny", "-l", "a", "-l", "b"], ("train.csv/a",),
    ),
    "rows of an ensemble that are not there": (
        ["ensemble", "both", MODEL, MODEL, "--file", "tran.csv"], ("mean train.csv",),
    ),
    "an unknown backbone": (["backbones", "fetch", "nope"], ("'nope'", "minilm-l6")),
    "an unknown dataset": (["datasets", "fetch", "snipets"], ("'snippets'",)),
}  # fmt: skip


@pytest.fixture
def tables(place):
    (place / "other.csv").write_text("txt,label\na film,pos\n")
    (place / "texts.csv").write_text("text,kind\na film,pos\n")
    (place / "blank.csv").write_text("text,label\na film,\na plot,\n")
    return place


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(tables, case):
    arguments, said = WRONG[case]
    before = files_of(tables)
    check_refusal(ask(*arguments), *said)
    assert files_of(tables) == before


def failures(told):
    """The answers of a command that went well, and which of them are failed rows."""
    assert told.code == 0, told.err
    assert told.err == ""
    answers = [json.loads(line) for line in told.out.splitlines()]
    failed = [answer for answer in answers if "error" in answer]
    for answer in failed:
        assert set(answer["error"]) == {"code", *PARTS} - {"where"} | {"place"}
        assert all(answer["error"].values())
    return answers, failed


QUESTIONS = {
    "an empty text": (["--text", ""], b"", 1, "question 1"),
    "white space": (["--text", " \t"], b"", 1, "question 1"),
    "one of two": (["--text", "a film", "--text", ""], b"", 2, "question 2"),
    "broken JSON": (["-"], b'{"text": "a film"}\n{"text": \n', 2, "row 2"),
    "deep JSON": (["-"], b'{"text": ' + b"[" * 5000 + b"\n", 1, "row 1"),
    "another column": (["-"], b'{"txt": "a film"}\n', 1, "'txt'"),
    "a number": (["-"], b'{"text": 5}\n', 1, "'text': 5"),
    "null": (["-"], b'{"text": null}\n', 1, "'text': None"),
    "an empty object": (["-"], b"{}\n", 1, "an empty row"),
    "half a character": (["-"], b'{"text": "a \\ud800"}\n', 1, "half a character"),
    "binary": (["-"], bytes(range(128, 256)) + b"\na film\n", 2, "not UTF-8"),
    "a ragged row": (["--file", "rows.csv"], b"", 3, "row 3"),
}


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize("case", QUESTIONS)
def test_a_question_without_answer_is_a_failed_row(place, command, case):
    arguments, stdin, count, said = QUESTIONS[case]
    (place / "rows.csv").write_text("text,label\na film,pos\na,b,c\nthe plot,neg\n")
    more = ["--steps", "4"] if command == "explain" else []
    answers, failed = failures(ask(command, MODEL, *arguments, *more, stdin=stdin))
    assert len(answers) == count
    assert len(failed) == 1
    assert said in json.dumps(failed[0])


def test_ids_differ_over_any_number_of_questions(place):
    lines = b"a film\n{}\n" * 600
    answers, failed = failures(ask("predict", MODEL, "-", stdin=lines))
    assert len(answers) == 1200
    assert len(failed) == 600
    assert len({answer["id"] for answer in answers}) == 1200


def test_a_closed_standard_input(place):
    check_refusal(ask("predict", MODEL, "-", stdin=None), "Standard input is closed")


def test_an_empty_standard_input_asks_nothing(place):
    assert ask("predict", MODEL, "-", stdin=b"").out == ""


def test_version():
    from importlib.metadata import version

    told = ask("--version")
    assert (told.code, told.out, told.err) == (0, f"journeyman {version('journeyman')}\n", "")


def commands():
    from typer.main import get_command

    whole = get_command(app)
    for name, command in whole.commands.items():
        yield [name]
        yield from ([name, below] for below in getattr(command, "commands", ()))


@pytest.mark.parametrize("words", [[], *commands()], ids=" ".join)
def test_help(words):
    told = ask(*words, "--help")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(f"Usage: journeyman {' '.join(words)}".rstrip())
    assert max(map(len, told.out.splitlines())) <= 80
    assert "list[str]" not in told.out


def test_without_a_command_help_is_shown():
    told = ask()
    assert told.code == 2
    assert "Commands:" in told.err


OUTSIDE = {
    "an unknown command": (["rnu"], "Did you mean 'run'?"),
    "no recipe": (["run"], "'RECIPE'"),
    "a bad recipe": (["run", "bad.yaml"], "bad.yaml:1"),
    "bad data": (["init", "empty.csv"], "empty.csv"),
    "no model": (["predict", "runs/none", "--text", "a"], "runs/none"),
    "no question": (["predict", MODEL], "none of them"),
    "an unknown dataset": (["datasets", "fetch", "snipets"], "'snippets'"),
    "an unknown hub id": (["backbones", "fetch", "owner/none"], "owner/none"),
}


ALWAYS = ("an unknown command", "bad data", "no question")
"""A process that imports little, much, and a model; `make test-all` starts the others too."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in ALWAYS else pytest.mark.long) for case in OUTSIDE],
)
def test_wrong_arguments_of_a_process(place, case):
    arguments, said = OUTSIDE[case]
    (place / "bad.yaml").write_text("seed: -1\ndata: {train: train.csv}\n")
    (place / "empty.csv").write_text("")
    check_refusal(ask_outside(*arguments), said)


def test_a_closed_standard_input_of_a_process(place):
    shell = ["sh", "-c", 'exec "$@" <&-', "sh"]
    check_refusal(ask_outside("predict", MODEL, "-", prefix=shell), "Standard input is closed")


def test_a_reader_that_goes_away(place):
    shell = ["sh", "-c", '"$@" | head -n 1', "sh"]
    lines = b"a film\n" * 600
    told = ask_outside("predict", MODEL, "-", stdin=lines, prefix=shell)
    assert len(told.out.splitlines()) == 1
    assert told.err == ""
