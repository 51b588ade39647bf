"""Explain: show, for each class and each kind of error, the words that moved the decision."""

from __future__ import annotations

from journeyman.explainers.options import ExplainOptions
from journeyman.section import Section
from journeyman.sections.explained import explained
from journeyman.training.trainer import feature_source
from journeyman.workspace import Workspace


def run(workspace: Workspace) -> Section:
    """Leaves nothing but its section."""
    model, examples = workspace.model, workspace.examples("test")
    source = feature_source(model.learner, examples, workspace.cache)
    rows = workspace.collection.test.rows()
    predictions, _, _ = model.answers(rows, examples, source)
    return explained(
        model,
        predictions,
        examples,
        workspace.option(ExplainOptions),
        seed=workspace.seed,
        reporter=workspace.reporter,
    )
