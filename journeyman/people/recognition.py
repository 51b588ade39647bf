"""What a model of faces does with people: enrol and remove them, verify a pair, identify a picture.

Shapes: S people, E numbers a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.picture_inputs import Picture
from journeyman.errors import JourneymanError, ModelError
from journeyman.evaluation.acceptance import USUAL, Acceptance, check_rate
from journeyman.evaluation.verification import unit_rows
from journeyman.model_state import ModelState
from journeyman.people.gallery import Gallery, changing, shelved
from journeyman.tasks.base import TASKS, model_of
from journeyman.training.examples import Examples
from journeyman.types import EmbeddingPrediction, LabelPrediction, Verification

Pictures = str | Path | Iterable[str | Path]
LONGEST = 200
"""Characters of a name."""


class Recognition:
    """A model's gallery, and what is asked of it. Raises ModelError for a model of another task."""

    def __init__(self, model: ModelState) -> None:
        task = model.learner.task
        if task.kind != "identity":
            able = [name for name in TASKS if TASKS[name].kind == "identity"]
            raise ModelError(
                "This model does not tell people apart.",
                place=model.name,
                expected=f"a model of the task {' or '.join(able)}",
                found=f"{model_of(task.name)[0].lower()}{model_of(task.name)[1:]}",
                remedy=f"train one with `task: {able[0]}`",
            )
        self.model = model

    @property
    def gallery(self) -> Gallery:
        """The gallery as it stands on disk; empty for a model that was not saved."""
        folder = self.model.folder
        version = self.model.version
        return Gallery(version) if folder is None else Gallery.read(folder, version)

    def enrol(self, person: str, pictures: Pictures) -> int:
        """Add pictures of a person; gives how many there are of that person now.

        Every picture is read before anything is changed. Raises DataError for one that cannot be.
        """
        name, paths = _checked_name(person), _listed(pictures)
        seen = map(Picture, paths)
        vectors = {picture.digest: self.vector(picture) for picture in seen}
        folder = self._folder()
        with changing(folder):
            grown = self.gallery.with_person(name, vectors)
            grown.write(folder)
        return len(grown.people[name])

    def remove(self, person: str) -> None:
        """Remove a person, as if never enrolled, with earlier versions of the model either.

        Raises JourneymanError for an unknown name.
        """
        folder = self._folder()
        with changing(folder):
            earlier = shelved(folder, person)
            for each in earlier:
                Gallery.read(each, each.name).without(person).write(each)
            gallery = self.gallery
            if person in gallery.people or not earlier:
                gallery.without(person).write(folder)

    def verify(
        self, one: str | Path, other: str | Path, false_accepts: float | None = None
    ) -> Verification:
        """Whether two pictures show one person, at a rate of false accepts (1 % if absent)."""
        rate = check_rate(USUAL if false_accepts is None else false_accepts)
        threshold = self.acceptance.threshold(rate)
        first, second = (self.vector(path).astype(np.float64) for path in (one, other))
        score = float(first @ second)
        model = self.model
        return Verification(
            score >= threshold, score, threshold, rate, model=model.name, version=model.version
        )

    def identify(
        self,
        answers: Sequence[EmbeddingPrediction],
        gallery: Gallery,
        false_accepts: float | None = None,
    ) -> list[LabelPrediction]:
        """Whom each picture shows, or that it is none of those enrolled.

        A picture's score with a person is the mean cosine with that person's pictures. With S
        people a stranger has S chances of being taken for one, so that each gets the S-th part of
        `false_accepts`. `scores` are probabilities, each person being as likely beforehand as a
        stranger.
        """
        rate = check_rate(USUAL if false_accepts is None else false_accepts)
        names, means = gallery.means()
        acceptance = self.acceptance
        threshold = acceptance.threshold(rate / len(names))
        found = []
        for answer in answers:
            scores = means @ np.array(answer.vector)
            best = int(scores.argmax())
            chances = _chances(acceptance.log_odds(scores))
            unknown = float(scores[best]) < threshold
            found.append(
                LabelPrediction(
                    answer.id,
                    names[best],
                    float(chances[best]),
                    dict(zip(names, chances.tolist(), strict=True)),
                    abstained=unknown,
                    reason="out_of_scope" if unknown else None,
                )
            )
        return found

    @property
    def acceptance(self) -> Acceptance:
        """How scores of two people are spread. Raises ModelError where no one was left to tell."""
        saved = self.model.calibration.get("acceptance")
        if saved is not None:
            return Acceptance.from_json(saved)
        raise ModelError(
            "The model has no threshold, so it cannot say who is who.",
            place=f"{self.model.folder or self.model.name}, calibration.json",
            expected="a threshold, from pictures of at least some validation people",
            found=f"{self.model.calibration.get('people', 0)} validation people",
            remedy="train with more validation people: raise collect.fractions.validation",
        )

    def vector(self, path: str | Path) -> NDArray[np.float32]:
        """[E] of one picture, mapped alone: the same bytes whatever is asked beside it."""
        learner = self.model.learner
        picture = path if isinstance(path, Picture) else Picture(path)
        examples = Examples([picture], learner.backbone.prepare([picture]), ())
        (row,) = learner.outputs(examples, learner.uncached(examples))
        return cast(NDArray[np.float32], unit_rows(row).astype(np.float32))

    def _folder(self) -> Path:
        if self.model.folder is not None:
            return self.model.folder
        raise ModelError(
            "The model does not stand in a folder, and a gallery stands beside it.",
            place=self.model.name,
            expected="a model that was saved or loaded",
            found="one in memory alone",
            remedy='save it first: model.save("folder")',
        )


def no_gallery(model: ModelState) -> JourneymanError:
    """What is told where someone is to be identified and no one is enrolled."""
    return JourneymanError(
        "No one is enrolled, so no one can be identified.",
        place=str(model.folder or model.name),
        expected="a gallery of at least one person",
        found="an empty gallery",
        remedy="enrol someone first: journeyman enrol MODEL --person NAME PICTURES",
    )


def _chances(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """[S] probabilities of the people; what they lack of 1 is that of a stranger."""
    top = max(float(log_odds.max()), 0.0)
    odds = np.exp(log_odds - top)
    chances: NDArray[np.float64] = odds / (odds.sum() + np.exp(-top))
    return chances


def _listed(pictures: Pictures) -> list[str]:
    paths = [pictures] if isinstance(pictures, str | Path) else list(pictures)
    if paths:
        return [str(path) for path in paths]
    raise JourneymanError(
        "There is no picture to enrol.",
        place="pictures",
        expected="at least one picture of the person",
        found="none",
        remedy="name the files, five of different days if you can",
    )


def _checked_name(person: str) -> str:
    name = person.strip()
    if name and len(name) <= LONGEST and name.isprintable():
        return name
    raise JourneymanError(
        "A person cannot be enrolled under that name.",
        place="person",
        expected=f"a name or number of 1 to {LONGEST} printable characters",
        found=repr(person)[:80],
        remedy="give another name; a number that only you can resolve is the safest",
    )
