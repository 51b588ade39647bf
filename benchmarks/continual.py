"""banking77 in ten steps of new classes, no old text kept: what is forgotten, and what is not.

Ours is the ridge head on frozen MiniLM, which takes in each step's rows and is solved again; beside
it the same head with all rows at once, and networks trained by gradient step after step
(`benchmarks/peers/sequential.py`), a head alone or with the last layer. Their strengths are chosen
on held rows under seed 0, then they learn those rows too; ours chooses within the run. The order of
the classes is the seed's.

`python -m benchmarks.continual [NAME ...] [--seeds N] [--limit ROWS]`: parts of contestants' names;
what is finished is kept, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.pairs import mean_over_rows, paired
from benchmarks.peers import solved_steps
from benchmarks.peers.piece import bits, unpacked
from benchmarks.peers.sequential import Setting, in_turn
from benchmarks.peers.steps import Steps, in_steps, take
from benchmarks.runs import RESULTS, record
from journeyman.heads.base import Layers
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions

NAME = "continual"
STEPS = 10
VALIDATION = 0.1
CHOOSING_ROWS = 2310
"""Rows on which the settings of networks with a tuned layer are compared."""
REFERENCE = "all rows at once, chosen on all"
AT_ONCE = {
    "ours, sums": "all rows at once, sums",
    "ours, kernel": "all rows at once, kernel",
    "ours, chosen anew": REFERENCE,
    "head": "head: all rows at once",
    "layer": "layer: all rows at once",
}
"""Who learns the same in one step, by name or by what stands before the colon."""


@dataclass(frozen=True)
class Contestant:
    """Who takes part: one of ours, or a network with the settings that are tried."""

    name: str
    solved: Callable[[Steps, solved_steps.Asked, int], Iterator[Tensor]] | None = None
    grid: tuple[Setting, ...] = ()
    seeds: int | None = None


def _exact(steps: Steps, asked: solved_steps.Asked, seed: int, *, kernel: bool) -> Iterator[Tensor]:
    """The head of `by_additions`, all rows at once: its last step alone."""
    head = solved_steps.first(steps, seed, kernel=kernel)
    found = solved_steps.at_once(steps, head, seed)
    yield found.outputs(asked(range(steps.outputs)))


def _reference(steps: Steps, asked: solved_steps.Asked, seed: int) -> Iterator[Tensor]:
    """All rows at once in another order, everything chosen on them: the last step alone."""
    head = RidgeHead(RidgeOptions(), solved_steps.shape(steps, steps.outputs), seed)
    classes = range(steps.outputs)
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(steps.rows(classes, held=False)), generator=draw)
    solved_steps.settle(head, steps, classes, order)
    yield head.outputs(asked(classes))


def _ways(method: str, *changes: dict[str, Any], cut: int) -> tuple[Setting, ...]:
    epochs = 5 if cut == 6 else 2
    return tuple(Setting(**{"method": method, "cut": cut, "epochs": epochs, **c}) for c in changes)


SCOPES = ({"scope": "seen"}, {"scope": "new"})
REPLAYS = [{"capacity": 500, **scope} for scope in SCOPES]
CONTESTANTS = (
    Contestant("ours, sums", lambda *a: solved_steps.by_additions(*a, kernel=False)),
    Contestant("ours, kernel", lambda *a: solved_steps.by_additions(*a, kernel=True)),
    Contestant("ours, chosen anew", solved_steps.chosen_anew, seeds=1),
    Contestant("all rows at once, sums", lambda *a: _exact(*a, kernel=False)),
    Contestant("all rows at once, kernel", lambda *a: _exact(*a, kernel=True)),
    Contestant(REFERENCE, _reference),
    Contestant("head: naive", grid=_ways("naive", *SCOPES, cut=6)),
    Contestant(
        "head: EWC",
        grid=_ways(
            "ewc",
            *({"scope": "new", "strength": s} for s in (1e2, 1e4, 1e6)),
            {"scope": "seen", "strength": 1e4},
            cut=6,
        ),
    ),
    Contestant(
        "head: LwF",
        grid=_ways("lwf", *({"scope": "new", "strength": s} for s in (0.3, 1.0, 3.0)), cut=6),
    ),
    Contestant("head: replay of 500", grid=_ways("replay", *REPLAYS, cut=6)),
    Contestant("head: all rows at once", grid=_ways("joint", {}, cut=6)),
    Contestant("layer: naive", grid=_ways("naive", *SCOPES, cut=5), seeds=1),
    Contestant(
        "layer: EWC",
        grid=_ways("ewc", *({"scope": "new", "strength": s} for s in (1e2, 1e4)), cut=5),
        seeds=1,
    ),
    Contestant(
        "layer: LwF",
        grid=_ways("lwf", *({"scope": "new", "strength": s} for s in (1.0, 3.0)), cut=5),
        seeds=1,
    ),
    Contestant("layer: replay of 500", grid=_ways("replay", *REPLAYS, cut=5), seeds=1),
    Contestant(
        "layer: O-LoRA",
        grid=_ways(
            "o-lora",
            *({"scope": "new", "strength": s, "rate": 1e-3} for s in (0.05, 0.5)),
            cut=5,
        ),
        seeds=1,
    ),
    Contestant("layer: all rows at once", grid=_ways("joint", {}, cut=5), seeds=1),
)
"""`head`: a linear head on every frozen layer's vector; `layer`: the last layer and a head."""


