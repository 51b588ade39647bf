"""scikit-learn's own checks, on texts' terms and on numbers turned into words."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data
from tiny import WORDS, tiny_folder

from journeyman import TextClassifier, TextRegressor

BACKBONE = "./tiny-bert"
NUMBERS = "the check gives numbers as X, and a text is required"
NEEDS_TEXT = dict.fromkeys(
    """check_fit_score_takes_y check_estimators_overwrite_params check_dont_overwrite_parameters
    check_estimators_fit_returns_self check_readonly_memmap_input check_estimators_dtypes
    check_n_features_in_after_fitting check_positive_only_tag_during_fit check_dtype_object
    check_pipeline_consistency check_estimators_pickle check_f_contiguous_array_estimator
    check_methods_sample_order_invariance check_methods_subset_invariance check_fit2d_1sample
    check_fit2d_1feature check_dict_unchanged check_fit_idempotent check_fit_check_is_fitted
    check_n_features_in check_fit2d_predict1d check_supervised_y_2d
    check_estimators_nan_inf check_estimators_partial_fit_n_features""".split(),
    NUMBERS,
)
NEEDS_TEXT["check_estimator_sparse_array"] = "the check cannot make a one-column sparse array"
CLASSIFIER = NEEDS_TEXT | dict.fromkeys(
    """check_classifier_data_not_an_array check_classifiers_classes
    check_classifiers_train check_classifiers_multilabel_representation_invariance
    check_classifiers_multilabel_output_format_predict
    check_classifiers_multilabel_output_format_predict_proba
    check_classifiers_multilabel_output_format_decision_function""".split(),
    NUMBERS,
)
REGRESSOR = NEEDS_TEXT | dict.fromkeys(
    """check_regressors_train check_regressor_data_not_an_array check_regressors_int
    check_regressors_no_decision_function""".split(),
    NUMBERS,
)
PIPELINE = {
    "check_estimators_overwrite_params": "a Pipeline fits the steps it was given",
    "check_dont_overwrite_parameters": "a Pipeline fits the steps it was given",
}
NUMBERS_PIPELINE = PIPELINE | {
    "check_methods_subset_invariance": "float32: one row and a batch differ in the last bit",
}


class NumbersAsWords(TransformerMixin, BaseEstimator):
    """Rows of numbers to texts of one word a number."""

    def fit(self, X, y=None):
        validate_data(self, X)
        self.fitted_ = True
        return self

    def transform(self, X):
        check_is_fitted(self)
        levels = np.floor(validate_data(self, X, reset=False).astype(float) * 3).astype(int) % 12
        return [" ".join(WORDS[(5 * j + v) % len(WORDS)] for j, v in enumerate(r)) for r in levels]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("backbones") / BACKBONE)


@pytest.fixture(autouse=True)
def beside_the_backbone(folder, monkeypatch):
    """The checks' names hold the parameters, so the backbone's path is the same in every run."""
    monkeypatch.chdir(folder.parent)


def expected(estimator):
    if isinstance(estimator, TextClassifier):
        return CLASSIFIER
    if isinstance(estimator, TextRegressor):
        return REGRESSOR
    return NUMBERS_PIPELINE if isinstance(estimator[-1], TextRegressor) else PIPELINE


INTERPOLATING = {"name": "ridge", "kernel": True, "alphas": [1e-4]}
"""Random weights generalise to nothing, and a check asks for half of the training variance."""


@parametrize_with_checks(
    [
        TextClassifier(BACKBONE),
        TextRegressor(BACKBONE),
        make_pipeline(NumbersAsWords(), TextClassifier(BACKBONE)),
        make_pipeline(NumbersAsWords(), TextRegressor(BACKBONE, head=INTERPOLATING)),
    ],
    expected_failed_checks=expected,
)
def test_scikit_learn_check(estimator, check):
    try:
        check(estimator)
    except Exception as error:
        if check.func.__name__ not in expected(estimator):
            raise
        # What pytest would show of scikit-learn's files costs more than the check itself.
        raise error.with_traceback(None) from None
