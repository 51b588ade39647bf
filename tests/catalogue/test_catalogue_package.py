import io
import tarfile
import zipfile

import pytest
from catalogue_entries import archive_pin, entry_of, links, no_pip, pin  # noqa: F401
from catalogue_server import serving

from journeyman.catalogue.entry import PackageSource
from journeyman.catalogue.fetch import fetch
from journeyman.catalogue.pip_settings import PipSettings, pip_settings
from journeyman.errors import FetchError

DATA = b"rows of data\n" * 50
SETUP = "import pathlib; pathlib.Path({witness!r}).write_text('was run')\n"


def sdist(folder, members, name="tiny_data-1.0.tar.gz"):
    path = folder / name
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def wheel(folder, members, name="tiny_data-1.0-py3-none-any.whl"):
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def entry_in(path, subfolder="tiny_data-1.0/data", content=DATA, archive=None):
    source = PackageSource(
        kind="package",
        project="tiny-data",
        version="1.0",
        archive=archive or archive_pin(path),
        subfolder=subfolder,
    )
    return entry_of({"rows.txt": content}, [source])


def test_an_sdist_is_unpacked_and_never_run(links, tmp_path):  # noqa: F811
    witness = tmp_path / "witness"
    setup = SETUP.format(witness=str(witness)).encode()
    members = {
        "tiny_data-1.0/setup.py": setup,
        "tiny_data-1.0/data/__init__.py": setup,
        "tiny_data-1.0/data/rows.txt": DATA,
    }
    folder = fetch(entry_in(sdist(links, members)))
    assert (folder / "rows.txt").read_bytes() == DATA
    assert sorted(path.name for path in folder.iterdir()) == ["receipt.json", "rows.txt"]
    assert not witness.exists()
    exec(setup)
    assert witness.exists()


def test_a_wheel_is_unpacked(links):  # noqa: F811
    path = wheel(links, {"tiny_data/rows.txt": DATA, "tiny_data/other.txt": b"x"})
    assert (fetch(entry_in(path, "tiny_data")) / "rows.txt").read_bytes() == DATA


def test_indexes_over_http_are_asked_in_turn(links, no_pip, tmp_path):  # noqa: F811
    path = sdist(tmp_path, {"tiny_data-1.0/data/rows.txt": DATA})
    no_pip.delenv("PIP_NO_INDEX")
    with serving() as server:
        server.content["/simple/tiny-data/"] = f'<a href="/files/{path.name}">x</a>'.encode()
        server.types["/simple/tiny-data/"] = "text/html"
        server.content[f"/files/{path.name}"] = path.read_bytes()
        no_pip.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        no_pip.setenv("PIP_EXTRA_INDEX_URL", f"{server.address}/none {server.address}/simple")
        assert (fetch(entry_in(path)) / "rows.txt").read_bytes() == DATA
        assert "/none/tiny-data/" in [asked for asked, _ in server.requests]


@pytest.mark.parametrize("member", ["../evil", "/tmp/evil", "a/../../evil", "C:\\evil"])
@pytest.mark.parametrize("make", [sdist, wheel])
def test_a_member_outside_its_folder_refuses_the_archive(links, make, member):  # noqa: F811
    path = make(links, {"tiny_data-1.0/data/rows.txt": DATA, member: b"evil"})
    with pytest.raises(FetchError, match="outside its folder"):
        fetch(entry_in(path))
    assert not list(links.parent.rglob("evil"))


def test_a_link_in_place_of_a_file_is_refused(links, tmp_path):  # noqa: F811
    (tmp_path / "secret").write_bytes(DATA)
    path = links / "tiny_data-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("tiny_data-1.0/data/rows.txt")
        info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(info)
    with pytest.raises(FetchError, match="no regular file"):
        fetch(entry_in(path))


def test_an_archive_of_another_content_is_refused(links):  # noqa: F811
    path = sdist(links, {"tiny_data-1.0/data/rows.txt": DATA})
    other = archive_pin(path).model_copy(update={"sha256": "0" * 64})
    with pytest.raises(FetchError, match="pinned is 000"):
        fetch(entry_in(path, archive=other))


def test_a_member_of_another_content_or_size_is_refused(links):  # noqa: F811
    bomb = b"\0" * 5_000_000
    path = sdist(links, {"tiny_data-1.0/data/rows.txt": bomb})
    with pytest.raises(FetchError, match="not the pinned content"):
        fetch(entry_in(path))


def test_a_member_that_is_missing_and_an_archive_cut_off_are_told(links):  # noqa: F811
    path = sdist(links, {"tiny_data-1.0/data/other.txt": DATA})
    with pytest.raises(FetchError, match="holds no tiny_data"):
        fetch(entry_in(path))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(FetchError, match="cannot be read"):
        fetch(entry_in(path))


def test_no_package_names_every_place_asked(links):  # noqa: F811
    with pytest.raises(FetchError) as caught:
        fetch(entry_in(links / "x", archive={"filename": "tiny_data-1.0.tar.gz", **pin(b"")}))
    assert str(links) in caught.value.found
    assert "index-url" in caught.value.remedy


def test_pip_configuration_is_read_from_file_and_environment(no_pip, tmp_path):  # noqa: F811
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://one.example/simple\nextra-index-url =\n"
        "  https://two.example/simple\n  https://three.example/simple\n"
        "trusted-host = one.example\nproxy = user@proxy.example:3128\n"
        "[download]\ncert = /certs.pem\n"
    )
    no_pip.delenv("PIP_NO_INDEX")
    no_pip.setenv("PIP_FIND_LINKS", "/a /b")
    settings = pip_settings()
    assert settings.indexes == tuple(f"https://{n}.example/simple" for n in ("one", "two", "three"))
    assert settings.find_links == ("/a", "/b")
    assert settings.trusted_hosts == ("one.example",)
    assert settings.cert == "/certs.pem"
    assert settings.proxy == "http://user@proxy.example:3128"


def test_pip_has_an_index_of_its_own_unless_told_otherwise():
    assert len(PipSettings.from_values({"extra-index-url": "https://x.example"}).indexes) == 2
    assert PipSettings.from_values({"no-index": "true"}).indexes == ()
