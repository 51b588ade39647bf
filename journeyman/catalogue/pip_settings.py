"""The user's own pip configuration, so that a fetch goes where their `pip install` goes."""

from __future__ import annotations

import ast
import os
import ssl
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
from unearth import PackageFinder
from unearth.auth import MultiDomainBasicAuth
from unearth.fetchers import PyPIClient

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0


@dataclass(frozen=True)
class PipSettings:
    """Where packages are looked for, in order, and how the network is reached."""

    find_links: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> PipSettings:
        """The settings that pip's options, by long name, amount to."""
        indexes: list[str] = []
        if values.get("no-index", "").lower() not in {"1", "true", "yes", "on"}:
            indexes.append(values.get("index-url") or PackageFinder().sources[0]["url"])
            indexes += values.get("extra-index-url", "").split()
        return cls(
            find_links=tuple(values.get("find-links", "").split()),
            indexes=tuple(indexes),
            trusted_hosts=tuple(values.get("trusted-host", "").split()),
            cert=values.get("cert") or None,
            client_cert=values.get("client-cert") or None,
            proxy=_with_scheme(values.get("proxy", "")),
        )

    def client(self) -> PyPIClient:
        """An HTTP client with these certificates, proxy and trusted hosts; it asks nothing."""
        verify: ssl.SSLContext | bool = True
        if self.cert and os.path.exists(self.cert):
            verify = ssl.create_default_context()
            folder = os.path.isdir(self.cert)
            verify.load_verify_locations(**{"capath" if folder else "cafile": self.cert})
        return PyPIClient(
            trusted_hosts=self.trusted_hosts,
            verify=verify,
            cert=self.client_cert,
            proxy=self.proxy,
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=True,
            auth=MultiDomainBasicAuth(prompting=False, index_urls=self.indexes),
        )


def pip_settings() -> PipSettings:
    """What `pip config list` says, else the PIP_ variables alone when there is no pip."""
    return PipSettings.from_values(_effective(_listed()) | _from_environment())


def _with_scheme(proxy: str) -> str | None:
    """Pip takes a proxy without its scheme; the client does not."""
    return (proxy if "://" in proxy else f"http://{proxy}") if proxy else None


def _listed() -> list[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return found.stdout.splitlines() if found.returncode == 0 else []


def _effective(lines: list[str]) -> dict[str, str]:
    """Options by name; a `download` or `install` section is nearer to us than `global`."""
    sections: dict[str, dict[str, str]] = {}
    for line in lines:
        key, equals, written = line.partition("=")
        section, dot, option = key.partition(".")
        if not (equals and dot):
            continue
        try:
            value = str(ast.literal_eval(written))
        except (ValueError, SyntaxError):
            value = written
        sections.setdefault(section, {})[option] = value
    ordered = (sections.get(name, {}) for name in ("global", "install", "download"))
    return {option: value for section in ordered for option, value in section.items()}


def _from_environment() -> dict[str, str]:
    return {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_") and value
    }
