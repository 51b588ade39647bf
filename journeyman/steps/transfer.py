"""Transfer: learn new data from models already made, or from a large model's answers."""

from __future__ import annotations

from journeyman.section import Section
from journeyman.sections.schooled import schooled
from journeyman.sections.transferred import transferred
from journeyman.training.options import FinetuneOptions
from journeyman.transfer.crossing import cross
from journeyman.transfer.new_data import NewData, new_data
from journeyman.transfer.options import DistilOptions, TransferOptions
from journeyman.transfer.result import result
from journeyman.transfer.schooling import school
from journeyman.transfer.sources import source_model
from journeyman.transfer.start import Start, model_start, plain_start
from journeyman.transfer.warm_start import Setting
from journeyman.workspace import Workspace

OWN = "this run's model"


def run(workspace: Workspace) -> Section:
    """Leaves transfer/model: an ordinary model that names its parent."""
    options = workspace.option(TransferOptions)
    data = gathered(workspace, options)
    if options.distil is not None:
        return _teach(workspace, data, options.labels, options.distil)
    setting = setting_of(workspace)
    found = cross(starts(workspace, data, options), data, options, setting)
    model = result(
        workspace.name,
        data,
        found.carried.learner,
        found.carried.calibration,
        workspace.cache,
        parent=found.chosen.model,
        labels=found.labels,
        test=found.test,
    )
    return transferred(found, model.save(workspace.carried_folder / "model"), setting.metric)


def _teach(
    workspace: Workspace, data: NewData, labels: int | None, options: DistilOptions
) -> Section:
    name, setting = options.teacher, setting_of(workspace)
    teacher = workspace.model if name is None else source_model(name, workspace.backbone)
    student = workspace.backbone if options.into is None else workspace.pretrained(options.into)
    found = school(teacher, student, data, labels, options, setting)
    model = result(
        workspace.name,
        data,
        found.taught.learner,
        found.taught.calibration,
        workspace.cache,
        parent=teacher,
        labels=found.labels,
        test=found.student.metrics,
    )
    return schooled(found, model.save(workspace.carried_folder / "model"), options, setting.metric)


def gathered(workspace: Workspace, options: TransferOptions) -> NewData:
    """The new data: read, checked and split; or the recipe's own."""
    if options.data is None:
        return new_data(workspace.collection, workspace.task, workspace.seed)
    collection = workspace.gather(options.data, workspace.carried_folder / "data")
    learned = [workspace.collection.train, workspace.collection.validation]
    return new_data(collection, workspace.task, workspace.seed, learned)


def starts(workspace: Workspace, data: NewData, options: TransferOptions) -> list[Start]:
    """The plain backbone, this run's model where the data is new, and the candidates."""
    models = {OWN: workspace.model} if options.data is not None else {}
    models |= {name: source_model(name, workspace.backbone) for name in options.candidates}
    said = data.task, data.schema, workspace.seed
    plain = plain_start(said[0], workspace.backbone, *said[1:])
    return [plain, *(model_start(name, model, *said) for name, model in models.items())]


def setting_of(workspace: Workspace) -> Setting:
    """How learning goes, as the recipe says."""
    options = workspace.option(FinetuneOptions)
    return Setting(
        options,
        options.metric or workspace.task.primary_metric,
        workspace.seed,
        workspace.cache,
        workspace.reporter,
        workspace.removals,
    )
