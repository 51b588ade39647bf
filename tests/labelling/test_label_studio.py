"""Label Studio: tasks that go out with the model's answers come back as rows to learn."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from asking import ask
from contract_samples import made_rows, with_boxes, with_pictures
from test_queue import asked_of

import journeyman
from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.questions import labelled_rows
from journeyman.data.readers.registry import read, reader_for
from journeyman.data.record import Noticed, Record, Refused
from journeyman.data.sniff import sniff
from journeyman.errors import DataError
from journeyman.labelling.label_studio import configuration, write_label_studio
from journeyman.labelling.suspects import Suspect

KINDS = {
    "text-classification": "choices",
    "multi-label-classification": "choices",
    "text-regression": "number",
    "token-classification": "labels",
    "image-classification": "choices",
    "object-detection": "rectanglelabels",
}


def annotated(place, by=None):
    """The tasks of a file with their predictions as finished annotations, as if all were right."""
    tasks = json.loads(place.read_text())
    for number, task in enumerate(tasks, 1):
        result = (by or (lambda task: task["predictions"][-1]["result"]))(task)
        task["id"] = number
        task["annotations"] = [{"id": number, "result": result, "was_cancelled": False}]
    path = place.with_name("export.json")
    path.write_text(json.dumps(tasks))
    return path


@pytest.mark.parametrize("task", KINDS)
def test_what_goes_out_comes_back_as_rows_to_learn(shelf, task, tmp_path):
    model, rows = shelf.model(task), made_rows(12, seed=3)
    queue = journeyman.label_queue(model, asked_of(task, rows), batch=6)
    place = tmp_path / "tasks.json"
    write_label_studio(queue, model, place)
    back, refused = labelled_rows(str(annotated(place)), model.columns, model.learner.task.kind)
    assert (len(back), refused) == (6, [])
    for row, wanted in zip(back, queue, strict=True):
        assert str(model.learner.task.text(row, model.columns)) == str(wanted.text)
        assert row["id"] == wanted.id
        target, told = model.learner.task.target(row, model.columns), wanted.answer.to_json()
        if task == "object-detection":
            near = [pytest.approx(box["box"], abs=0.01) for box in told["boxes"]]
            shown = [box for box in told["boxes"] if box["score"] >= wanted.answer.threshold]
            assert [list(box.box) for box in target] == near[: len(shown)]
            assert [box.label for box in target] == [box["label"] for box in shown]
        elif task == "token-classification":
            assert len(target) == len(wanted.row["tokens"])
            found = {tag[2:] for tag in target if tag != "O"}
            assert found == {one["label"] for one in told["entities"]}
        elif task == "multi-label-classification":
            assert set(target) == {one["label"] for one in told["labels"]}
        else:
            said = told.get("label", told.get("value"))
            assert getattr(target, "label", target) == pytest.approx(said)


@pytest.mark.parametrize("task", KINDS)
def test_the_configuration_names_what_the_tasks_name(shelf, task, tmp_path):
    model = shelf.model(task)
    queue = journeyman.label_queue(model, asked_of(task, made_rows(6, seed=3)), batch=6)
    write_label_studio(queue, model, tmp_path / "tasks.json")
    view = ElementTree.parse(tmp_path / "tasks.xml").getroot()
    control = view.find("*[@toName]")
    values = {each.get("value") for each in control}
    for each in json.loads((tmp_path / "tasks.json").read_text()):
        for shown in view.findall("*[@value]"):
            assert shown.get("value")[1:] in each["data"]
        for result in each["predictions"][0]["result"]:
            assert result["from_name"] == control.get("name")
            assert result["to_name"] == control.get("toName")
            assert result["type"] == KINDS[task] == control.tag.lower()
            for label in result["value"].get(KINDS[task]) or () if KINDS[task] != "number" else ():
                assert label in values


def test_a_suspect_goes_out_with_the_label_it_was_given(model, pool, tmp_path):
    doubted = [Suspect("told", "good", "bad", 0.8, ["odd"], {"text": "the awful cat"})]
    queue = journeyman.label_queue(model, pool, batch=2, suspects=doubted)
    write_label_studio(queue, model, tmp_path / "tasks.json")
    (task,) = [t for t in json.loads((tmp_path / "tasks.json").read_text()) if "given" in t["meta"]]
    assert task["predictions"][0]["model_version"] == "given"
    assert task["predictions"][0]["result"][0]["value"] == {"choices": ["good"]}
    assert task["predictions"][1]["model_version"].startswith(model.name)


def test_a_label_with_signs_of_markup_stays_whole(model):
    from dataclasses import replace

    from journeyman.tasks.base import Schema

    other = replace(model, schema=Schema(('a "<b>" & c', "d"), (1, 1)))
    view = ElementTree.fromstring(configuration(other))
    assert [each.get("value") for each in view.iter("Choice")] == ['a "<b>" & c', "d"]


def export(folder, tasks, name="export.json"):
    path = folder / name
    path.write_text(json.dumps(tasks))
    return str(path)


def chosen(*labels, name="topic", **more):
    value = {"choices": list(labels)}
    return {
        "result": [{"from_name": name, "to_name": "t", "type": "choices", "value": value}],
        **more,
    }


def spans(text, *marked):
    return [
        {"type": "labels", "value": {"start": a, "end": b, "text": said, "labels": [label]}}
        for a, b, said, label in marked
    ]


def rows_of(source, **options):
    events = list(read(source, DataOptions(train=source, **options)))
    return [event.values for event in events if isinstance(event, Record)], [
        event for event in events if not isinstance(event, Record)
    ]


def test_a_recipe_trains_on_an_export(tmp_path):
    tasks = [
        {"id": at, "data": {"text": row["text"]}, "annotations": [chosen(row["label"])]}
        for at, row in enumerate(made_rows(60))
    ]
    source = export(tmp_path, tasks)
    found = sniff(source)
    assert (found.format, found.text, found.label) == ("label-studio", "text", "label")
    columns = DataOptions(train=source, text="text", label="label")
    collected = collect(columns, CollectOptions(), folder=tmp_path / "work", seed=0, kind="label")
    assert sum(map(len, collected.tables.values())) > 50


def test_of_several_annotations_the_truth_counts_else_the_latest(tmp_path):
    tasks = [
        {"data": {"text": "one"}, "annotations": [
            chosen("a", updated_at="2024-02-01"), chosen("b", updated_at="2024-01-01")]},
        {"data": {"text": "two"}, "annotations": [
            chosen("a", ground_truth=True, updated_at="2024-01-01"),
            chosen("b", updated_at="2024-02-01")]},
        {"data": {"text": "three"}, "annotations": [
            chosen("a"), chosen("b", was_cancelled=True)]},
        {"data": {"text": "four"}, "annotations": [chosen("a", was_cancelled=True)]},
        {"data": {"text": "five"}, "annotations": []},
    ]  # fmt: skip
    rows, rest = rows_of(export(tmp_path, tasks))
    assert [(row["text"], row["label"]) for row in rows] == [
        ("one", "a"), ("two", "a"), ("three", "a"),
    ]  # fmt: skip
    assert [each.name for each in rest] == [
        "annotated_twice", "annotated_twice", "not_annotated", "not_annotated",
    ]  # fmt: skip
    assert all(isinstance(each, Noticed) for each in rest)


def test_two_questions_of_one_task_are_two_columns(tmp_path):
    both = chosen("good")["result"] + chosen("card", name="area")["result"]
    tasks = [{"data": {"text": "one"}, "annotations": [{"result": both}]}]
    rows, _ = rows_of(export(tmp_path, tasks), text="text", label="area")
    assert (rows[0]["topic"], rows[0]["area"]) == ("good", "card")


def test_spans_are_words_with_tags_whatever_they_are_counted_in(tmp_path):
    text = "\U0001f4a9 Anna lives in New York."
    start = text.index("New")
    units = start + 1  # A browser counts the sign at the start as two.
    tasks = [
        {"data": {"text": text}, "annotations": [
            {"result": spans(text, (units, units + 8, "New York", "LOC"), (3, 7, "Anna", "PER"))}]},
        {"data": {"text": text}, "annotations": [
            {"result": spans(text, (start, start + 8, "New York", "LOC"))}]},
        {"data": {"text": "nothing here"}, "annotations": [{"result": []}]},
    ]  # fmt: skip
    rows, rest = rows_of(export(tmp_path, tasks), tokens="tokens", tags="tags")
    assert rest == []
    assert rows[0]["tokens"] == ["\U0001f4a9", "Anna", "lives", "in", "New", "York", "."]
    assert rows[0]["tags"] == ["O", "B-PER", "O", "O", "B-LOC", "I-LOC", "O"]
    assert rows[1]["tags"] == ["O", "O", "O", "O", "B-LOC", "I-LOC", "O"]
    assert rows[2]["tags"] == ["O", "O"]


def test_a_span_within_a_word_cuts_it_and_one_out_of_place_is_found_again(tmp_path):
    tasks = [
        {"data": {"text": "Berlinwall fell"}, "annotations": [
            {"result": spans("", (0, 6, "Berlin", "LOC"))}]},
        {"data": {"text": "a\r\nb Anna c"}, "annotations": [
            {"result": spans("", (4, 8, "Anna", "PER"))}]},
        {"data": {"text": "a cat"}, "annotations": [
            {"result": spans("", (0, 4, "dogs", "PER"))}]},
        {"data": {"text": "Anna Bo sat"}, "annotations": [
            {"result": spans("", (0, 7, "Anna Bo", "PER"), (5, 7, "Bo", "LOC"))}]},
    ]  # fmt: skip
    rows, rest = rows_of(export(tmp_path, tasks), tags="tags")
    assert (rows[0]["tokens"], rows[0]["tags"]) == (["Berlin", "wall", "fell"], ["B-LOC", "O", "O"])
    assert rows[1]["tags"] == ["O", "O", "B-PER", "O"]
    assert rows[2]["tags"] == ["B-PER", "I-PER", "O"]
    assert [(each.name, "dogs" in each.reason) for each in rest] == [("bad_annotation", True)]


def boxed(*values, size=(40, 20)):
    return [
        {"type": "rectanglelabels", "original_width": size[0], "original_height": size[1],
         "value": {**dict(zip(("x", "y", "width", "height"), value[:4], strict=True)),
                   "rotation": value[4], "rectanglelabels": ["cat"]}}
        for value in values
    ]  # fmt: skip


def test_boxes_are_pixels_and_a_turned_one_is_the_upright_one_around_it(tmp_path):
    (row,) = with_pictures(made_rows(1), 11)
    tasks = [
        {"data": {"image": row["image"]}, "annotations": [
            {"result": boxed((25, 50, 50, 25, 0), (50, 50, 25, 50, 90))}]},
        {"data": {"image": row["image"]}, "annotations": [{"result": []}]},
        {"data": {"image": row["image"]}, "annotations": [
            {"result": [{"type": "rectanglelabels", "value": {"rectanglelabels": ["cat"]}}]}]},
    ]  # fmt: skip
    rows, rest = rows_of(export(tmp_path, tasks))
    assert rows[0]["boxes"][0] == {"box": [10, 10, 20, 5], "label": "cat"}
    assert rows[0]["boxes"][1]["box"] == pytest.approx([10, 10, 10, 10])
    assert rows[1]["boxes"] == []
    assert [each.name for each in rest] == ["bad_annotation"]
    assert sniff(export(tmp_path, tasks)).boxes == "boxes"


def test_pictures_are_found_below_the_served_folder_and_beside_the_file(tmp_path, monkeypatch):
    (row,) = with_pictures(made_rows(1), 11)
    served = tmp_path / "served" / "a b"
    served.mkdir(parents=True)
    for name in (served / "one.png", tmp_path / "3f2a-two.png"):
        name.write_bytes(Path(row["image"]).read_bytes())
    tasks = [
        {"data": {"image": "/data/local-files/?d=a%20b/one.png"}, "annotations": [chosen("x")]},
        {"data": {"image": "/data/upload/1/3f2a-two.png"}, "annotations": [chosen("y")]},
    ]
    source = export(tmp_path, tasks)
    monkeypatch.setenv("LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT", str(tmp_path / "served"))
    rows, _ = labelled_rows(
        source, DataOptions(train=source, image="image", label="label"), "label"
    )
    assert [row["image"].rpartition("/")[2] for row in rows] == ["one.png", "3f2a-two.png"]


@pytest.mark.parametrize(
    "content",
    ['[{"data": {"text": "a"}, "annotations": [}]', '[{"data": {}, "predictions": []}]'],
)
def test_what_holds_no_annotation_is_refused(tmp_path, content):
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(DataError, match="no annotations of Label Studio"):
        list(read(str(path), DataOptions(train=str(path))))


def test_a_task_without_data_costs_itself_alone(tmp_path):
    tasks = [{"data": data, "annotations": [chosen("a")]} for data in (3, {"text": "one"})]
    source = export(tmp_path, tasks)
    rows, rest = rows_of(source)
    assert (len(rows), [type(each) for each in rest]) == (1, [Refused])


def test_lines_of_objects_are_no_tasks(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a", "annotations": [1]}\n')
    assert type(reader_for(str(path), DataOptions(train=str(path)))).__name__ == "JsonLinesReader"


def test_the_queue_of_boxes_is_written_by_command(shelf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shelf.model("object-detection").save("model")
    rows = with_boxes(made_rows(4, seed=3), 3)
    (tmp_path / "pool.csv").write_text("image\n" + "".join(f"{row['image']}\n" for row in rows))
    told = ask("label", "model", "pool.csv", "--format", "label-studio", "--output", "q.json")
    assert told.code == 0, told.err
    assert "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=" in told.out
    assert (tmp_path / "q.xml").is_file()
    assert len(json.loads((tmp_path / "q.json").read_text())) == 4
