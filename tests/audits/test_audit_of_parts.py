"""Audits of tags and of boxes: spans in code points, boxes in pixels, a page that shows both."""

import json

import numpy as np
import pytest
from asking import ask
from contract_samples import made_rows, with_boxes

import journeyman
from journeyman.audits.auditors.boxes import Boxes
from journeyman.audits.base import Audit, AuditedRow
from journeyman.audits.options import AuditOptions
from journeyman.sections.audited import audited

EVERY = 8


def tagged(count=120):
    """Rows of words; of every eighth, the entity is missed."""
    rows = []
    for at, row in enumerate(made_rows(count)):
        tags = ["O"] * len(row["tags"]) if at % EVERY == 0 else row["tags"]
        rows.append({"id": f"r{at}", "tokens": row["tokens"], "tags": tags, "true": row["tags"]})
    return rows


def written(path, rows, names=("id", "tokens", "tags")):
    lines = [json.dumps({name: row[name] for name in names}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_missed_entities_are_found_and_told_in_code_points(place):
    rows = tagged()
    written(place / "spans.jsonl", rows)
    told = ask("audit", "spans.jsonl", "-b", "tiny", "-q", "-o", "out")
    assert told.code == 0, told.err
    lines = (place / "out" / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    wrong = {row["id"] for row in rows if row["tags"] != row["true"]}
    suspects = [row for row in found if row["suspect"]]
    hits = [row for row in suspects if row["id"] in wrong]
    assert len(hits) > 0.8 * len(wrong)
    assert len(hits) > 0.8 * len(suspects)
    for row in hits:
        [part] = row["parts"]
        assert part["kind"] == "missed entity"
        assert part["given"] is None
        span = part["likely"]
        assert row["text"][span["start"] : span["end"]] == span["text"]
        assert span["text"] in ("london", "anna")
        assert span["label"] == {"london": "LOC", "anna": "PER"}[span["text"]]
        assert row["given"] == []
        assert row["likely"] == [span]
        assert any("missed entity" in reason for reason in row["reasons"])
    page = (place / "out" / "audit.html").read_text(encoding="utf-8")
    assert page.count('<mark class="doubted">') >= len(hits)


def test_the_same_words_tagged_otherwise_elsewhere_are_told(place):
    rows = tagged()
    rows += [dict(rows[1], id="twin", tags=["O"] * len(rows[1]["tags"]))]
    found = journeyman.audit(
        str(written(place / "spans.jsonl", rows)), backbone=str(place / "tiny")
    ).rows
    assert "duplicate" in found[1].troubles
    assert "duplicate" in found[-1].troubles
    assert any("reads the same" in reason for reason in found[1].reasons)
    assert "r1" in {neighbour.id for neighbour in found[-1].neighbours}


def test_words_that_are_not_read_keep_their_tags(place):
    rows = tagged(40)
    rows[3] = {"id": "long", "tokens": ["the"] * 90 + ["anna"], "tags": ["O"] * 90 + ["B-PER"]}
    found = journeyman.audit(
        str(written(place / "spans.jsonl", rows)), backbone=str(place / "tiny")
    ).rows[3]
    assert found.given == [{"start": 360, "end": 364, "text": "anna", "label": "PER"}]
    assert not any(part["given"] or {} for part in found.parts)


def test_rows_without_a_tagged_word_are_one_clear_mistake(place):
    rows = [dict(row, tags=["O"] * len(row["tags"])) for row in tagged(20)]
    written(place / "spans.jsonl", rows)
    told = ask("audit", "spans.jsonl", "-b", "tiny", "-q", "--task", "token-classification")
    assert told.code == 2
    assert told.err.count("where:") == 1


@pytest.fixture
def boxed():
    """Pictures with one box each, as found by a detector that is nearly always right."""
    rows = with_boxes(made_rows(30))
    given = [row["boxes"][0] for row in rows]
    labels = ("bad", "good", "plain")
    outputs = [
        np.array([[*box["box"], labels.index(box["label"]), 0.9]], dtype=np.float32)
        for box in given
    ]
    return rows, outputs, labels


def judged(rows, outputs, place, vision):
    from journeyman.audits.base import Subject
    from journeyman.data.options import DataOptions
    from journeyman.tasks.object_detection import ObjectDetection
    from journeyman.training.cache.feature_cache import FeatureCache
    from journeyman.training.examples import make_examples

    task, data = ObjectDetection(), DataOptions(train="r.csv", image="image", boxes="boxes")
    schema = task.schema([task.target(row, data) for row in rows])
    examples = make_examples(task, vision, rows, data, schema)
    places = [("r.csv", at) for at in range(len(rows))]
    subject = Subject(
        task, vision, schema, examples, ["train"] * len(rows), places, FeatureCache(place / "c")
    )
    return Boxes(AuditOptions()).judge(subject, outputs)


def test_planted_mistakes_of_boxes_are_the_suspects(boxed, place):
    from contract_samples import network_for

    rows, outputs, _ = boxed
    rows = [dict(row, boxes=[dict(row["boxes"][0])]) for row in rows]
    x, y, width, height = rows[0]["boxes"][0]["box"]
    rows[0]["boxes"] = []
    rows[1]["boxes"][0]["label"] = "plain" if rows[1]["boxes"][0]["label"] != "plain" else "bad"
    rows[2]["boxes"].append(dict(rows[2]["boxes"][0]))
    found = judged(rows, outputs, place, network_for("object-detection", None))
    assert [row.suspect for row in found.rows] == [True, True, *[False] * 28]
    [missed] = found.rows[0].parts
    assert missed["kind"] == "missed object"
    assert missed["likely"]["box"] == pytest.approx([x, y, width, height])
    assert found.rows[1].parts[0]["kind"] == "wrongly named"
    assert "duplicate" in found.rows[2].troubles
    section = audited(found, pictures=True)
    assert section.suspects[0].picture.startswith("data:image/jpeg;base64,")
    assert section.suspects[1].given.endswith("× 1")


def coco(place, rows):
    """The rows as a COCO file beside their pictures."""
    labels = sorted({box["label"] for row in rows for box in row["boxes"]})
    told = {
        "images": [
            {"id": at, "file_name": row["image"], "width": 40, "height": 36}
            for at, row in enumerate(rows)
        ],
        "categories": [{"id": at, "name": name} for at, name in enumerate(labels, 1)],
        "annotations": [
            {
                "id": at,
                "image_id": at,
                "category_id": labels.index(row["boxes"][0]["label"]) + 1,
                "bbox": row["boxes"][0]["box"],
            }
            for at, row in enumerate(rows)
        ],
    }
    (place / "boxes.json").write_text(json.dumps(told), encoding="utf-8")


def test_a_file_of_boxes_is_audited_whole(place, monkeypatch):
    from tiny import tiny_vision_folder

    monkeypatch.setattr("journeyman.audits.held_boxes.SHOWN", 8)
    tiny_vision_folder(place / "seeing", "vit")
    rows = with_boxes(made_rows(12))
    coco(place, rows)
    told = ask("audit", "boxes.json", "-b", "seeing", "-q", "-o", "out")
    assert told.code == 0, told.err
    lines = (place / "out" / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert [row["given"] for row in found] == [
        [{"box": pytest.approx(row["boxes"][0]["box"]), "label": row["boxes"][0]["label"]}]
        for row in rows
    ]
    assert all(row["suspect"] == bool(row.get("parts")) for row in found)
    assert (place / "out" / "audit.html").is_file()


def test_the_page_marks_spans_of_both_sides_of_a_doubt():
    span = {"start": 0, "end": 4, "text": "Anna", "label": "LOC"}
    likely = dict(span, label="PER")
    part = {"kind": "wrong type", "given": span, "likely": likely, "score": 0.9}
    row = AuditedRow("a", [span], [likely], True, 0.9, ("wrong",), ("label",), text="Anna sat",
                     parts=(part,))  # fmt: skip
    [suspect] = audited(Audit("tags", (row,))).suspects
    assert [(mark.label, mark.doubted) for mark in suspect.marks] == [("LOC", True)]
    assert [(mark.label, mark.doubted) for mark in suspect.likely_marks] == [("PER", True)]
    assert suspect.given == "Anna (LOC)"
