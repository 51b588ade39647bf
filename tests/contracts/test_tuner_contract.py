"""Every registered tuner, at every cut it permits: it bends a copy and never what it was given."""

import os
import subprocess
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
from contract_samples import TEXTS, attached, cuts_of, steps, whole
from tiny import FAMILIES_TINY, SIZES, tiny_backbone, tiny_folder

from journeyman.backbones.text_encoder import load_backbone
from journeyman.training.assembly import options_of
from journeyman.tuners.base import TUNERS

DEPTH = SIZES["num_hidden_layers"]
SPEC = {"name": "tiny", "licence": "none", "source": "made", "sha256": "0" * 64}
OPTIONS = {"max_tokens": 32}
"""Half of the places: learned tokens need some."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("tuners") / "tiny")


@pytest.fixture
def backbone(folder):
    return load_backbone(folder, SPEC, OPTIONS)


def placed():
    """(tuner, cut) pairs that the tuners permit."""
    with tempfile.TemporaryDirectory() as where:
        backbone = load_backbone(tiny_folder(Path(where) / "tiny"), SPEC, OPTIONS)
    return [(name, cut) for name in TUNERS for cut in cuts_of(name, DEPTH, backbone)]


PLACED = placed()
PEFTS = {"lora", "adalora", "prefix", "prompt"}
"""Tuners whose method is one of PEFT's."""


def test_every_tuner_is_tried_at_some_cut():
    assert {name for name, _ in PLACED} == set(TUNERS)


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_the_shared_backbone_is_never_changed(name, cut, backbone):
    weights = {n: p.detach().clone() for n, p in backbone.module.state_dict().items()}
    identities = {n: id(p) for n, p in backbone.module.named_parameters()}
    wanted = [p.requires_grad for p in backbone.module.parameters()]
    before = whole(backbone, cut)
    tuner, twin = attached(name, backbone, cut)
    steps(tuner, twin, cut)
    assert not any(module.training for module in backbone.module.modules())
    assert {n: id(p) for n, p in backbone.module.named_parameters()} == identities
    assert [p.requires_grad for p in backbone.module.parameters()] == wanted
    assert all(p.grad is None for p in backbone.module.parameters())
    after = backbone.module.state_dict()
    assert list(after) == list(weights)
    assert all(torch.equal(after[n], weights[n]) for n in weights)
    assert torch.equal(whole(backbone, cut), before)


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_what_is_frozen_is_shared_and_what_is_trained_is_owned(name, cut, backbone):
    tuner, twin = attached(name, backbone, cut)
    shared = {id(p) for p in backbone.module.parameters()}
    own = {id(p) for p in tuner.parameters().values()}
    assert not own & shared
    others = [p for p in twin.module.parameters() if id(p) not in own | shared]
    assert all(p.numel() == 1 and not p.requires_grad for p in others), "constants of a method"
    assert {id(b) for b in twin.module.buffers()} <= {id(b) for b in backbone.module.buffers()}


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_every_parameter_is_trained(name, cut, backbone):
    tuner, twin = attached(name, backbone, cut)
    parameters = tuner.parameters()
    assert list(parameters) == sorted(parameters)
    assert bool(parameters) == tuner.trains
    if not tuner.trains:
        return
    twin.module.train()
    inputs = twin.prepare(TEXTS)
    twin.tuned(twin.frozen(inputs, cut), cut).hidden.square().sum().backward()
    for parameter_name, parameter in parameters.items():
        assert parameter.requires_grad, parameter_name
        assert parameter.grad is not None, parameter_name
        assert bool(torch.isfinite(parameter.grad).all()), parameter_name


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_training_changes_the_outputs(name, cut, backbone):
    tuner, twin = attached(name, backbone, cut)
    before = whole(twin, cut)
    steps(tuner, twin, cut)
    assert torch.equal(whole(twin, cut), before) != tuner.trains


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_layers_below_the_cut_answer_as_before(name, cut, backbone):
    tuner, twin = attached(name, backbone, cut)
    steps(tuner, twin, cut)
    inputs = backbone.prepare(TEXTS)
    mine, theirs = backbone.frozen(inputs, cut), twin.frozen(inputs, cut)
    if cut:
        assert torch.equal(mine.hidden, theirs.hidden)
    assert all(torch.equal(mine.pooled[layer], theirs.pooled[layer]) for layer in mine.pooled)


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_a_state_comes_back_bit_for_bit(name, cut, backbone, tmp_path):
    tuner, twin = attached(name, backbone, cut, seed=0)
    steps(tuner, twin, cut)
    wanted = whole(twin, cut)
    state = tuner.state()
    tuner.save(tmp_path / "saved")
    loaded, second = attached(name, backbone, cut, seed=1)
    loaded.load(state)
    assert torch.equal(whole(second, cut), wanted)
    restored, third = attached(name, backbone, cut, seed=2)
    restored.restore(tmp_path / "saved")
    assert torch.equal(whole(third, cut), wanted)
    again = tmp_path / "again"
    restored.save(again)
    for path in (p for p in (tmp_path / "saved").rglob("*") if p.is_file()):
        assert (again / path.relative_to(tmp_path / "saved")).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_a_state_is_a_copy(name, cut, backbone):
    tuner, twin = attached(name, backbone, cut)
    state = tuner.state()
    kept = {n: v.clone() for n, v in state.items()}
    steps(tuner, twin, cut)
    assert all(torch.equal(state[n], kept[n]) for n in kept)


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_the_seed_alone_decides_where_training_starts(name, cut, backbone):
    torch.manual_seed(1)
    first, _ = attached(name, backbone, cut, seed=5)
    drawn = torch.rand(1)
    torch.manual_seed(2)
    second, _ = attached(name, backbone, cut, seed=5)
    assert first.state().keys() == second.state().keys()
    assert all(torch.equal(first.state()[n], second.state()[n]) for n in first.state())
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn), "attaching must not draw from the shared generator"


