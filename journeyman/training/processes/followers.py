"""Starting the processes that follow, and being one of them: this module runs by `python -m`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from journeyman.errors import ResourceError
from journeyman.training.gradients import Gradients
from journeyman.training.processes.job import read_job, write_job
from journeyman.training.processes.sharing import STOP, Team, environment, free_port, joined

READY = "ready"
PATIENCE = 60
"""Seconds that a follower may take to end once it is told to."""


@contextmanager
def team_of(gradients: Gradients, seed: int) -> Iterator[Team | None]:
    """Within, as many processes share each step as the options say; None where it is one.

    Raises ResourceError when a follower cannot start, or is lost on the way.
    """
    count = gradients.options.processes
    if count == 1:
        yield None
        return
    port = free_port()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_job(folder, gradients, seed)
        followers = [
            stack.enter_context(_follower(folder, rank, count, port)) for rank in range(1, count)
        ]
        for follower in followers:
            _await(follower, folder)
        team = stack.enter_context(joined(environment(0, count, port)))
        try:
            yield team
            team.call(STOP, 0)
        except RuntimeError as error:
            lost = [f.poll() for f in followers if f.poll() is not None]
            if not lost:
                raise
            raise _lost(f"one ended with status {lost[0]}: {_said(folder)}") from error


@contextmanager
def _follower(folder: Path, rank: int, count: int, port: int) -> Iterator[subprocess.Popen[str]]:
    place = {**os.environ, **environment(rank, count, port)}
    with (folder / f"{rank}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)],
            env=place,
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    try:
        yield process
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _await(follower: subprocess.Popen[str], folder: Path) -> None:
    """Wait until it has read its job; a process that fails before closes what it writes to."""
    lines = follower.stdout or ()
    if not any(line.strip() == READY for line in lines):
        raise _lost(f"one did not start: {_said(folder)}")


def _said(folder: Path) -> str:
    """The last line of any follower's log."""
    lines = [
        line for log in sorted(folder.glob("*.log")) for line in log.read_text("utf-8").splitlines()
    ]
    return lines[-1] if lines else "it said nothing"


def _lost(what: str) -> ResourceError:
    return ResourceError(
        "A process that shares the training was lost.",
        place="finetune.processes",
        expected="as many processes as it says, with memory for each",
        found=what,
        remedy="lower finetune.processes; what was finished is kept, and a new run goes on there",
    )


def follow(folder: Path) -> None:
    """Serve the leader whose job is in `folder`, at the place the environment gives."""
    gradients, seed = read_job(folder)
    gradients.learner.train()
    parameters = list(gradients.learner.parameters().values())
    print(READY, flush=True)
    place = {name: os.environ[name] for name in environment(0, 1, 0)}
    with joined(place) as team:
        team.follow(gradients, parameters, seed)


if __name__ == "__main__":
    follow(Path(sys.argv[1]))
