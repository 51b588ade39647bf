"""The arithmetic of matrix products: float32, or bfloat16, which some processors have natively.

In bfloat16 a product takes half the seconds or less, sums stay float32, and what a layer puts out
is off by about one part in a hundred.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def in_bfloat16(device: str, enabled: bool) -> AbstractContextManager[object]:
    """Within, matrix products are in bfloat16, where that is enabled."""
    return torch.autocast(device, dtype=torch.bfloat16) if enabled else nullcontext()


def wants_bfloat16(precision: str, device: str = "cpu") -> bool:
    """Whether matrix products are in bfloat16 under this option; `auto`: where it is native."""
    if precision != "auto":
        return precision == "bfloat16"
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
