"""Journeys in processes of their own, some of which kill themselves."""

import os
import signal

from forked import CONTEXT


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
    from journeyman.training.cache import feature_cache as cache

    os.environ["JOURNEYMAN_HOME"] = job["home"]
    cache.SHARD_BYTES = 20_000
    calls = hooked(job.get("kill_at", 0), job.get("before", True))
    arrived = travel(load_recipe(job["recipe"]))
    return {"calls": calls[0], "fresh": arrived.fresh}


def _tell(job, telling):
    """Make a journey and tell what it gave."""
    telling.send(journey(job))


def travelled(**job):
    """Make a journey in a process of its own; gives how that ended, and what it told."""
    told, telling = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_tell, args=(job, telling))
    process.start()
    telling.close()
    with told:
        try:
            said = told.recv()
        except EOFError:
            said = {}
    process.join()
    return {"status": process.exitcode, **said}
