"""Several models that answer together: the mean of what each of them holds probable.

The linear opinion pool of Stone (1961). It gains most from models that err apart: of another
backbone, or tuned in another way. Members stay as they are and answer for themselves too.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text
from journeyman.errors import ModelError
from journeyman.explainers.base import Explainer
from journeyman.explainers.target import Asked
from journeyman.files import write_json, write_text
from journeyman.model import Model
from journeyman.model_folder import Networks, network_key, read_model, write_folder
from journeyman.model_manifest import (
    ENSEMBLE,
    SCHEMA,
    broken,
    manifest_in,
    read_manifest,
    version_of,
)
from journeyman.model_reference import model_folder
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.bio import OUTSIDE
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.learner import Said
from journeyman.training.scoping import LeftOut, asked_scope, drawn
from journeyman.types import (
    EntitiesPrediction,
    Explanation,
    PictureExplanation,
    Prediction,
    Row,
    TokenWeight,
)

MEMBERS = "members"


def ensemble(models: Sequence[Model | str | Path], *, name: str = "ensemble") -> Ensemble:
    """Models, or the folders of models or runs, as one that answers by the mean of them.

    Each member's probabilities are calibrated before (of regression, the numbers are averaged), so
    nothing is chosen here, and no rows are needed; `calibrate` takes some where they are at
    hand. Not saved yet. Raises ModelError for fewer than two models, or models of other tasks or
    labels.
    """
    networks: Networks = {}
    found = [m if isinstance(m, Model) else _read(model_folder(m), networks) for m in models]
    _check(found, [_called(m) for m in models])
    return Ensemble.of(found, name)


class Ensemble(Model):
    """What `ensemble` gives: a model whose `members` are models.

    Its task, labels and columns are its first member's. What it explains is the mean of the
    members' scores, so a word's weight is the mean of its weights.
    """

    members: tuple[Model, ...]

    @classmethod
    def of(
        cls, members: Sequence[Model], name: str, calibration: Mapping[str, Any] | None = None
    ) -> Ensemble:
        """Of models that fit each other."""
        first = members[0]
        made = cls(name, first.learner, first.schema, first.columns, calibration or {})
        made.members = tuple(members)
        made.version = version_of(made._said())
        return made

    @classmethod
    def load(cls, folder: str | Path, backbone: Backbone | None = None) -> Ensemble:
        """Read the ensemble in `folder`, each member checked against its version.

        Members of one backbone share it; `backbone` serves those that were made on it.
        """
        place = Path(folder).expanduser()
        said = _manifest(place / ENSEMBLE)
        homes = [place / MEMBERS / str(at) for at in range(len(said["members"]))]
        networks: Networks = {}
        if backbone is not None:
            networks[network_key(backbone.spec.sha256, backbone.options)] = backbone
        members = [_read(home, networks) for home in homes]
        _check(members, [str(home) for home in homes])
        found = cls.of(members, said["name"], said["calibration"])
        versions = [member.version for member in members]
        if versions != said["members"] or found.version != said["version"]:
            raise broken(
                place / ENSEMBLE,
                f"members {', '.join(map(str, said['members']))}, and version {said['version']}",
                f"members {', '.join(versions)}, and version {found.version}",
            )
        found.folder = place
        return found

    def save(self, folder: str | Path) -> Ensemble:
        """Write the ensemble's folder with a copy of each member, in place of what stands there.

        Raises ModelError for a member that was not saved.
        """
        place = Path(folder).expanduser()
        homes = [self._home(member) for member in self.members]

        def write(beside: Path) -> None:
            for at, home in enumerate(homes):
                shutil.copytree(home, beside / MEMBERS / str(at))
            write_json(beside / ENSEMBLE, {**self._said(), "version": self.version})
            write_text(beside / "README.md", _card(self))

        write_folder(place, write)
        self.folder = place
        return self

    def single(self) -> Model:
        """Raises ModelError."""
        raise ModelError(
            "An ensemble cannot be taught.",
            place=str(self.folder or self.name),
            expected="a single model",
            found=f"{len(self.members)} models that answer together",
            remedy="teach each of its members, and make the ensemble anew",
        )

    def calibrate(self, rows: Sequence[Row], *, reporter: Reporter = QUIET) -> Ensemble:
        """The same members, calibrated together on rows with targets that none has learned from.

        A mean of calibrated probabilities is a little too unsure of itself. Only after this have
        numbers an interval, and does it abstain, where its first member does, for as much accuracy
        or recall.
        """
        plain = Ensemble.of(self.members, self.name)
        task, columns = self.learner.task, self.columns
        texts = [task.text(row, columns) for row in rows]
        targets = [task.target(row, columns) for row in rows]
        outputs = plain.heard(_prepared(self, texts), None, reporter).outputs
        first = self.members[0].calibration
        found = task.calibrate(outputs, targets, self.schema, first.get("target_accuracy"))
        if (options := asked_scope(first)) is not None:
            labels = task.plain(texts, targets)[1]
            found |= drawn(options, LeftOut(outputs, labels, None), self.schema, found)
        return Ensemble.of(self.members, self.name, found)

    def heard(self, examples: Examples, source: FeatureSource | None, reporter: Reporter) -> Said:
        """The mean of what members hold probable; the first reads the `source`."""
        held: list[list[NDArray[np.float64]]] = []
        task = self.learner.task
        for member in self.members:
            first = member.learner is self.learner
            own = examples if first else _prepared(member, examples.texts)
            outputs = member.heard(own, source if first else None, reporter).outputs
            held.append(task.opinions(outputs, member.schema, member.calibration))
        mean = [np.mean(row, axis=0) for row in zip(*held, strict=True)]
        return Said([row.astype(np.float32) for row in task.of_opinions(mean, self.schema)])

    def _explained(
        self, explainer: Explainer, text: Text, row_id: str, asked: Asked = None
    ) -> Explanation:
        outputs = self.heard(_prepared(self, [text]), None, QUIET).outputs
        asked = asked or _asked(self, self.decoded(outputs, [text])[0])
        found = [
            explainer.explain(
                each.learner, each.schema, [text], [row_id], each.calibration, [asked]
            )[0]
            for each in self.members
        ]
        return _mean(found)

    def _home(self, member: Model) -> Path:
        """The folder where the member stands as it is in memory."""
        stands = None if member.folder is None else read_manifest(member.folder)["version"]
        if member.folder is not None and stands == member.version:
            return member.folder
        raise ModelError(
            "A member of the ensemble does not stand in a folder.",
            place=str(member.folder or f"ensemble of {', '.join(m.name for m in self.members)}"),
            expected=f"{member.name}, version {member.version or 'not saved yet'}",
            found="nothing: it is in memory alone" if stands is None else f"version {stands}",
            remedy='save it first: model.save("folder")',
        )

    def _said(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.name,
            "members": [member.version for member in self.members],
            "calibration": dict(self.calibration),
        }


def _prepared(member: Model, texts: Sequence[Text]) -> Examples:
    return Examples(texts, member.learner.backbone.prepare(texts), ())


def _asked(model: Model, answer: Prediction) -> Asked:
    """What members are asked about: what they answered together."""
    if isinstance(answer, EntitiesPrediction):
        return max(answer.entities, key=lambda each: each.score) if answer.entities else OUTSIDE
    named = model.learner.task.explained(answer, model.schema)
    return named[1] if named and model.schema.labels else None


def _mean(found: Sequence[Explanation]) -> Explanation:
    """The mean weight of each word or cell; what a member has not read weighs nothing to it."""
    words: dict[tuple[int, int], tuple[str, float]] = {}
    for why in found:
        for token in why.tokens:
            text, weight = words.get((token.start, token.end), (token.text, 0.0))
            words[token.start, token.end] = text, weight + token.weight / len(found)
    first = found[0]
    tokens = tuple(TokenWeight(*span, *words[span]) for span in sorted(words))
    gap = float(np.mean([why.gap for why in found]))
    blanks = ", ".join(dict.fromkeys(why.baseline for why in found))
    heats = [why.heat for why in found if isinstance(why, PictureExplanation)]
    if heats:
        heat = tuple(map(tuple, np.mean(heats, axis=0).tolist()))
        said = (first.id, first.target, first.method, blanks, (), None, gap)
        return PictureExplanation(*said, heat=heat)
    return Explanation(first.id, first.target, first.method, blanks, tokens, None, gap)


def _check(members: Sequence[Model], called: Sequence[str]) -> None:
    if len(members) < 2:
        raise ModelError(
            "An ensemble has two members or more.",
            place="members",
            expected="at least two models",
            found=", ".join(called) or "none",
            remedy="name another model of the same labels, say of another backbone",
        )
    for member, name in zip(members, called, strict=True):
        if isinstance(member, Ensemble):
            raise ModelError(
                "A member of an ensemble is itself one.",
                place=name,
                expected="single models",
                found=f"an ensemble of {len(member.members)}",
                remedy="name its members instead",
            )
    if not members[0].learner.task.averages:
        raise ModelError(
            "Answers of this task cannot be averaged.",
            place=called[0],
            expected="models that give each row the same numbers",
            found=f"a model for {members[0].learner.task.name}",
            remedy="ask one of the models",
        )
    for member, name in zip(members[1:], called[1:], strict=True):
        wanted, own = _about(members[0]), _about(member)
        for what in wanted:
            if own[what] != wanted[what]:
                raise ModelError(
                    f"The members of an ensemble differ in their {what}.",
                    place=name,
                    expected=f"the {what} of {called[0]}: {_shown(wanted[what])}",
                    found=_shown(own[what]),
                    remedy="train them on the same rows, or leave one out",
                )


def _about(member: Model) -> dict[str, Sequence[str]]:
    return {"task": [member.learner.task.name], "labels": member.schema.labels}


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + f" and {len(names) - 20} more" * (len(names) > 20)


def _called(model: Model | str | Path) -> str:
    return model.name if isinstance(model, Model) else str(model)


def _manifest(path: Path) -> dict[str, Any]:
    said = manifest_in(path)
    kinds = {"name": str, "members": list, "calibration": dict, "version": str}
    wrong = [name for name, kind in kinds.items() if not isinstance(said.get(name), kind)]
    if wrong:
        raise broken(path, f"an object with {', '.join(kinds)}", f"no such {', '.join(wrong)}")
    return said


def _read(folder: Path, networks: Networks) -> Model:
    return Model(**vars(read_model(folder, networks=networks)))


def _card(made: Ensemble) -> str:
    lines = [
        f"# {made.name}",
        "",
        f"Version `{made.version}`: the mean of what these models hold probable. Each is whole in"
        f" `{MEMBERS}/`, with a card of its own.",
        "",
        *(f"- `{m.name}`, version `{m.version}`: {_kind(m)}" for m in made.members),
        "",
    ]
    return "\n".join(lines)


def _kind(member: Model) -> str:
    learner = member.learner
    backbone = learner.backbone.spec.name
    return f"{backbone}, tuner `{learner.tuner.name}`, head `{learner.head.name}`"
