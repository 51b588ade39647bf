"""Pretrain: load a backbone that others pretrained, and go on with the user's text if asked."""

from __future__ import annotations

from journeyman.backbones.base import Backbone
from journeyman.pretraining.corpus import read_corpus
from journeyman.pretraining.folder import copy_backbone, write_backbone
from journeyman.pretraining.interpolation import Outcome, between, kept, shares
from journeyman.pretraining.options import PretrainOptions
from journeyman.pretraining.pretrain import Pretrained, downstream, pretrain
from journeyman.section import Section
from journeyman.sections.loaded import loaded
from journeyman.sections.pretrained import pretrained
from journeyman.training.options import FinetuneOptions
from journeyman.workspace import Workspace


def run(workspace: Workspace) -> Section:
    """Leaves the backbone: fetched if need be and checked, or one of the run's own."""
    options = workspace.pretraining
    if options is None:
        return loaded(workspace.backbone)
    return _further(workspace, options)


def _further(workspace: Workspace, options: PretrainOptions) -> Section:
    base, resolved = workspace.base_backbone, workspace.resolved_backbone
    checkpoint = workspace.folder / "checkpoints" / f"{workspace.key[:16]}.safetensors"
    corpus = read_corpus(
        options, workspace.task, workspace.collection, workspace.seed, workspace.removals
    )
    before = _worth(workspace, base)
    tracker = workspace.tracker("pretrain")
    trained = pretrain(
        base,
        resolved.folder,
        corpus,
        options,
        seed=workspace.seed,
        cache=workspace.cache,
        checkpoint=checkpoint,
        tracker=tracker,
        reporter=workspace.reporter,
    )
    tracker.close()
    worth = {0.0: before}
    for share in shares(options, before):
        _write(workspace, options, trained, share)
        worth[share] = _worth(workspace, workspace.own(options.method_name))
    best = kept(options, worth)
    if best != share:
        _write(workspace, options, trained, best)
    checkpoint.unlink(missing_ok=True)
    told = Outcome(worth, best, _metric(workspace))
    return pretrained(base, workspace.backbone, corpus, options, trained, told)


def _write(
    workspace: Workspace, options: PretrainOptions, trained: Pretrained, share: float
) -> None:
    """Leave the backbone that far along where the run's own stands."""
    base, resolved, folder = (
        workspace.base_backbone,
        workspace.resolved_backbone,
        workspace.own_backbone,
    )
    if share == 0:
        copy_backbone(resolved, folder)
        return
    weights = between(base, trained.backbone, share)
    write_backbone(type(base.module).__name__, weights, resolved, folder, options.method_name)


def _metric(workspace: Workspace) -> str:
    return workspace.option(FinetuneOptions).metric or workspace.task.primary_metric


def _worth(workspace: Workspace, backbone: Backbone) -> float | None:
    """What a backbone is worth on the validation rows."""
    return downstream(
        workspace.task,
        backbone,
        workspace.schema,
        workspace.examples("train", backbone),
        workspace.examples("validation", backbone),
        seed=workspace.seed,
        metric=_metric(workspace),
        cache=workspace.cache,
        reporter=workspace.reporter,
    )
