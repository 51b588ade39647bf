"""The notebooks run from the first cell to the last."""

import json
import random

import pytest
from notebook_run import FOLDER, run_here, run_in_kernel
from tiny import tiny_folder

NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
PLAIN = "the a dog mat sat film plot actor story is was on in".split()
MOODS = {"bad": "bad awful poor terrible".split(), "good": "good fine lovely great".split()}


def write_rows(path, rows, text, label):
    """Two moods of two domains, told by single words."""
    draw = random.Random(0)
    lines = [f"{text},{label},domain"]
    for at in range(rows):
        mood = sorted(MOODS)[at % 2]
        words = [*draw.sample(PLAIN, draw.randint(3, 6)), *draw.sample(MOODS[mood], 2)]
        draw.shuffle(words)
        lines.append(f"{' '.join(words)},{mood},{'source' if at % 4 < 2 else 'new'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def classifier(tmp_path):
    return {
        "BACKBONE": str(tiny_folder(tmp_path / "tiny")),
        "DATA": write_rows(tmp_path / "messages.csv", 60, "message", "topic"),
        "OUTPUT": str(tmp_path / "run"),
    }


@pytest.fixture
def transfer(tmp_path):
    rows = write_rows(tmp_path / "rows.csv", 160, "text", "label")
    data = {"train": rows, "text": "text", "label": "label"}
    return {
        "BACKBONE": str(tiny_folder(tmp_path / "tiny")),
        "SOURCE": {**data, "where": {"domain": "source"}},
        "NEW": {**data, "where": {"domain": "new"}},
        "LABELS": 12,
        "CUT": 1,
        "OUTPUT": str(tmp_path / "run"),
    }


def check_classifier(shown):
    assert "60 rows, {'bad': 30, 'good': 30}" in shown
    assert "tfidf_linear" in shown
    assert "the same answers: True" in shown


def check_transfer(shown):
    assert "made from the source model: True" in shown
    assert "this run's model as it is: test macro_f1" in shown
    assert "labels that 8 are worth" in shown
    assert "carried over: " in shown


def test_a_classifier_from_a_csv_file(classifier):
    check_classifier(run_here("classifier.ipynb", classifier))


def test_transfer_with_few_labels(transfer):
    check_transfer(run_here("transfer.ipynb", transfer))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_both_run_in_a_kernel(classifier, transfer, own_home):
    check_classifier(run_in_kernel("classifier.ipynb", classifier, own_home))
    transfer["OUTPUT"] += "-transfer"
    check_transfer(run_in_kernel("transfer.ipynb", transfer, own_home))


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_kept_without_outputs(name):
    content = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
    assert {cell["execution_count"] for cell in cells} == {None}
