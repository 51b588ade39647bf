"""What there is to tell of a student: how near it comes to its teacher, and at what cost."""

from __future__ import annotations

from journeyman.model import Model
from journeyman.section import Chart, Figure, Grid, Section, Series
from journeyman.sections.finetuned import metric_figures
from journeyman.transfer.options import DistilOptions
from journeyman.transfer.schooling import Pupil, Schooling

TAUGHT, ALONE, TEACHER = "student, taught", "student, labels alone", "teacher"


def schooled(found: Schooling, model: Model, options: DistilOptions, primary: str) -> Section:
    """The chapter on a small model that learns from a large one."""
    pupils = {TAUGHT: found.student, ALONE: found.untaught, TEACHER: found.teacher}
    chart = _chart(pupils, primary)
    return Section(
        step="transfer",
        title="Transfer: a small model taught by a large one",
        prose=_prose(found, model, options),
        figures=(
            *metric_figures(found.student.metrics),
            *(
                figure.model_copy(update={"name": f"{name}: {figure.name}"})
                for name in (ALONE, TEACHER)
                for figure in metric_figures(pupils[name].metrics)
            ),
            Figure(name="labelled rows", value=found.labels),
            Figure(name="unlabelled rows", value=found.unlabelled),
            *(Figure(name=f"{n}: parameters", value=p.parameters) for n, p in pupils.items()),
            *(
                Figure(name=f"{part} seconds", value=round(seconds, 2), unit="s", clock=True)
                for part, seconds in found.seconds.items()
            ),
        ),
        charts=() if chart is None else (chart,),
        tables=(_table(pupils, primary),),
    )


def _prose(found: Schooling, model: Model, options: DistilOptions) -> tuple[str, ...]:
    return (
        f"The teacher answered {found.labels + found.unlabelled:,} texts; {found.labels:,} of them "
        f"have labels. Its probabilities at temperature {options.temperature:g} are what the "
        f"student learned; where there is a label they count for {options.weight:g} of the target.",
        "The same student was trained once more on the labels alone; all three answered the same "
        "test rows, which chose nothing.",
        f"The student stands in {model.folder} (version {model.version}).",
    )


def _chart(pupils: dict[str, Pupil], primary: str) -> Chart | None:
    shown = {name: p.metrics[primary] for name, p in pupils.items() if primary in p.metrics}
    if not shown:
        return None
    return Chart(
        kind="bar",
        title=f"Test {primary} of teacher and student",
        x_label="model",
        y_label=primary,
        series=(
            Series(
                name=primary,
                x=tuple(shown),
                y=tuple(metric.value for metric in shown.values()),
                low=tuple(metric.low for metric in shown.values()),
                high=tuple(metric.high for metric in shown.values()),
            ),
        ),
        highlight=TAUGHT,
    )


def _table(pupils: dict[str, Pupil], primary: str) -> Grid:
    return Grid(
        title="Teacher and student",
        header=("model", "backbone", "parameters", "seconds for 1,000 texts", f"test {primary}"),
        rows=tuple(
            (
                name,
                pupil.backbone,
                pupil.parameters,
                round(pupil.seconds, 2),
                pupil.metrics[primary].value if primary in pupil.metrics else None,
            )
            for name, pupil in pupils.items()
        ),
    )
