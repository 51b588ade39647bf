"""BitFit and bottleneck adapters: what they own, and that they start from the network as it was."""

import pytest
import torch
from tiny import FAMILIES_TINY, SHARED_TINY, tiny_backbone

from journeyman.tuners.base import TUNERS, size_of

TEXTS = ["the cat sat", "a dog ran on the mat in london"]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("owned"))


def attached(name, backbone, cut, **options):
    tuner = TUNERS[name](TUNERS[name].Options(**options), 0)
    return tuner, tuner.attach(backbone, cut)


def hidden(backbone, cut):
    with torch.no_grad():
        return backbone.tuned(backbone.frozen(backbone.prepare(TEXTS), cut), cut).hidden


@pytest.mark.parametrize("name", ["bitfit", "adapter"])
@pytest.mark.parametrize("family", sorted(FAMILIES_TINY | SHARED_TINY))
def test_training_starts_from_the_network_as_it_was(name, family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    tuner, cut = TUNERS[name](TUNERS[name].Options(), 0), backbone.cut_below(1)
    if tuner.permits(backbone, cut) is not None:
        assert (name, family) == ("bitfit", "modernbert")
        return
    assert torch.equal(hidden(tuner.attach(backbone, cut), cut), hidden(backbone, cut))
    assert tuner.parameters()


def test_bitfit_trains_every_bias_above_the_cut_and_nothing_else(backbone):
    tuner, twin = attached("bitfit", backbone, 2)
    layer = {n for n in twin.layer_parameters(2) if n.endswith(".bias")}
    assert set(tuner.parameters()) == layer
    assert any("LayerNorm" in name for name in layer)
    assert all(n.startswith("encoder.layer.2.") for n in layer)


@pytest.mark.parametrize("family", sorted(FAMILIES_TINY | SHARED_TINY))
def test_every_layer_above_the_cut_has_two_adapters(family, tmp_path):
    """ALBERT passes its one layer again and again."""
    backbone = tiny_backbone(tmp_path, family)
    tuner, _ = attached("adapter", backbone, backbone.cut_below(1), size=3)
    downs = [p for name, p in tuner.parameters().items() if name.endswith("adapter.down.weight")]
    assert len(downs) == 2 * (1 if family in SHARED_TINY else backbone.spec.depth - 1)
    assert {p.shape[0] for p in downs} == {3}


def test_adapters_leave_every_name_of_the_network_as_it_was(backbone):
    tuner, twin = attached("adapter", backbone, 1)
    names = set(backbone.module.state_dict())
    added = set(twin.module.state_dict()) - names
    assert names <= set(twin.module.state_dict())
    assert added == {name for name in tuner.parameters() if ".adapter." in name}


def test_a_wider_bottleneck_trains_more(backbone):
    counts = [
        size_of(attached("adapter", backbone, 1, size=size)[0].parameters().values())
        for size in (4, 8)
    ]
    width, bottlenecks = backbone.spec.width, 4
    assert counts[1] - counts[0] == bottlenecks * 4 * (2 * width + 1)


def test_a_clone_of_a_network_with_adapters_runs_its_own(backbone):
    tuner, twin = attached("adapter", backbone, 1)
    for parameter in tuner.parameters().values():
        parameter.data.add_(0.1)
    twin.module.eval()
    assert torch.equal(hidden(twin.clone(None), 1), hidden(twin, 1))
    assert not torch.equal(hidden(twin, 1), hidden(backbone, 1))
