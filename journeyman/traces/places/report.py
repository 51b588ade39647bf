"""The report: one page that shows rows, drawn anew from what is left of the sections."""

from __future__ import annotations

import json
from pathlib import Path

from journeyman.errors import JourneymanError
from journeyman.outset import workspace_of
from journeyman.progress import QUIET
from journeyman.recipe.loading import load_recipe
from journeyman.recipe.options import Recipe
from journeyman.run_folder.journal import Journal
from journeyman.section import Section
from journeyman.telling import tell_page
from journeyman.traces.places.base import PLACES, Place, Request
from journeyman.workspace import Workspace

PAGE = "report.html"


@PLACES.register("report")
class Page(Place):
    """The file `report.html` of a run."""

    name = "report"
    rank = 5

    def clear(self, request: Request) -> int:
        """Write it anew; where the run has not all that takes, delete it: the next run tells it."""
        page = request.run / PAGE
        if not page.is_file():
            return 0
        before = page.read_bytes()
        try:
            _retell(request.run, before.decode(errors="replace"))
        except (JourneymanError, OSError, ValueError, KeyError):
            page.unlink(missing_ok=True)
            return 1
        return int(page.read_bytes() != before)


def _retell(run: Path, before: str) -> None:
    recipe = _recipe(run)
    workspace = workspace_of(recipe, QUIET)
    workspace.folder = run
    sections = _sections(workspace)
    said = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    text = (run / "recipe.yaml").read_text(encoding="utf-8")
    best = run / "search" / "best.yaml"
    text = best.read_text(encoding="utf-8") if best.is_file() else text
    tell_page(recipe, workspace, sections, text, threads=int(said["threads"]), before=before)


def _recipe(run: Path) -> Recipe:
    best = run / "search" / "best.yaml"
    path = best if best.is_file() else run / "recipe.yaml"
    return load_recipe(path.read_text(encoding="utf-8"))


def _sections(workspace: Workspace) -> list[Section]:
    """Those of the finished steps in their order; their seconds are put back too."""
    found: list[Section] = []
    for step, line in Journal(workspace.folder).steps():
        workspace.seconds.update(line.get("seconds", {}))
        if workspace.note_path(step).is_file():
            found.append(workspace.load_section(step))
    return found
