"""Rivals that learn step after step by gradient: a linear head that grows, and layers above a cut.

All read the same cached features below the cut and have the same epochs a step. They differ in
what holds back forgetting: nothing; a penalty on moving weights that mattered (EWC); what the
network said before (LwF); some old rows learned again; or low-rank updates kept apart (O-LoRA).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from benchmarks.peers.solved_steps import learned
from benchmarks.peers.steps import Steps
from journeyman.backbones.precision import in_bfloat16
from journeyman.tasks.base import Schema
from journeyman.tasks.text_classification import TextClassification
from journeyman.training.assembly import make_learner
from journeyman.training.batches import by_length, shuffled_batches
from journeyman.training.examples import FeatureSource
from journeyman.training.gradients import plain_attention
from journeyman.training.learner import Learner
from journeyman.training.options import FinetuneOptions

Loss = Callable[[Tensor, Tensor], Tensor]
WARMUP = 0.06
CLIP = 1.0


@dataclass(frozen=True)
class Setting:
    """How a rival learns.

    `scope`: which classes the cross-entropy of a step is between: all that are known, or those of
    the step. `strength` is what holds back forgetting, relative to the cross-entropy; `capacity`,
    how many old rows are kept.
    """

    method: str
    cut: int
    epochs: int = 3
    rate: float = 2e-4
    head_rate: float = 2e-3
    batch: int = 32
    scope: str = "seen"
    strength: float = 0.0
    capacity: int = 0
    rank: int = 8


@dataclass
class Rival:
    """One network that learns steps in turn, with nothing against forgetting."""

    steps: Steps
    setting: Setting
    seed: int
    source: FeatureSource
    learner: Learner = field(init=False)
    known: range = field(default=range(0), init=False)
    """The classes of earlier steps."""
    taken: int = field(default=0, init=False)
    """Epochs so far."""

    def __post_init__(self) -> None:
        self.learner = network(self.steps, self.setting, self.seed)
        self.draw = torch.Generator().manual_seed(self.seed)

    def learn(self, rows: Tensor, classes: range) -> None:
        """Take a step: rows [N] of classes that are new."""
        self.begin()
        scope = classes if self.setting.scope == "new" else range(classes.stop)
        trained = self.trained()
        groups = [
            {"params": [p for n, p in trained.items() if n.startswith(part)], "lr": rate}
            for part, rate in (("tuner", self.setting.rate), ("head", self.setting.head_rate))
        ]
        optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], weight_decay=0.01, fused=True
        )
        rates = [group["lr"] for group in optimizer.param_groups]
        whole = self.setting.epochs * -(-len(rows) // self.setting.batch)
        self.learner.train()
        for step, batch in enumerate(self._batches(rows)):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * _factor(step, whole)
            self.loss(batch, scope).backward()
            nn.utils.clip_grad_norm_(trained.values(), CLIP)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.learner.train(False)
        self.end(rows, classes)
        self.known = range(classes.stop)

    def begin(self) -> None:
        """Before a step."""

    def loss(self, batch: Tensor, scope: range) -> Tensor:
        """What a step makes small."""
        return self.surprise(self.logits(batch), batch, scope)

    def end(self, rows: Tensor, classes: range) -> None:
        """After a step."""

    def trained(self) -> Mapping[str, nn.Parameter]:
        """What is trained in this step."""
        return self.learner.parameters()

    def surprise(self, logits: Tensor, rows: Tensor, scope: range) -> Tensor:
        """Cross-entropy of rows between the classes of the scope."""
        labels = self.steps.labels[rows] - scope.start
        return nn.functional.cross_entropy(logits[:, scope.start : scope.stop], labels)

    def logits(self, rows: Tensor, source: FeatureSource | None = None) -> Tensor:
        """[N, C] of all classes, those to come included."""
        half = self.learner.backbone.in_half("auto")
        with plain_attention(), in_bfloat16("cpu", half):
            features = (self.source if source is None else source).gather(rows.numpy())
            return self.learner(features).float()

    @torch.no_grad()
    def outputs(self, source: FeatureSource, rows: Tensor, classes: int) -> Tensor:
        """[N, C] of the first so many classes, in the order of the rows."""
        found = torch.empty(len(rows), classes)
        for part in by_length(source.lengths[rows.numpy()], 64):
            at = torch.from_numpy(part)
            found[at] = self.logits(rows[at], source)[:, :classes]
        return found

    def _batches(self, rows: Tensor) -> Iterator[Tensor]:
        lengths = self.source.lengths[rows.numpy()]
        for _ in range(self.setting.epochs):
            for part in shuffled_batches(
                lengths, self.setting.batch, seed=self.seed, epoch=self.taken
            ):
                yield rows[torch.from_numpy(part)]
            self.taken += 1


@dataclass
class Consolidated(Rival):
    """Elastic weight consolidation (Kirkpatrick et al. 2017): one quadratic a step, added up.

    Weights weigh by the Fisher information of `sample` rows, their labels drawn from the answers.
    """

    sample: ClassVar[int] = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        zeros = {n: torch.zeros_like(p) for n, p in self.learner.parameters().items()}
        self.information, self.anchored = zeros, {n: z.clone() for n, z in zeros.items()}

    def loss(self, batch: Tensor, scope: range) -> Tensor:
        plain = super().loss(batch, scope)
        if not self.known:
            return plain
        pull = sum(
            (self.information[n] * p.square() - 2 * self.anchored[n] * p).sum()
            for n, p in self.learner.parameters().items()
        )
        return plain + 0.5 * self.setting.strength * pull

    def end(self, rows: Tensor, classes: range) -> None:
        found = self.learner.parameters()
        fisher = {n: torch.zeros_like(p) for n, p in found.items()}
        chosen = rows[torch.randperm(len(rows), generator=self.draw)[: self.sample]]
        for row in chosen.split(1):
            answers = self.logits(row)[:, : classes.stop].log_softmax(1)
            drawn = torch.multinomial(answers.detach().exp(), 1, generator=self.draw)
            gradients = torch.autograd.grad(
                answers.gather(1, drawn).sum(), list(found.values()), allow_unused=True
            )
            for name, gradient in zip(found, gradients, strict=True):
                if gradient is not None:
                    fisher[name] += gradient.square() / len(chosen)
        for name, parameter in found.items():
            self.information[name] += fisher[name]
            self.anchored[name] += fisher[name] * parameter.detach()


@dataclass
class Reminded(Rival):
    """Learning without forgetting (Li and Hoiem 2016): new rows are to be answered as before, over
    the old classes, at a temperature."""

    temperature: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.before = copy.copy(self)
        self.before.learner = network(self.steps, self.setting, self.seed)
        self.before.learner.train(False)

    def begin(self) -> None:
        self.before.learner.load({n: p.data for n, p in self.learner.parameters().items()})

    def loss(self, batch: Tensor, scope: range) -> Tensor:
        logits, old = self.logits(batch), self.known.stop
        plain = self.surprise(logits, batch, scope)
        if not self.known:
            return plain
        with torch.no_grad():
            said = self.before.logits(batch)[:, :old] / self.temperature
        apart = nn.functional.kl_div(
            (logits[:, :old] / self.temperature).log_softmax(1),
            said.log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )
        return plain + self.setting.strength * self.temperature**2 * apart


@dataclass
class Replayed(Rival):
    """Old rows are learned again: as many as new ones in each batch, from a store of `capacity`
    rows that has as many of each class (a reservoir for each: Vitter 1985).

    Old rows are told from all classes; with the scope `new`, new ones from those of the step alone
    (Caccia et al. 2022), so that they do not push old classes down.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.store: dict[int, Tensor] = {}

    def loss(self, batch: Tensor, scope: range) -> Tensor:
        if not self.store:
            return super().loss(batch, scope)
        kept = torch.cat(list(self.store.values()))
        old = kept[torch.randint(len(kept), (len(batch),), generator=self.draw)]
        logits, known = self.logits(torch.cat([batch, old])), range(scope.stop)
        fresh = self.surprise(logits[: len(batch)], batch, scope)
        return 0.5 * (fresh + self.surprise(logits[len(batch) :], old, known))

    def end(self, rows: Tensor, classes: range) -> None:
        room = self.setting.capacity // classes.stop
        for label in classes:
            own = rows[self.steps.labels[rows] == label]
            self.store[label] = own[torch.randperm(len(own), generator=self.draw)]
        self.store = {label: kept[:room] for label, kept in self.store.items()}


