"""Who teaches the model that is watched: learns, lets serve, rolls back, and notes decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from journeyman.continual.learning import learn
from journeyman.continual.options import UpdateOptions
from journeyman.continual.update import Update
from journeyman.model import Model
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.types import Row
from journeyman.versions.store import Store
from journeyman.versions.taught import keep_taught
from journeyman.watching.events import Event

LATEST = 20
"""Decisions of late among which one that a kill may have kept from being told would stand."""


@dataclass
class Teacher:
    """Teaches a model in its store; `options` say what the gate lets pass."""

    store: Store
    options: UpdateOptions = field(default_factory=UpdateOptions)
    cache: FeatureCache | None = None

    def learn(self, model: Model, rows: Sequence[Row], origin: str) -> tuple[Model, Update]:
        """The model that learned the rows, which serves where the gate let it pass, and the update.

        Raises ModelError for a model that cannot be taught, DataError where nothing can be learned.
        """
        taught = learn(
            model.single(),
            rows,
            self.options,
            origin=origin,
            removed=self.removed(),
            cache=self.cache,
        )
        update = keep_taught(self.store, taught, model.folder)
        return Model(**vars(taught.state)), update

    def removed(self) -> Callable[[str], bool]:
        """Says of an id, or a hash of inputs, whether its row was removed on request."""
        return self.store.removals()

    def serving(self, model: Model) -> Model | None:
        """The version that serves, where it is another than this one."""
        current = self.store.current
        if current is None or current == model.version:
            return None
        folder = self.store.serving or self.store.load(current)
        return Model.load(folder, model.learner.plain)

    def roll_back(self, reason: str, model: Model) -> Model:
        """Let the version before a model serve again; gives it, on the same network."""
        version = self.store.rollback(reason)
        folder = self.store.serving or self.store.load(version.version)
        return Model.load(folder, model.learner.plain)

    def earlier(self, version: str, model: Model) -> Model:
        """A version of the same model, on the same network."""
        return Model.load(self.store.load(version), model.learner.plain)

    def note(self, events: Iterable[Event], *, again: bool = False) -> None:
        """Tell those that are decisions among the decisions of the model; `again`, where a kill
        may have come before or after, those alone that were not told yet."""
        wanted = [event for event in events if event.decision]
        late = self.store.decisions()[-LATEST:] if wanted and again else []
        told = [(one["what"], one["reasons"]) for one in late]
        for event in wanted:
            if (event.kind, event.reasons) not in told:
                self.store.note(event.kind, *event.reasons)
