"""A search within a journey: validation alone decides, the cache is shared, a kill costs little."""

import json
import random
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

import pytest

from journeyman.errors import JourneymanError
from journeyman.journey import travel
from journeyman.model import Model
from journeyman.outset import workspace_of
from journeyman.progress import QUIET
from journeyman.recipe import load_recipe
from journeyman.search import search as searches
from journeyman.search.search import search
from journeyman.search.trials import Bench, Job, SharedCache
from journeyman.sections.searched import searched
from journeyman.steps import collect
from journeyman.training.outcome import Outcome
from journeyman.workspace import Workspace

SPACE = {
    "finetune.tuner": ["none", "lora", "full"],
    "finetune.cut": [1, 2],
    "finetune.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "finetune.epochs": {"low": 1, "high": 3},
    "finetune.head.features": [16, 32],
}
SEARCH = {"trials": 8, "space": SPACE}


def results(folder):
    files = [p for p in (folder / "model").rglob("*") if p.name != "decisions.jsonl"]
    found = {str(p.relative_to(folder)): p.read_bytes() for p in files if p.is_file()}
    best = (folder / "search" / "best.yaml").read_text().replace(str(folder), "")
    return {**found, "metrics": (folder / "metrics.json").read_bytes(), "best": best}


class Seen:
    """What a journey with a search did: outcomes, frozen passes, splits that were read."""

    def __init__(self, folder):
        self.folder, self.outcomes, self.passes, self.splits = folder, [], [], []
        self.measured = 0


