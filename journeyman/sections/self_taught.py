"""What there is to tell of self-training: which rows were learned from, round by round, and why."""

from __future__ import annotations

from journeyman.section import Figure, Grid, Section
from journeyman.tasks.base import Task
from journeyman.training.pseudo_labels import DRIFT
from journeyman.training.self_training import Round, SelfTrained


def self_taught(section: Section, found: SelfTrained, metric: str) -> Section:
    """The chapter on fine-tuning with self-training in it, after what it already tells."""
    return section.model_copy(
        update={
            "prose": (*section.prose, _prose(found)),
            "figures": (*section.figures, *_figures(found)),
            "tables": (*section.tables, _table(found, metric)),
        }
    )


def waiting(section: Section, rows: int, task: Task) -> Section:
    """The chapter on fine-tuning, with what may be done about `rows` training rows that nobody
    labelled and nothing was learned from."""
    if not rows:
        return section
    way = (
        "With `finetune: {self_training: true}` the model also learns from its own sure answers "
        "to them, if held-out answers gain by it."
        if task.kind == "label"
        else f"The task {task.name} does not learn from its own answers; `pretrain` can read them."
    )
    told = f"{rows:,} rows without a label are waiting: nothing was learned from them here. {way}"
    return section.model_copy(update={"prose": (*section.prose, told)})


def _prose(found: SelfTrained) -> str:
    offered = found.offered
    left = {
        "stand in rows with labels": offered.labelled,
        "were met before": offered.repeated,
        "are beyond the limit": offered.beyond,
    }
    out = ", ".join(f"{count:,} {why}" for why, count in left.items() if count)
    refused = f" {offered.refused:,} rows have nothing that can be read." if offered.refused else ""
    end = (
        f"The model learned from {found.rows:,} of them by its own answers"
        if found.rows
        else "None of them was learned from"
    )
    own = f", {offered.own:,} of them of the training rows" if offered.own else ""
    return (
        f"{len(offered.texts):,} rows without labels were offered{own}"
        f"{f'; left out: {out}' if out else ''}.{refused} An answer serves as a label "
        f"where held-out answers as confident are right {found.said.precision:.0%} of the time, "
        f"and no label may grow more than {DRIFT:.0f} times as much as another. "
        f"{_views(found)}{end}."
    )


def _views(found: SelfTrained) -> str:
    said = found.said.consistency
    if said is None:
        return ""
    each = "one changed view" if said.copies == 1 else f"{said.copies} changed views"
    return f"A row that is taken is learned in {each} too, each with the answer to the row itself. "


def _figures(found: SelfTrained) -> tuple[Figure, ...]:
    offered = found.offered
    return (
        Figure(name="unlabelled rows", value=len(offered.texts)),
        *((Figure(name="unlabelled training rows", value=offered.own),) if offered.own else ()),
        Figure(name="unlabelled rows refused", value=offered.refused),
        Figure(name="unlabelled rows that have labels elsewhere", value=offered.labelled),
        Figure(name="rows with pseudo-labels", value=found.rows),
        *(figure for one in found.rounds for figure in _of_round(one)),
        Figure(name="self-training seconds", value=round(found.seconds, 2), unit="s", clock=True),
    )


def _of_round(one: Round) -> tuple[Figure, ...]:
    when = f"self-training round {one.number}"
    threshold = None if one.threshold is None else one.threshold.score
    return (
        Figure(name=f"{when}: rows taken", value=one.taken),
        Figure(name=f"{when}: threshold", value=threshold),
        Figure(name=f"{when}: held-out score before", value=one.before),
        Figure(name=f"{when}: held-out score after", value=one.after),
        Figure(name=f"{when}: kept", value="yes" if one.kept else "no", note=one.why),
    )


def _table(found: SelfTrained, metric: str) -> Grid:
    header = (
        "round", "offered", "taken", "threshold", "held-out rows above", "right of them",
        f"{metric} before", f"{metric} after", "error of the difference", "what",
    )  # fmt: skip
    rows = tuple(
        (
            one.number,
            one.offered,
            one.taken,
            None if one.threshold is None else one.threshold.score,
            None if one.threshold is None else one.threshold.rows,
            None if one.threshold is None else one.threshold.right,
            one.before,
            one.after,
            one.error,
            one.why,
        )
        for one in found.rounds
    )
    caption = (
        "Each round starts from the answers of the model kept before. The score is that of "
        "held-out answers; its error is that of the grouped jackknife."
    )
    return Grid(title="Rounds of self-training", header=header, rows=rows, caption=caption)
