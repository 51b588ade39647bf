"""Datasets of the hub: which one is meant, what it holds now, and its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.saved import one_split, rows_of
from journeyman.data.record import Event
from journeyman.errors import DataError, ResourceError

SCHEME = "hub:"
_FORM = re.compile(
    r"hub:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[\w.-]+))?(?:@(?P<revision>[^#@]+))?"
    r"(?:#(?P<split>.+))?"
)


@dataclass(frozen=True)
class HubDataset:
    """A dataset by name; `config` is one of its parts, `revision` a commit, branch or tag."""

    name: str
    config: str | None = None
    revision: str | None = None
    split: str = ""

    @classmethod
    def parse(cls, source: str) -> HubDataset:
        """Read `hub:owner/name:config@revision#split`, all but the name optional."""
        found = _FORM.fullmatch(source)
        if found is None:
            raise DataError(
                "A dataset of the hub is not named as it should be.",
                place=source,
                expected="hub:owner/name, then :config, @revision and #split where they matter",
                found=source,
                remedy="Write it as in hub:owner/name@main#train.",
            )
        said = found.groupdict()
        return cls(said["name"], said["config"], said["revision"], said["split"] or "")

    @property
    def is_fixed(self) -> bool:
        """Whether its rows can never change: `revision` is a commit."""
        return self.revision is not None and re.fullmatch("[0-9a-f]{40}", self.revision) is not None

    def content_hash(self) -> str:
        """A hash that changes with the commit its rows come from, or with the part that is read.

        Asks the hub which commit that is; without a network, the library's own cache.
        """
        from datasets import load_dataset_builder

        builder = self._asked(load_dataset_builder)
        parts = [self.name, self.config or "", str(builder.hash), self.split]
        return sha256("\n".join(parts).encode()).hexdigest()

    def load(self) -> Any:
        """The dataset, or a dict of its splits, fetched into the library's own cache."""
        from datasets import load_dataset

        return self._asked(load_dataset)

    def _asked(self, load: Callable[..., Any]) -> Any:
        try:
            return load(self.name, self.config, revision=self.revision)
        except Exception as error:  # the library raises errors of many kinds, the network's too
            raise ResourceError(
                f"The dataset {self.name!r} cannot be fetched from the hub.",
                place=f"{SCHEME}{self.name}",
                expected="a dataset of the hub, and a network that reaches it",
                found=(str(error).splitlines() or [type(error).__name__])[0],
                remedy="Check the name and the network, or name a local file.",
            ) from error


@READERS.register("hub")
class HubReader:
    """A dataset of the hub: `hub:owner/name:config@revision#split`, all but the name optional."""

    suffixes: tuple[str, ...] = ()

    def matches(self, source: str, start: bytes) -> bool:
        """Whether the source names the hub."""
        return source.startswith(SCHEME)

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield the rows of the dataset; row numbers count them from 1."""
        meant = HubDataset.parse(source)
        yield from rows_of(one_split(meant.load(), meant.split, source))
