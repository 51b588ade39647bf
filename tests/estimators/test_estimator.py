"""The estimators on texts: labels of any kind, searches over one cache, pickles, mistakes."""

import io
import re

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tiny import tiny_folder

import journeyman
from journeyman import JourneymanError, TextClassifier, TextRegressor

GOOD = "good fine lovely great".split()
BAD = "bad awful poor terrible".split()
NOUNS = "film plot actor story dog cat mat text".split()
TEXTS = [f"the {noun} is {word}" for noun in NOUNS for word in GOOD + BAD]
SIGNS = np.array([1 if text.split()[-1] in GOOD else 0 for text in TEXTS])


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return str(tiny_folder(tmp_path_factory.mktemp("backbones") / "tiny-bert"))


@pytest.mark.parametrize(
    "names",
    [
        ("no", "yes"),
        (2, 10),
        (-1.0, 3.0),
        (False, True),
        (np.str_("b"), np.str_("a")),
        ("1", "01"),
    ],
)
def test_labels_come_back_as_they_were_given(backbone, names):
    y = np.array(names)[SIGNS]
    fitted = TextClassifier(backbone).fit(TEXTS, y)
    assert fitted.classes_.dtype == y.dtype
    assert fitted.classes_.tolist() == sorted(names)
    answers, chances = fitted.predict(TEXTS), fitted.predict_proba(TEXTS)
    assert answers.dtype == y.dtype
    assert (answers == y).mean() > 0.9
    assert np.allclose(chances.sum(axis=1), 1)
    assert (fitted.classes_[chances.argmax(axis=1)] == answers).all()
    assert fitted.score(TEXTS, y) == (answers == y).mean()


@pytest.mark.parametrize(
    "wrap",
    [list, tuple, np.array, pd.Series, lambda x: np.array(x, dtype=object), iter],
    ids=["list", "tuple", "array", "Series", "objects", "iterator"],
)
def test_texts_in_any_wrapping_give_the_same_model(backbone, wrap):
    plain = TextClassifier(backbone).fit(TEXTS, SIGNS).predict_proba(TEXTS)
    fitted = TextClassifier(backbone).fit(wrap(TEXTS), pd.Series(SIGNS, index=range(7, 71)))
    assert np.array_equal(fitted.predict_proba(wrap(TEXTS)), plain)


@pytest.mark.parametrize(
    "wrap", [list, np.array, lambda x: pd.DataFrame(x, columns=["one", "two"])]
)
def test_pairs_of_texts(backbone, wrap):
    pairs = wrap([(text, "a story") for text in TEXTS])
    fitted = TextClassifier(backbone).fit(pairs, SIGNS)
    assert fitted.score(pairs, SIGNS) > 0.9
    assert fitted.model_.columns.texts == ("text", "second_text")
    with pytest.raises(ValueError, match="expecting 2"):
        fitted.predict(TEXTS)


def test_a_column_of_a_frame_is_read_as_texts(backbone):
    frame = pd.DataFrame({"text": TEXTS})
    fitted = TextClassifier(backbone).fit(frame, SIGNS)
    assert np.array_equal(fitted.predict(frame), fitted.predict(TEXTS))


@pytest.mark.parametrize("wrap", [np.array, csr_matrix])
def test_an_indicator_matrix_makes_it_multi_label(backbone, wrap):
    nouns = np.array([text.split()[1] in NOUNS[:4] for text in TEXTS])
    y = np.stack([SIGNS, nouns, np.zeros_like(SIGNS)], axis=1)
    fitted = TextClassifier(backbone).fit(TEXTS, wrap(y))
    answers, chances = fitted.predict(TEXTS), fitted.predict_proba(TEXTS)
    assert answers.shape == chances.shape == y.shape
    assert (answers[:, 0] == SIGNS).mean() > 0.9
    assert not chances[:, 2].any()


