"""Several processes that share the rows of each step, through accelerate.

One leads: the process that was started anyway, which holds the optimiser, judges epochs and writes
files. The others follow: for each step they take the leader's parameters, add up the gradient of
their share of its rows, and give it back. They hold nothing that a checkpoint would need.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import torch
from torch import Tensor, nn

from journeyman.training.gradients import Gradients
from journeyman.training.parts import Indices

LEADER = 0
STOP = -1
WAIT = timedelta(days=7)
"""Followers wait while the leader judges an epoch; one that is gone is noticed at once."""


class Team:
    """This process's place among `count`, and what they say to each other."""

    def __init__(self, rank: int, count: int, device: torch.device) -> None:
        self.rank = rank
        self.count = count
        self.device = device

    def call(self, epoch: int, step: int) -> tuple[int, int]:
        """The leader's word of which step is next, heard by all; an epoch of STOP ends it."""
        said = torch.tensor([epoch, step], device=self.device)
        torch.distributed.broadcast(said, LEADER)
        heard: list[int] = said.tolist()
        return heard[0], heard[1]

    def lead(
        self,
        gradients: Gradients,
        parameters: Sequence[nn.Parameter],
        epoch: int,
        step: int,
        batch: Indices,
    ) -> float:
        """One step of the leader: leaves the gradient of the whole batch; gives its loss."""
        self.call(epoch, step)
        self.share(parameters)
        return self.add_up(parameters, gradients.add(batch, self.rank, self.count))

    def follow(self, gradients: Gradients, parameters: Sequence[nn.Parameter], seed: int) -> None:
        """Serve the leader's steps until it stops."""
        current, batches = STOP, list[Indices]()
        while True:
            epoch, step = self.call(STOP, 0)
            if epoch == STOP:
                return
            if epoch != current:
                current, batches = epoch, gradients.batches(seed, epoch)
                torch.manual_seed(_seed(seed, epoch, self.rank))
            self.share(parameters)
            self.add_up(parameters, gradients.add(batches[step], self.rank, self.count))
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def share(self, tensors: Sequence[Tensor]) -> None:
        """Give the leader's numbers to all, in place."""
        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        torch.distributed.broadcast(flat, LEADER)
        _unpack(flat, tensors)

    @torch.no_grad()
    def add_up(self, parameters: Sequence[nn.Parameter], loss: float) -> float:
        """Add all gradients up, and the parts of the loss; a parameter no one used keeps none."""
        used = [0.0 if p.grad is None else 1.0 for p in parameters]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        notes = torch.tensor([loss, *used], device=self.device)
        flat = torch.cat([notes, *(gradient.flatten() for gradient in gradients)])
        torch.distributed.all_reduce(flat)
        _unpack(flat[len(notes) :], gradients)
        for parameter, gradient, times in zip(
            parameters, gradients, flat[1 : len(notes)].tolist(), strict=True
        ):
            parameter.grad = gradient if times else None
        return float(flat[0])


def _seed(seed: int, epoch: int, rank: int) -> int:
    """What a follower draws from: another dropout than its fellows', the same at each resume."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1)[0])


def _unpack(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    at = 0
    for tensor in tensors:
        tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
        at += tensor.numel()


@contextmanager
def joined(place: Mapping[str, str]) -> Iterator[Team]:
    """Within, this process is one of a team; `place` are the variables `environment` gave."""
    from accelerate import PartialState
    from accelerate.utils import patch_environment

    threads = torch.get_num_threads()
    given = {name.lower(): value for name, value in place.items()}
    with patch_environment(**given):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = PartialState(cpu=not torch.cuda.is_available(), timeout=WAIT)
        torch.set_num_threads(int(place["OMP_NUM_THREADS"]))
        try:
            yield Team(state.process_index, state.num_processes, state.device)
        finally:
            state.destroy_process_group()
            PartialState._reset_state()
            torch.set_num_threads(threads)


def environment(rank: int, count: int, port: int) -> dict[str, str]:
    """What tells a process of this machine its place in a team."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // count)),
    }


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
