"""Tuners on networks for pictures: the given network stays, and what is saved comes back."""

from functools import cache

import pytest
import torch
from contract_samples import attached, cuts_of, steps, whole
from tiny import VISION_TINY, tiny_pictures, tiny_vision

from journeyman.tuners.base import TUNERS

FAMILIES = ["inverted-residual", *VISION_TINY]
BENT = [name for name in TUNERS if TUNERS[name].trains]
WITHOUT_LINEAR_LAYERS = {"inverted-residual", "efficientnet", "mobilenet_v2"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return tiny_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """What gives the network of a family, which a tuner leaves as it is."""
    folder = tmp_path_factory.mktemp("networks")
    return cache(lambda family: tiny_vision(folder, family))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", BENT)
def test_what_is_tuned_is_saved_and_the_network_stays(name, family, networks, pictures, tmp_path):
    backbone = networks(family)
    depth = backbone.spec.depth
    cuts = cuts_of(name, depth, backbone)
    if not cuts:
        pytest.skip(f"{name} does not bend {family}")
    for cut in {cuts[0], cuts[-1]}:
        before = whole(backbone, cut, pictures)
        tuner, twin = attached(name, backbone, cut)
        steps(tuner, twin, cut, rows=pictures)
        bent = whole(twin, cut, pictures)
        assert not torch.allclose(bent, before, atol=1e-4)
        assert torch.equal(whole(backbone, cut, pictures), before)
        folder = tmp_path / f"{family}-{cut}"
        folder.mkdir()
        tuner.save(folder)
        other, again = attached(name, backbone, cut, seed=1)
        other.restore(folder)
        torch.testing.assert_close(whole(again, cut, pictures), bent, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_which_tuners_bend_which_networks(family, networks):
    backbone = networks(family)
    able = {name for name in BENT if cuts_of(name, backbone.spec.depth, backbone)}
    expected = {"bitfit", "full", "lora"}
    if family not in WITHOUT_LINEAR_LAYERS:
        expected |= {"adalora", "adapter"}
    assert able == expected
