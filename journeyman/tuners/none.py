"""The backbone stays as it is: every layer is frozen, the head does the work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from journeyman.backbones.base import Backbone
from journeyman.tuners.base import TUNERS, Tuner


@TUNERS.register("none")
class NoTuner(Tuner):
    """Trains nothing; the features of the whole frozen backbone are cached."""

    name = "none"
    trains = False

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """The backbone itself."""
        return backbone

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """None."""
        return {}

    def save(self, folder: Path) -> None:
        """Nothing to write."""

    def restore(self, folder: Path) -> None:
        """Nothing to read."""

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Only the whole depth: with nothing tuned, a lower cut would compute layers in vain."""
        if cut == backbone.spec.depth:
            return None
        return f"nothing above the cut is trained, so the cut is the whole depth ({cut} is not)"