def test_numbers_are_predicted_on_their_own_scale(backbone):
    y = 1000.0 + 50 * SIGNS
    fitted = TextRegressor(backbone).fit(TEXTS, y)
    assert np.corrcoef(fitted.predict(TEXTS), y)[0, 1] > 0.7
    assert abs(fitted.predict(TEXTS).mean() - y.mean()) < 10


@pytest.mark.parametrize("tuner", ["lora", {"name": "full"}])
@pytest.mark.parametrize("head", ["ridge", "linear"])
def test_layers_are_tuned_on_request(backbone, tuner, head):
    asked = TextClassifier(backbone, tuner=tuner, head=head, cut=2, epochs=2, class_weights=True)
    learner = asked.fit(TEXTS, SIGNS).to_model().learner
    assert (learner.tuner.trains, learner.head.name, learner.cut) == (True, head, 2)
    assert asked.predict(TEXTS[:3]).shape == (3,)


def test_auto_climbs_as_far_as_it_pays(backbone):
    made = TextClassifier(backbone, tuner="auto", head=None, epochs=1, budget="2m")
    made.fit(TEXTS, SIGNS)
    assert [attempt["rung"] for attempt in made.ladder_]
    assert sum(attempt["pays"] for attempt in made.ladder_) >= 1
    assert (made.predict(TEXTS) == SIGNS).mean() > 0.9
    assert clone(made).get_params()["budget"] == "2m"
    assert made.set_params(tuner="none", head="ridge").fit(TEXTS, SIGNS).ladder_ == []


def test_the_second_fit_computes_no_frozen_rows(backbone):
    first = TextClassifier(backbone).fit(TEXTS, SIGNS)
    second = TextClassifier(backbone, random_state=1).fit(TEXTS, SIGNS)
    assert first.cache_stats_["rows_computed"] == len(TEXTS)
    assert second.cache_stats_["rows_computed"] == 0
    assert second.cache_stats_["rows_found"] == len(TEXTS)


def test_a_grid_search_in_a_pipeline_runs_the_frozen_layers_once(backbone):
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    search = GridSearchCV(
        make_pipeline(lower, TextClassifier(backbone)),
        {
            "textclassifier__head": ["ridge", {"name": "ridge", "kernel": False}],
            "textclassifier__validation_fraction": [0.1, 0.2],
        },
        cv=2,
        error_score="raise",
    ).fit(TEXTS, SIGNS)
    best = search.best_estimator_[-1]
    assert best.cache_stats_["rows_computed"] == 0
    assert search.best_score_ > 0.8
    assert search.predict(TEXTS[:2]).tolist() == SIGNS[:2].tolist()


def test_predictions_are_cached_or_not_as_asked(backbone):
    fitted = TextClassifier(backbone, cache_predictions=False).fit(TEXTS[::2], SIGNS[::2])
    direct = fitted.predict_proba(TEXTS)
    again = clone(fitted).fit(TEXTS, SIGNS)
    assert again.cache_stats_["rows_computed"] == len(TEXTS) // 2
    fitted.set_params(cache_predictions=True)
    assert np.allclose(fitted.predict_proba(TEXTS), direct, atol=2e-3)


def test_clones_carry_parameters_and_nothing_learned(backbone):
    fitted = TextClassifier(backbone, tuner={"name": "none"}, threads=1).fit(TEXTS, SIGNS)
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    for ask in (twin.predict, twin.predict_proba):
        with pytest.raises(NotFittedError):
            ask(TEXTS)
    with pytest.raises(NotFittedError):
        twin.to_model()


def test_a_seed_decides_the_result(backbone):
    def chances(seed):
        return TextClassifier(backbone, random_state=seed).fit(TEXTS, SIGNS).predict_proba(TEXTS)

    assert np.array_equal(chances(3), chances(3))
    assert np.array_equal(chances(np.random.RandomState(5)), chances(np.random.RandomState(5)))
    assert not np.array_equal(chances(3), chances(4))


