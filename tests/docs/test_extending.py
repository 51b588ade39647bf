"""The package that docs/extending.md shows is installed beside ours and used."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tiny import WORDS, tiny_folder

from journeyman.catalogue.entry import dataset_entries

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r'```\w+ title="(.+?)"\n(.*?)```', PAGE, flags=re.S))

RUN = """
import json
import journeyman
from journeyman.backbones.base import FAMILIES
from journeyman.data.checks.base import CHECKS
from journeyman.data.readers.registry import READERS
from journeyman.evaluation.baselines.base import BASELINES
from journeyman.explainers.base import EXPLAINERS
from journeyman.heads.base import HEADS
from journeyman.pretraining.methods.base import METHODS
from journeyman.tasks.base import TASKS
from journeyman.tuners.base import TUNERS
journeyman.finetune("extra.yaml")
answer = journeyman.load("runs/extra").predict("the cat sat")[0]
every = (FAMILIES, CHECKS, READERS, BASELINES, EXPLAINERS, HEADS, METHODS, TASKS, TUNERS)
names = sorted(name for registry in every for name in registry
               if registry[name].__module__.startswith("extras."))
print(json.dumps({"names": names, "label": answer.label}))
"""

SPLIT_EQUALS_WHOLE = """
import sys
from pathlib import Path
from journeyman.backbones.text_encoder import load_backbone
spec = {"name": "tiny", "licence": "none", "source": "made", "sha256": "0" * 64}
backbone = load_backbone(Path(sys.argv[1]), spec, {})
inputs = backbone.prepare(["the cat sat on the mat", "a dog ran"])
whole = backbone.tuned(backbone.frozen(inputs, 0), 0)
for cut in backbone.permitted_cuts():
    halves = backbone.tuned(backbone.frozen(inputs, cut), cut)
    assert (halves.pooled[3] - whole.pooled[3]).abs().max() < 1e-5, cut
print(type(backbone).__name__)
"""


@pytest.fixture
def installed(tmp_path):
    """The shown package on the path of an interpreter, as an installer leaves it."""
    site = tmp_path / "site"
    groups = tomllib.loads(BLOCKS["pyproject.toml of your package"])["project"]["entry-points"]
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{name} = {module}" for name, module in entries.items())]
    about = site / "extras-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: extras\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (site / "extras").mkdir()
    (site / "extras" / "__init__.py").write_text("")
    for title, text in BLOCKS.items():
        if title.startswith("extras/"):
            (site / title).write_text(text)
    path = os.pathsep.join([str(site), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "JOURNEYMAN_HOME": str(tmp_path / "home")}


def asked(installed, *arguments, cwd):
    command = [sys.executable, "-W", "ignore", *arguments]
    done = subprocess.run(command, env=installed, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_recipe_runs_with_what_the_package_brings(installed, tmp_path):
    tiny_folder(tmp_path / "tiny")
    rows = [
        (" ".join(WORDS[at % 20 : at % 20 + 5]) + f" {WORDS[at % 7]}", at % 2) for at in range(60)
    ]
    text = "\n".join(f"{said}\n= {'Good' if label else 'GOOD' if at % 3 else 'bad'}"
                     for at, (said, label) in enumerate(rows))  # fmt: skip
    (tmp_path / "rows.blocks").write_text(f"{text}\nTHE CAT SAT\n= bad\na text without a label\n")
    recipe = {
        "name": "extra", "task": "topic-classification", "backbone": "tiny",
        "data": {"train": "rows.blocks", "text": "text", "label": "label"},
        "pretrain": {"method": "decorrelate", "cut": 1},
        "finetune": {"tuner": "biases", "head": {"name": "hidden", "width": 8}, "epochs": 1},
        "explain": {"method": "reading", "samples": 4}, "threads": 1, "trackers": [],
    }  # fmt: skip
    (tmp_path / "extra.yaml").write_text(json.dumps(recipe))
    said = json.loads(asked(installed, "-c", RUN, cwd=tmp_path))
    assert said["names"] == [
        "biases", "blocks", "data2vec-text", "decorrelate", "hidden", "nearest_words", "reading",
        "shouting", "topic-classification",
    ]  # fmt: skip
    assert said["label"] in ("good", "bad")
    run = tmp_path / "runs" / "extra"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["task"] == "topic-classification"
    assert "nearest_words" in metrics["baselines"]
    assert "in capital letters: 1" in (run / "sections" / "collect.json").read_text()
    assert "No label follows the text." in (run / "quarantine.jsonl").read_text()
    assert (run / "model" / "biases.safetensors").is_file()


def test_a_family_of_ones_own_loads_and_splits(installed, tmp_path):
    from tiny import SIZES
    from transformers import Data2VecTextConfig, Data2VecTextModel

    folder = tiny_folder(tmp_path / "tiny", "roberta")
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    config = Data2VecTextConfig(vocab_size=size, type_vocab_size=1, pad_token_id=0, **SIZES)
    Data2VecTextModel(config).save_pretrained(folder)
    said = asked(installed, "-c", SPLIT_EQUALS_WHOLE, str(folder), cwd=tmp_path)
    assert said.strip() == "TextEncoder"


def test_the_shown_catalogue_entry_is_the_real_one():
    shown = tomllib.loads(BLOCKS["journeyman/catalogue/entries/datasets.toml"])["entry"][0]
    real = dataset_entries()[shown["name"]]
    assert type(real).model_validate(shown) == real
