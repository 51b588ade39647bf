"""Runs on files in which labels are missing: what was learned from, and what is told."""

import json

import pytest
from contract_samples import made_rows
from safetensors.numpy import load_file
from searching import found_in, hashed, needles

import journeyman
from journeyman.continual.named import Named
from journeyman.continual.unlearning import unlearn
from journeyman.saved.folder import write_model
from journeyman.traces.purge import Removed, known_rows, purge

MARK = "zebrawort quillfen"


def rows(labelled=120, without=60, label="label", blank=None):
    made = [{"text": row["text"] + f" {at}", "label": row[label]}
            for at, row in enumerate(made_rows(labelled + without, 3))]  # fmt: skip
    for row in made[labelled:]:
        row["label"] = blank
    return [*made[labelled : labelled + without // 2], *made[:labelled],
            *made[labelled + without // 2 :]]  # fmt: skip


def written(place, some, name="rows.jsonl"):
    (place / name).write_text("".join(json.dumps(row) + "\n" for row in some))


def recipe(task="text-classification", **finetune):
    finetune = {"tuner": "none", **finetune}
    return {
        "name": "run", "task": task, "backbone": "tiny",
        "data": {"train": "rows.jsonl", "text": "text", "label": "label"},
        "finetune": finetune, "explain": {"samples": 2}, "threads": 1,
    }  # fmt: skip


def rows_in(model):
    """Rows that the solved head of a saved model has learned, views counted."""
    return load_file(model / "statistics.safetensors")["count"].item()


def figures(place, step):
    said = json.loads((place / "runs" / "run" / "metrics.json").read_text())
    return {name: figure["value"] for name, figure in said["steps"][step].items()}, said["data"]


def prose(place, step):
    said = json.loads((place / "runs" / "run" / "sections" / f"{step}.json").read_text())
    return " ".join(said["prose"])


def test_they_wait_and_the_report_says_so(place):
    written(place, rows())
    model = journeyman.finetune(recipe())
    collected, data = figures(place, "collect")
    assert collected["rows without labels"] == data["unlabelled"] == 60
    assert sum(data.values()) == 180
    assert "60 training rows have no label" in prose(place, "collect")
    told = prose(place, "finetune")
    assert "60 rows without a label are waiting" in told
    assert "self_training: true" in told
    assert "waiting" in (place / "runs" / "run" / "report.html").read_text()
    assert (place / "runs" / "run" / "quarantine.jsonl").read_text() == ""
    assert model.predict("a good film")[0].label in model.schema.labels


def test_whole_files_have_nothing_of_it(place):
    written(place, rows(without=0))
    journeyman.finetune(recipe())
    collected, data = figures(place, "collect")
    assert "rows without labels" not in collected
    assert "unlabelled" not in data
    assert "waiting" not in prose(place, "finetune")


def test_self_training_learns_from_them_with_no_other_file(place):
    written(place, rows(labelled=160))
    model = journeyman.finetune(recipe(head="prototype", self_training={"precision": 0.6}))
    tuned, data = figures(place, "finetune")
    assert tuned["unlabelled training rows"] == tuned["unlabelled rows"] == data["unlabelled"]
    assert tuned["self-training round 1: rows taken"] > 0
    assert tuned["self-training round 1: held-out score before"] is not None
    assert model.about["pseudo_labels"] == tuned["rows with pseudo-labels"]
    assert "of the training rows" in prose(place, "finetune")
    assert "waiting" not in prose(place, "finetune")


def test_auto_tries_them_unasked(place):
    written(place, rows(labelled=90, without=40))
    journeyman.finetune(recipe(tuner="auto", epochs=1, batch_size=32, folds=0))
    assert figures(place, "finetune")[0]["unlabelled training rows"] == 40


def test_numbers_that_are_missing_wait_too(place):
    some = rows()
    for at, row in enumerate(some):
        row["label"] = None if row["label"] is None else at / 7
    some[0]["label"], some[1]["label"] = float("nan"), "NaN"
    written(place, some)
    journeyman.finetune(recipe("text-regression"))
    assert figures(place, "finetune")[1]["unlabelled"] == 60
    assert "text-regression does not learn from its own answers" in prose(place, "finetune")


def test_pretraining_reads_rows_with_a_label_or_without(place):
    written(place, rows(labelled=90, without=40))
    said = recipe()
    said["pretrain"] = {"method": "mlm", "epochs": 1, "batch_size": 16}
    journeyman.finetune(said)
    read, data = figures(place, "pretrain")
    assert read["texts"] + read["held-out texts"] == data["train"] + data["unlabelled"]


@pytest.fixture
def always(monkeypatch):
    """Every round of self-training gains."""
    from journeyman.training import self_training
    from journeyman.training.gain import Gain

    monkeypatch.setattr(self_training, "gain", lambda *_: Gain(0.1, 0.05, 0.8, 0.7))


@pytest.mark.parametrize("more", [{}, {"consistency": {"copies": 2, "strength": 0.3}}])
def test_one_that_is_forgotten_leaves_no_trace_and_does_not_come_back(place, always, more):
    some = rows(labelled=120, without=60)
    gone = some[5]
    gone["text"] += f" {MARK}"
    assert gone["label"] is None
    written(place, some)
    said = recipe(head="prototype", self_training={"precision": 0.4, "rounds": 1, **more})
    model = journeyman.finetune(said)
    folder, home = place / "runs" / "run", place / "home"
    before = rows_in(folder / "model")
    assert model.about["pseudo_labels"] > 0
    wanted = needles(words=MARK.split(), hashes=[hashed(gone["text"])])
    assert set(found_in([folder, home], wanted)) == set(wanted)
    asked = Removed.of(texts=[gone["text"]])
    known = known_rows(folder, asked)
    assert known.ids
    taught = unlearn(model, Named(ids=known.ids, inputs=known.inputs))
    write_model(taught.state, folder / "model")
    assert before - rows_in(folder / "model") == (3 if more else 1)
    assert purge(folder, asked).left == ()
    assert found_in([folder, home], wanted) == {}
    journeyman.finetune(said)
    assert found_in([folder, home], wanted) == {}
    assert figures(place, "collect")[1]["unlabelled"] == 59
