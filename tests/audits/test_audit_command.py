"""The command and the function: from any data to files, and every mistake told whole."""

import csv
import json
import os
import time

import pytest
from asking import PARTS, ask
from audit_samples import LABELS, write_rows, wrong_rows
from forked import CONTEXT, start

import journeyman

FILES = ("audit.html", "audit.jsonl", "suspects.csv")


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def data(place):
    return write_rows(place / "mail.jsonl", wrong_rows())


def test_a_data_file_needs_no_model_and_no_recipe(data, place):
    told = ask("audit", "mail.jsonl", "-b", "tiny", "-q")
    assert told.code == 0, told.err
    assert told.err == ""
    folder = place / "mail-audit"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    rows, given = lines(folder / "audit.jsonl"), wrong_rows()
    assert [row["id"] for row in rows] == [row["id"] for row in given]
    assert [row["text"] for row in rows] == [row["text"] for row in given]
    assert [row["row"] for row in rows] == list(range(1, len(given) + 1))
    wrong = {row["id"] for row in given if row["label"] != row["true"]}
    suspects = [row for row in rows if row["suspect"]]
    assert len({row["id"] for row in suspects} & wrong) > 0.8 * len(suspects) > 0
    assert f"{len(rows)} labels audited, {len(suspects)} suspects" in told.out
    assert "for people to judge" in told.out
    for row in suspects:
        assert row["likely"] in LABELS
        assert row["likely"] != row["given"]
        assert len(row["neighbours"]) == 3


def test_the_table_of_suspects_can_be_corrected(data, place):
    ask("audit", "mail.jsonl", "-b", "tiny", "-q", "-o", "out")
    with (place / "out" / "suspects.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    scores = [float(row["score"]) for row in table]
    assert scores == sorted(scores, reverse=True)
    assert all(row["correct"] == "" for row in table)
    ranked = {row["id"] for row in lines(place / "out" / "audit.jsonl") if row["suspect"]}
    assert {row["id"] for row in table} == ranked
    right = {row["id"]: row["true"] for row in wrong_rows()}
    with (place / "out" / "suspects.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows({**row, "correct": right[row["id"]]} for row in table)
    recipe = "data: {train: mail.jsonl, corrections: out/suspects.csv}\nbackbone: tiny\n"
    (place / "mail.yaml").write_text(recipe, encoding="utf-8")
    told = ask("audit", "mail.yaml", "-q", "-o", "again")
    assert told.code == 0, told.err
    again = {row["id"]: row for row in lines(place / "again" / "audit.jsonl")}
    assert {name: again[name]["given"] for name in ranked} == {name: right[name] for name in ranked}
    assert sum(row["suspect"] for row in again.values()) < len(ranked) / 4


def test_an_audit_made_again_keeps_what_was_corrected(data, place):
    ask("audit", "mail.jsonl", "-b", "tiny", "-q", "-o", "out")
    path = place / "out" / "suspects.csv"
    with path.open(newline="", encoding="utf-8") as file:
        first, *others = list(csv.DictReader(file))
    (place / "out" / "suspects.csv").write_text(
        f"id,correct\n{first['id']},plain\nr1,good\nelsewhere,bad\n", encoding="utf-8"
    )
    told = ask("audit", "mail.jsonl", "-b", "tiny", "-q", "-o", "out")
    assert told.code == 0, told.err
    with path.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    correct = {row["id"]: row["correct"] for row in table}
    assert {name: label for name, label in correct.items() if label} == {
        first["id"]: "plain", "r1": "good", "elsewhere": "bad",
    }  # fmt: skip
    assert {row["id"] for row in others} <= set(correct)
    path.write_text("id,right\nr1,good\n", encoding="utf-8")
    told = ask("audit", "mail.jsonl", "-b", "tiny", "-q", "-o", "out")
    assert told.code == 2
    assert path.read_text(encoding="utf-8") == "id,right\nr1,good\n"


def test_the_page_holds_all_it_shows(data, place):
    ask("audit", "mail.jsonl", "-b", "tiny", "-q", "-o", "out")
    page = (place / "out" / "audit.html").read_text(encoding="utf-8")
    assert "suspects, not verdicts" in page
    assert "Suspects, with their nearest rows" in page
    assert "about half of it was wrong" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "Run it again" not in page
    worst = max(lines(place / "out" / "audit.jsonl"), key=lambda row: row["score"])
    assert worst["text"] in page
    assert worst["neighbours"][0]["text"] in page


def test_a_cell_is_no_formula(place):
    rows = wrong_rows()
    for row in rows:
        row["text"] = f"=1+1 {row['text']}"
    write_rows(place / "mail.jsonl", rows)
    journeyman.audit("mail.jsonl", backbone="tiny", output="out")
    with (place / "out" / "suspects.csv").open(newline="", encoding="utf-8") as file:
        assert all(row["text"].startswith("'=1+1") for row in csv.DictReader(file))


def test_columns_can_be_named(place):
    rows = [{"body": r["text"], "kind": r["label"], "label": "x" * (at % 2 + 1)}
            for at, r in enumerate(wrong_rows())]  # fmt: skip
    write_rows(place / "mail.jsonl", rows, ("body", "kind", "label"))
    found = journeyman.audit("mail.jsonl", text="body", label="kind", backbone="tiny")
    assert {row.given for row in found.rows} == set(LABELS)


def test_numbers_and_several_labels_are_audited_too(place):
    rows = [
        {"text": row["text"], "stars": float(LABELS.index(row["true"]))} for row in wrong_rows()
    ]
    rows[7]["stars"] = 2.0 - rows[7]["stars"]
    write_rows(place / "stars.jsonl", rows, ("text", "stars"))
    found = journeyman.audit("stars.jsonl", label="stars", task="text-regression", backbone="tiny")
    assert found.kind == "value"
    many = [{"text": row["text"], "topics": [row["true"], "any"]} for row in wrong_rows()]
    write_rows(place / "topics.jsonl", many, ("text", "topics"))
    found = journeyman.audit("topics.jsonl", label="topics", backbone="tiny")
    assert found.kind == "labels"
    assert all(isinstance(row.given, list) for row in found.rows)


def test_a_folder_of_pictures_is_audited(place):
    from PIL import Image
    from tiny import tiny_vision_folder

    tiny_vision_folder(place / "eyes")
    for at in range(60):
        colour = ("red", "blue")[at % 2]
        folder = place / "photos" / (colour if at % 9 else "blue")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 36), colour).putpixel((at % 40, 3), (9, at, 9)) or None
        image = Image.new("RGB", (40, 36), colour)
        image.putpixel((at % 40, 3), (9, at, 9))
        image.save(folder / f"{at}.png")
    found = journeyman.audit("photos", backbone="eyes", output="out")
    suspects = {row.text.rsplit("/", 1)[1] for row in found.suspects}
    assert suspects == {f"{at}.png" for at in range(0, 60, 18)}
    assert "data:image/jpeg;base64," in (place / "out" / "audit.html").read_text()


