"""Where learning goes on from a model: at its very layers, whatever bent them."""

from types import SimpleNamespace

import pytest
import torch
from contract_samples import Sample, cuts_of, vision_backbone
from tiny import tiny_backbone

from journeyman.transfer.start import twin
from journeyman.tuners.base import TUNERS

BENT = [name for name in TUNERS if TUNERS[name].trains]


@pytest.mark.parametrize("task", ["text-classification", "image-classification"])
@pytest.mark.parametrize("name", BENT)
def test_a_twin_stands_where_the_models_layers_stand_and_shares_none_of_them(name, task, tmp_path):
    text = task.startswith("text")
    backbone = tiny_backbone(tmp_path) if text else vision_backbone("vit")
    cuts = cuts_of(name, backbone.spec.depth, backbone)
    if not cuts:
        pytest.skip(f"{name} does not bend such a network")
    sample = Sample(task, backbone, train=9, validation=3)
    learner = sample.learner(tuner=name, cut=cuts[-1], head="linear")
    draw = torch.Generator().manual_seed(0)
    for parameter in learner.tuner.parameters().values():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=draw))

    def pooled(which):
        which.train(False)
        features = which.uncached(sample.train).gather(range(5))
        with torch.no_grad():
            return which.backbone.tuned(features, which.cut).pooled[backbone.spec.depth]

    stood = pooled(learner)
    went = twin(SimpleNamespace(learner=learner), sample.task, sample.schema, 3, head="ridge")
    torch.testing.assert_close(pooled(went), stood, atol=1e-5, rtol=1e-4)
    assert sorted(went.tuner.parameters()) == sorted(learner.tuner.parameters())
    for parameter in went.tuner.parameters().values():
        parameter.data.add_(torch.randn(parameter.shape, generator=draw))
    assert not torch.allclose(pooled(went), stood, atol=1e-3)
    torch.testing.assert_close(pooled(learner), stood)