@pytest.mark.parametrize(("name", "cut"), dict(reversed(PLACED)).items())
def test_those_side_by_side_do_not_disturb_each_other(name, cut, backbone):
    alone, twin = attached(name, backbone, cut)
    steps(alone, twin, cut)
    wanted = whole(twin, cut)
    for other, place in dict(reversed(PLACED)).items():
        tuner, beside = attached(other, backbone, place)
        steps(tuner, beside, place)
    assert torch.equal(whole(twin, cut), wanted)


@pytest.mark.parametrize("name", list(TUNERS))
def test_its_own_cut_is_one_it_permits(name, backbone):
    tuner = TUNERS[name](options_of(TUNERS[name]), 0)
    assert tuner.permits(backbone, tuner.default_cut(backbone)) is None
    assert tuner.loop_state() == {} or isinstance(dict(tuner.loop_state()), dict)


def peft_hidden(model_folder, adapter):
    """Hidden states of plain transformers and plain peft, knowing nothing of us."""
    from peft import PeftModel
    from transformers import AutoModel

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        # PEFT 0.21 looks for AdaLoRA's ranks where LoRA would have them, says so, and finds them.
        warnings.filterwarnings("ignore", "The following rank_pattern keys", RuntimeWarning)
        model = PeftModel.from_pretrained(AutoModel.from_pretrained(model_folder), adapter).eval()
    inputs = load_backbone(model_folder, SPEC).prepare(TEXTS).padded()
    with torch.no_grad():
        hidden = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"].long()
        ).last_hidden_state
    own = hidden[:, -inputs["attention_mask"].shape[1] :]
    return own * inputs["attention_mask"].unsqueeze(-1)


@pytest.mark.parametrize(("name", "cut"), PLACED)
def test_what_peft_can_load_answers_the_same_there(name, cut, folder, backbone, tmp_path):
    tuner, twin = attached(name, backbone, cut)
    steps(tuner, twin, cut)
    tuner.save(tmp_path)
    assert (tmp_path / "adapter" / "adapter_config.json").exists() == (name in PEFTS)
    if name not in PEFTS:
        return
    found = peft_hidden(folder, tmp_path / "adapter")
    torch.testing.assert_close(found, whole(twin, cut), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found, whole(backbone, cut), atol=1e-3)


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """What gives the folder and the network of a family; a tuner leaves it as it is."""
    folder = tmp_path_factory.mktemp("families")
    return cache(lambda family: (folder, tiny_backbone(folder, family)))


@pytest.mark.parametrize("family", sorted(FAMILIES_TINY))
@pytest.mark.parametrize("name", [n for n in TUNERS if TUNERS[n].trains])
def test_every_family_can_be_tuned_and_saved(name, family, families, tmp_path):
    home, backbone = families(family)
    for cut in cuts_of(name, DEPTH, backbone)[:2]:
        tuner, twin = attached(name, backbone, cut)
        twin.module.train()
        features = twin.tuned(twin.frozen(twin.prepare(TEXTS), cut), cut)
        features.hidden.square().sum().backward()
        assert all(p.grad is not None for p in tuner.parameters().values())
        steps(tuner, twin, cut)
        tuner.save(tmp_path / str(cut))
        adapter = tmp_path / str(cut) / "adapter"
        if (adapter / "adapter_config.json").exists():
            found = peft_hidden(home / f"tiny-{family}", adapter)
            torch.testing.assert_close(found, whole(twin, cut), atol=1e-5, rtol=1e-4)


SAVE_ALL = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {contracts!r}]
from contract_samples import attached, cuts_of
from journeyman.backbones.text_encoder import load_backbone
from journeyman.tuners.base import TUNERS
backbone = load_backbone(Path({folder!r}), {spec!r}, {options!r})
for name in TUNERS:
    for cut in cuts_of(name, backbone.spec.depth, backbone):
        attached(name, backbone, cut)[0].save(Path(sys.argv[1]) / name / str(cut))
"""


def test_the_same_bytes_are_saved_by_every_process(folder, tmp_path):
    """Sets are not in the order of this process's hashes."""
    here = Path(__file__).parent
    script = SAVE_ALL.format(
        tests=str(here.parent), contracts=str(here), folder=str(folder), spec=SPEC, options=OPTIONS
    )
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    command = [sys.executable, "-c", script, str(tmp_path / "other")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": other})
    backbone = load_backbone(folder, SPEC)
    for name, cut in PLACED:
        attached(name, backbone, cut)[0].save(tmp_path / "here" / name / str(cut))
    files = [p.relative_to(tmp_path / "here") for p in (tmp_path / "here").rglob("*.*")]
    assert files
    for name in files:
        found = (tmp_path / "other" / name).read_bytes()
        assert found == (tmp_path / "here" / name).read_bytes(), name
