"""The recipe: the YAML of a run as one validated object, every mistake told at once."""

from __future__ import annotations

from journeyman.recipe.loading import dump_recipe, load_recipe, schema
from journeyman.recipe.options import Recipe

__all__ = ["Recipe", "dump_recipe", "load_recipe", "schema"]
