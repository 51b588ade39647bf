"""Rows of the data that a run transfers to, and of the texts it pretrains on, are forgotten too."""

import json
from types import SimpleNamespace

from contract_samples import made_rows
from searching import found_in, hashed, needles
from trace_tables import write_table

import journeyman
from journeyman.continual.named import Named
from journeyman.continual.unlearning import unlearn
from journeyman.data.identity import input_hash, row_id
from journeyman.data.options import DataOptions
from journeyman.data.removals import Removals
from journeyman.pretraining.corpus import read_corpus
from journeyman.pretraining.options import PretrainOptions
from journeyman.saved.folder import write_model
from journeyman.tasks.base import TASKS
from journeyman.traces.purge import Removed, known_rows, purge, run_of


def run():
    return journeyman.finetune("carried.yaml")


def test_rows_of_the_new_data_leave_and_its_model_is_made_again(place):
    new = made_rows(60, seed=5)
    for at, row in enumerate(new):
        row["text"] += f" tapirmark{at:03d}"
    write_table(place / "rows.csv", made_rows(90))
    write_table(place / "new.csv", new)
    data = {"text": "text", "label": "label"}
    said = {
        "name": "carried", "task": "text-classification", "backbone": "tiny",
        "data": {"train": "rows.csv", **data}, "explain": {"samples": 3},
        "finetune": {"tuner": "none"}, "threads": 1, "trackers": [],
        "transfer": {"data": {"train": "new.csv", **data}, "labels": 12, "curve": {"draws": 1}},
    }  # fmt: skip
    (place / "carried.yaml").write_text(json.dumps(said))
    run()
    folder = place / "runs" / "carried"
    shown = json.loads((folder / "sections" / "explain.json").read_text())["examples"][0]["text"]
    word = shown.split()[-1] if shown.split()[-1].startswith("tapir") else shown
    wanted = needles(words=[word], hashes=[hashed(shown)])
    before = found_in([folder, place / "home"], wanted)
    assert "report.html" in before[word]
    assert any(name.startswith("transfer/data/") for name in before[word])
    assert any(name.startswith("features/") for name in before[hashed(shown)])
    assert run_of(folder / "transfer" / "model") == run_of(folder / "transfer") == folder
    done = purge(folder, Removed.of(texts=[shown]))
    assert found_in([folder, place / "home"], wanted) == {}
    assert done.places["transfer"] == done.places["tables"] == 1
    assert not (folder / "transfer" / "model").exists()
    run()
    assert (folder / "transfer" / "model" / "model.json").is_file()
    assert found_in([folder, place / "home"], wanted) == {}


def test_texts_to_pretrain_on_leave_removed_ones_out(place):

    lines = [f"a line about number {at}" for at in range(30)]
    (place / "texts.txt").write_text("\n".join(lines))
    columns = DataOptions(train="rows.csv", text="text", label="label")
    none = SimpleNamespace(rows=list)
    collection = SimpleNamespace(
        columns=columns, tables=dict.fromkeys(("train", "validation", "exam", "test"), none)
    )
    gone = Removals().including([], [row_id(input_hash((lines[4],)))])
    options = PretrainOptions(method="mlm", data=("texts.txt",))
    task = TASKS["text-classification"]()
    found = read_corpus(options, task, collection, 0, gone)
    assert sorted([*found.texts, *found.held]) == sorted(set(lines) - {lines[4]})
    assert found.refused == 1


def test_rows_that_arrived_later_leave_the_tables_of_their_arrival(place):
    june = made_rows(60, seed=5)
    for at, row in enumerate(june):
        row["text"] += f" tapirmark{at:03d}"
    write_table(place / "rows.csv", made_rows(90))
    write_table(place / "june.csv", june)
    said = {
        "name": "carried", "task": "text-classification", "backbone": "tiny",
        "data": {"train": "rows.csv", "text": "text", "label": "label"},
        "finetune": {"tuner": "none"}, "explain": {"samples": 3}, "threads": 1, "trackers": [],
        "adapt": {"arrivals": [{"name": "june", "train": "june.csv"}], "retain": None},
    }  # fmt: skip
    (place / "carried.yaml").write_text(json.dumps(said))
    model = run()
    folder = place / "runs" / "carried"
    splits = json.loads((folder / "adapt" / "june" / "splits.json").read_text())
    ids = {hashed(row["text"]): row["text"].split()[-1] for row in june}
    gone = splits["train"][3]
    wanted = needles(words=[ids[gone]], hashes=[gone])
    before = found_in([folder, place / "home"], wanted)
    assert any(name.startswith("adapt/june/") for name in before[ids[gone]])
    known = known_rows(folder, Removed.of(ids=[gone]))
    assert known.inputs == {gone}
    taught = unlearn(model, Named(ids=known.ids, inputs=known.inputs))
    write_model(taught.state, folder / "model")
    done = purge(folder, Removed.of(ids=[gone]))
    left = found_in([folder, place / "home"], wanted)
    assert ids[gone] not in left
    versions = {name for names in left.values() for name in names}
    assert all(name.startswith("model.versions/") for name in versions), "the store sees to those"
    assert set(done.left) == versions
