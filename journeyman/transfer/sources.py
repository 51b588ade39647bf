"""The models a recipe names as starts or as a teacher, read once, on one copy of a backbone."""

from __future__ import annotations

from journeyman.backbones.base import Backbone
from journeyman.model import Model
from journeyman.saved.manifest import read_manifest
from journeyman.versions.reference import model_folder


def source_model(name: str, backbone: Backbone) -> Model:
    """The model a recipe names; it shares `backbone` where that is its own."""
    folder = model_folder(name)
    said = read_manifest(folder)["backbone"]
    same = said["sha256"] == backbone.spec.sha256 and said["options"] == dict(backbone.options)
    return Model.load(folder, backbone if same else None)
