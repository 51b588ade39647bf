"""Search over fields of a recipe: proposals, trials in processes, storage, and what mattered."""