class LowRank(nn.Module):
    """A weight [O, I] with a product of low rank added, which starts at nothing."""

    def __init__(self, weight: Tensor, rank: int, draw: torch.Generator) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, weight.shape[1], generator=draw) / rank**0.5)
        self.down.data *= rank**0.5 / weight.shape[1] ** 0.5
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + 2.0 * self.up @ self.down


@dataclass
class Orthogonal(Rival):
    """O-LoRA (Wang et al. 2023): each step has LoRA of its own on queries and values, kept at right
    angles to those of earlier steps, which stay as they were."""

    bent: ClassVar[tuple[str, ...]] = ("attention.self.query", "attention.self.value")

    def __post_init__(self) -> None:
        super().__post_init__()
        names = self.learner.tuner.parameters()
        self.places = {
            name: self.learner.backbone.module.get_submodule(name.removesuffix(".weight"))
            for name in names
            if any(name.endswith(f"{part}.weight") for part in self.bent)
        }
        for parameter in names.values():
            parameter.requires_grad_(False)
        self.earlier: dict[str, list[Tensor]] = {name: [] for name in self.places}

    def begin(self) -> None:
        for module in self.places.values():
            added = LowRank(module.weight, self.setting.rank, self.draw)
            parametrize.register_parametrization(module, "weight", added)

    def trained(self) -> Mapping[str, nn.Parameter]:
        low = {
            f"tuner/{name}/{part}": parameter
            for name, added in self._added().items()
            for part, parameter in added.named_parameters()
        }
        return {**low, **{f"head/{n}": p for n, p in self.learner.head.named_parameters()}}

    def loss(self, batch: Tensor, scope: range) -> Tensor:
        plain = super().loss(batch, scope)
        overlap = [
            (old @ added.down.T).abs().sum()
            for name, added in self._added().items()
            for old in self.earlier[name]
        ]
        return plain + self.setting.strength * sum(overlap) if overlap else plain

    def end(self, rows: Tensor, classes: range) -> None:
        for name, added in self._added().items():
            self.earlier[name].append(added.down.detach().clone())
        for module in self.places.values():
            parametrize.remove_parametrizations(module, "weight")
            module.weight.requires_grad_(False)

    def _added(self) -> dict[str, LowRank]:
        return {
            name: module.parametrizations.weight[0]  # type: ignore[union-attr, index, misc]
            for name, module in self.places.items()
            if parametrize.is_parametrized(module)
        }


