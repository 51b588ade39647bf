"""Processes of their own for tests, forked from one that has imported what takes long.

What runs in them is a process like any other, with its own end. Only the imports are shared: those
take longer than what most tests do after them.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HEAVY = (
    "captum.attr datasets matplotlib.figure matplotlib.backends.backend_svg peft pyarrow.csv "
    "seqeval.metrics sklearn.feature_extraction.text sklearn.linear_model sklearn.metrics "
    "torch._dynamo transformers.models.auto.modeling_auto transformers.models.bert.modeling_bert "
    "journeyman.journey journeyman.cli"
).split()
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(HEAVY)
LONGEST = 600
"""Seconds that are waited for a process to end."""


def start(program, *arguments, ends=None, terminal=None, environment=None):
    """A process that runs a module or a script of Python, in this folder.

    `ends` says by number what an open file is: a path to write, or a connection of a pipe. A
    process with a `terminal` has it for all of them, and is its owner.
    """
    said = (program, list(map(str, arguments)), ends or {}, terminal)
    place = (os.getcwd(), dict(environment or os.environ))
    process = CONTEXT.Process(target=_become, args=(*said, *place), daemon=True)
    process.start()
    return process


def _become(program, arguments, ends, terminal, folder, environment):
    if terminal is not None:
        os.setsid()
        ends = dict.fromkeys(range(3), os.open(terminal, os.O_RDWR))
    for number, end in ends.items():
        if isinstance(end, str):
            end = os.open(end, os.O_WRONLY | os.O_CREAT)
        os.dup2(end if isinstance(end, int) else end.fileno(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (open(number, "w", 1, closefd=False) for number in (1, 2))  # noqa: SIM115
    sys.argv = [str(program), *arguments]
    if isinstance(program, Path):
        runpy.run_path(str(program), run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


@dataclass(frozen=True)
class Done:
    """How a process ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def run(program, *arguments, environment=None):
    """Run a module or a script in a process of its own and wait for it."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder) / name for name in ("out", "err"))
        ends = {1: str(out), 2: str(err)}
        process = start(program, *arguments, ends=ends, environment=environment)
        process.join(LONGEST)
        assert process.exitcode is not None, f"{program} goes on and on"
        return Done(process.exitcode, out.read_text(), err.read_text())
