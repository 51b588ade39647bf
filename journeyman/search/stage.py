"""The search as a part of a journey: done once under a key, told in a section, and gone on from."""

from __future__ import annotations

import time

from journeyman.files import write_text
from journeyman.outset import workspace_of
from journeyman.recipe.loading import dump_recipe, load_recipe
from journeyman.recipe.options import Recipe
from journeyman.run_folder.journal import Journal
from journeyman.section import Section
from journeyman.sections.searched import searched
from journeyman.workspace import Workspace

VERB = "search"
FOLDER = "search"
"""Within the run's folder: finished trials, and the recipe with the best settings."""
BEST = "best.yaml"


def before(recipe: Recipe) -> str:
    """The step that the recipe's search comes before; empty where nothing is searched."""
    if recipe.search is None:
        return ""
    fields = recipe.search.space or {}
    return "pretrain" if any(name.startswith("backbone") for name in fields) else "finetune"


def searched_recipe(
    recipe: Recipe, workspace: Workspace, journal: Journal, key: str
) -> tuple[Section, Recipe]:
    """The section on the search, and the recipe with the best settings, without a search.

    What a finished search left under `key` is read back.
    """
    best = workspace.folder / FOLDER / BEST
    if journal.finished(VERB, key) and workspace.note_path(VERB).is_file() and best.is_file():
        workspace.reporter.say(f"{VERB}: done before")
        workspace.seconds.update(journal.facts(VERB, key).get("seconds", {}))
        return workspace.load_section(VERB), load_recipe(best.read_text(encoding="utf-8"))
    from journeyman.search.search import search  # Optuna is an extra.

    journal.forget([VERB])
    workspace.reporter.say(VERB)
    began = time.perf_counter()
    found, chosen = search(recipe, workspace, workspace.folder / FOLDER, key)
    write_text(best, dump_recipe(chosen))
    section = searched(found)
    workspace.save_section(section)
    workspace.seconds[VERB] = time.perf_counter() - began
    clock = {"clock": found.clock} if found.clock else {}
    seconds = {name: round(value, 3) for name, value in sorted(workspace.seconds.items())}
    journal.finish(VERB, key, seconds=seconds, **clock)
    return section, chosen


def onward(recipe: Recipe, workspace: Workspace) -> Workspace:
    """The workspace for the recipe that a search chose."""
    fresh = workspace_of(recipe, workspace.reporter)
    if recipe.backbone.name == workspace.backbone_reference and (
        fresh.backbone_options == workspace.backbone_options
    ):
        workspace.options = fresh.options
        return workspace
    fresh.seconds = workspace.seconds
    return fresh
