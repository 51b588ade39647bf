"""A journey on weights of labels alone, without one label a row."""

import json

import pytest
from tiny import tiny_folder

import journeyman
from journeyman.data.questions import labelled_rows

WORDS = {"good": "fine film plot", "bad": "awful dog mat", "plain": "cat sat text"}


def weighed(count):
    """Sentences with weights that name the kind of their words most; one row has none."""
    rows = []
    for at in range(count):
        kind = sorted(WORDS)[at % 3]
        other = sorted(WORDS)[(at + 1) % 3]
        weights = {kind: 0.7, other: 0.3} if at % 2 else json.dumps({kind: 1.0})
        text = f"the {WORDS[kind]} {WORDS[kind].split()[at % 2]} {'a ' * (at // 6 % 5)}was {at}"
        rows.append({"text": text, "p": weights})
    rows[5]["p"] = {}
    return rows


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weights_of_labels_are_enough_for_a_whole_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOURNEYMAN_HOME", str(tmp_path / "home"))
    tiny_folder(tmp_path / "tiny")
    lines = [json.dumps(row) for row in weighed(90)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    recipe = {
        "name": "soft", "task": "text-classification", "backbone": "tiny",
        "data": {"train": "rows.jsonl", "soft_label": "p"},
        "finetune": {"tuner": "none", "head": "linear", "epochs": 6},
        "explain": {"samples": 2, "steps": 4}, "threads": 1, "trackers": [],
    }  # fmt: skip
    (tmp_path / "soft.yaml").write_text(json.dumps(recipe))
    model = journeyman.finetune("soft.yaml")
    assert model.schema.labels == ("bad", "good", "plain")
    run = tmp_path / "runs" / "soft"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["accuracy"]["n"] == metrics["data"]["test"] > 5
    assert "macro_f1" in metrics["baselines"]["majority"]
    assert "no label weights" in (run / "quarantine.jsonl").read_text()
    assert (run / "report.html").is_file()
    (tmp_path / "june.jsonl").write_text("\n".join(lines[:12]) + "\n")
    rows, refused = labelled_rows("june.jsonl", model.columns, model.learner.task.kind)
    assert (len(rows), len(refused)) == (11, 1)
    assert model.evaluate(rows).overall.metrics["accuracy"].n == 11
