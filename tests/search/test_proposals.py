"""What is tried next and given up follows from the seed and the trials before, and nothing else."""

import pytest

from journeyman.errors import ResourceError
from journeyman.recipe.domains import Choices, Range
from journeyman.search.importance import importance
from journeyman.search.proposals import STARTUP, Proposals
from journeyman.search.storage import TrialStore
from journeyman.training.outcome import Outcome

SPACE = {
    "finetune.tuner": Choices(("none", "lora")),
    "finetune.tuner.rank": Choices((2, 4)),
    "finetune.learning_rate": Range(1e-4, 1e-1, log=True),
    "finetune.epochs": Range(1, 9, step=2, whole=True),
    "finetune.head.layers": Choices(([1], [1, 2], "auto")),
}
VALUES = {
    "finetune.tuner": "lora",
    "finetune.tuner.rank": 4,
    "finetune.learning_rate": 3e-3,
    "finetune.epochs": 5,
    "finetune.head.layers": [1, 2],
}


def proposals(sampler="tpe", pruner="median", seed=0, space=SPACE):
    return Proposals(space, list(space), sampler, pruner, seed)


def always(name, values):
    return True


def outcome(number, score, history=(), values=VALUES, state="complete"):
    return Outcome(number, values, state, score, tuple(history))


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_proposal_hangs_on_seed_number_and_trials_alone(sampler):
    seen = [outcome(n, n / 20, values={**VALUES, "finetune.epochs": 1}) for n in range(STARTUP + 2)]
    pending = [VALUES]

    def proposed(seed=0, number=11, seen=seen):
        return proposals(sampler, seed=seed).propose(number, seen, pending, always)

    assert proposed() == proposed()
    assert proposed() != proposed(seed=1)
    assert proposed() != proposed(number=12)
    better = {**VALUES, "finetune.learning_rate": 1e-4}
    others = [outcome(n, 1 - n / 20, values=better) for n in range(STARTUP + 2)]
    assert (proposed() == proposed(seen=others)) == (sampler == "random")


def test_a_space_of_choices_is_told_whole():
    space = {name: SPACE[name] for name in ("finetune.tuner", "finetune.tuner.rank")}
    lora = lambda name, values: name != "finetune.tuner.rank" or values["finetune.tuner"] == "lora"  # noqa: E731
    found = proposals(space=space).everything(3, lora)
    assert found == [
        {"finetune.tuner": "none"},
        {"finetune.tuner": "lora", "finetune.tuner.rank": 2},
        {"finetune.tuner": "lora", "finetune.tuner.rank": 4},
    ]
    assert proposals(space=space).everything(2, lora) is None
    assert proposals().everything(99, always) is None


def test_values_are_of_the_space_and_in_force():
    asked = []

    def in_force(name, values):
        asked.append((name, dict(values)))
        return name != "finetune.tuner.rank" or values["finetune.tuner"] == "lora"

    found = [proposals().propose(n, [], [], in_force) for n in range(30)]
    assert {each["finetune.tuner"] for each in found} == {"none", "lora"}
    for each in found:
        assert ("finetune.tuner.rank" in each) == (each["finetune.tuner"] == "lora")
        assert 1e-4 <= each["finetune.learning_rate"] <= 1e-1
        assert each["finetune.epochs"] in (1, 3, 5, 7, 9)
        assert each["finetune.head.layers"] in ([1], [1, 2], "auto")
    assert [name for name, _ in asked[:5]] == list(SPACE)


def test_the_sampler_learns_where_scores_are_high():
    space = {"finetune.clip": Range(0.0, 1.0)}
    made, seen = proposals(space=space), []
    for number in range(40):
        values = made.propose(number, seen, [], always)
        seen.append(outcome(number, -abs(values["finetune.clip"] - 0.7), values=values))
    late = [abs(one.values["finetune.clip"] - 0.7) for one in seen[25:]]
    assert sorted(late)[len(late) // 2] < 0.15


def test_a_trial_below_the_median_is_given_up():
    others = [outcome(n, 0.8, [(1, 0.6), (2, 0.7), (3, 0.8)]) for n in range(STARTUP)]
    made = proposals()
    assert not made.gives_up(others, [(1, 0.1)])
    assert made.gives_up(others, [(1, 0.1), (2, 0.2)])
    assert not made.gives_up(others, [(1, 0.1), (2, 0.75)])
    assert not made.gives_up(others[:2], [(1, 0.1), (2, 0.2)])
    assert not proposals(pruner="none").gives_up(others, [(1, 0.1), (2, 0.2)])


@pytest.mark.parametrize("state", ["complete", "pruned", "failed"])
def test_an_outcome_reads_back_from_a_file(state, tmp_path):
    said = Outcome(
        7,
        VALUES,
        state,
        None if state == "failed" else 0.5,
        ((1, 0.4), (2, 0.5)),
        "why",
        1.25,
        10,
        3,
    )
    store = TrialStore("one", proposals(), tmp_path, None)
    store.keep(said)
    store.close()
    again = TrialStore("one", proposals(), tmp_path, None)
    assert again.outcomes() == {7: said}
    again.close()
    other = TrialStore("other", proposals(), tmp_path, None)
    assert other.outcomes() == {}
    other.close()


def test_importance_finds_the_field_that_mattered():
    outcomes = []
    for number in range(24):
        values = proposals("random").propose(number, [], [], always)
        if values["finetune.tuner"] == "none":
            del values["finetune.tuner.rank"]
        gain = 0.3 if values["finetune.tuner"] == "lora" else 0.0
        score = 0.5 + gain + 0.001 * values["finetune.epochs"]
        outcomes.append(outcome(number + 1, score, values=values))
    found = importance(SPACE, [outcome(0, 0.1, values={}), *outcomes], 0)
    assert set(found) == set(SPACE)
    assert sum(found.values()) == pytest.approx(1)
    others = ("finetune.epochs", "finetune.learning_rate", "finetune.head.layers")
    assert all(found["finetune.tuner"] > found[name] for name in others)
    assert found == importance(SPACE, [outcome(0, 0.1, values={}), *outcomes], 0)


def test_importance_says_nothing_of_too_little():
    assert importance(SPACE, [], 0) == {}
    assert importance(SPACE, [outcome(n, 0.5) for n in range(9)], 0) == {}
    assert importance(SPACE, [outcome(n, n / 9) for n in range(9)], 0) == {}


def test_a_database_that_is_not_there_is_told(tmp_path):
    url = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(ResourceError) as caught:
        TrialStore("one", proposals(), tmp_path, url)
    assert caught.value.place == url
    assert "search.storage" in caught.value.remedy


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "trials.db").write_text("not a database, but long enough to look at" * 100)
    with pytest.raises(ResourceError) as caught:
        TrialStore("one", proposals(), tmp_path, None)
    assert "not a database" in caught.value.found