def test_folds_are_scored(backbone):
    scores = cross_val_score(TextRegressor(backbone), TEXTS, SIGNS * 1.0, cv=2, scoring="r2")
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("tuner", ["none", "lora"])
def test_joblib_keeps_a_fitted_estimator(backbone, tuner):
    fitted = TextClassifier(backbone, tuner=tuner, epochs=1).fit(TEXTS, SIGNS)
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    assert b"_rebuild_tensor" not in buffer.getvalue()
    back = joblib.load(io.BytesIO(buffer.getvalue()))
    assert np.array_equal(back.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    second = io.BytesIO()
    joblib.dump(back, second)
    assert second.getvalue() == buffer.getvalue()


def test_the_model_answers_as_the_estimator_and_is_saved(backbone, tmp_path):
    fitted = TextClassifier(backbone).fit(TEXTS, SIGNS)
    model = fitted.to_model(tmp_path / "model")
    loaded = journeyman.load(tmp_path / "model")
    assert loaded.version == model.version != ""
    assert [int(a.label) for a in loaded.predict(TEXTS)] == fitted.predict(TEXTS).tolist()
    assert sum(loaded.about["rows"].values()) == len(TEXTS)


def test_no_text_is_both_learned_and_held_out(backbone):
    twice = TEXTS * 2
    fitted = TextClassifier(backbone, validation_fraction=0.25).fit(twice, np.tile(SIGNS, 2))
    assert fitted.model_.about["rows"] == {"train": 96, "validation": 32}


def test_a_class_of_one_row_is_learned(backbone):
    y = np.where(np.arange(len(TEXTS)) == 5, 7, SIGNS)
    fitted = TextClassifier(backbone, validation_fraction=0.5).fit(TEXTS, y)
    assert fitted.model_.schema.labels == ("0", "1", "7")


def test_empty_texts_are_answered(backbone):
    fitted = TextClassifier(backbone).fit(["", *TEXTS], [0, *SIGNS])
    assert fitted.predict(["", "good"]).shape == (2,)


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        ("one text", [0, 1], "not a sequence of texts"),
        (7, [0, 1], "not a sequence of texts"),
        ([], [0, 1], "0 sample"),
        (["a", None, "b"], [0, 1, 1], "missing text in row 1"),
        (pd.Series(["a", np.nan]), [0, 1], "missing text in row 1"),
        (["a", 3], [0, 1], "Row 1 of X is not a text"),
        ([b"a", b"b"], [0, 1], "Row 0 of X is not a text"),
        (csr_matrix(np.eye(2)), [0, 1], "Sparse"),
        (np.zeros((2, 3)), [0, 1], "one or two columns"),
        (np.array([["a", "b", "c"]] * 2), [0, 1], "one or two columns"),
        (["a", ("a", "b")], [0, 1], "X has 2 texts in row 1"),
        ([("a", "b", "c")] * 2, [0, 1], "holds 3 texts"),
        (["a", "b"], None, "requires y"),
        (["a", "b"], [0, 0], "2 classes"),
        (["a", "b", "c"], [0, 1], "inconsistent numbers of samples"),
        (["a", "b"], [0.1, 0.7], "Unknown label type"),
        (["a", "b"], [["x"], ["x", "y"]], "MultiLabelBinarizer"),
        (["a", "b"], [0, np.nan], "NaN"),
        (["a", "b"], [0, 1], "Too few rows"),
        (["a", "a", "a", "a"], [0, 1, 0, 1], "Too few rows"),
    ],
)
def test_mistakes_in_the_rows_are_told(backbone, X, y, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        TextClassifier(backbone).fit(X, y)


@pytest.mark.parametrize(
    ("y", "says"),
    [(["x", "y"], "convert"), ([1.0, np.inf], "infinity"), ([[1, 2], [3, 4]], "1d array")],
)
def test_mistakes_in_the_numbers_are_told(backbone, y, says):
    with pytest.raises(ValueError, match=says):
        TextRegressor(backbone).fit(["a", "b"], y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tuner", "lorra"),
        ("tuner", {"name": "lora", "rank": 0}),
        ("head", {"name": "ridge", "unknown": 1}),
        ("cut", "low"),
        ("cut", 99),
        ("cut", 1),
        ("epochs", 0),
        ("learning_rate", -1.0),
        ("metric", "pearson"),
        ("validation_fraction", 1.0),
        ("validation_fraction", "some"),
        ("threads", 0),
        ("max_tokens", 0),
        ("precision", "float16"),
        ("random_state", -1),
        ("backbone", "no-such-backbone"),
    ],
)
def test_mistakes_in_parameters_are_told_by_fit(backbone, name, value):
    asked = TextClassifier(backbone).set_params(**{name: value})
    with pytest.raises(JourneymanError) as caught:
        asked.fit(TEXTS, SIGNS)
    assert name in str(caught.value)


