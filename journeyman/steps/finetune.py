"""Fine-tune: train on the backbone's frozen features, measure on test rows, save the model."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from journeyman.files import bytes_under, write_json
from journeyman.model import Model
from journeyman.section import Section
from journeyman.sections.cleaned import cleaned
from journeyman.sections.climbed import climbed
from journeyman.sections.finetuned import finetuned
from journeyman.sections.hardened import hardened
from journeyman.sections.scoped import scoped
from journeyman.sections.self_taught import self_taught, waiting
from journeyman.standings import Standings, stand
from journeyman.training.cleaned_rows import CleanedRows, clean_rows
from journeyman.training.exam import make_exam
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.folds import crossed, folds_of
from journeyman.training.ladder import Climb, climb
from journeyman.training.loop import Watch
from journeyman.training.missing_options import MissingOptions
from journeyman.training.missing_parts import Hardened, harden
from journeyman.training.options import FinetuneOptions
from journeyman.training.self_training import Course, SelfTrained, asked, before_refit, self_train
from journeyman.training.trackers import Tracker
from journeyman.training.trainer import Trained, refit
from journeyman.training.trainer import finetune as train
from journeyman.workspace import BASE, Workspace

NOTE = "figures"


def run(workspace: Workspace) -> Section:
    """Leaves the model, its figures and where it stands beside the baselines."""
    unlabelled = workspace.without_labels
    options = asked(workspace.option(FinetuneOptions), workspace.task, unlabelled)
    options = before_refit(options)
    learned, chosen = workspace.examples("train"), workspace.examples("validation")
    climbs, compares = options.tuner == "auto", workspace.task.kind == "identity"
    asked_folds = options.folds if options.missing is None else 0
    folds = folds_of(asked_folds, workspace.schema, climbs=climbs, compares=compares)
    pool = workspace.labelled() if folds else (learned, chosen)
    clean = _clean(workspace, options, *pool, folds)
    pool = (clean.train, clean.validation) if clean else pool
    ladder = _climb(workspace, options, *pool, folds) if options.tuner == "auto" else None
    trained = ladder.trained if ladder else _train(workspace, options, *pool, folds)
    course = _course(workspace, ladder.options if ladder else options, *pool, folds)
    hard = _harden(workspace, course, trained)
    course, trained = (hard[1], hard[0].trained) if hard else (course, trained)
    taught = _self_train(workspace, course, trained)
    trained = taught.trained if taught else trained
    model = _model(workspace, trained)
    if taught:
        model.about["pseudo_labels"] = taught.rows
    test = workspace.examples("test")
    source = feature_source(trained.learner, test, workspace.cache, workspace.reporter)
    rows = workspace.collection.test.rows()
    standings = stand(
        model, learned, chosen, test, rows, source, seed=workspace.seed, reporter=workspace.reporter
    )
    model.about["test"] = {n: m.to_json() for n, m in standings.measured.overall.metrics.items()}
    write_json(workspace.note_path(NOTE), _figures(workspace, standings))
    workspace.note_path(BASE).unlink(missing_ok=True)
    workspace.model = model.save(workspace.model_folder)
    _sweep(workspace)
    workspace.seconds.update(trained.seconds)
    metric = options.metric or workspace.task.primary_metric
    disk = bytes_under(workspace.model_folder)
    section = finetuned(trained, standings, workspace.cache.stats, metric, disk)
    section = cleaned(section, clean, workspace.schema) if clean else section
    section = climbed(section, ladder, metric) if ladder else section
    section = hardened(section, hard[0], hard[2], metric) if hard else section
    section = scoped(section, model.calibration, standings.measured.overall.metrics)
    return (
        self_taught(section, taught, metric)
        if taught
        else waiting(section, workspace.unlabelled_rows, workspace.task)
    )


def train_on(
    workspace: Workspace,
    learned: Examples,
    chosen: Examples,
    *,
    options: FinetuneOptions | None = None,
    checkpoint: Path | None = None,
    tracker: Tracker | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train with the workspace's options, or others, once, without a ladder."""
    return train(
        workspace.task,
        workspace.backbone,
        workspace.schema,
        learned,
        chosen,
        options or workspace.option(FinetuneOptions),
        seed=workspace.seed,
        cache=workspace.cache,
        checkpoint=checkpoint,
        tracker=tracker,
        watch=watch,
        reporter=workspace.reporter,
    )


def _clean(
    workspace: Workspace,
    options: FinetuneOptions,
    learned: Examples,
    chosen: Examples,
    folds: int,
) -> CleanedRows | None:
    """The rows with doubted labels taken care of, where the recipe asks for it."""
    said = options.label_cleaning
    if not said:
        return None
    found = clean_rows(
        workspace.task,
        workspace.backbone,
        workspace.schema,
        learned,
        chosen,
        said,
        within=bool(folds),
        metric=options.metric,
        head=options.head,
        seed=workspace.seed,
        cache=workspace.cache,
        reporter=workspace.reporter,
    )
    workspace.seconds["label cleaning"] = found.seconds
    return found


