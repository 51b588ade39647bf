"""Processes that teach one model at the same time; runs as a script."""

import json
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "contracts"))

from store_samples import answers, serving, teach

from journeyman.saved.manifest import read_manifest
from journeyman.versions.store import Store


def opened(folder, url):
    return Store.open(url, "mood") if url else Store.beside(folder)


def taught_alone(folder, url, seed, ready):
    """Hold the store from reading what serves to serving what was learned from it."""
    store = opened(folder, url)
    os.read(ready, 1)
    with store.alone():
        parent = store.current
        time.sleep(0.05)
        teach(store, folder, seed=seed)
        assert parent is None or store.find("current").parent == parent


def main(folder, url, processes):
    """Print the versions in the order they came, whatever process each is from."""
    answers(folder)
    wait, go = os.pipe()
    children = []
    for seed in range(processes):
        child = os.fork()
        if child == 0:
            os.close(go)
            try:
                taught_alone(folder, url, seed, wait)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    os.close(wait)
    os.close(go)
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    store = opened(folder, url)
    versions = [(each.version, each.parent) for each in store.history()]
    standing = read_manifest(serving(store, folder))["version"]
    print(json.dumps({"failed": failed, "versions": versions, "standing": standing}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
