"""Small models that answer together, each saved in a folder of its own."""

from contract_samples import Sample
from tiny import tiny_folder

from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.model import Model


def found_network(place, *kind):
    """A tiny backbone that models made on it find again."""
    folder = tiny_folder(place, *kind)
    found = resolve(str(folder))
    spec = {"name": found.name, "licence": found.licence, "source": found.source}
    spec |= {"sha256": found.sha256, "reference": str(folder)}
    return load_backbone(folder, spec, {"max_tokens": 32})


def trained(network, task_name, place, rows=60, seed=0):
    """A model of made rows; `seed` draws them."""
    sample = Sample(task_name, network, train=rows, seed=seed)
    got = sample.finetune(place / "features", head=sample.task.default_head, tuner="none")
    about = {"data": "made", "rows": {"train": rows}, "parent": None}
    name = network.spec.name
    made = Model(name, got.learner, sample.schema, sample.data, got.calibration, about)
    return made.save(place / "model")