def _train(
    workspace: Workspace,
    options: FinetuneOptions,
    learned: Examples,
    chosen: Examples,
    folds: int,
) -> Trained:
    if folds:
        found = workspace.task, workspace.backbone, workspace.schema, learned, len(chosen)
        cache, reporter = workspace.cache, workspace.reporter
        how = {"seed": workspace.seed, "cache": cache, "reporter": reporter}
        return crossed(*found, options, folds=folds, **how)  # type: ignore[arg-type]
    checkpoint = _unfinished(workspace).with_suffix(".safetensors")
    with closing(workspace.tracker()) as tracker:
        how = {"checkpoint": checkpoint, "tracker": tracker}
        return train_on(workspace, learned, chosen, options=options, **how)  # type: ignore[arg-type]


def _climb(
    workspace: Workspace,
    options: FinetuneOptions,
    learned: Examples,
    chosen: Examples,
    folds: int,
) -> Climb:
    with closing(workspace.tracker()) as tracker:
        ladder = climb(
            workspace.task,
            workspace.backbone,
            workspace.schema,
            learned,
            chosen,
            options,
            seed=workspace.seed,
            cache=workspace.cache,
            folder=_unfinished(workspace),
            folds=folds,
            tracker=tracker,
            reporter=workspace.reporter,
        )
    if ladder.clock:
        workspace.facts["clock"] = ladder.clock
    return ladder


def _course(
    workspace: Workspace,
    options: FinetuneOptions,
    learned: Examples,
    chosen: Examples,
    folds: int,
) -> Course:
    """How training goes on from what was made with these options."""
    return Course(
        workspace.task,
        workspace.backbone,
        workspace.schema,
        learned,
        chosen,
        options,
        workspace.seed,
        workspace.cache,
        folds,
        _unfinished(workspace),
        reporter=workspace.reporter,
    )


def _harden(
    workspace: Workspace, course: Course, trained: Trained
) -> tuple[Hardened, Course, MissingOptions] | None:
    """Learn for questions that lack a part, where the recipe expects them."""
    said = course.options.missing
    if said is None:
        return None
    found, onward = harden(course, trained, said)
    workspace.seconds["missing parts"] = found.seconds
    if workspace.option(FinetuneOptions).refit and not course.options.self_training:
        refit(found.trained, course.schema, course.validation, course.cache)
    return found, onward, said


def _self_train(workspace: Workspace, course: Course, trained: Trained) -> SelfTrained | None:
    """Go on from what was trained, where the recipe asks for it."""
    said = course.options.self_training
    if not said:
        return None
    offered = workspace.unlabelled(said.limit)
    with closing(workspace.tracker()) as tracker:
        refits = workspace.option(FinetuneOptions).refit
        found = self_train(replace(course, tracker=tracker), trained, offered, said, refits=refits)
    workspace.seconds["self-training"] = found.seconds
    return found


def _unfinished(workspace: Workspace) -> Path:
    """Where training under way is kept for a run that goes on later."""
    return workspace.folder / "checkpoints" / workspace.key[:16]


def _sweep(workspace: Workspace) -> None:
    left = _unfinished(workspace)
    left.with_suffix(".safetensors").unlink(missing_ok=True)
    shutil.rmtree(left, ignore_errors=True)


def _model(workspace: Workspace, trained: Trained) -> Model:
    exam, rows = workspace.examples("exam"), workspace.collection.exam.rows()
    source = feature_source(trained.learner, exam, workspace.cache, workspace.reporter)
    columns = workspace.collection.columns
    return Model(
        name=workspace.name,
        learner=trained.learner,
        schema=workspace.schema,
        columns=columns,
        calibration=trained.calibration,
        exam=make_exam(trained.learner, columns, rows, exam, source),
        about={
            "data": workspace.collection.fingerprint,
            "rows": workspace.split_sizes(),
            "parent": None,
        },
    )


def _unlabelled(workspace: Workspace) -> dict[str, int]:
    """Training rows that nobody labelled, where there are any."""
    return {"unlabelled": workspace.unlabelled_rows} if workspace.unlabelled_rows else {}


def _figures(workspace: Workspace, standings: Standings) -> dict[str, object]:
    """What metrics.json holds beyond the sections' figures."""
    overall = standings.measured.overall

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {name: plain(part) for name, part in value.items()}
        return value.to_json() if hasattr(value, "to_json") else value

    rivals = {**standings.overall}
    if "" in standings.human:
        rivals["human_rater"] = standings.human[""]
    return {
        "data": {**workspace.split_sizes(), **_unlabelled(workspace)},
        "test": plain(overall.metrics),
        "slices": plain(dict(standings.measured.slices)),
        "baselines": plain(rivals),
        "baseline_slices": plain(dict(standings.slices)),
        "confusion": plain(overall.confusion) if overall.confusion else None,
        "coverage": overall.coverage,
        **({"roc": overall.roc} if overall.roc else {}),
    }
