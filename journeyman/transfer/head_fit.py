"""A ridge head for few labelled rows: every choice is made by exact leave-one-out.

No row is set aside to choose by. Where a source answers the same question, the head is held near
the source's own: the penalty is on the distance from its weights (biased regularisation, as in
Kuzborskij and Orabona 2013, "Stability and hypothesis transfer learning"), so that with few rows
the source's answer stands, and with many the rows'. Shapes: n rows, F features, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from journeyman.heads.base import HeadShape
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions
from journeyman.heads.statistics import FEATURE_STEP, TARGET_STEP, RidgeStatistics
from journeyman.transfer.basis import Basis, Prior
from journeyman.transfer.ridge_path import RidgePath

PENALTIES = tuple(10.0 ** (exponent / 2) for exponent in range(-8, 9))
"""Relative to the mean spread of the directions that the rows have."""
ANCHORS = (4, 32)
"""Rows that the source's intercept may count for."""
BALANCES = (0.05, 0.1, 0.2, 0.4)
"""Strengths of the correction for unequal classes, as the ridge head has them."""
MARGIN = 0.5
"""A correction must raise the score by this over the root of n, or it is noise."""

Score = Callable[[Tensor], float]
"""Outputs [n, C] on the training rows to the task's metric, higher is better."""


@dataclass(frozen=True)
class HeadFit:
    """A solved head; `left_out` [n, C] are outputs to each training row as if it were unseen.

    `error` is their mean squared distance from the standardised targets, `alpha` the penalty;
    `sums` [C] and `count` are of the standardised targets, the prior's anchor rows included.
    """

    basis: Basis
    alpha: float
    anchors: int
    balance: float
    error: float
    sums: Tensor
    count: int
    left_out: Tensor
    weight: Tensor
    offset: Tensor

    def outputs(self, features: Tensor) -> Tensor:
        """[N, C] of features [N, F] of the basis, on the scale of the targets."""
        found: Tensor = features.double() @ self.weight + self.offset
        return found


def fit_head(
    candidates: Iterable[tuple[Basis, Tensor]], targets: Tensor, score: Score | None = None
) -> HeadFit:
    """The best by left-out error of bases, each with its features [n, F] of the labelled rows.

    `score` chooses the correction for unequal classes; without it there is none.
    """
    best = min((_fitted(basis, rows, targets) for basis, rows in candidates), key=_error)
    return best if score is None or not is_shares(targets) else _balanced(best, score)


def ridge_head(fit: HeadFit, shape: HeadShape, rows: Tensor, targets: Tensor) -> RidgeHead:
    """The fit as an ordinary ridge head over `rows` [n, F], which can learn and unlearn.

    Its statistics are the rows' sums; a prior enters them as alpha times its weights, and as
    anchor rows at the mean, which stay whatever is learned or unlearned later.
    """
    basis, held = fit.basis, RidgeStatistics(fit.basis.map.features, shape.outputs)
    center, deviation = _scale(basis.prior, targets)
    held.add(rows, (targets.double() - center) / deviation)
    if basis.prior is not None:
        mean = rows.double().mean(0)
        held.add(*_anchors(mean, mean @ basis.prior.weight + basis.prior.offset, fit.anchors))
        step = FEATURE_STEP * TARGET_STEP
        held.cross += (fit.alpha * basis.prior.weight / step).round() * step
    tensors = held.tensors()
    head = _head(fit, shape, center, deviation)
    head.load_statistics(tensors)
    head.resolve()
    return head


def is_shares(targets: Tensor) -> bool:
    """Whether each row says how much of each class it is."""
    ones = (targets.sum(1) - 1.0).abs() < 1e-4
    return targets.shape[1] > 1 and bool((targets >= 0).all()) and bool(ones.all())


def _error(fit: HeadFit) -> float:
    return fit.error


def _fitted(basis: Basis, rows: Tensor, targets: Tensor) -> HeadFit:
    center, deviation = _scale(basis.prior, targets)
    standard = (targets.double() - center) / deviation
    exact, prior = rows.double(), basis.prior
    known = torch.zeros_like(standard) if prior is None else exact @ prior.weight
    tried = []
    for anchors in (0,) if prior is None else ANCHORS:
        path, residual = _with_anchors(exact, standard - known, prior, anchors)
        for relative in PENALTIES:
            alpha = relative * path.scale
            left = path.left_out(residual, alpha)[: len(exact)] + known
            error = float((left - standard).square().sum(1).mean())
            tried.append((error, -alpha, anchors, left, path, residual))
    error, negative, anchors, left, path, residual = min(tried, key=lambda each: each[:2])
    weight, offset = path.solve(residual, -negative)
    if prior is not None:
        weight = weight + prior.weight
    sums = standard.sum(0)
    if prior is not None:
        sums = sums + anchors * (exact.mean(0) @ prior.weight + prior.offset)
    return HeadFit(
        basis,
        alpha=-negative,
        anchors=anchors,
        balance=0.0,
        error=error,
        sums=sums,
        count=len(exact) + anchors,
        left_out=left * deviation + center,
        weight=weight * deviation,
        offset=offset * deviation + center,
    )


def _with_anchors(
    rows: Tensor, residual: Tensor, prior: Prior | None, count: int
) -> tuple[RidgePath, Tensor]:
    """The path over the rows, and `count` more at their mean that say what the prior says."""
    if prior is None:
        return RidgePath(rows), residual
    more, said = _anchors(rows.mean(0), prior.offset, count)
    return RidgePath(torch.cat([rows, more])), torch.cat([residual, said])


def _anchors(mean: Tensor, said: Tensor, count: int) -> tuple[Tensor, Tensor]:
    return mean.expand(count, -1), said.expand(count, -1)


def _scale(prior: Prior | None, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Center and deviation of the targets: the prior's; of values their own; of shares none."""
    if prior is not None:
        return prior.center, prior.deviation
    exact = targets.double()
    if float(exact.min()) >= 0.0 and float(exact.max()) <= 1.0:
        return torch.zeros_like(exact[0]), torch.ones_like(exact[0])
    deviation = exact.std(0, correction=0)
    return exact.mean(0), torch.where(deviation > 0, deviation, 1.0)


def _balanced(fit: HeadFit, score: Score) -> HeadFit:
    """The fit with the correction for unequal classes that pays most, if any does."""
    share = (fit.sums.clamp(min=0.0) + 1.0) / (fit.count + len(fit.sums))
    shift = -(share.log() - share.log().mean())
    merits = {tau: score(fit.left_out + tau * shift) for tau in BALANCES}
    tau = max(merits, key=lambda each: merits[each])
    if merits[tau] <= score(fit.left_out) + MARGIN * len(fit.left_out) ** -0.5:
        return fit
    left, offset = fit.left_out + tau * shift, fit.offset + tau * shift
    return replace(fit, balance=tau, left_out=left, offset=offset)


def _head(fit: HeadFit, shape: HeadShape, center: Tensor, deviation: Tensor) -> RidgeHead:
    made = fit.basis.map
    choices = {
        "layers": list(made.layers),
        "kernel": False,
        "features": made.features,
        "alpha": fit.alpha,
        "balance": fit.balance,
        "anchors": fit.anchors,
    }
    head = RidgeHead(RidgeOptions(), shape, fit.basis.seed)
    tensors = {f"map.{name}": value for name, value in made.state_dict().items()}
    kind = torch.float32
    head.restore(
        choices,
        {
            **tensors,
            "weight": fit.weight.to(kind),
            "offset": fit.offset.to(kind),
            "target_center": center,
            "target_deviation": deviation,
        },
    )
    return head
