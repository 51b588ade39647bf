"""Any model of the hub, by its id: the files a backbone needs, once, in Journeyman's home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx2
from filelock import FileLock
from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from journeyman.catalogue.home import home
from journeyman.errors import FetchError
from journeyman.files import write_json

SECONDS = 5.0
"""A hub that has not answered by then counts as out of reach."""

WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "README.md"]
UNWANTED = ["*/*"]

_UNREACHABLE = (
    httpx2.HTTPError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    LocalEntryNotFoundError,
    EntryNotFoundError,
)


def hub_snapshot(reference: str, *, progress: bool = True) -> tuple[Path, str]:
    """The folder and commit of `owner/name` or `owner/name@revision`.

    The commit found first is kept: later calls are answered from disk and give the same bytes.
    Raises FetchError when the hub is out of reach, knows no such model, or has only pickles of it.
    """
    repository, _, revision = reference.partition("@")
    key = reference.replace("/", "--")
    note = home() / "hub" / "complete" / f"{key}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(note.with_suffix(".lock")):
        known = _known(note)
        if known is not None:
            return known
        try:
            folder, commit = _download(repository, revision or None, progress)
        except _UNREACHABLE as error:
            raise _failed(reference, error) from error
        write_json(note, {"folder": str(folder), "commit": commit})
    return folder, commit


def _known(note: Path) -> tuple[Path, str] | None:
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        folder, commit = Path(content["folder"]), str(content["commit"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (folder, commit) if (folder / "config.json").is_file() else None


def _download(repository: str, revision: str | None, progress: bool) -> tuple[Path, str]:
    if constants.is_offline_mode():
        raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
    api = HfApi(endpoint=constants.ENDPOINT, library_name="journeyman")
    found = api.model_info(repository, revision=revision, timeout=SECONDS)
    names = [file.rfilename for file in found.siblings or ()]
    if not any(name.endswith(".safetensors") and "/" not in name for name in names):
        raise _no_safetensors(repository, names)
    commit = str(found.sha)
    with _bars(progress):
        folder = snapshot_download(
            repository,
            revision=commit,
            cache_dir=home() / "hub",
            allow_patterns=WANTED,
            ignore_patterns=UNWANTED,
            etag_timeout=SECONDS,
            endpoint=constants.ENDPOINT,
        )
    return Path(folder), commit


@contextmanager
def _bars(shown: bool) -> Iterator[None]:
    """The hub library's own bars, off for this block when not `shown`."""
    switch = not shown and not are_progress_bars_disabled()
    if switch:
        disable_progress_bars()
    try:
        yield
    finally:
        if switch:
            enable_progress_bars()


def _no_safetensors(repository: str, names: list[str]) -> FetchError:
    pickles = [name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
    return FetchError(
        f"{repository} has no weights in safetensors.",
        place=f"hub: {repository}",
        expected="a model.safetensors; a pickle can run code when it is loaded",
        found=", ".join(pickles[:3]) or "no weights",
        remedy="Choose a revision (owner/name@revision) or another model that has safetensors.",
    )


def _is_absent(error: Exception) -> bool:
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError | HFValidationError):
        return True
    if not isinstance(error, HfHubHTTPError) or error.response is None:
        return False
    return bool(error.response.status_code == HTTPStatus.NOT_FOUND)


def _failed(reference: str, error: Exception) -> FetchError:
    if isinstance(error, GatedRepoError):
        found, remedy = "the model is gated", "Accept its terms on the hub, then set HF_TOKEN."
    elif _is_absent(error):
        found, remedy = "no such model or revision", "Check the spelling; set HF_TOKEN if private."
    else:
        found = f"{type(error).__name__}: {error}".splitlines()[0]
        remedy = "Go online, set HF_ENDPOINT to a mirror, or name a local folder."
    return FetchError(
        f"The backbone {reference} could not be fetched from the hub.",
        place=f"hub: {reference}",
        expected="a hub within reach that has the model",
        found=found,
        remedy=remedy,
    )
