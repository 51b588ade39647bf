"""Processes that find a model renamed aside at the same moment; runs as a script."""

import json
import os
import random
import shutil
import sys
import time
import traceback
from pathlib import Path

from journeyman.saved.folder import _old, _recover, _take_place
from journeyman.saved.manifest import read_manifest

RENAME = Path.rename


def late(self, target):
    """A rename that comes some time after it was decided on, as on a busy machine."""
    time.sleep(random.random() / 100)
    return RENAME(self, target)


def together(jobs):
    """Run each job in a process of its own, all let go at once; the number that failed."""
    wait, go = os.pipe()
    children = []
    for job in jobs:
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(wait, 1)
            random.seed(os.getpid())
            Path.rename = late
            try:
                job()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    os.close(wait)
    os.close(go)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


def recover(folder):
    """What a process does that wants to read the model."""
    _recover(folder)
    read_manifest(folder)


def replace(folder, number):
    """What a process does that saves another model."""
    beside = folder.with_name(f".{folder.name}.{number}.new")
    shutil.copytree(folder.with_name("source"), beside)
    (beside / "number").write_text(str(number))
    _take_place(beside, folder)


def main(source, work, rounds):
    """Print how many processes failed: of readers alone, and of readers beside writers."""
    work.mkdir()
    shutil.copytree(source, work / "source")
    folder = work / "model"
    reading = writing = 0
    for number in range(rounds):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, _old(folder))
        reading += together([lambda: recover(folder)] * 4)
        jobs = [lambda at=at: replace(folder, at) for at in (2 * number, 2 * number + 1)]
        writing += together([*jobs, *[lambda: _recover(folder)] * 2])
        read_manifest(folder)
        assert (folder / "number").is_file(), "the model from before came back"
    left = sorted(path.name for path in work.iterdir())
    print(json.dumps({"reading": reading, "writing": writing, "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
