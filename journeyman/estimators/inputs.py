"""What scikit-learn's callers give as X and y, checked: texts, classes, and rows held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from journeyman.backbones.text_encoder import Text
from journeyman.errors import DataError


class InputError(DataError, ValueError):
    """X, y or a parameter that cannot be used; scikit-learn's callers expect a ValueError."""


def read_texts(X: Any, estimator: BaseEstimator, wanted: int | None = None) -> list[Text]:
    """X as texts or as pairs of texts, all rows alike; `wanted` texts a row once it is fitted."""
    rows = _rows(X)
    if not rows:
        raise _bad_texts("Found array with 0 sample(s): a minimum of 1 is required.", "no rows")
    found = [_text(row, at) for at, row in enumerate(rows)]
    width = wanted or text_width(found[0])
    for at, text in enumerate(found):
        if text_width(text) != width:
            name = type(estimator).__name__
            raise _bad_texts(
                f"X has {text_width(text)} texts in row {at}, but {name} is expecting {width}.",
                repr(text)[:80],
            )
    return found


def _rows(X: Any) -> list[Any]:
    """The rows of a sequence, an array, a Series or a frame."""
    if issparse(X):
        raise _bad_texts("Sparse data was passed, and it holds no texts.", type(X).__name__)
    if hasattr(X, "__array__") and not isinstance(X, str):
        return _rows_of_array(np.asarray(X))
    if isinstance(X, str | bytes | Mapping) or not hasattr(X, "__iter__"):
        raise _bad_texts("X is not a sequence of texts.", type(X).__name__)
    return list(X)


def _rows_of_array(array: NDArray[Any]) -> list[Any]:
    if np.iscomplexobj(array):
        raise _bad_texts("Complex data not supported.", str(array.dtype))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _bad_texts("Input X contains NaN or infinity.", str(array.dtype))
    shape = array.shape
    if 0 in shape[1:]:
        raise _bad_texts(
            f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required.",
            "no columns",
        )
    if array.ndim not in (1, 2) or (array.ndim == 2 and shape[1] > 2):
        problem = "X does not hold one or two columns of texts. Reshape your data."
        raise _bad_texts(problem, f"an array of shape {shape}")
    rows: list[Any] = array.tolist()
    return rows


def _text(row: Any, at: int) -> Text:
    parts = [row] if isinstance(row, str) or not isinstance(row, list | tuple) else list(row)
    for part in parts:
        if part is None or part != part:
            raise _bad_texts(f"Input X contains NaN or a missing text in row {at}.", repr(row)[:80])
        if not isinstance(part, str):
            raise _bad_texts(f"Row {at} of X is not a text.", f"{type(part).__name__} {part!r:.60}")
    if len(parts) not in (1, 2):
        raise _bad_texts(f"Row {at} of X holds {len(parts)} texts.", repr(row)[:80])
    return str(parts[0]) if len(parts) == 1 else (str(parts[0]), str(parts[1]))


def text_width(text: Text) -> int:
    """How many texts a row holds."""
    return 1 if isinstance(text, str) else 2


def _bad_texts(problem: str, found: str) -> InputError:
    return InputError(
        problem,
        place="X",
        expected="a text in each row, or a pair of texts",
        found=found,
        remedy="give a list, a Series or a column of strings",
    )


def need_target(y: Any, estimator: BaseEstimator) -> None:
    """Refuse to fit without targets."""
    if y is None:
        raise InputError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None.",
            place="y",
            expected="a target for each row",
            found="None",
            remedy="call fit(X, y)",
        )


def read_values(y: Any, estimator: BaseEstimator) -> NDArray[np.float64]:
    """One finite number a row."""
    need_target(y, estimator)
    checked = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=estimator)
    values: NDArray[np.float64] = column_or_1d(checked, warn=True)
    return values


def read_classes(
    y: Any, estimator: BaseEstimator, *, least: int = 2
) -> tuple[NDArray[np.bool_], NDArray[Any], bool]:
    """[N, C] which classes each row has, the classes, and whether a row may have several.

    Raises InputError where there are fewer than `least` classes of which a row has one.
    """
    need_target(y, estimator)
    with np.errstate(invalid="ignore"):
        kind = type_of_target(y, input_name="y", raise_unknown=True)
    check_classification_targets(y)
    if kind == "multilabel-indicator":
        matrix = (y.toarray() if issparse(y) else np.asarray(y)).astype(bool)
        return matrix, np.arange(matrix.shape[1]), True
    checked = check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=estimator)
    labels = column_or_1d(checked, warn=True)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < least:
        raise InputError(
            f"{type(estimator).__name__} needs at least 2 classes; y has 1 class.",
            place="y",
            expected="at least two different labels",
            found=repr(classes.tolist()),
            remedy="give rows of another class too",
        )
    return codes.reshape(-1, 1) == np.arange(len(classes)), classes, False


def all_classes(known: NDArray[Any], more: NDArray[Any], *, several: bool) -> NDArray[Any]:
    """The classes of both in order; of indicator matrices, as many as there were."""
    alike = len({isinstance(each, str) for each in [*known.tolist(), *more.tolist()]}) == 1
    if not alike or (several and len(known) != len(more)):
        raise InputError(
            "These labels are not like those the estimator was fitted on.",
            place="y",
            expected=f"{len(known)} columns" if several else f"labels like {known[:3].tolist()}",
            found=f"{len(more)} columns" if several else repr(more[:3].tolist()),
            remedy="give labels of the same kind, or fit anew",
        )
    return known if several else np.union1d(known, more)


def hold_out(
    texts: Sequence[Text],
    member: NDArray[np.bool_],
    strata: NDArray[Any],
    share: float,
    seed: int,
) -> NDArray[np.bool_]:
    """Which rows are held out: a share of every stratum, no text in both parts, no class lost."""
    random = np.random.default_rng(seed)
    place: dict[Text, int] = {}
    owner = np.array([place.setdefault(text, len(place)) for text in texts])
    first = np.unique(owner, return_index=True)[1]
    shuffled = random.permutation(len(first))
    order = shuffled[np.argsort(strata[first[shuffled]], kind="stable")]
    steps = np.floor(np.arange(len(order) + 1) * max(share, 1 / len(order)) + random.random())
    held = np.isin(owner, order[np.diff(steps) > 0])
    lost = member.any(axis=0) & ~member[~held].any(axis=0)
    held &= ~member[:, lost].any(axis=1)
    if not held.any() and len(first) > 1:
        spare = ~member[:, member.sum(axis=0) < 2].any(axis=1)
        held[np.flatnonzero(spare)[-1:]] = True
    if held.all() or not held.any():
        raise InputError(
            f"Too few rows to hold some out: n_samples = {len(texts)}.",
            place="X",
            expected="at least two rows of one class, of different texts",
            found=f"{len(texts)} sample(s)",
            remedy="give more rows",
        )
    return held
