"""Changes of a store that are killed before each of their steps; runs as a script.

A step is whatever changes the disk or the records: a rename, a link, a deletion, a commit. The
killed process gets no chance to tidy up.
"""

import json
import os
import shutil
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "contracts"))

from sqlalchemy import Connection, Engine, event
from store_samples import answers, taught, teach, told

from journeyman.saved.manifest import check_files, read_manifest
from journeyman.versions.store import Store


def add(store, folder):
    teach(store, folder, seed=5, promote=False)


def promote(store, folder):
    (waiting,) = (each for each in store.history() if each.kind == "learn" and not each.promoted)
    store.promote(waiting.version)


def rollback(store, folder):
    store.rollback()


def replace(store, folder):
    served = store.history()[-2]
    if served.state == "purged":
        return
    model = taught(store.load(served.version), rows=1, seed=7)
    store.replace(served.version, model, told(served.version, kind="unlearn", removed=1, added=0))


def purge(store, folder):
    store.replace(store.history()[-2].version, None, told(None, kind="unlearn"))


def prune(store, folder):
    store.prune(1)


CHANGES = {
    "add": (0, add),
    "promote": (1, promote),
    "rollback": (2, rollback),
    "replace the one that serves": (2, replace),
    "replace an earlier one": (3, replace),
    "purge": (3, purge),
    "prune": (4, prune),
}
"""Each change, and how many versions are learned before it."""


def prepared(source, place, taught_before):
    folder = Path(shutil.copytree(source, place / "model"))
    store = Store.beside(folder)
    for seed in range(taught_before):
        teach(store, folder, seed=seed, promote=taught_before != 1)
    return folder


def killing(before):
    """Let the process end before the step of a number."""
    count = 0

    def counted(step):
        def one(*arguments, **named):
            nonlocal count
            count += 1
            if count == before:
                os._exit(9)
            return step(*arguments, **named)

        return one

    for owner, name in (
        (os, "replace"),
        (os, "link"),
        (Path, "rename"),
        (Path, "unlink"),
        (shutil, "rmtree"),
        (Connection, "commit"),
    ):
        setattr(owner, name, counted(getattr(owner, name)))


def picture(folder):
    """What the store tells, apart from when; and that all of it is so."""
    store = Store.beside(folder)
    versions = store.history()
    for each in versions:
        path = Path(store.place) / each.version if Path(store.place).exists() else folder
        if each.state == "kept":
            check_files(path, read_manifest(path))
        else:
            assert not path.exists(), f"{each.version} is {each.state} and stands"
    if not Path(store.place).exists():
        return [], set(), answers(folder)
    names = {path.name for path in Path(store.place).iterdir() if path.is_dir()}
    assert names == {each.version for each in versions if each.stands}, names
    assert [each.version for each in versions if each.current] == [read_manifest(folder)["version"]]
    assert not folder.with_name(f".{folder.name}.old").exists()
    path = folder / "decisions.jsonl"
    said = path.read_text().splitlines() if path.exists() else []
    lines = [json.loads(line) for line in said]
    assert lines == store.decisions()
    said = {(line["what"], line["version"]) for line in lines}
    known = [
        (v.version, v.state, v.parent, v.accepted, v.rows, bool(v.promoted), v.current, v.kind)
        for v in versions
    ]
    return sorted(known), said, answers(folder)


def killed_at(change, source, place, step):
    """Whether the change was killed; what stands then, and after the change is made again."""
    act = CHANGES[change][1]
    folder = place / "model"
    shutil.copytree(source, place)
    child = os.fork()
    if child == 0:
        killing(step)
        act(Store.beside(folder), folder)
        os._exit(0)
    dead = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    aside = folder.with_name(f".{folder.name}.old")
    assert (folder if folder.exists() else aside).is_dir(), "no model stands"
    then = picture(folder)
    return dead, then, folder


def in_memory():
    """What a kill leaves does not hang on when the disk is written."""
    os.fsync = lambda _: None

    @event.listens_for(Engine, "connect")
    def opened(connection, _):
        connection.execute("PRAGMA synchronous=OFF")


def main(source, work, changes):
    """Print for each change how many steps it has, and what went wrong at which."""
    in_memory()
    told_of = {}
    for change in changes:
        before, act = CHANGES[change]
        start = work / change.replace(" ", "-")
        prepared(source, start, before)
        undisturbed = Path(shutil.copytree(start, work / "undisturbed")) / "model"
        first = picture(undisturbed)
        act(Store.beside(undisturbed), undisturbed)
        last = picture(undisturbed)
        step, wrong, dead = 0, [], True
        while dead:
            step += 1
            place = work / "killed"
            try:
                dead, then, folder = killed_at(change, start, place, step)
                if then[2] not in (first[2], last[2]):
                    wrong.append(f"step {step}: another model serves")
                if dead and then[0] != last[0]:
                    act(Store.beside(folder), folder)
                now = picture(folder)
                if now != last:
                    wrong.append(f"step {step}: {now} is not {last}")
            except Exception as error:
                wrong.append(f"step {step}: {type(error).__name__} {error}")
            shutil.rmtree(place)
        print(change, step - 1, wrong, file=sys.stderr, flush=True)
        told_of[change] = {"steps": step - 1, "wrong": wrong}
        shutil.rmtree(undisturbed.parent)
    print(json.dumps(told_of))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or CHANGES)
