"""Saves that are killed at random moments, each in a process of its own; runs as a script."""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]


def saving(model, target):
    """Save over and over, every time another model."""
    from journeyman.saved.folder import write_model

    number = 0
    while True:
        number += 1
        model.about["number"] = number
        write_model(model, target)


def main(source, target, kills):
    """Print the number of the model that stands after each kill; -1 where none does."""
    from journeyman.errors import JourneymanError
    from journeyman.model import Model
    from journeyman.saved.folder import write_model
    from journeyman.training.trainer import finetune  # noqa: F401

    model = Model.load(Path(source))
    model.about["number"] = 0
    write_model(model, Path(target))
    draw, numbers = random.Random(0), []
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            saving(model, Path(target))
        time.sleep(0.05 + draw.random() / 8)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        try:
            numbers.append(Model.load(Path(target)).about["number"])
        except JourneymanError as error:
            print(error, file=sys.stderr)
            numbers.append(-1)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
