"""Models of two of the planted classes, and rows of the third, which they have never seen."""

from contract_samples import Sample, made_rows, with_pictures

from journeyman.model import Model
from journeyman.training.exam import make_exam

OUTSIDE = "plain"


def known_model(folder, backbone, task="text-classification", known=("bad", "good"), **options):
    """A model of the rows of these labels alone, with an exam of its validation rows."""
    sample = Sample(task, backbone, train=120, validation=90)
    kept = [row for row in sample.rows if row["label"] in known]
    sample.rows, sample.schema = kept, sample.task.schema([
        sample.task.target(row, sample.data) for row in kept
    ])  # fmt: skip
    cut = len(kept) * 4 // 7
    sample.train, sample.validation = sample.examples(kept[:cut]), sample.examples(kept[cut:])
    got = sample.finetune(folder / "cache", **{"tuner": "none", **options})
    source = got.learner.uncached(sample.validation)
    exam = make_exam(got.learner, sample.data, kept[cut:], sample.validation, source)
    about = {"data": "made", "rows": {"train": cut}, "parent": None}
    model = Model("made", got.learner, sample.schema, sample.data, got.calibration, about, exam)
    return model.save(folder / "model")


def asked_rows(model, count=90, seed=7):
    """Rows of all three labels."""
    rows = made_rows(count, seed)
    return with_pictures(rows, seed) if model.learner.task.modality == "image" else rows
