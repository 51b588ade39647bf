"""The notebooks run from the first cell to the last."""

import csv
import json

import pytest
from notebook_run import FOLDER, outputs_of, run_notebook
from tiny import WORDS, tiny_folder

NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))


def write_messages(path, rows=60):
    """Two topics that single words tell apart."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "topic"])
        for at in range(rows):
            kind = ("good lovely great", "bad awful poor")[at % 2]
            extra = " ".join(WORDS[(at * 7 + step) % len(WORDS)] for step in range(3))
            writer.writerow([f"the {kind} {extra} {WORDS[at % 20]}", ("praise", "blame")[at % 2]])


def test_a_classifier_from_a_csv_file(own_home, tmp_path):
    write_messages(tmp_path / "messages.csv")
    parameters = {
        "BACKBONE": str(tiny_folder(tmp_path / "tiny")),
        "DATA": str(tmp_path / "messages.csv"),
        "OUTPUT": str(tmp_path / "run"),
    }
    shown = run_notebook("classifier.ipynb", parameters, own_home)
    assert "60 rows, {'praise': 30, 'blame': 30}" in shown
    assert "tfidf_linear" in shown
    assert "the same answers: True" in shown
    assert "report.html" in shown


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_kept_without_outputs(name):
    content = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
    assert {cell["execution_count"] for cell in cells} == {None}
