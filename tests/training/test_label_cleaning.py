"""Label cleaning: wrong labels are found, taken care of where that does no harm, and told."""

import json

import numpy as np
import pytest
import torch
from contract_samples import Sample, made_rows
from tiny import tiny_backbone, tiny_folder

from journeyman.errors import JourneymanError, RecipeError
from journeyman.evaluation.label_doubts import LabelDoubts
from journeyman.heads.left_out import LeftOut
from journeyman.training import cleaned_rows, frozen_rows
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.cleaned_rows import clean_rows
from journeyman.training.label_cleaning import (
    HOWS,
    Held,
    LabelCleaningOptions,
    cleaning_of,
    doubted,
    held_answers,
)
from journeyman.training.options import FinetuneOptions

ROWS = 400


def clouds(share, seed=0):
    """Kernel, one-hot targets, true and given classes of rows around three centres."""
    draw = np.random.default_rng(seed)
    true = draw.integers(0, 3, ROWS)
    rows = 1.5 * np.eye(3)[true] + draw.normal(0, 0.5, (ROWS, 3))
    given = np.where(draw.random(ROWS) < share, (true + draw.integers(1, 3, ROWS)) % 3, true)
    rows = torch.from_numpy(np.column_stack([rows, draw.normal(0, 0.5, (ROWS, 2))]))
    kernel = torch.exp(-torch.cdist(rows, rows).square() / 1.28)
    return kernel, torch.nn.functional.one_hot(torch.from_numpy(given), 3).float(), true, given


@pytest.mark.parametrize("how", ["drop", "replace", "soften"])
def test_held_out_answers_are_better_where_many_labels_are_wrong(how):
    kernel, targets, true, given = clouds(0.4)
    options = LabelCleaningOptions(how=how)
    held = held_answers(LeftOut.of(kernel, kernel, 0.3), targets, given, options, 0)
    found = cleaning_of(held, given, "drop")
    best = max((guesses == true).mean() for guesses in held.after)
    assert best > (held.before == true).mean() + 0.03
    assert found.stands
    assert found.gain > 0
    wrong = given != true
    assert wrong[found.doubts.suspect].mean() > 1.5 * wrong.mean()


def test_answers_do_not_know_the_label_they_are_asked_for():
    kernel, targets, _, given = clouds(0.3)
    options = LabelCleaningOptions()
    held = held_answers(LeftOut.of(kernel, kernel, 0.3), targets, given, options, 0)
    folds = np.random.default_rng(0).permutation(ROWS) % options.folds
    own = np.flatnonzero(folds == 2)
    changed, other = targets.clone(), given.copy()
    other[own] = (given[own] + 1) % 3
    changed[own] = torch.nn.functional.one_hot(torch.from_numpy(other[own]), 3).float()
    again = held_answers(LeftOut.of(kernel, kernel, 0.3), changed, other, options, 0)
    assert (again.before[own] == held.before[own]).all()
    # The temperature alone, one number of all rows, has seen them.
    assert (again.after[:, own] == held.after[:, own]).mean() > 0.97
    assert (again.before != held.before).any()


def test_harm_is_noticed():
    _, _, true, given = clouds(0.1)
    chances = 0.8 * np.eye(3)[true] + 0.2 / 3
    worse = np.where(np.arange(ROWS) % 4 == 0, (true + 1) % 3, true)
    found = cleaning_of(Held(chances, true, np.stack([worse]), chances), given, "drop")
    assert found.doubts.suspect.any()
    assert not found.stands
    assert cleaning_of(Held(chances, true, np.stack([worse, true]), chances), given, "drop").stands


@pytest.mark.parametrize(("how", "expected"), [("drop", [0]), ("replace", [0, 1])])
def test_more_has_to_speak_against_a_label_for_its_row_to_be_dropped(how, expected):
    """Many answers as sure as labels are right; one label is surely wrong, another rather so."""
    posterior = np.array([[0.02, 0.98], [0.3, 0.7], *[[0.97, 0.03], [0.03, 0.97]] * 200])
    given = np.array([0, 0, *[0, 1] * 200])
    answered = np.full_like(posterior, 0.5)
    found = doubted(answered, posterior, given, how).suspect
    assert np.flatnonzero(found).tolist() == expected


def test_nothing_doubted_is_nothing_cleaned():
    true = np.arange(30) % 3
    chances = 0.8 * np.eye(3)[true] + 0.2 / 3
    assert not cleaning_of(Held(chances, true, true[None], chances), true, "drop").stands


