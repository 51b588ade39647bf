"""One file over HTTP: resumed where it stopped, never larger than pinned, checked at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import httpx2

from journeyman.catalogue.digest import is_whole, sha256_of
from journeyman.catalogue.entry import Pin
from journeyman.catalogue.progress import FetchProgress
from journeyman.catalogue.sources.base import SourceFailed

ATTEMPTS = 4
"""A connection that breaks is taken up again this often, as long as each brought something."""


def download(
    client: httpx2.Client,
    url: str,
    target: Path,
    pin: Pin,
    progress: FetchProgress,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Fetch `url` to `target`; `target.part` beside it holds what came until it is whole.

    Raises SourceFailed when the server refuses, breaks off, or sends other content than `pin`.
    """
    if is_whole(target, pin):
        return
    part = target.with_name(f"{target.name}.part")
    reason = ""
    for _ in range(ATTEMPTS):
        before = _size(part)
        try:
            _stream(client, url, part, pin, progress, headers or {})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            reason = _reason(error)
            if _size(part) <= before:
                break
            continue
        if is_whole(part, pin):
            os.replace(part, target)
            return
        reason = _difference(part, pin)
        if _size(part) >= pin.size:
            part.unlink()
            if before == 0:
                break
    raise SourceFailed(f"{target.name}: {reason}")


def _stream(
    client: httpx2.Client,
    url: str,
    part: Path,
    pin: Pin,
    progress: FetchProgress,
    headers: Mapping[str, str],
) -> None:
    """Append to `part` what is missing, from its end if the server can, else from the start."""
    done = _size(part)
    if done >= pin.size:
        return
    asked = {**headers, "Accept-Encoding": "identity"}
    if done:
        asked["Range"] = f"bytes={done}-"
    with client.stream("GET", url, headers=asked) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        response.raise_for_status()
        resumed = response.status_code == HTTPStatus.PARTIAL_CONTENT and response.headers.get(
            "Content-Range", ""
        ).startswith(f"bytes {done}-")
        done = done if resumed else 0
        progress.begin(part.name.removesuffix(".part"), pin.size, done)
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_raw():
                done += len(chunk)
                if done > pin.size:
                    file.truncate(0)
                    raise SourceFailed(f"{part.stem}: more than the pinned {pin.size} bytes")
                file.write(chunk)
                progress.advance(len(chunk))
            file.flush()
            os.fsync(file.fileno())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _difference(path: Path, pin: Pin) -> str:
    if _size(path) != pin.size:
        return f"cut off at {_size(path)} of {pin.size} bytes"
    return f"sha256 {sha256_of(path)}, pinned is {pin.sha256}"


def _reason(error: Exception) -> str:
    if isinstance(error, httpx2.HTTPStatusError):
        return f"the server answered {error.response.status_code}"
    return f"{type(error).__name__}: {error}".rstrip(": ")
