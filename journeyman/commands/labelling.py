"""The command that asks for labels: what is worth one next, shown on a terminal or written out."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeyman.commands.usage import ModelPath, check_free, print_lines
from journeyman.errors import JourneymanError

if TYPE_CHECKING:
    from journeyman.labelling.labels_file import LabelsFile
    from journeyman.labelling.pool import Read
    from journeyman.labelling.queue import Queue, Wanted
    from journeyman.labelling.suspects import Suspect
    from journeyman.model import Model

SUFFIXES = {".csv": "csv", ".jsonl": "jsonl"}


_Pool = Annotated[
    str,
    typer.Argument(
        metavar="POOL",
        help="Rows without labels: CSV, JSON Lines, Parquet, .txt lines, a picture folder.",
    ),
]
_Strategy = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="margin (the usual), design (of up to ten classes), entropy, least-confident, badge, "
        "coreset, typical, disagreement or random.",
    ),
]
_Batch = Annotated[int, typer.Option(min=1, help="Rows that are chosen, and learned, together.")]
_Suspects = Annotated[
    str | None,
    typer.Option(metavar="AUDIT", help="The file of `journeyman audit`: its suspects, too."),
]
_Labels = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Where labels are kept; POOL's name with .labels.jsonl if absent."
    ),
]
_Learn = Annotated[
    bool, typer.Option("--learn", help="Learn each batch when it is done, and rank anew.")
]
_Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="Write the queue instead: jsonl, csv or label-studio.",
    ),
]
_Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Where --format writes.")
]
_Limit = Annotated[
    int, typer.Option(min=1, help="Rows of the pool that are looked at; of more, a sample.")
]
_Seed = Annotated[int, typer.Option(min=0, help="Of the sample, and of chance.")]


def label(
    model: ModelPath,
    pool: _Pool,
    strategy: _Strategy = None,
    batch: _Batch = 20,
    suspects: _Suspects = None,
    labels: _Labels = None,
    learn: _Learn = False,
    form: _Form = None,
    output: _Output = None,
    limit: _Limit = 20_000,
    seed: _Seed = 0,
) -> None:
    """Rank rows that are worth a label, and ask for it: on a terminal, one key a label.

    Labels stand in a file that `journeyman learn MODEL` takes, each as soon as it is given; the
    same command goes on where it stopped. Without a terminal the queue is printed as JSON lines.
    """
    from journeyman.labelling.labels_file import LabelsFile
    from journeyman.labelling.suspects import read_suspects

    form = _form(form, output)
    doubted = [] if suspects is None else read_suspects(suspects)
    loaded = _loaded(model)
    shown = form is None and sys.stdin.isatty() and sys.stdout.isatty()
    if shown:
        _check_shown(loaded)
    elif learn:
        raise _no_terminal()
    name = labels if labels is not None else f"{Path(pool).name.split('.')[0]}.labels.jsonl"
    file = LabelsFile.open(name, loaded.columns, loaded.name)
    queue, read = _queue(model, loaded, pool, strategy, limit, seed)
    if shown:
        _sit(model, queue, file, doubted, batch, learn, read)
        return
    wanted = queue.next(batch, _open(doubted, file), done=file.ids)
    if not wanted:
        raise _nothing(pool, read)
    _write(wanted, loaded, form, output)
    _tell(read)


def _loaded(reference: str) -> Model:
    from journeyman.api import load
    from journeyman.labelling.queue import check_task

    loaded = load(reference).single()
    check_task(loaded)
    return loaded


def _queue(
    reference: str, model: Model, pool: str, strategy: str | None, limit: int, seed: int
) -> tuple[Queue, Read]:
    from journeyman.data.questions import questions_in
    from journeyman.labelling.pool import Pool, read_pool
    from journeyman.labelling.queue import Queue
    from journeyman.progress import Reporter
    from journeyman.versions.reference import model_store

    if strategy is not None:
        from journeyman.labelling.strategies.base import STRATEGIES

        STRATEGIES[strategy]
    removed = model_store(reference).removals()
    asked = questions_in(pool, model.columns)
    read = read_pool(model, asked, limit=limit, seed=seed, removed=removed)
    return Queue(model, Pool.of(model, read.rows, reporter=Reporter()), strategy, seed), read


def _open(suspects: Sequence[Suspect], file: LabelsFile) -> list[Suspect]:
    return [suspect for suspect in suspects if suspect.id not in file.ids]


def _write(wanted: Sequence[Wanted], model: Model, form: str | None, output: str | None) -> None:
    from journeyman.labelling.export import FORMATS, lines_of
    from journeyman.labelling.label_studio import picture_root

    if form is None or output is None:
        print_lines(lines_of(wanted, model))
        return
    FORMATS[form](wanted, model, Path(output).expanduser())
    typer.echo(f"{form}: {output} ({len(wanted)} rows)")
    if form != "label-studio":
        return
    typer.echo(f"labelling configuration: {Path(output).with_suffix('.xml')}")
    if model.columns.image is not None:
        typer.echo(
            f"serve the pictures: LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={picture_root(wanted)}"
        )


def _sit(
    reference: str,
    queue: Queue,
    file: LabelsFile,
    suspects: Sequence[Suspect],
    batch: int,
    learn: bool,
    read: Read,
) -> None:
    """Show batch after batch until the pool is done or its reader is."""
    from journeyman.labelling.keys import Keys
    from journeyman.labelling.show import batches, show
    from journeyman.labelling.sitting import Sitting

    sitting = Sitting(queue.model.schema.labels, file)
    teacher = _Teacher(reference, queue, file) if learn else None
    source = batches(queue, sitting, suspects, batch, teacher)
    try:
        with Keys() as keys:
            show(sitting, source, keys, queue.model.name)
    finally:
        _summary(reference, sitting.given, file, learn, teacher)
        _tell(read)


class _Teacher:
    """Learns what stands in a labels file, and gives the queue of the model that serves then."""

    def __init__(self, reference: str, queue: Queue, file: LabelsFile) -> None:
        self.reference = reference
        self.queue = queue
        self.file = file
        self.learned = 0

    def __call__(self) -> tuple[Queue, str]:
        from journeyman.api import load
        from journeyman.continual.options import UpdateOptions
        from journeyman.teaching import teach

        path = self.file.path
        try:  # Rows that were chosen for being hard would make a one-sided exam.
            found = teach(self.reference, str(path), UpdateOptions(exam=0.0), origin=path.stem)
        except JourneymanError as error:
            return self.queue, f"Not learned: {error.problem}"
        update = found.update
        if not update.accepted:
            return self.queue, f"Not learned: {'; '.join(update.reasons)}"
        self.learned = len(self.file)
        self.queue = self.queue.after(load(self.reference).single())
        told = [
            f"Exam: {each.metric} {100 * each.before:.1f} -> {100 * each.after:.1f} %"
            for each in update.retention[:1]
            if each.before is not None
        ]
        seconds = sum(update.seconds.values())
        return self.queue, f"Learned {update.learned} rows in {seconds:.1f} s. {' '.join(told)}"


def _summary(
    reference: str, given: int, file: LabelsFile, learn: bool, teacher: _Teacher | None
) -> None:
    typer.echo(f"{given} labels given now, {len(file)} in {file.path}")
    learned = 0 if teacher is None else teacher.learned
    if len(file) > learned:
        command = ["journeyman", "learn", reference, str(file.path), "--exam", "0"]
        typer.echo(f"learn them: {shlex.join(command)}")


def _tell(read: Read) -> None:
    """What of the pool was left out."""
    if read.refused and read.failure is not None:
        error = read.failure.error
        typer.echo(f"{read.refused} rows cannot be read, {error['place']} first", err=True)
    if read.beyond:
        typer.echo(f"{read.beyond} rows were not looked at: --limit takes more", err=True)


def _form(form: str | None, output: str | None) -> str | None:
    """The format that is written; None where the queue is shown or printed."""
    from journeyman.labelling.export import FORMATS

    if form is None and output is None:
        return None
    if form is None:
        form = SUFFIXES.get(Path(str(output)).suffix.lower(), "")
    if form not in FORMATS:
        raise JourneymanError(
            f"There is no format {form!r} of a queue." if form else "The format is not clear.",
            place="--format", expected=" | ".join(FORMATS), found=form or f"--output {output}",
            remedy="name one of them with --format",
        )  # fmt: skip
    if output is None:
        raise JourneymanError(
            "--format is given without --output.", place="the command's arguments",
            expected="--format FORMAT and --output FILE together", found="--format alone",
            remedy="add --output FILE",
        )  # fmt: skip
    check_free(output, "queue")
    if form == "label-studio":
        check_free(str(Path(output).with_suffix(".xml")), "labelling configuration")
    return form


def _check_shown(model: Model) -> None:
    task = model.learner.task
    if task.kind == "label" and task.modality == "text":
        return
    raise JourneymanError(
        f"Rows of {task.name} cannot be labelled on a terminal.", place="MODEL",
        expected="a model that gives a text one label", found=task.name,
        remedy="write the queue: --format label-studio --output queue.json",
    )  # fmt: skip


def _no_terminal() -> JourneymanError:
    return JourneymanError(
        "--learn needs a terminal to give labels on.", place="the command's arguments",
        expected="a terminal, and neither --format nor --output", found="none of it",
        remedy="leave --learn out, label the queue, and run `journeyman learn`",
    )  # fmt: skip


def _nothing(pool: str, read: Read) -> JourneymanError:
    return JourneymanError(
        "No row of the pool is left to label.", place=pool,
        expected="rows that the model has not learned and the labels file lacks",
        found=f"{len(read.rows)} rows, all of them known", remedy="name another pool",
    )  # fmt: skip
