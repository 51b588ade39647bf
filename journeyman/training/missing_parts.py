"""Learning for questions that lack a part: words, or one of two texts.

Training rows are learned from a few more times, each time with parts left out at the share that is
expected of questions ("word dropout", Iyyer et al. 2015, "Deep unordered composition rivals
syntactic methods for text classification"). Such views are made once, from the seed, so what the
frozen layers make of them is cached as of any row. Whether it pays is judged by held-out rows with
parts left out in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from journeyman.errors import JourneymanError
from journeyman.tasks.base import Array
from journeyman.training.augmentations.missing import changed, joined, missing_views
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.gain import Gain, gain
from journeyman.training.missing_options import MissingOptions
from journeyman.training.scoping import drawn_by
from journeyman.training.self_training import Course
from journeyman.training.trainer import Trained, finetune


@dataclass(frozen=True)
class Hardened:
    """The model that is kept, and the one that was `made` with views; what views gained on held-out
    rows with parts `missing`, and what on `whole` ones; how many training `rows` there were and
    `views` of them; and the seconds it took."""

    trained: Trained
    made: Trained
    missing: Gain
    whole: Gain
    kept: bool
    rows: int
    views: int
    seconds: float


def harden(course: Course, start: Trained, said: MissingOptions) -> tuple[Hardened, Course]:
    """Train again with views, and keep what answers held-out rows with parts missing better.

    `start` was made of the course without refitting. Gives the course to go on with as well: with
    the views, where they are kept. What is kept is calibrated by rows with parts missing. Raises
    JourneymanError where there are no rows to judge by.
    """
    _check(course)
    began = time.perf_counter()
    task, schema = course.task, course.schema
    drawn = [missing_views(course.backbone, course.train, said, course.seed, at + 1)
             for at in range(said.copies)]  # fmt: skip
    views = [changed(view, course.train) for view in drawn]
    wider = replace(course, train=joined(course.backbone, [course.train, *views]))
    options = course.options.model_copy(update={"refit": False})
    new = finetune(
        task, course.backbone, schema, wider.train, course.validation, options,
        seed=course.seed, cache=course.cache, reporter=course.reporter,
    )  # fmt: skip
    held = missing_views(course.backbone, course.validation, said, course.seed, 0)
    answers = [_answers(course, trained, held) for trained in (start, new)]
    about = task, schema, course.metric, course.validation.targets
    missing = gain(*about, answers[1], answers[0], course.seed)
    whole = gain(*about, new.outputs, start.outputs, course.seed)
    kept = new if missing.pays else start
    wanted = course.options.target_accuracy
    told = task.calibrate(answers[int(missing.pays)], held.targets, schema, wanted)
    source = feature_source(kept.learner, held, course.cache, course.reporter)
    told |= drawn_by(
        course.options.scope, kept.learner, schema, held, source, answers[int(missing.pays)], told
    )
    kept = replace(kept, calibration={**kept.calibration, **told})
    count = sum(map(len, views))
    found = Hardened(
        kept,
        new,
        missing,
        whole,
        missing.pays,
        len(course.train),
        count,
        time.perf_counter() - began,
    )
    verdict = "kept" if missing.pays else "left"
    course.reporter.say(f"  views with parts missing: {verdict} ({missing.value:+.4f})")
    return found, wider if missing.pays else course


def _answers(course: Course, trained: Trained, rows: Examples) -> Sequence[Array]:
    source = feature_source(trained.learner, rows, course.cache, course.reporter)
    return trained.learner.outputs(rows, source, course.reporter)


def _check(course: Course) -> None:
    if len(course.validation) and not course.folds:
        return
    raise JourneymanError(
        "There are no validation rows to judge by what questions with parts missing lose.",
        place="finetune.missing",
        expected="validation rows, and no cross-validation in place of them",
        found=f"{course.folds} folds" if course.folds else "no validation rows",
        remedy="set `finetune.folds: 0` and give validation rows, or remove finetune.missing",
    )
