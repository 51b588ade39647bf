"""What a model and a row's neighbours hold of rows without labels, and of rows held out.

Shapes: L labelled rows, U unlabelled ones, H held-out ones, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from journeyman.evaluation.calibration import probabilities
from journeyman.tasks.base import Array
from journeyman.training.cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.training.loop import Split
from journeyman.training.neighbours import Graph
from journeyman.training.solving import solver_rows

LEAST_SHARE = 1e-12
"""Below this a share is as good as nothing: its logarithm stays a number."""


def agreed(
    learner: Learner,
    cache: FeatureCache,
    temperature: float,
    learned: Examples,
    others: Sequence[tuple[Examples, Sequence[Array]]],
) -> list[list[Array]]:
    """Logarithms of the shares that rows hold once answers are spread, for each of `others`.

    `learned` [L] start from their labels, `others` (unlabelled rows, held-out rows) from the
    model's outputs [.., C] for them. Rows are near each other by the vectors of the model's last
    layer. Labels of held-out rows play no part.
    """
    if learned.encoded is None or not isinstance(learned.encoded.rows, Tensor):
        raise ValueError("spreading answers needs one row of targets for each text")
    known = learned.encoded.rows.float().numpy()
    starts = [known, *(_chances(outputs, temperature, known.shape[1]) for _, outputs in others)]
    parts = [learned, *(examples for examples, _ in others)]
    vectors = np.concatenate([vectors_of(learner, part, cache) for part in parts if len(part)])
    held = np.log(np.maximum(Graph.of(vectors).spread(np.concatenate(starts)), LEAST_SHARE))
    ends = np.cumsum([len(start) for start in starts])
    return [list(held[first:last]) for first, last in pairwise(ends)]


def _chances(outputs: Sequence[Array], temperature: float, labels: int) -> NDArray[np.float32]:
    if not len(outputs):
        return np.zeros((0, labels), dtype=np.float32)
    found: NDArray[np.float32] = probabilities(np.stack(outputs), temperature).astype(np.float32)
    return found


def vectors_of(learner: Learner, part: Examples, cache: FeatureCache) -> NDArray[np.float32]:
    """[N, D]: what the model's last layer makes of each row."""
    layers = solver_rows(learner, Split(part, feature_source(learner, part, cache)))
    found: NDArray[np.float32] = layers[max(layers)].numpy().astype(np.float32)
    return found
