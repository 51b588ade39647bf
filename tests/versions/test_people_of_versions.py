"""The people enrolled with a version of a model of faces go with it, and leave all versions."""

import numpy as np
import pytest
from store_samples import make_source, told

from journeyman.errors import JourneymanError
from journeyman.model import Model
from journeyman.people.gallery import GALLERY, Gallery
from journeyman.saved.manifest import read_manifest
from journeyman.versions.store import Store


@pytest.fixture
def faces(tmp_path):
    return make_source(tmp_path, "face-recognition", "whitening")


def enrol(folder, *people):
    version = read_manifest(folder)["version"]
    vectors = {"a": np.ones(3, dtype=np.float32)}
    Gallery(version, dict.fromkeys(people, vectors)).write(folder)


def enrolled(folder):
    return sorted(Gallery.read(folder, read_manifest(folder)["version"]).people)


def another(store, folder):
    model = Model.load(folder)
    model.about["again"] = 1
    return store.add(model, told(read_manifest(folder)["version"]), folder).version


def test_people_go_with_their_version_and_come_back_with_it(faces):
    store = Store.beside(faces)
    first = store.current
    enrol(faces, "ann", "bob")
    second = another(store, faces)
    assert not (store.load(second) / GALLERY).exists()
    store.promote(second)
    assert enrolled(faces) == []
    enrol(faces, "cleo")
    store.promote(first)
    assert enrolled(faces) == ["ann", "bob"]
    assert not (store.load(first) / GALLERY).exists()
    store.promote(second)
    assert enrolled(faces) == ["cleo"]


def test_a_person_who_is_removed_is_removed_from_earlier_versions_too(faces):
    store = Store.beside(faces)
    first = store.current
    enrol(faces, "ann", "bob")
    store.promote(another(store, faces))
    enrol(faces, "ann")
    model = Model.load(faces)
    model.remove_person("ann")
    assert enrolled(faces) == []
    model.remove_person("bob")
    store.promote(first)
    assert enrolled(faces) == []
    with pytest.raises(JourneymanError, match="No one named 'bob'"):
        Model.load(faces).remove_person("bob")