@pytest.fixture(scope="module")
def straight(written, tmp_path_factory):
    """A journey with a search that nothing broke, from an empty cache."""
    seen = Seen(tmp_path_factory.mktemp("straight") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEYMAN_HOME", str(tmp_path_factory.mktemp("cache")))
        whole_run, features, examples = Bench.run, SharedCache.features, Workspace.examples

        def ran(self, job):
            found = whole_run(self, job)
            seen.outcomes.append(found)
            return found

        def passed(self, backbone, inputs, cut, **more):
            before = self.stats.rows_computed
            found = features(self, backbone, inputs, cut, **more)
            hidden = more["keep_hidden"]
            seen.passes.append((cut, hidden, len(inputs), self.stats.rows_computed - before))
            return found

        def read(self, split, *more):
            seen.splits.append((split, len(seen.outcomes)))
            return examples(self, split, *more)

        measure = Model.measure

        def measured(self, rows, **more):
            seen.measured += 1
            return measure(self, rows, **more)

        patch.setattr(Model, "measure", measured)
        patch.setattr(Bench, "run", ran)
        patch.setattr(SharedCache, "features", passed)
        patch.setattr(Workspace, "examples", read)
        travel(load_recipe(written(seen.folder, SEARCH)))
    return seen


def test_every_trial_is_run_and_the_first_is_the_recipe_itself(straight):
    told = json.loads((straight.folder / "metrics.json").read_text())["steps"]["search"]
    assert told["trials"]["value"] == SEARCH["trials"]
    assert straight.outcomes[0].values == {}
    assert {one.state for one in straight.outcomes} <= {"complete", "pruned"}
    tuners = {one.values.get("finetune.tuner") for one in straight.outcomes[1:]}
    assert len(tuners) > 1
    best = max(one.score for one in straight.outcomes if one.state == "complete")
    assert told["best validation score"]["value"] == best


def test_test_rows_are_scored_once_after_the_search(straight):
    tests = {after for split, after in straight.splits if split == "test"}
    assert tests == {len(straight.outcomes)}
    assert straight.measured == 1


def test_the_frozen_layers_run_once_for_each_cut(straight):
    """All trials share the cache: a row is computed the first time it is asked for at a cut."""
    computed = {}
    for cut, hidden, asked, rows in straight.passes:
        computed.setdefault((cut, hidden), []).append((asked, rows))
    assert len(computed) > 1
    for parts in computed.values():
        training, validation, *later = parts
        assert 0 < training[1] <= training[0]
        assert 0 < validation[1] <= validation[0]
        assert [rows for _, rows in later] == [0] * len(later)
    assert any(len(parts) > 2 for parts in computed.values())


def test_the_winner_is_the_model(straight):
    best = load_recipe((straight.folder / "search" / "best.yaml").read_text())
    manifest = json.loads((straight.folder / "model" / "model.json").read_text())
    tuner = best.finetune.tuner.name if best.finetune.tuner else "none"
    assert manifest["tuner"]["name"] == tuner
    assert manifest["head"]["options"]["features"] == best.finetune.head.features
    assert best.search is None


def test_the_report_shows_history_and_importance(straight):
    section = json.loads((straight.folder / "sections" / "search.json").read_text())
    titles = [chart["title"] for chart in section["charts"]]
    assert titles == ["Validation macro_f1 by trial", "What the score hung on"]
    best = section["charts"][0]["series"][1]["y"]
    assert best == sorted(best)
    page = (straight.folder / "report.html").read_text()
    assert all(title in page for title in titles)
    assert len(section["tables"][0]["rows"]) == SEARCH["trials"]


@pytest.mark.parametrize("killed_at", [pytest.param(1, marks=pytest.mark.long), 5])
def test_a_killed_search_goes_on_to_the_same_bytes(
    killed_at, straight, written, tmp_path, monkeypatch
):
    ran, whole = [], Bench.run

    def dying(self, job):
        ran.append(job.number)
        if len(ran) == killed_at:
            raise KeyboardInterrupt
        return whole(self, job)

    monkeypatch.setattr(Bench, "run", dying)
    recipe = load_recipe(written(tmp_path / "run", SEARCH))
    with pytest.raises(KeyboardInterrupt):
        travel(recipe)
    travel(recipe)
    numbers = [one.number for one in straight.outcomes]
    assert ran == [*numbers[:killed_at], *numbers[killed_at - 1 :]]
    assert results(tmp_path / "run") == results(straight.folder)


@pytest.fixture
def start(written, tmp_path, monkeypatch):
    """Starts a search over collected rows, in a folder of its own, without a journey."""

    def begin(options, part="run", **more):
        recipe = load_recipe(written(tmp_path / part, {"space": SPACE, **options}, **more))
        workspace = workspace_of(recipe, QUIET)
        if not workspace.data_folder.exists():
            collect.run(workspace)
        return search(recipe, workspace, tmp_path / part / "search", "key")

    return begin


def untimed(found):
    return [replace(one, seconds=0, rows_asked=0, rows_computed=0) for one in found.outcomes]


def scored(job):
    """Stands in for training where only the order of things is looked at."""
    score = 1 / (1 + sum(len(str(value)) for value in job.values.values()))
    return Outcome(job.number, job.values, "complete", score)


@pytest.fixture
def shuffled(monkeypatch):
    """Trials that several processes finish in any order."""
    ran = []

    def use(seed):
        draw = random.Random(seed)

        @contextmanager
        def workers(self):
            def submit(job):
                ran.append(job.number)
                future = Future()
                future.job = job
                return future

            yield submit

        def finished(running, return_when):
            future = draw.choice(list(running))
            future.set_result(scored(future.job))
            return type("Waited", (), {"done": {future}})

        monkeypatch.setattr(searches._Search, "_workers", workers)
        monkeypatch.setattr(searches, "wait", finished)
        return ran

    return use


def test_what_is_tried_does_not_hang_on_which_process_is_faster(start, shuffled):
    found = []
    for seed in (0, 1, 2):
        shuffled(seed)
        found.append(start({"trials": 14, "processes": 3}, f"run{seed}")[0])
    assert untimed(found[0]) == untimed(found[1]) == untimed(found[2])


def test_a_search_killed_between_processes_runs_again_only_what_was_not_finished(
    start, shuffled, monkeypatch
):
    ran = shuffled(0)
    wanted = start({"trials": 12, "processes": 3}, "whole")[0]
    ran.clear()
    keep, kept = searches._Search._keep, []

    def dying(self, outcome):
        if len(kept) == 6:
            raise KeyboardInterrupt
        kept.append(outcome.number)
        keep(self, outcome)

    monkeypatch.setattr(searches._Search, "_keep", dying)
    with pytest.raises(KeyboardInterrupt):
        start({"trials": 12, "processes": 3})
    monkeypatch.setattr(searches._Search, "_keep", keep)
    ran.clear()
    got = start({"trials": 12, "processes": 3})[0]
    assert not set(ran) & set(kept)
    assert got.resumed == 6
    assert untimed(got) == untimed(wanted)


def test_more_trials_go_on_from_those_that_were_run(start, monkeypatch):
    monkeypatch.setattr(Bench, "run", lambda self, job: scored(job))
    first = start({"trials": 5})[0]
    more = start({"trials": 9, "timeout": "1h"})[0]
    assert more.resumed == 5
    assert more.outcomes[:5] == first.outcomes
    assert [one.number for one in more.outcomes] == list(range(9))


def test_another_recipe_is_another_search(start, monkeypatch):
    monkeypatch.setattr(Bench, "run", lambda self, job: scored(job))
    assert start({"trials": 3})[0].resumed == 0
    assert start({"trials": 3})[0].resumed == 3
    assert start({"trials": 3}, seed=4)[0].resumed == 0


def test_a_timeout_ends_the_search_and_is_told(start, monkeypatch):
    monkeypatch.setattr(Bench, "run", lambda self, job: scored(job))
    found = start({"trials": 9, "timeout": 0.000001})[0]
    assert [one.number for one in found.outcomes] == [0]
    assert found.clock == "the timeout let 1 of 9 trials begin"


def test_the_journal_says_what_a_timeout_decided(written, tmp_path):
    travel(load_recipe(written(tmp_path / "run", {**SEARCH, "timeout": 0.000001})))
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()
    (line,) = [line for line in map(json.loads, lines) if line["step"] == "search"]
    assert line["clock"] == "the timeout let 1 of 8 trials begin"


def test_values_that_contradict_fail_their_trial_alone(start):
    space = {"finetune.tuner": ["full"], "finetune.cut": [1, 9]}
    found = start({"trials": 5, "space": space})[0]
    failed = [one for one in found.outcomes if one.state == "failed"]
    assert failed
    assert all(one.values["finetune.cut"] == 9 and "9" in one.why for one in failed)
    assert found.best.state == "complete"


def test_the_same_values_are_trained_once(start):
    space = {"finetune.head.features": {"low": 16, "high": 17}}
    found = start({"trials": 6, "space": space})[0]
    assert len({str(one.values) for one in found.outcomes if not one.why}) == 3
    assert sum(one.why.startswith("the values of trial") for one in found.outcomes) == 3
    assert len({(str(one.values), one.score) for one in found.outcomes}) == 3


def test_a_small_space_is_tried_once_and_the_search_ends(start, monkeypatch):
    ran = []
    monkeypatch.setattr(Bench, "run", lambda self, job: ran.append(job.number) or scored(job))
    space = {"finetune.head.features": [16, 32], "finetune.head.kernel": [True, False]}
    few = start({"trials": 3, "space": space})[0]
    assert (len(few.outcomes), few.exhausted) == (3, False)
    whole = start({"trials": 30, "space": space})[0]
    values = [json.dumps(one.values) for one in whole.outcomes]
    assert len(values) == 5
    assert whole.resumed == 3
    assert whole.clock == ""
    again = start({"trials": 30, "space": space, "processes": 1}, seed=5)[0]
    assert sorted({json.dumps(one.values) for one in again.outcomes}) == sorted(
        ["{}"]
        + [json.dumps(dict(zip(space, pair, strict=True))) for pair in product(*space.values())]
    )
    assert again.exhausted
    assert "nothing else in its space" in " ".join(searched(again).prose)


def test_a_search_without_any_score_says_why(start, monkeypatch):
    failing = lambda self, job: Outcome(job.number, job.values, "failed", why="no rows")  # noqa: E731
    monkeypatch.setattr(Bench, "run", failing)
    with pytest.raises(JourneymanError, match="No trial") as caught:
        start({"trials": 2})
    assert "no rows" in caught.value.found


def test_a_trial_that_does_worse_is_pruned(start, written, tmp_path):
    """Against others that did well from the second epoch on."""
    start({"trials": 1})
    recipe = load_recipe(written(tmp_path / "run", {"space": SPACE}))
    good = [Outcome(n, {}, "complete", 1.0, ((1, 2.0), (2, 2.0))) for n in range(8)]
    values = {"finetune.tuner": "lora", "finetune.epochs": 3}
    workspace = workspace_of(recipe, QUIET)
    made = searches._Search(recipe, recipe.search, workspace, tmp_path / "s", "key")
    bench = Bench(recipe, tmp_path / "s")
    found = bench.run(Job(9, values, good, made.proposals, "accuracy"))
    assert found.state == "pruned"
    assert len(found.history) == 2
    assert found.score == found.history[-1][1]
    bench.close()
    made.store.close()


def test_a_larger_search_goes_on_to_what_a_smaller_one_left(start, monkeypatch):
    """Also where the smaller one, which drew at random, drew something twice."""
    monkeypatch.setattr(Bench, "run", lambda self, job: scored(job))
    space = {"finetune.head.features": [16, 32, 64, 128], "finetune.head.kernel": [True, False]}
    few = start({"trials": 7, "space": space})[0]
    assert any(one.why.startswith("the values of trial") for one in few.outcomes)
    whole = start({"trials": 40, "space": space})[0]
    assert whole.resumed == 7
    assert whole.outcomes[:7] == few.outcomes
    assert len({json.dumps(one.values) for one in whole.outcomes}) == 9
    assert whole.exhausted
    assert whole.clock == ""


def test_a_search_with_nothing_to_vary_is_one_trial(start, monkeypatch):
    monkeypatch.setattr(Bench, "run", lambda self, job: scored(job))
    only = {"tuner": "none", "head": "prototype"}
    found = start({"trials": 9, "space": None}, finetune=only)[0]
    assert [one.values for one in found.outcomes] == [{}]
    assert found.exhausted
