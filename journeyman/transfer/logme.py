"""LogME: how much evidence a model's features hold for new targets (You et al. 2021).

"LogME: Practical Assessment of Pre-trained Models for Transfer Learning": the logarithm of the
marginal likelihood of a Bayesian linear regression on the features, its two precisions chosen to
make the targets likeliest, a row and an output on average. Both sides are centred here, so that
the intercept is free. Shapes: n rows, F features, C outputs, r = min(n, F).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from journeyman.transfer.ridge_path import RidgePath

TURNS = 100
SETTLED = 1e-5
LEAST = 1e-12


def logme(features: Tensor, targets: Tensor) -> float:
    """Mean over outputs of the log evidence a row of targets [n, C]; higher is better.

    Outputs that do not vary say nothing and are left out; 0 when none does.
    """
    return path_evidence(RidgePath(features), targets)


def path_evidence(path: RidgePath, targets: Tensor) -> float:
    """`logme` from a decomposition that is there already."""
    exact = targets.double()
    centred = exact - exact.mean(0)
    varying = centred.square().sum(0) > LEAST * path.count
    found = [_evidence(path, centred[:, at]) for at in torch.nonzero(varying).flatten().tolist()]
    return sum(found) / len(found) if found else 0.0


def _evidence(path: RidgePath, target: Tensor) -> float:
    """Log evidence of one output over n, at the precisions that maximise it (MacKay 1992)."""
    rows, spread = path.count, path.spread
    held = (path.basis.T @ target).square()
    beyond = max(float(target.square().sum() - held.sum()), 0.0)
    alpha, beta = 1.0, rows / max(float(target.square().sum()), LEAST)
    for _ in range(TURNS):
        ratio = alpha / beta
        effective = float((spread / (spread + ratio)).sum())
        size = float((spread * held / (spread + ratio).square()).sum())
        error = float((held * (ratio / (spread + ratio)).square()).sum()) + beyond
        alpha = effective / max(size, LEAST)
        beta = max(rows - effective, LEAST) / max(error, LEAST)
        if abs(alpha / beta - ratio) <= SETTLED * ratio:
            break
    width = path.centred.shape[1]
    determinant = float((alpha + beta * spread).log().sum())
    determinant += (width - len(spread)) * math.log(alpha)
    log_evidence = 0.5 * (
        width * math.log(alpha)
        + rows * math.log(beta)
        - determinant
        - beta * error
        - alpha * size
        - rows * math.log(2 * math.pi)
    )
    return log_evidence / rows
