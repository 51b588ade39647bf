"""Beside the steps of a run: labels that may be wrong, told before anything is trained."""

from __future__ import annotations

import time

from journeyman.audits.base import auditor_of
from journeyman.audits.options import AuditOptions
from journeyman.audits.written import answers_in, write_rows, write_suspects
from journeyman.section import Section
from journeyman.sections.audited import audited
from journeyman.workspace import Workspace

SPLITS = "train", "validation", "exam"
"""Test rows are left alone: what they say is to change nothing, not even by people's corrections of
other rows."""


def run(workspace: Workspace) -> Section:
    """Leaves audit.jsonl with every row, and suspects.csv for people to correct."""
    began, options = time.perf_counter(), workspace.option(AuditOptions)
    answers_in(workspace.folder)
    subject = workspace.subject(SPLITS, options.limit)
    found = auditor_of(workspace.task.kind, options).audit(subject)
    write_rows(found, workspace.folder)
    write_suspects(found, workspace.folder)
    workspace.seconds["label audit"] = time.perf_counter() - began
    return audited(found, pictures=workspace.task.modality == "image")
