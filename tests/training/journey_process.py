"""Journeys in processes of their own, some of which kill themselves; runs as a script.

The script imports everything once and forks for each journey, since importing takes longer than
a tiny journey does.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent
HEAVY = (
    "captum.attr datasets matplotlib.figure matplotlib.backends.backend_svg peft pyarrow.csv "
    "seqeval.metrics sklearn.feature_extraction.text sklearn.linear_model sklearn.metrics "
    "torch._dynamo transformers.models.auto.modeling_auto transformers.models.bert.modeling_bert"
).split()


def hooked(kill_at, before):
    """Count files renamed into place; die before or after the `kill_at`-th of them."""
    calls = [0]

    def watch(real):
        def renamed(source, target, **options):
            calls[0] += 1
            if before and calls[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            real(source, target, **options)
            if not before and calls[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        return renamed

    os.replace, os.rename = watch(os.replace), watch(os.rename)
    return calls


def journey(job):
    """Travel; gives the number of files renamed on the way."""
    from journeyman.journey import travel
    from journeyman.recipe import load_recipe
    from journeyman.training import cache

    os.environ["JOURNEYMAN_HOME"] = job["home"]
    cache.SHARD_BYTES = 20_000
    calls = hooked(job.get("kill_at", 0), job.get("before", True))
    arrived = travel(load_recipe(job["recipe"]))
    return {"calls": calls[0], "fresh": arrived.fresh}


def forked(job):
    """What the journey gave, or the signal that ended it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writing, json.dumps(journey(job)).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"status": status, **(json.loads(said) if said else {})}


def main():
    """Answer each line of standard input, a job, with a line."""
    for name in ("journeyman.journey", "journeyman.cli", *HEAVY):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    for line in sys.stdin:
        print(json.dumps(forked(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
