"""A recipe's audit: told in the report, changing nothing learned, and forgotten with its rows."""

import json

import pytest
from audit_samples import write_rows, wrong_rows

import journeyman
from journeyman.errors import RecipeError


def recipe(**more):
    return {
        "name": "mail", "task": "text-classification", "backbone": "tiny",
        "data": {"train": "mail.jsonl", "text": "text", "label": "label"},
        "finetune": {"tuner": "none", "head": "ridge"}, "explain": {"samples": 1},
        "threads": 1, "trackers": [], **more,
    }  # fmt: skip


@pytest.fixture
def run(place):
    """A finished run with an audit."""
    write_rows(place / "mail.jsonl", wrong_rows())
    (place / "mail.yaml").write_text(json.dumps(recipe(audit=True)))
    journeyman.finetune("mail.yaml")
    return place / "runs" / "mail"


def rows_in(run):
    return [json.loads(line) for line in (run / "audit.jsonl").read_text().splitlines()]


def test_the_report_shows_suspects_with_their_neighbours(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Labels that may be wrong" in page
    assert "suspects, not verdicts" in page
    suspects = [row for row in rows_in(run) if row["suspect"]]
    assert suspects
    worst = max(suspects, key=lambda row: row["score"])
    assert worst["neighbours"][0]["text"] in page
    steps = json.loads((run / "metrics.json").read_text())["steps"]
    assert steps["audit"]["suspect labels"]["value"] == len(suspects)


def test_test_rows_are_not_audited(run):
    splits = {row["split"] for row in rows_in(run)}
    assert splits == {"train", "validation", "exam"}


def test_it_changes_nothing_that_is_learned(run, place):
    made = (run / "model" / "model.json").read_bytes()
    journal = (run / "journal.jsonl").read_text()
    (place / "mail.yaml").write_text(json.dumps(recipe()))
    journeyman.finetune("mail.yaml")
    assert (run / "model" / "model.json").read_bytes() == made
    trained = [line for line in journal.splitlines() if '"finetune"' in line]
    assert set(trained) <= set((run / "journal.jsonl").read_text().splitlines())
    assert "Labels that may be wrong" not in (run / "report.html").read_text()


def test_it_is_made_once(run, monkeypatch):
    from journeyman import audit_stage as step

    def fail(workspace):
        raise AssertionError("it was there")

    monkeypatch.setattr(step, "auditor_of", fail)
    (run / "report.html").unlink()
    journeyman.finetune("mail.yaml")
    assert "Labels that may be wrong" in (run / "report.html").read_text()


def test_a_run_or_its_model_is_audited_with_all_its_rows(run):
    for name in (run, run / "model"):
        found = journeyman.audit(name)
        assert len(found.rows) == 150


def test_a_recipe_is_audited_without_being_run(run, place):
    assert len(journeyman.audit("mail.yaml").rows) == 150


def test_unlearned_rows_leave_the_audit(run):
    from journeyman.teaching import forget

    rows = rows_in(run)
    doubted = next(row for row in rows if row["suspect"] and row["split"] == "train")
    forget(str(run), ids=[doubted["id"]], file=None, label=None)
    for path in (run / "audit.jsonl", run / "suspects.csv", run / "report.html"):
        left = path.read_text(encoding="utf-8")
        assert f'"{doubted["id"]}"' not in left
        assert f">{doubted['id']}<" not in left
        assert not any(line.startswith(f"{doubted['id']},") for line in left.splitlines())
    assert len(rows_in(run)) < len(rows)


def test_a_task_that_cannot_be_audited_is_refused_before_any_work(place):
    write_rows(place / "mail.jsonl", wrong_rows(20))
    with pytest.raises(RecipeError) as caught:
        journeyman.finetune(recipe(audit=True, task="face-recognition"))
    assert "audit" in str(caught.value)
