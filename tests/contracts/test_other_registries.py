"""Families, explainers, baselines and readers: each entry keeps its registry's promises."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from contract_samples import TEXTS, Sample, data_options, made_rows, with_boxes, with_pictures
from tiny import FAMILIES_TINY, tiny_backbone, tiny_folder

from journeyman.audits.base import AUDITORS
from journeyman.backbones.base import FAMILIES
from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import READERS, read
from journeyman.errors import JourneymanError, MissingExtraError
from journeyman.evaluation.baselines.base import BASELINES
from journeyman.explainers.base import EXPLAINERS
from journeyman.export.base import EXPORTS
from journeyman.heads.base import HEADS
from journeyman.labelling.strategies.base import STRATEGIES
from journeyman.registry import Registry
from journeyman.tasks.base import TASKS, usual_task
from journeyman.traces.places.base import PLACES
from journeyman.tuners.base import TUNERS

REGISTRIES = (
    TASKS,
    TUNERS,
    HEADS,
    FAMILIES,
    EXPLAINERS,
    BASELINES,
    READERS,
    EXPORTS,
    PLACES,
    AUDITORS,
    STRATEGIES,
)
KINDS = [(name, kind) for name in BASELINES for kind in BASELINES[name].kinds]


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.noun)
def test_a_registry_knows_its_entries_and_no_others(registry):
    assert registry.names() == tuple(sorted(registry.names()))
    for name in registry:
        assert name in registry
        assert getattr(registry[name], "name", name) == name
        assert registry[name].__doc__
    wrong = registry.names()[0] + "x"
    with pytest.raises(JourneymanError) as caught:
        registry[wrong]
    assert registry.names()[0] in caught.value.remedy


def test_a_name_is_registered_once():
    fresh = Registry("thing", "journeyman.tuners")
    fresh.register("one")(int)
    fresh.register("one")(int)
    with pytest.raises(ValueError, match="twice"):
        fresh.register("one")(str)


@pytest.mark.parametrize("family", sorted(FAMILIES_TINY))
def test_a_folder_is_of_one_family(family, tmp_path):
    config = json.loads((tiny_folder(tmp_path / "tiny", family) / "config.json").read_text())
    assert [name for name in FAMILIES if FAMILIES[name].recognises(config)] != []
    assert sum(FAMILIES[name].recognises(config) for name in FAMILIES) == 1
    assert not any(FAMILIES[name].recognises({}) for name in FAMILIES)


@pytest.mark.parametrize("family", sorted(FAMILIES_TINY))
def test_a_backbone_keeps_its_promises(family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    depth = backbone.spec.depth
    assert {0, depth} <= set(backbone.permitted_cuts())
    inputs = backbone.prepare(TEXTS)
    assert len(inputs) == len(inputs.keys) == len(inputs.lengths) == len(TEXTS)
    assert inputs.select([2, 0]).keys == [inputs.keys[2], inputs.keys[0]]
    assert len(backbone.prepare([])) == 0
    with pytest.raises(JourneymanError):
        backbone.check_cut(depth + 1)
    for cut in backbone.permitted_cuts():
        pooled = backbone.frozen(inputs, cut, keep_hidden=False)
        assert sorted(pooled.pooled) == list(range(1, cut + 1))
        if cut:
            assert pooled.hidden is None
        whole = backbone.tuned(backbone.frozen(inputs, cut), cut)
        for layer in range(1, depth + 1):
            assert whole.pooled[layer].shape == (len(TEXTS), backbone.spec.width)
    with_graph = backbone.frozen(inputs, depth, grad=True)
    without = backbone.frozen(inputs, depth)
    assert torch.equal(with_graph.pooled[depth], without.pooled[depth])
    json.dumps(dict(backbone.options))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("others"))


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("name", list(EXPLAINERS))
def test_an_explainer_weighs_the_words_of_any_task(name, task, backbone, tmp_path):
    sample = Sample(task, backbone, train=30, validation=9)
    head = "linear" if "linear" in sample.task.heads() else sample.task.default_head
    got = sample.finetune(tmp_path, head=head, tuner="none", epochs=1)
    learner = got.learner
    before = {n: p.detach().clone() for n, p in learner.parameters().items()}
    texts, ids = sample.validation.texts[:2], ["a", "b"]
    answers = [
        EXPLAINERS[name]().explain(learner, sample.schema, texts, ids, got.calibration)
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    for explanation, text, row_id in zip(answers[0], texts, ids, strict=True):
        assert explanation.id == row_id
        assert explanation.method == name
        assert math.isfinite(explanation.gap)
        assert explanation.gap >= 0
        assert explanation.weights
        assert all(map(math.isfinite, explanation.weights))
        assert all(text[t.start : t.end] == t.text for t in explanation.tokens)
        json.dumps(explanation.to_json(), allow_nan=False)
    after = learner.parameters()
    assert all(torch.equal(after[n], before[n]) and after[n].grad is None for n in before)
    assert not any(module.training for module in backbone.module.modules())


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_baseline_answers_every_input_as_its_kind_does(name, kind):
    reads = BASELINES[name].modality or "text"
    task = usual_task(kind, reads)()
    rows = (with_boxes if kind == "boxes" else with_pictures)(made_rows(60))
    data = data_options(task)
    texts = [task.text(row, data) for row in rows]
    inputs, targets = task.plain(texts, [task.target(row, data) for row in rows])
    learned, chosen, asked = (inputs[:40], targets[:40]), (inputs[40:], targets[40:]), inputs[40:]
    found = []
    for _ in range(2):
        try:
            fitted = BASELINES[name](kind, seed=3).fit(*learned, chosen)
        except MissingExtraError as error:
            pytest.skip(error.problem)
        found.append(fitted.predict(asked))
    assert len(found[0]) == len(asked)
    assert list(map(str, found[0])) == list(map(str, found[1]))
    measured = task.compare(chosen[1], found[0])
    assert measured[task.primary_metric].n > 0
    assert BASELINES[name].purpose
    if kind == "tags":
        assert [len(tags) for tags in found[0]] == [len(words) for words in asked]


STRANGE = {
    "empty": b"",
    "binary": bytes(np.random.default_rng(0).integers(0, 256, 3000, dtype=np.uint8)),
    "zeros": bytes(2000),
    "cut off": b'{"text": "good", "label": "a"}\n{"text": "go',
    "one line": b"text,label",
    "ragged": b"text,label\na,b\na,b,c,d\na\n",
    "long": b"text,label\n" + b"a" * 300_000 + b",b\n",
    "latin": "text,label\ncaf\xe9,b\n".encode("latin-1"),
}


@pytest.mark.parametrize("content", list(STRANGE))
@pytest.mark.parametrize("name", list(READERS))
def test_a_reader_refuses_what_it_cannot_read_and_never_breaks(name, content, tmp_path):
    """Whatever the bytes: rows, refused rows, or one mistake told completely."""
    path = Path(tmp_path / "rows.bin")
    path.write_bytes(STRANGE[content])
    options = DataOptions(train=str(path), format=name, text="text", label="label")
    told, events = None, []
    try:
        events = list(read(path, options))
    except JourneymanError as error:
        told = (error.problem, error.place, error.expected, error.found, error.remedy)
    assert told is None or all(told)
    assert all(type(event).__module__.startswith("journeyman.data") for event in events)
    READERS[name]().matches(str(path), STRANGE[content][:4096])
