"""What a run starts from: the workspace of a recipe, and the threads it may use."""

from __future__ import annotations

import os

from joblib import cpu_count

from journeyman.audits.options import AuditOptions
from journeyman.continual.adapt_options import AdaptOptions
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.explainers.options import ExplainOptions
from journeyman.pretraining.options import PretrainOptions
from journeyman.progress import Reporter
from journeyman.recipe.options import Recipe
from journeyman.training.options import FinetuneOptions
from journeyman.transfer.options import TransferOptions
from journeyman.workspace import Workspace


def threads_of(recipe: Recipe) -> int:
    """How many threads a run uses: the recipe's number, or one for each core it may use.

    Affinity and a container's quota say which; OMP_NUM_THREADS may say fewer.
    """
    if recipe.threads != "auto":
        return int(recipe.threads)
    cores = int(cpu_count())
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(cores, int(asked)) if asked.isdecimal() and int(asked) else cores


def workspace_of(recipe: Recipe, reporter: Reporter) -> Workspace:
    """A workspace in the recipe's folder, with what the recipe says for each step."""
    return Workspace(
        folder=recipe.folder,
        name=recipe.name,
        task_name=recipe.task,
        backbone_reference=recipe.backbone.name,
        backbone_options=recipe.backbone.options(),
        options={
            DataOptions: recipe.data,
            CollectOptions: recipe.collect,
            **({AuditOptions: recipe.audit} if recipe.audit is not None else {}),
            **({PretrainOptions: recipe.pretrain} if recipe.pretrain is not None else {}),
            FinetuneOptions: recipe.finetune,
            **({TransferOptions: recipe.transfer} if recipe.transfer is not None else {}),
            **({AdaptOptions: recipe.adapt} if recipe.adapt is not None else {}),
            ExplainOptions: recipe.explain,
        },
        seed=recipe.seed,
        trackers=recipe.trackers,
        reporter=reporter,
    )
