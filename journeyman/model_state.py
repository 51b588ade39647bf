"""What a model consists of, apart from what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journeyman.data.options import DataOptions
from journeyman.tasks.base import Schema
from journeyman.training.exam import Exam
from journeyman.training.learner import Learner

STATISTICS = "statistics.safetensors"
EXAM = "exam.safetensors"
LEDGER = "ledger.safetensors"
"""What only an update reads, in a model's folder."""


@dataclass
class ModelState:
    """A learner with all it needs to answer: schema, columns, calibration, name and version.

    `about` is what model.json holds beyond these; `exam` the features and labels of rows that
    no choice was made on, by which later updates are examined. A model read from `folder` leaves
    its exam, its ledger and its head's statistics there until they are asked for.
    """

    name: str
    learner: Learner
    schema: Schema
    columns: DataOptions
    calibration: Mapping[str, Any]
    about: dict[str, Any] = field(default_factory=dict)
    exam: Exam | None = None
    version: str = ""
    folder: Path | None = None