WRONG = {
    "no such file": (["mial.jsonl"], ("mail.jsonl",)),
    "no such column": (["mail.jsonl", "--label", "lable"], ("'lable'", "label")),
    "no such text": (["mail.jsonl", "--text", "body"], ("'body'", "text")),
    "an empty file": (["empty.csv"], ("empty.csv",)),
    "one class": (["one.jsonl", "--label", "label"], ("the same in every row", "Check --label")),
    "numbers alone": (["numbers.csv"], ("numbers.csv", "text")),
    "few rows": (["few.jsonl"], ("at least 10 rows",)),
    "no such backbone": (["mail.jsonl", "-b", "minilm-l7"], ("minilm-l6",)),
    "no such task": (["mail.jsonl", "--task", "magic"], ("text-classification",)),
    "a backbone of pictures": (["mail.jsonl", "-b", "efficientnet-lite0"], ("text",)),
    "faces": (["mail.jsonl", "--task", "face-recognition"], ("cannot be audited",)),
    "labels that none looks like": (["one.jsonl"], ("Set --label to one of them",)),
    "a file as output": (["mail.jsonl", "-o", "mail.jsonl"], ("mail.jsonl",)),
    "a model without its run": (["alone"], ("no rows to audit",)),
    "rows below a number": (["mail.jsonl", "--limit", "3"], ("--limit",)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_whole_and_nothing_is_left(name, data, place):
    write_rows(place / "one.jsonl", [{**row, "label": "bad"} for row in wrong_rows(40)])
    write_rows(place / "few.jsonl", wrong_rows(6))
    (place / "empty.csv").write_text("")
    (place / "numbers.csv").write_text("a,b\n" + "\n".join(f"{n},{n * n}" for n in range(40)))
    (place / "alone").mkdir()
    (place / "alone" / "model.json").write_text("{}")
    arguments, parts = WRONG[name]
    before = sorted(path for path in place.rglob("*") if "home" not in path.parts)
    said = [] if "-b" in arguments else ["-b", "tiny"]
    told = ask("audit", *arguments, *said, "-q")
    assert told.code == 2, told.err
    for part in (*parts, *PARTS):
        assert part in told.err, told.err
    assert "Traceback" not in told.err
    assert sorted(path for path in place.rglob("*") if "home" not in path.parts) == before


def test_a_kill_leaves_nothing_half_written(data, place):
    """At whatever moment it comes: each file is whole or not there."""
    seen = set()
    for late in (False, True):
        told, telling = CONTEXT.Pipe(duplex=False)
        audit = ("audit", "mail.jsonl", "-b", "tiny", "-o", "o")
        process = start("journeyman", *audit, ends={2: telling})
        telling.close()
        with open(os.dup(told.fileno())) as said:
            told.close()
            while not late and "doubting" not in (line := said.readline()) and line:
                pass
            while late and not (place / "o" / "audit.jsonl").exists() and process.is_alive():
                time.sleep(0.002)
            process.kill()
            process.join()
        left = sorted((place / "o").iterdir()) if (place / "o").exists() else []
        for path in left:
            if path.name == "audit.jsonl":
                assert len(lines(path)) == 150
            elif path.name in FILES:
                assert path.read_text(encoding="utf-8").endswith(("\n", ">"))
            else:
                assert path.name.startswith(".")
        seen.add(tuple(path.name for path in left if path.name in FILES))
    assert () in seen
