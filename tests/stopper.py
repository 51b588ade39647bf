"""A run that is stopped at the end of an epoch, before that epoch is saved."""

from journeyman.training.trackers import Tracker


class Stop(Exception):
    """Stands for a kill: nothing of the run is saved after it."""


class Stopper(Tracker):
    """Stops after `epoch`, or never where that is 0; keeps the epochs it was told of."""

    def __init__(self, epoch):
        self.epoch = epoch
        self.seen = []

    def log(self, values, step):
        self.seen.append(step)
        if step == self.epoch:
            raise Stop