def test_parameters_are_stored_untouched():
    head = {"name": "ridge"}
    asked = TextClassifier("anything", head=head, epochs=-5)
    assert asked.head is head
    assert asked.epochs == -5


def in_parts(estimator, y, parts=3):
    order = np.random.default_rng(0).permutation(len(TEXTS))
    for part in np.array_split(order, parts):
        estimator.partial_fit([TEXTS[i] for i in part], np.asarray(y)[part])
    return estimator


def test_parts_learned_in_turn_are_what_the_first_part_and_all_others_at_once_give(backbone):
    order = np.random.default_rng(0).permutation(len(TEXTS))
    first, *others = np.array_split(order, 3)
    rest = np.concatenate(others)[::-1]
    whole = TextClassifier(backbone).fit([TEXTS[i] for i in first], SIGNS[first])
    whole.partial_fit([TEXTS[i] for i in rest], SIGNS[rest])
    parts = in_parts(TextClassifier(backbone), SIGNS)
    near = np.abs(parts.predict_proba(TEXTS) - whole.predict_proba(TEXTS)).max()
    assert near < 1e-4
    assert parts.score(TEXTS, SIGNS) > 0.9


def test_a_label_that_only_a_later_part_has_becomes_a_class(backbone):
    fitted = TextClassifier(backbone).fit(TEXTS, SIGNS)
    new = [f"one two {noun}" for noun in NOUNS]
    fitted.partial_fit(pd.Series(new), pd.Series([7] * len(new)), classes=[0, 1, 7, 9])
    assert fitted.classes_.tolist() == [0, 1, 7, 9]
    assert fitted.predict_proba(TEXTS[:3]).shape == (3, 4)
    assert (fitted.predict(new) == 7).mean() > 0.8
    assert (fitted.predict(TEXTS) == SIGNS).mean() > 0.9


def test_numbers_and_several_labels_are_learned_in_parts(backbone):
    words = TextClassifier(backbone).fit(TEXTS, np.array(["no", "yes"])[SIGNS])
    words.partial_fit(["one two cat"] * 2, pd.Series(["yes", "perhaps"], dtype=object))
    assert words.classes_.tolist() == ["no", "perhaps", "yes"]
    values = np.array([text.split()[1] == "cat" for text in TEXTS]) + 2.0 * SIGNS
    numbers = in_parts(TextRegressor(backbone), values)
    assert numbers.score(TEXTS, values) > 0.3
    matrix = np.stack([SIGNS, 1 - SIGNS], axis=1)
    several = in_parts(TextClassifier(backbone), matrix)
    assert (several.predict(TEXTS) == matrix).mean() > 0.9


def test_parts_that_do_not_fit_are_refused(backbone):
    fitted = TextClassifier(backbone).fit(TEXTS, SIGNS)
    with pytest.raises(ValueError, match="not like those the estimator was fitted on"):
        fitted.partial_fit(["the cat"], ["good"])
    assert fitted.classes_.tolist() == [0, 1]
    trained = TextClassifier(backbone, head="linear").fit(TEXTS, SIGNS)
    with pytest.raises(JourneymanError, match="cannot take in rows"):
        trained.partial_fit(["the cat"], [1])
