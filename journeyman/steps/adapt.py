"""Adapt: learn what arrives after the first training, hold the gate, and forget on request."""

from __future__ import annotations

from journeyman.continual.adapt_options import AdaptOptions, Arrival
from journeyman.continual.named import Named
from journeyman.data.collection import Collection
from journeyman.data.options import DataOptions
from journeyman.files import write_json
from journeyman.forgetting import forget_in_versions, versions_with
from journeyman.model import Model
from journeyman.section import Section
from journeyman.sections.adapted import adapted
from journeyman.stream import Stage, Stream
from journeyman.types import Row
from journeyman.versions.store import Store
from journeyman.watching.teacher import Teacher
from journeyman.watching.unannounced import Episode, unannounced
from journeyman.workspace import BASE, Workspace

FIRST = "first training"


def run(workspace: Workspace) -> Section:
    """Leaves the model as the last update that passed made it, and every version beside it."""
    options = workspace.option(AdaptOptions)
    store = Store.beside(workspace.model_folder)
    stream = Stream(_base(workspace, store), options, workspace.cache, workspace.reporter)
    stream.open(FIRST, workspace.collection.test.rows())
    episodes = []
    for arrival in options.arrivals:
        collection = _collection(workspace, arrival)
        if arrival.announced:
            workspace.reporter.say(f"  {arrival.name} arrives")
            stage = stream.arrive(arrival.name, _rows(collection), collection.test.rows())
            _keep(store, stream, stage)
        else:
            episodes.append(_unannounced(workspace, store, stream, arrival, collection))
    difference = stream.difference()
    _forget(workspace, store, stream, options)
    workspace.model = Model.load(workspace.model_folder, workspace.backbone)
    return adapted(stream, options, store.history(), difference, episodes)


def _unannounced(
    workspace: Workspace, store: Store, stream: Stream, arrival: Arrival, collection: Collection
) -> Episode:
    """Let rows come that nobody tells the model of, after test rows of what came before."""
    usual = [row for rows in stream.tests.values() for row in rows]
    stream.tests[arrival.name] = collection.test.rows()
    model, episode = unannounced(
        stream.model,
        Teacher(store, stream.options, workspace.cache),
        usual,
        _rows(collection),
        name=arrival.name,
        labels=arrival.labels,
        seed=workspace.seed,
        cache=workspace.cache,
        reporter=workspace.reporter,
    )
    stream.arrived(arrival.name, model, episode.update, episode.rows, episode.seconds)
    return episode


def _forget(workspace: Workspace, store: Store, stream: Stream, options: AdaptOptions) -> None:
    """Forget what the recipe names, in every version; what `journeyman unlearn` removed from the
    run was never read."""
    ids = [row_id for row_id in options.forget if not workspace.removals.has_id(row_id)]
    if not ids:
        return
    named = Named(ids=frozenset(ids))
    taught = stream.forget(named)
    store.record_removal(store.current or "", ids)
    held = versions_with(store, named, workspace.backbone)
    forget_in_versions(store, held, named, options, taught, workspace.backbone)


def _base(workspace: Workspace, store: Store) -> Model:
    """The model as fine-tuning left it, which serves again where this step starts anew."""
    note = workspace.note_path(BASE)
    if not note.is_file():
        write_json(note, {"version": workspace.model.version})
    version = workspace.load_note(BASE)["version"]
    rebuilt = {each.replaces: each.version for each in store.history()}
    while version in rebuilt:
        version = rebuilt[version]
    if workspace.model.version != version:
        store.promote(version, "the run starts from here again")
        workspace.model = Model.load(workspace.model_folder, workspace.backbone)
    return workspace.model


def _collection(workspace: Workspace, arrival: Arrival) -> Collection:
    data = arrival.data(workspace.option(DataOptions))
    return workspace.gather(data, workspace.folder / "adapt" / arrival.name)


def _rows(collection: Collection) -> list[Row]:
    """All rows but those of the test: which examine is for the update to say."""
    tables = (collection.train, collection.validation, collection.exam)
    return [row for table in tables for row in table.rows()]


def _keep(store: Store, stream: Stream, stage: Stage) -> None:
    """Keep the version an update led to; let it serve where the gate let it pass."""
    version = store.add(stage.model, stage.update)
    if stage.update.accepted:
        store.promote(version.version)
        stream.model = stage.model
    else:
        store.refuse(version.version, *stage.update.reasons)