def measure(
    seeds: int = 3, *, only: Sequence[str] = (), limit: int | None = None, epochs: int | None = None
) -> None:
    """Contestant by contestant, seed by seed; `limit` and `epochs` make a smoke run."""
    name = NAME if limit is None and epochs is None else f"{NAME}-part"
    kept = _kept(name, {"steps": STEPS, "limit": limit, "epochs": epochs})
    for seed in range(seeds):
        steps = in_steps(STEPS, seed, validation=VALIDATION, limit=limit)
        for each in CONTESTANTS:
            asked = not only or any(part in each.name for part in only)
            done = kept["found"].setdefault(each.name, {})
            if not asked or seed >= (each.seeds or seeds) or str(seed) in done:
                continue
            setting = _chosen(kept, name, each, epochs) if each.grid else None
            started = time.process_time()
            found = reached(steps, outputs(steps, each, setting, seed))
            seconds = round(time.process_time() - started, 1)
            done[str(seed)] = {"processor seconds": seconds, **found}
            _write(name, kept)
            print(each.name, seed, found["curve"][-1], f"{seconds} s", flush=True)
    _write(name, kept)
    print(json.dumps(summary(kept["found"]), indent=1))


def outputs(
    steps: Steps, each: Contestant, setting: Setting | None, seed: int
) -> Iterator[tuple[int, Tensor]]:
    """What a contestant says of test rows, and of how many classes, step by step."""

    def asked(classes: range) -> Layers:
        return take(steps.test_layers, torch.nonzero(steps.truth < classes.stop).flatten())

    if setting is not None:
        answers = in_turn(steps, setting, seed, final=True)
    elif each.solved is not None:
        answers = each.solved(steps, asked, seed)
    else:
        raise ValueError(f"{each.name} is neither solved nor has settings")
    for said in answers:
        yield said.shape[1], said


def reached(steps: Steps, answers: Iterator[tuple[int, Tensor]]) -> dict[str, Any]:
    """Accuracy step by step, and which test rows are right in the end."""
    curve, right = [], torch.zeros(0)
    for classes, said in answers:
        truth = steps.truth[steps.truth < classes]
        right = said.argmax(1) == truth
        at = steps.ends.index(classes)
        old = truth < (steps.ends[at - 1] if at else 0)
        curve.append(
            {
                "classes": classes,
                "seen": _share(right),
                "first": _share(right[truth < steps.ends[0]]),
                "old": _share(right[old]) if at else None,
            }
        )
    before = steps.truth < steps.ends[-2]
    return {
        "curve": curve,
        "right": bits(right.tolist()),
        "right of old": bits(right[before].tolist()),
    }


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracy in the end, on all classes and on those of all steps but the last (`old`), and both
    less those of the reference and of who learns the same at once, over the seeds both have."""
    told: dict[str, Any] = {}
    for name, seeds in found.items():
        if not seeds:
            continue
        told[name] = {
            "seeds": len(seeds),
            "first, at first": _mean(seeds, 0, "first"),
            "first, in the end": _mean(seeds, -1, "first"),
        }
        at_once = AT_ONCE.get(name, AT_ONCE.get(name.split(":")[0], ""))
        for key, label in (("right", "all"), ("right of old", "old")):
            own = _right(seeds, key)
            told[name][label] = mean_over_rows(list(own.values())).to_json()
            for other, said in ((REFERENCE, "the reference"), (at_once, "at once")):
                beside = _right(found.get(other, {}), key)
                if other != name and set(own) & set(beside):
                    told[name][f"{label} less {said}"] = paired(own, beside).to_json()
    return told


def _right(seeds: Mapping[str, Any], key: str) -> dict[int, list[bool]]:
    return {int(seed): unpacked(run[key]) for seed, run in seeds.items()}


def _chosen(kept: dict[str, Any], name: str, each: Contestant, epochs: int | None) -> Setting:
    """The setting that held rows under seed 0 favour; each one that was tried is kept."""
    grid = [s if epochs is None else replace(s, epochs=epochs) for s in each.grid]
    if len(grid) == 1:
        return grid[0]
    tried = kept["tried"].setdefault(each.name, [])
    limit = kept["about"]["limit"]
    few = limit if limit is not None or grid[0].cut == 6 else CHOOSING_ROWS
    steps = in_steps(STEPS, 0, validation=VALIDATION, limit=few)
    truth = steps.labels[steps.rows(range(steps.outputs), held=True)]
    for setting in grid[len(tried) :]:
        *_, said = in_turn(steps, setting, 0, final=False, each=False)
        tried.append({"setting": asdict(setting), "score": _share(said.argmax(1) == truth)})
        _write(name, kept)
    best = max(range(len(grid)), key=lambda at: tried[at]["score"])
    return grid[best]


def _kept(name: str, about: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run left, if it was asked the same."""
    path = RESULTS / f"{name}.json"
    if path.is_file():
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["figures"]
        if held["about"] == about:
            return held
    return {"about": about, "tried": {}, "found": {}}


def _write(name: str, kept: dict[str, Any]) -> None:
    record(name, {**kept, "summary": summary(kept["found"])})


def _share(right: Tensor) -> float:
    return round(float(right.float().mean()), 5)


def _mean(seeds: Mapping[str, Any], at: int, key: str) -> float:
    return round(sum(run["curve"][at][key] for run in seeds.values()) / len(seeds), 5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.continual")
    parser.add_argument("only", nargs="*", help="parts of contestants' names; default: all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, help="at most so many rows, for a smoke run")
    parser.add_argument("--epochs", type=int, help="fewer epochs, for a smoke run")
    parser.add_argument("--threads", type=int, help="default: as PyTorch has it")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    measure(given.seeds, only=given.only, limit=given.limit, epochs=given.epochs)