METHODS: Mapping[str, type[Rival]] = {
    "naive": Rival,
    "ewc": Consolidated,
    "lwf": Reminded,
    "replay": Replayed,
    "o-lora": Orthogonal,
    "joint": Rival,
}


def network(steps: Steps, setting: Setting, seed: int) -> Learner:
    """The layers above the cut and a linear head; where none is above, on every layer's vector."""
    depth = steps.backbone.spec.depth
    whole = setting.cut == depth
    options = FinetuneOptions(
        tuner={"name": "none" if whole else "full"},
        cut=setting.cut,
        head={"name": "linear", "layers": range(1, depth + 1) if whole else None},
    )
    schema = Schema(labels=tuple(f"{at:03d}" for at in range(steps.outputs)))
    return make_learner(TextClassification(), steps.backbone, schema, options, seed=seed)


def in_turn(
    steps: Steps, setting: Setting, seed: int, *, final: bool, each: bool = True
) -> Iterator[Tensor]:
    """Outputs of the rows asked about after each step, or after the last one alone.

    `final`: test rows, by a network that learned all others; else the held rows, by one that did
    not learn those. The method `joint` takes all steps at once.
    """
    source = steps.source(steps.learned, setting.cut)
    rival = METHODS[setting.method](steps, setting, seed, source)
    asked = steps.source(steps.test, setting.cut) if final else source
    ends = steps.ends[-1:] if setting.method == "joint" else steps.ends
    for step, end in enumerate(ends):
        fresh = range(end) if setting.method == "joint" else steps.span(step)
        rows = learned(steps, fresh) if final else steps.rows(fresh, held=False)
        rival.learn(rows, fresh)
        if each or end == ends[-1]:
            which = torch.nonzero(steps.truth < end).flatten() if final else None
            which = steps.rows(range(end), held=True) if which is None else which
            yield rival.outputs(asked, which, end)


def _factor(step: int, whole: int) -> float:
    warm = max(1, int(WARMUP * whole))
    return (step + 1) / warm if step < warm else 1 - (step - warm) / max(1, whole - warm)
