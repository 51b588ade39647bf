"""The outputs of a detector that answers with a set: one box for each of its queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from journeyman.backbones.native_head import NativeHead, Tensors
from journeyman.heads.detection.outputs import BoxOutputs


@dataclass(frozen=True)
class SetOutputs(BoxOutputs):
    """What `native` put out for B pictures, and what charges it."""

    tensors: Tensors
    native: NativeHead

    @property
    def device(self) -> torch.device:
        """Where the outputs are."""
        return self.tensors["logits"].device

    def loss(self, targets: Tensor) -> Tensor:
        """The family's own loss, picture by picture: each is matched and divided by itself."""
        with torch.autocast(self.device.type, enabled=False):
            whole = self.float()
            charged = [
                whole._charged(row, boxes.to(self.device).float())
                for row, boxes in enumerate(targets)
            ]
            return torch.stack(charged).mean()

    def _charged(self, row: int, targets: Tensor) -> Tensor:
        one = {name: value[row : row + 1] for name, value in self.tensors.items()}
        there = targets[targets[:, 0] >= 0]
        corners, sides = there[:, 1:3], there[:, 3:] - there[:, 1:3]
        boxes = torch.cat([corners + sides / 2, sides], dim=1)
        return self.native.charged(one, there[:, 0].long(), boxes)

    def candidates(self) -> tuple[Tensor, Tensor]:
        """The box of every query, and the chances of its labels."""
        whole = self.float()
        centres, sides = torch.split(whole.tensors["boxes"], 2, dim=-1)
        corners = torch.cat([centres - sides / 2, centres + sides / 2], dim=-1)
        return corners, whole.native.scores(whole.tensors["logits"])

    def _each(self, change: Callable[[Tensor], Tensor]) -> SetOutputs:
        changed = {name: change(value) for name, value in self.tensors.items()}
        return replace(self, tensors=changed)

    def float(self) -> SetOutputs:
        """Outputs in float32."""
        return self._each(lambda values: values.float())

    def detach(self) -> SetOutputs:
        """Outputs without a graph."""
        return self._each(lambda values: values.detach())

    def to(self, device: torch.device) -> SetOutputs:
        """Outputs on this device."""
        return self._each(lambda values: values.to(device))
