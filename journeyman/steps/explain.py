"""Explain: show, for each class and each kind of error, the words that moved the decision."""

from __future__ import annotations

from journeyman.explainers.options import ExplainOptions
from journeyman.section import Section
from journeyman.sections.explained import explained, unexplained
from journeyman.training.feature_source import feature_source
from journeyman.transfer.options import TransferOptions
from journeyman.workspace import Workspace


def run(workspace: Workspace) -> Section:
    """Leaves nothing but its section, on the model the journey ends with."""
    options = workspace.option(ExplainOptions)
    if not options.samples:
        return unexplained()
    transferred = TransferOptions in workspace.options
    if transferred:
        model, rows, examples = workspace.carried()
    else:
        model, examples = workspace.model, workspace.examples("test")
        rows = workspace.collection.test.rows()
    source = feature_source(model.learner, examples, workspace.cache)
    predictions, _, _ = model.answers(rows, examples, source)
    return explained(
        model,
        predictions,
        examples,
        options,
        of="the model that transfer made" if transferred else "the model",
        seed=workspace.seed,
        reporter=workspace.reporter,
    )
