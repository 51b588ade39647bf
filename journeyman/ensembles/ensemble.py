"""Several models that answer together: the mean of what each holds probable, or one by a router.

The mean is the linear opinion pool of Stone (1961). It gains most from models that err apart: of
another backbone, or tuned in another way. A router serves models that each know a domain of their
own. Members stay as they are and answer for themselves too.
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
from journeyman.ensembles.members import check_members, described
from journeyman.ensembles.routing import Router, joined, placed, prepared
from journeyman.errors import ModelError
from journeyman.explainers.base import Explainer
from journeyman.explainers.target import Asked
from journeyman.files import write_json, write_text
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.saved.folder import Networks, network_key, read_model, write_folder
from journeyman.saved.manifest import (
    ENSEMBLE,
    SCHEMA,
    broken,
    manifest_in,
    read_manifest,
    version_of,
)
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
from journeyman.versions.reference import model_folder

MEMBERS, ROUTER = "members", "router"


def ensemble(
    models: Sequence[Model | str | Path] | Mapping[str, Model | str | Path],
    *,
    name: str = "ensemble",
    router: Model | str | Path | None = None,
) -> Ensemble:
    """Models, or the folders of models or runs, as one that answers by the mean of them.

    Each member's probabilities are calibrated before (of regression, the numbers are averaged), so
    nothing is chosen here, and no rows are needed; `calibrate` takes some where they are at
    hand. With a `router`, a classifier, each row has the answer of the one whose name in `models`
    (the model's own in a list) is the router's label of it. Not saved yet. Raises ModelError for
    fewer than two models, or models of other tasks or labels; behind a router those that give a row
    labels may know different ones.
    """
    networks: Networks = {}

    def read(said: Model | str | Path) -> Model:
        return said if isinstance(said, Model) else _read(model_folder(said), networks)

    listed = list(models.values()) if isinstance(models, Mapping) else list(models)
    found = [read(each) for each in listed]
    check_members(found, [_called(each) for each in listed], routed=router is not None)
    if router is None:
        return Ensemble.of(found, name)
    names = models if isinstance(models, Mapping) else [each.name for each in found]
    guide = Router(read(router), tuple(names))
    guide.check(found, _called(router))
    return Ensemble.of(found, name, router=guide)


class Ensemble(Model):
    """What `ensemble` gives: a model whose `members` are models.

    Its task, labels and columns are its first member's. What it explains is the mean of the
    members' scores, so a word's weight is the mean of its weights. With a `router` it answers, and
    explains, each row as one member does, and its labels are those of all.
    """

    members: tuple[Model, ...]
    router: Router | None = None

    @classmethod
    def of(
        cls,
        members: Sequence[Model],
        name: str,
        calibration: Mapping[str, Any] | None = None,
        router: Router | None = None,
    ) -> Ensemble:
        """Of models, and a router, that fit each other."""
        first, schema = members[0], joined([member.schema for member in members])
        made = cls(name, first.learner, schema, first.columns, calibration or {})
        made.members, made.router = tuple(members), router
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
        check_members(members, [str(home) for home in homes], routed="router" in said)
        guide = None
        if "router" in said:
            guide = Router(_read(place / ROUTER, networks), tuple(map(str, said["names"])))
            guide.check(members, str(place / ROUTER))
        found = cls.of(members, said["name"], said["calibration"], guide)
        if {**found._said(), "version": found.version} != said:
            versions = ", ".join(part.version for part in found._parts().values())
            raise broken(
                place / ENSEMBLE,
                f"members {', '.join(map(str, said['members']))}, and version {said['version']}",
                f"members {versions}, and version {found.version}",
            )
        found.folder = place
        return found

    def save(self, folder: str | Path) -> Ensemble:
        """Write the ensemble's folder with a copy of each member, in place of what stands there.

        Raises ModelError for a member that was not saved.
        """
        place = Path(folder).expanduser()
        homes = {name: self._home(part) for name, part in self._parts().items()}

        def write(beside: Path) -> None:
            for name, home in homes.items():
                shutil.copytree(home, beside / name)
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
        plain = Ensemble.of(self.members, self.name, router=self.router)
        task, columns = self.learner.task, self.columns
        texts = [task.text(row, columns) for row in rows]
        targets = [task.target(row, columns) for row in rows]
        outputs = plain.heard(prepared(self, texts), None, reporter).outputs
        first = self.members[0].calibration
        found = task.calibrate(outputs, targets, self.schema, first.get("target_accuracy"))
        if (options := asked_scope(first)) is not None:
            labels = task.plain(texts, targets)[1]
            found |= drawn(options, LeftOut(outputs, labels, None), self.schema, found)
        return Ensemble.of(self.members, self.name, found, self.router)

    def heard(self, examples: Examples, source: FeatureSource | None, reporter: Reporter) -> Said:
        """The mean of what members hold probable, the first of whom reads the `source`; or what
        the one holds probable that the router names."""
        task = self.learner.task
        if self.router is not None:
            found = self._led(self.router, examples.texts, reporter)
            return Said([row.astype(np.float32) for row in task.of_opinions(found, self.schema)])
        held: list[list[NDArray[np.float64]]] = []
        for member in self.members:
            first = member.learner is self.learner
            own = examples if first else prepared(member, examples.texts)
            outputs = member.heard(own, source if first else None, reporter).outputs
            held.append(task.opinions(outputs, member.schema, member.calibration))
        mean = [np.mean(row, axis=0) for row in zip(*held, strict=True)]
        return Said([row.astype(np.float32) for row in task.of_opinions(mean, self.schema)])

    def _led(
        self, router: Router, texts: Sequence[Text], reporter: Reporter
    ) -> list[NDArray[np.float64]]:
        """What the member that each text is led to holds probable."""
        routes, task = router.routes(texts, reporter), self.learner.task
        held: list[NDArray[np.float64]] = [np.zeros(0)] * len(texts)
        for at, member in enumerate(self.members):
            rows = np.flatnonzero(routes == at).tolist()
            if not rows:
                continue
            own = prepared(member, [texts[row] for row in rows])
            outputs = member.heard(own, None, reporter).outputs
            opinions = task.opinions(outputs, member.schema, member.calibration)
            for row, opinion in zip(rows, opinions, strict=True):
                held[row] = placed(opinion, member.schema.labels, self.schema.labels)
        return held

    def _explained(
        self, explainer: Explainer, text: Text, row_id: str, asked: Asked = None
    ) -> Explanation:
        outputs = self.heard(prepared(self, [text]), None, QUIET).outputs
        asked = asked or _asked(self, self.decoded(outputs, [text])[0])
        found = [
            explainer.explain(
                each.learner, each.schema, [text], [row_id], each.calibration, [asked]
            )[0]
            for each in self._answering(text)
        ]
        return _mean(found)

    def _answering(self, text: Text) -> Sequence[Model]:
        """The members whose answer to a text counts."""
        if self.router is None:
            return self.members
        return [self.members[int(self.router.routes([text])[0])]]

    def _parts(self) -> dict[str, Model]:
        """The models it is made of, by their folder within its own."""
        parts = {f"{MEMBERS}/{at}": member for at, member in enumerate(self.members)}
        return parts if self.router is None else {**parts, ROUTER: self.router.model}

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
            **({} if self.router is None else self.router.to_json()),
        }


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


def _called(model: Model | str | Path) -> str:
    return model.name if isinstance(model, Model) else str(model)


def _manifest(path: Path) -> dict[str, Any]:
    said = manifest_in(path)
    kinds = {"name": str, "members": list, "calibration": dict, "version": str}
    kinds |= {"names": list, "router": str} if {"names", "router"} & said.keys() else {}
    wrong = [name for name, kind in kinds.items() if not isinstance(said.get(name), kind)]
    if wrong:
        raise broken(path, f"an object with {', '.join(kinds)}", f"no such {', '.join(wrong)}")
    return said


def _read(folder: Path, networks: Networks) -> Model:
    return Model(**vars(read_model(folder, networks=networks)))


def _card(made: Ensemble) -> str:
    router = made.router
    names = [""] * len(made.members) if router is None else [f"{name}: " for name in router.names]
    named = zip(names, made.members, strict=True)
    how = "the mean of what these models hold probable" if router is None else "each row has the "
    how += "" if router is None else f"answer of one of these models, by the router in `{ROUTER}/`"
    lines = [
        f"# {made.name}",
        "",
        f"Version `{made.version}`: {how}. Each is whole in `{MEMBERS}/`, with a card of its own.",
        "",
        *(f"- {name}{described(member)}" for name, member in named),
        *([] if router is None else [f"- the router: {described(router.model)}"]),
        "",
    ]
    return "\n".join(lines)
