"""A detector through the task: its frozen part cached, its native head taught, saved and loaded."""

from types import SimpleNamespace

import contract_samples
import numpy as np
import pytest
from contract_samples import Sample, with_boxes
from tiny import DETECTORS_TINY, tiny_detector_folder

from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.errors import JourneymanError
from journeyman.model import Model
from journeyman.training.assembly import make_learner
from journeyman.training.options import FinetuneOptions

KINDS = sorted(DETECTORS_TINY)
BACKBONE = SimpleNamespace(spec=SimpleNamespace(modality="text"))
"""Stands for one of another task, which gets its own for pictures."""


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    folder, kept = tmp_path_factory.mktemp("detectors"), {}

    def load(kind):
        if kind not in kept:
            path = tiny_detector_folder(folder / kind, kind)
            found = resolve(str(path))
            spec = {"name": found.name, "licence": found.licence, "source": found.source}
            spec |= {"sha256": found.sha256, "reference": str(path)}
            kept[kind] = load_backbone(path, spec, {})
        return kept[kind]

    return load


@pytest.mark.parametrize(
    ("kind", "tuner"), [(kind, "none") for kind in KINDS] + [("rt_detr", "full"), ("yolos", "lora")]
)
def test_a_native_head_is_taught_saved_and_loaded(kind, tuner, detector, tmp_path, monkeypatch):
    monkeypatch.setattr(contract_samples, "vision_backbone", lambda *_, **__: detector(kind))
    sample = Sample("object-detection", BACKBONE, train=12, validation=6)
    got = sample.finetune(
        tmp_path / "cache", head="native", tuner=tuner, epochs=2, batch_size=4, patience=9
    )
    assert got.learner.cut == {"none": sample.backbone.spec.depth}.get(tuner, got.learner.cut)
    about = {"data": "made", "rows": {"train": 12}, "parent": None}
    model = Model("made", got.learner, sample.schema, sample.data, got.calibration, about, {})
    rows = with_boxes([{"label": "good"}] * 3, 5)
    answers = model.predict([row["image"] for row in rows])
    measured = model.evaluate(rows)
    assert measured.overall.metrics["map"].n == 3
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    for ours, theirs in zip(answers, loaded.predict([row["image"] for row in rows]), strict=True):
        assert len(ours.boxes) == len(theirs.boxes)
        for one, two in zip(ours.boxes, theirs.boxes, strict=True):
            assert one.label == two.label
            np.testing.assert_allclose(one.box, two.box, atol=1e-4)
    assert loaded.evaluate(rows).overall.metrics["map"] == measured.overall.metrics["map"]


def test_a_native_head_is_usual_where_there_is_one(detector):
    sample = Sample("object-detection", BACKBONE, train=4, validation=2)
    made = {}
    for backbone in (sample.backbone, detector("yolos")):
        learner = make_learner(sample.task, backbone, sample.schema, FinetuneOptions(), seed=0)
        made[backbone] = learner.head.name
    assert list(made.values()) == ["anchor-free", "native"]


def test_a_native_head_needs_a_detector():
    sample = Sample("object-detection", BACKBONE, train=4, validation=2)
    options = FinetuneOptions.model_validate({"head": "native"})
    with pytest.raises(JourneymanError) as caught:
        make_learner(sample.task, sample.backbone, sample.schema, options, seed=0)
    assert "no detector of its own" in caught.value.found
