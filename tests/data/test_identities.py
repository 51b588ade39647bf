"""Rows of people: no person is in two splits, linked groups stay whole, and sharing is told."""

import json

import numpy as np
import pytest

from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions

FRACTIONS = {"fractions": {"validation": 0.2, "exam": 0.0, "test": 0.4}}


def written(path, people, each=4, tail="", **more):
    rows = [
        {
            "text": f"{name} {number}{tail}",
            "label": name,
            **{k: f(name, number) for k, f in more.items()},
        }
        for name in people
        for number in range(each)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def collected(folder, seed=0, **said):
    data = DataOptions(text="text", label="label", **said)
    options = CollectOptions.model_validate(FRACTIONS)
    return collect(data, options, folder=folder / "run", seed=seed, kind="identity")


def people_of(table):
    return {row["label"] for row in table.rows()}


@pytest.mark.parametrize("seed", range(4))
def test_no_person_is_in_two_splits(seed, tmp_path):
    people = [f"p{at}" for at in range(20)]
    found = collected(tmp_path, seed, train=written(tmp_path / "a.jsonl", people))
    parts = {role: people_of(table) for role, table in found.tables.items()}
    assert sorted(name for part in parts.values() for name in part) == sorted(people)
    assert {role: len(part) for role, part in parts.items()} == {
        "train": 8, "validation": 4, "exam": 0, "test": 8,
    }  # fmt: skip
    assert not any(each.name in ("unknown_labels", "small_classes") for each in found.findings)


def test_people_differ_by_seed(tmp_path):
    source = written(tmp_path / "a.jsonl", [f"p{at}" for at in range(20)])
    first, second = (collected(tmp_path / str(s), s, train=source).test for s in (0, 1))
    assert people_of(first) != people_of(second)


def test_people_of_one_group_and_groups_of_one_person_stay_together(tmp_path):
    """Twins share a house; one person lives in two, which links all who live there."""
    people = [f"p{at:02d}" for at in range(24)]
    house = {name: at // 2 for at, name in enumerate(people)}

    def home(name, number):
        return "h1" if name == "p00" and number > 1 else f"h{house[name]}"

    source = written(tmp_path / "a.jsonl", people, home=home)
    for seed in range(3):
        found = collected(tmp_path / str(seed), seed, train=source, group="home")
        for table in found.tables.values():
            held = people_of(table)
            for names in (people[at : at + 2] for at in range(0, 24, 2)):
                assert len(held & set(names)) in (0, 2)
            assert len(held & set(people[:4])) in (0, 4)


def test_slices_are_spread_over_splits(tmp_path):
    people = [f"p{at}" for at in range(40)]

    def side(name, number):
        return "left" if int(name[1:]) % 2 else "right"

    source = written(tmp_path / "a.jsonl", people, side=side)
    found = collected(tmp_path, train=source, slices=("side",))
    shares = [np.mean([row["side"] == "left" for row in found.test.rows()])]
    assert shares == [0.5]


def test_people_whom_files_share_are_told_of(tmp_path):
    people = [f"p{at}" for at in range(10)]
    train = written(tmp_path / "a.jsonl", people)
    test = written(tmp_path / "b.jsonl", [*people, "q1"], each=6, tail=" again")
    found = collected(tmp_path, train=train, test=test)
    told = [each for each in found.findings if each.name == "known_people"]
    assert len(told) == 1
    assert "test" in told[0].detail
    assert told[0].count == 6 * len(people_of(found.train))
    assert len(people_of(found.test)) == 11


def test_more_rows_of_people_who_are_judged_by_are_not_learned_from(tmp_path):
    people = [f"p{at}" for at in range(20)]
    train = written(tmp_path / "a.jsonl", people)
    extra = written(tmp_path / "more.jsonl", [*people, "new"], tail=" again")
    found = collected(tmp_path, train=train, extra=(extra,))
    judged = people_of(found.test) | people_of(found.validation)
    assert not people_of(found.train) & judged
    assert "new" in people_of(found.train)
    assert any("removed" in each.action for each in found.findings if each.name == "known_people")
