"""The one training loop: batches of cached features in, the best parameters out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from journeyman.errors import JourneymanError, ModelError
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Schema
from journeyman.training.checkpoints import Standing, load_checkpoint, save_checkpoint
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.gradients import Gradients
from journeyman.training.learner import Learner
from journeyman.training.options import LoopOptions
from journeyman.training.parts import Indices
from journeyman.training.processes.followers import team_of
from journeyman.training.processes.sharing import Team
from journeyman.training.trackers import Tracker

Watch = Callable[[int, float], bool]
"""Told each epoch (from 1) and its score; true ends training there. It may raise to give up."""


@dataclass(frozen=True)
class Split:
    """Examples and where their features come from."""

    examples: Examples
    source: FeatureSource


@dataclass(frozen=True)
class Fitted:
    """What the loop did: the score of each epoch, and which epoch's parameters are kept."""

    history: tuple[dict[str, float], ...]
    best_epoch: int
    best_score: float
    steps: int


def fit(
    learner: Learner,
    schema: Schema,
    train: Split,
    validation: Split,
    options: LoopOptions,
    *,
    seed: int,
    metric: str,
    checkpoint: Path | None = None,
    tracker: Tracker | None = None,
    watch: Watch | None = None,
    reporter: Reporter = QUIET,
) -> Fitted:
    """Train the learner's parameters; the best epoch by validation `metric` is kept.

    With a `checkpoint` path the run is saved at the end of each epoch and goes on from there:
    the same seed, rows and threads give the same bytes, stopped in between or not.
    """
    learner.head.to(learner.backbone.device)
    run = _Run(learner, schema, train, options, seed)
    with torch.random.fork_rng(devices=[]), team_of(run.gradients, seed) as run.team:
        torch.manual_seed(seed)
        standing, best = Standing(), dict[str, Tensor]()
        if checkpoint is not None and checkpoint.exists():
            standing, best = _resumed(checkpoint, run, reporter)
        while not _finished(standing, options):
            loss = run.epoch(standing.epoch, reporter)
            _check_loss(loss, standing.epoch + 1, options)
            outputs = run.outputs(validation)
            score = learner.task.score(outputs, validation.examples.targets, schema, metric)
            standing.epoch += 1
            standing.history.append({"epoch": standing.epoch, "loss": loss, metric: score})
            best_score, judged = standing.best_score, bool(len(validation.examples))
            if best_score is None or score > best_score or not judged:
                standing.best_score, standing.best_epoch = score, standing.epoch
                best = {n: p.detach().clone() for n, p in run.parameters.items()}
            reporter.say(f"  epoch {standing.epoch}: loss {loss:.4f}, {metric} {score:.4f}")
            if tracker is not None:
                tracker.log({"train/loss": loss, f"validation/{metric}": score}, standing.epoch)
            standing.tuner = dict(learner.tuner.loop_state())
            if checkpoint is not None:
                save_checkpoint(checkpoint, standing, run.parameters, best, run.optimizer)
            if watch is not None and watch(standing.epoch, score):
                break
    learner.load(best)
    learner.train(False)
    learner.head.to("cpu")
    return Fitted(
        tuple(standing.history),
        standing.best_epoch,
        float(standing.best_score or 0.0),
        standing.epoch * run.steps_per_epoch,
    )


def _resumed(checkpoint: Path, run: _Run, reporter: Reporter) -> tuple[Standing, dict[str, Tensor]]:
    """What the checkpoint holds; one that cannot be read is set aside, and training starts anew."""
    try:
        standing, best = load_checkpoint(checkpoint, run.parameters, run.optimizer)
    except ModelError as error:
        aside = checkpoint.with_name(f"{checkpoint.name}.unreadable")
        os.replace(checkpoint, aside)
        reporter.say(f"  the checkpoint cannot be used ({error.found}): kept as {aside.name}")
        return Standing(), {}
    run.learner.tuner.load_loop_state(standing.tuner)
    return standing, best


def _check_loss(loss: float, epoch: int, options: LoopOptions) -> None:
    if math.isfinite(loss):
        return
    raise JourneymanError(
        "Training diverged: the loss is no longer a number.",
        place=f"{options.field}.learning_rate",
        expected="a loss that is finite",
        found=f"{loss} in epoch {epoch}",
        remedy="lower learning_rate and head_learning_rate, or leave them out; keep clip at 1",
    )


def _finished(standing: Standing, options: LoopOptions) -> bool:
    stale = standing.epoch - standing.best_epoch
    return standing.epoch >= options.epochs or 0 < options.patience <= stale


class _Run:
    """The optimiser and its schedule over one set of training rows."""

    def __init__(
        self, learner: Learner, schema: Schema, train: Split, options: LoopOptions, seed: int
    ) -> None:
        self.learner, self.train, self.options, self.seed = learner, train, options, seed
        self.parameters = learner.parameters()
        self.gradients = Gradients(learner, schema, train.examples, train.source, options)
        self.objective = self.gradients.objective
        self.team: Team | None = None
        self.steps_per_epoch = self.objective.steps(len(train.examples), self.gradients.step_rows)
        planned = self.steps_per_epoch * options.epochs
        learner.tuner.planned_steps = planned
        self.optimizer = torch.optim.AdamW(
            self._groups(), weight_decay=options.weight_decay, fused=True
        )
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.factor = _schedule(options, planned)

    def outputs(self, validation: Split) -> Sequence[Array]:
        """Outputs of the rows by which an epoch is judged."""
        split = self.train
        asked = validation.examples, validation.source
        return self.objective.outputs(self.learner, (split.examples, split.source), asked)

    def epoch(self, epoch: int, reporter: Reporter) -> float:
        """One pass over the training rows; gives the mean loss."""
        batches = self.gradients.batches(self.seed, epoch)
        self.learner.train()
        total = 0.0
        with reporter.bar(f"epoch {epoch + 1}", len(self.train.examples)) as advance:
            for at, batch in enumerate(batches):
                total += self._step(epoch, at, batch) * len(batch)
                advance(len(batch))
        return total / len(self.train.examples)

    def _step(self, epoch: int, at: int, batch: Indices) -> float:
        step = epoch * self.steps_per_epoch + at
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.factor(step)
        parameters = list(self.parameters.values())
        if self.team is None:
            loss = self.gradients.add(batch)
        else:
            loss = self.team.lead(self.gradients, parameters, epoch, at, batch)
        if self.options.clip is not None:
            nn.utils.clip_grad_norm_(parameters, self.options.clip)
        self.optimizer.step()
        self.learner.tuner.after_step(step)
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def _groups(self) -> list[dict[str, object]]:
        rate = self.options.learning_rate or self.learner.tuner.learning_rate
        rates = {"tuner": rate, "head": self.options.head_learning_rate}
        groups = []
        for part, value in rates.items():
            own = [p for name, p in self.parameters.items() if name.startswith(f"{part}/")]
            decayed = [p for p in own if p.dim() > 1]
            others = [p for p in own if p.dim() <= 1]
            groups += [{"params": decayed, "lr": value}] if decayed else []
            groups += [{"params": others, "lr": value, "weight_decay": 0.0}] if others else []
        return groups


def _schedule(options: LoopOptions, steps: int) -> Callable[[int], float]:
    """The factor on the rate at each step: a linear rise, then what `schedule` says."""
    warm = int(options.warmup * steps)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        left = (step - warm) / max(steps - warm, 1)
        if options.schedule == "constant":
            return 1.0
        if options.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * left))
        return 1.0 - left

    return factor
