"""Maps of several layers through the cache: what was computed is what comes back, at every cut."""

import pytest
import torch
from tiny import tiny_backbone, tiny_pictures, tiny_vision

from journeyman.errors import JourneymanError
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import rounded


@pytest.fixture
def cache(tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    yield cache
    cache.close()


@pytest.mark.parametrize("family", ["inverted-residual", "vit"])
@pytest.mark.parametrize("keep_hidden", [True, False])
def test_maps_come_back_as_they_were_made(family, keep_hidden, cache, tmp_path):
    plain = tiny_vision(tmp_path, family)
    depth = plain.spec.depth
    backbone = plain.mapping((1, depth - 1, depth))
    inputs = backbone.prepare(tiny_pictures(tmp_path / "pictures"))
    whole = backbone.tuned(backbone.frozen(inputs, 0), 0)
    assert sorted(whole.maps) == [1, depth - 1, depth]
    for layer, values in whole.maps.items():
        assert values.shape[1:] == (backbone.width_at(layer), *backbone.grid_at(layer))
    for cut in range(1, depth + 1):
        made = rounded(backbone.frozen(inputs, cut, keep_hidden=keep_hidden))
        kept = cache.features(backbone, inputs, cut, keep_hidden=keep_hidden)
        asked = cache.planned(backbone, inputs, cut, keep_hidden=keep_hidden)
        assert cache.stats.rows_computed == len(inputs) * cut
        found = kept.gather([2, 0])
        assert sorted(found.maps) == sorted(made.maps)
        for layer, values in found.maps.items():
            torch.testing.assert_close(values, made.maps[layer][[2, 0]], atol=2e-3, rtol=2e-3)
        assert (found.hidden is None) == (not keep_hidden)
        numbers = sum(v[0].numel() for v in (*made.maps.values(), *made.pooled.values()))
        numbers += made.hidden[0].numel() if keep_hidden else 0
        assert asked == 2 * numbers * len(inputs)
        if keep_hidden:
            above = backbone.tuned(found, cut)
            assert sorted(above.maps) == [1, depth - 1, depth]
            for layer, values in above.maps.items():
                there = whole.maps[layer][[2, 0]]
                torch.testing.assert_close(values, there, atol=0.02, rtol=0.02)


def test_rows_with_other_maps_are_other_rows(cache, tmp_path):
    plain = tiny_vision(tmp_path)
    pictures = tiny_pictures(tmp_path / "pictures")
    for at, layers in enumerate(((1,), (1, 2), ())):
        backbone = plain.mapping(layers)
        kept = cache.features(backbone, backbone.prepare(pictures), 2, keep_hidden=False)
        assert sorted(kept.gather([0]).maps) == list(layers)
        assert cache.stats.rows_computed == len(pictures) * (at + 1)


def test_a_copy_for_tuning_has_the_maps_too(tmp_path):
    backbone = tiny_vision(tmp_path).mapping((2,))
    assert backbone.clone(1).mapped == backbone.dropping(0.1).mapped == (2,)


def test_texts_have_no_maps(tmp_path):
    with pytest.raises(JourneymanError, match="has no maps"):
        tiny_backbone(tmp_path).mapping((1,))
