"""Small entries made in a test, and the pip configuration of a test's own."""

import hashlib

import pytest

from journeyman.catalogue.entry import ArchivePin, BackboneEntry, FilePin

OPTIONS = (
    "INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX TRUSTED_HOST PROXY CERT CLIENT_CERT "
    "DEFAULT_TIMEOUT TIMEOUT"
).split()


def pin(content):
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def entry_of(files, sources, name="thing"):
    return BackboneEntry(
        name=name,
        what="a thing",
        licence="MIT",
        modality="text",
        sources=sources,
        files=[FilePin(path=path, **pin(content)) for path, content in files.items()],
    )


def archive_pin(path):
    return ArchivePin(filename=path.name, **pin(path.read_bytes()))


@pytest.fixture
def no_pip(monkeypatch, tmp_path):
    """Pip as configured by nobody, and told of no index."""
    for option in OPTIONS:
        monkeypatch.delenv(f"PIP_{option}", raising=False)
    nothing = tmp_path / "pip.conf"
    nothing.write_text("")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(nothing))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def links(no_pip, tmp_path):
    """A folder that pip looks for packages in."""
    folder = tmp_path / "links"
    folder.mkdir()
    no_pip.setenv("PIP_FIND_LINKS", str(folder))
    return folder