def test_a_class_does_not_vanish():
    chances = np.array([[0.8, 0.1, 0.1]] * 6 + [[0.1, 0.8, 0.1]] * 6)
    given = np.array([0] * 5 + [2] + [1] * 6)
    assert LabelDoubts.of(chances, given).suspect[5]
    guesses = chances.argmax(1)
    assert not cleaning_of(
        Held(chances, guesses, guesses[None], chances), given, "drop"
    ).doubts.suspect.any()


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Rows of which every fifth has the label of another."""
    found = Sample("text-classification", tiny_backbone(tmp_path_factory.mktemp("tiny")), 120, 40)
    labels = found.schema.labels
    rows = [dict(row) for row in found.rows]
    for row in rows[::5]:
        row["label"] = labels[(labels.index(row["label"]) + 1) % len(labels)]
    found.true = [row["label"] for row in found.rows]
    found.train, found.validation = (found.examples(part) for part in (rows[:120], rows[120:]))
    return found


def clean(sample, folder, **said):
    within = said.pop("within", False)
    validation = sample.train.select(np.arange(40)) if within else sample.validation
    return clean_rows(
        sample.task, sample.backbone, sample.schema, sample.train, validation,
        LabelCleaningOptions(**said), within=within, seed=0, cache=FeatureCache(folder),
    )  # fmt: skip


@pytest.fixture
def standing(monkeypatch):
    """Cleaning is never found to do harm."""
    monkeypatch.setattr(cleaned_rows.Cleaning, "stands", True)


def test_doubted_rows_are_not_learned_from(sample, tmp_path, standing):
    found = clean(sample, tmp_path)
    suspect = found.cleaning.doubts.suspect
    wrong = np.arange(160) % 5 == 0
    assert wrong[suspect].mean() > 0.6
    kept = np.flatnonzero(~suspect)
    assert found.train.texts == [sample.train.texts[at] for at in kept[kept < 120]]
    assert found.validation.texts == [sample.validation.texts[at - 120] for at in kept[kept >= 120]]
    assert len(found.train.encoded.rows) == len(found.train) < 120


@pytest.mark.parametrize("how", ["replace", "soften"])
def test_doubted_labels_are_changed_and_others_are_not(how, sample, tmp_path, standing):
    found = clean(sample, tmp_path, how=how)
    doubts = found.cleaning.doubts
    suspect = doubts.suspect[:120]
    before, after = sample.train.encoded.rows, found.train.encoded.rows
    assert torch.equal(before[~suspect], after[~suspect])
    assert not torch.equal(before[suspect], after[suspect])
    assert torch.allclose(after.sum(1), torch.ones(120))
    said = [target.label for target in found.train.targets]
    right = np.mean([a == b for a, b in zip(said, sample.true, strict=False)])
    assert right > 0.8
    if how == "replace":
        assert [sample.schema.labels[at] for at in after.argmax(1)] == said
    else:
        assert ((after[suspect] > 0) & (after[suspect] < 1)).all()


def test_validation_rows_among_the_training_rows_are_cleaned_alike(sample, tmp_path, standing):
    found = clean(sample, tmp_path, within=True)
    assert len(found.cleaning.doubts.given) == 120
    assert found.train.texts[: len(found.validation)] == found.validation.texts


def test_parts_of_many_rows_are_cleaned_one_by_one(sample, tmp_path, monkeypatch):
    sizes = []
    real = cleaned_rows.held_answers
    monkeypatch.setattr(frozen_rows, "PART", 64)
    monkeypatch.setattr(
        cleaned_rows, "held_answers", lambda *a: (sizes.append(len(a[2])), real(*a))[1]
    )
    found = clean(sample, tmp_path)
    assert sorted(sizes) == [53, 53, 54]
    assert found.cleaning.chances.sum(1) == pytest.approx(np.ones(160))


def test_where_it_does_harm_rows_stay_as_they_were_given(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(cleaned_rows.Cleaning, "stands", False)
    found = clean(sample, tmp_path)
    assert found.train is sample.train
    assert found.validation is sample.validation


@pytest.mark.parametrize("task", ["text-regression", "multi-label-classification"])
def test_a_task_without_one_label_a_row_is_refused(task, sample, tmp_path):
    other = Sample(task, sample.backbone, 12, 6)
    with pytest.raises(JourneymanError) as caught:
        clean(other, tmp_path)
    assert caught.value.place == "finetune.label_cleaning"


def test_true_is_the_defaults():
    said = FinetuneOptions.model_validate({"label_cleaning": True}).label_cleaning
    assert said == LabelCleaningOptions()
    assert FinetuneOptions().label_cleaning is False


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ground")
    tiny_folder(folder / "tiny")
    rows = made_rows(150)
    labels = sorted({row["label"] for row in rows})
    lines = ["text,label"]
    for at, row in enumerate(rows):
        moved = labels[(labels.index(row["label"]) + 1) % len(labels)]
        lines.append(f"{row['text']},{moved if at % 5 == 0 else row['label']}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    return folder


def recipe(ground, output, task="text-classification", **more):
    return {
        "name": "cleaned", "task": task, "backbone": str(ground / "tiny"),
        "data": {"train": str(ground / "rows.csv"), "text": "text", "label": "label"},
        "finetune": {"label_cleaning": True, **more}, "explain": {"samples": 1},
        "trackers": [], "threads": 1, "output": str(output),
    }  # fmt: skip


@pytest.mark.parametrize("more", [
    {"tuner": "none"},
    {"tuner": "none", "head": "linear", "epochs": 1},
    {"tuner": "none", "folds": 2},
], ids=["solved", "linear", "folds"])  # fmt: skip
def test_a_run_tells_what_it_doubted(more, ground, tmp_path):
    import journeyman

    model = journeyman.finetune(recipe(ground, tmp_path / "run", **more))
    steps = json.loads((tmp_path / "run" / "metrics.json").read_text())["steps"]
    said = {name: figure["value"] for name, figure in steps["finetune"].items()}
    assert said["labels doubted"] > 0
    assert said["labels examined"] > said["labels doubted"]
    assert said["labels cleaned"] in ("yes", "no")
    assert 0 < said["estimated share of wrong labels"] < 1
    assert "Doubted labels" in (tmp_path / "run" / "report.html").read_text()
    assert model.predict(["a good fine film"])[0].label in model.schema.labels


def test_a_recipe_of_another_task_is_refused(ground, tmp_path):
    import journeyman

    with pytest.raises(RecipeError) as caught:
        journeyman.finetune(recipe(ground, tmp_path / "run", task="multi-label-classification"))
    assert "finetune.label_cleaning" in str(caught.value)


def test_auto_is_what_held_out_rows_gain_most_by(sample, tmp_path):
    gains = {how: clean(sample, tmp_path, how=how).cleaning.gain for how in HOWS}
    found = clean(sample, tmp_path, how="auto")
    assert found.how in HOWS
    assert found.cleaning.gain == max(gains.values()) == gains[found.how]


def test_validation_labels_that_are_right_judge_and_are_never_changed(sample, tmp_path):
    before = sample.validation.targets
    right = [
        {**row, "label": said}
        for row, said in zip(sample.rows[120:], sample.true[120:], strict=True)
    ]
    held = sample.examples(right)
    found = clean_rows(
        sample.task, sample.backbone, sample.schema, sample.train, held,
        LabelCleaningOptions(how="auto", validation="clean"), seed=0, cache=FeatureCache(tmp_path),
    )  # fmt: skip
    suspect = found.cleaning.doubts.suspect
    assert suspect[:120].any()
    assert not suspect[120:].any()
    assert found.clean
    assert found.validation.targets == held.targets
    assert sample.validation.targets == before


def test_what_is_judged_by_right_labels_is_plain_accuracy():
    true = np.arange(30) % 3
    chances, right = 0.8 * np.eye(3)[true] + 0.2 / 3, np.arange(30) >= 20
    given = np.where(np.arange(30) < 4, (true + 1) % 3, true)
    worse, better = np.where(right, (true + 1) % 3, true), true
    found = cleaning_of(Held(chances, worse, np.stack([better]), chances), given, "drop", right)
    assert found.gain == 1.0
    assert found.stands
    assert (
        cleaning_of(Held(chances, better, np.stack([worse]), chances), given, "drop", right).gain
        == -1.0
    )


def test_right_labels_do_not_choose_the_doubts_they_judge():
    kernel, targets, _, given = clouds(0.3)
    left, right = LeftOut.of(kernel, kernel, 0.3), np.arange(ROWS) < 80
    options, other = LabelCleaningOptions(validation="clean"), given.copy()
    other[right] = (given[right] + 1) % 3
    changed = torch.nn.functional.one_hot(torch.from_numpy(other), 3).float()
    one = held_answers(left, targets, given, options, 0, right)
    two = held_answers(left, changed, other, options, 0, right)
    assert (one.before[right] == two.before[right]).all()
    # The temperature alone, one number of all rows, has seen them.
    assert (one.after[:, right] == two.after[:, right]).mean() > 0.95


def test_right_labels_need_validation_rows(sample, tmp_path):
    empty = sample.validation.select(np.arange(0))
    with pytest.raises(JourneymanError) as caught:
        clean_rows(
            sample.task, sample.backbone, sample.schema, sample.train, empty,
            LabelCleaningOptions(validation="clean"), seed=0, cache=FeatureCache(tmp_path),
        )  # fmt: skip
    assert caught.value.place == "finetune.label_cleaning.validation"
