"""What a user may call a model: its folder, or the folder of the run that made it."""

from __future__ import annotations

from pathlib import Path

from journeyman.errors import ModelError
from journeyman.model_manifest import MANIFEST


def model_folder(reference: str | Path) -> Path:
    """The folder that a reference means: itself, or `model` within a run folder."""
    if not str(reference):
        raise ModelError(
            "No model is named.",
            place="MODEL",
            expected="a model folder or a run folder",
            found="an empty name",
            remedy="give the folder, such as runs/sentiment",
        )
    folder = Path(reference).expanduser()
    if not (folder / MANIFEST).is_file() and (folder / "model").is_dir():
        return folder / "model"
    if folder.is_file():
        raise ModelError(
            "A model is a folder, and this is a file.",
            place=str(folder),
            expected="a model folder or a run folder",
            found="a file",
            remedy="give the folder of the model"
            if folder.name != MANIFEST
            else f"give the folder it stands in: {folder.parent}",
        )
    return folder
