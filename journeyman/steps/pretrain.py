"""Pretrain: load a backbone that others pretrained."""

from __future__ import annotations

from journeyman.section import Section
from journeyman.sections.loaded import loaded
from journeyman.workspace import Workspace


def run(workspace: Workspace) -> Section:
    """Leaves the backbone, fetched if need be and checked."""
    return loaded(workspace.backbone)
