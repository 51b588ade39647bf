"""Which of several models answers a row: that of its domain, as a classifier tells it.

Layers that are tuned on a new domain lose what they knew of the old one. Kept as they were, one
model a domain, they lose nothing; and a classifier with a solved head on frozen layers, which says
of which domain a row is, forgets nothing when it learns a further one. So all that is lost is by
wrong turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.text_encoder import Text
from journeyman.ensembles.members import check_single
from journeyman.errors import ModelError
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Schema
from journeyman.training.examples import Examples


@dataclass(frozen=True)
class Router:
    """A classifier whose labels are the `names` of the members, in their order."""

    model: Model
    names: tuple[str, ...]

    def routes(self, texts: Sequence[Text], reporter: Reporter = QUIET) -> NDArray[np.intp]:
        """[N] the place of the member that each text is led to."""
        model = self.model
        outputs = model.heard(prepared(model, texts), None, reporter).outputs
        held = model.learner.task.opinions(outputs, model.schema, model.calibration)
        places = [self.names.index(label) for label in model.schema.labels]
        return np.array([places[int(row.argmax())] for row in held], dtype=np.intp)

    def to_json(self) -> dict[str, Any]:
        """What the manifest of the whole says of it."""
        return {"names": list(self.names), "router": self.model.version}

    def check(self, members: Sequence[Model], called: str) -> None:
        """Raises ModelError where it does not read what the members read, or does not know them
        by these names."""
        check_single(self.model, called)
        task, first = self.model.learner.task, members[0]
        wanted = first.learner.task.modality
        if task.kind != "label" or task.modality != wanted:
            raise ModelError(
                "This model cannot say whose answer a row has.",
                place=called,
                expected=f"a classifier of what the members read: {wanted}s",
                found=f"a model for {task.name}",
                remedy="train one whose labels are the members' names, such as the column of "
                "the domain",
            )
        columns, own = (max(len(each.columns.texts), 1) for each in (first, self.model))
        if columns != own:
            raise ModelError(
                "The router reads other rows than the members.",
                place=called,
                expected=f"columns of text as {first.name} has: {columns}",
                found=str(own),
                remedy="train the router on the same columns",
            )
        if sorted(self.names) != sorted(self.model.schema.labels):
            raise ModelError(
                "The router does not know the members by their names.",
                place=called,
                expected=f"a label for each member: {', '.join(self.names)}",
                found=f"the labels {', '.join(self.model.schema.labels)}",
                remedy="name each model by its label: LABEL=MODEL",
            )


def prepared(member: Model, texts: Sequence[Text]) -> Examples:
    """Texts made ready for a model."""
    return Examples(texts, member.learner.backbone.prepare(texts), ())


def joined(schemas: Sequence[Schema]) -> Schema:
    """A schema with every label that one of them has; the first where all have the same."""
    first = schemas[0]
    if all(each.labels == first.labels for each in schemas):
        return first
    counts: dict[str, int] = {}
    for each in schemas:
        for label, count in zip(each.labels, each.counts, strict=True):
            counts[label] = counts.get(label, 0) + count
    labels = tuple(sorted(counts))
    return Schema(labels, tuple(counts[label] for label in labels))


def placed(
    opinion: NDArray[np.float64], own: Sequence[str], labels: Sequence[str]
) -> NDArray[np.float64]:
    """An opinion [..., own labels] with a place for each of the labels; others have no chance."""
    if own == labels:
        return opinion
    found = np.zeros((*opinion.shape[:-1], len(labels)))
    found[..., [labels.index(label) for label in own]] = opinion
    return found
