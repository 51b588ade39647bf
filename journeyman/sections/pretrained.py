"""What there is to tell of pretraining further: the text, the curve, and what it adds."""

from __future__ import annotations

from journeyman.backbones.base import Backbone
from journeyman.pretraining.corpus import Corpus
from journeyman.pretraining.learner import LIKELIHOOD
from journeyman.pretraining.methods.base import METHODS
from journeyman.pretraining.options import PretrainOptions
from journeyman.pretraining.pretrain import Pretrained
from journeyman.section import Chart, Figure, Section, Series


def pretrained(
    base: Backbone,
    made: Backbone,
    corpus: Corpus,
    options: PretrainOptions,
    trained: Pretrained,
    worth: tuple[float | None, float | None],
    metric: str,
) -> Section:
    """The chapter on a backbone this run pretrained further; `worth` is before and after."""
    before, after = worth
    gain = None if before is None or after is None else after - before
    return Section(
        step="pretrain",
        title="The backbone, pretrained further",
        prose=tuple(
            text
            for text in (
                _what(base, made, corpus, options, trained),
                _left_out(corpus),
                _verdict(before, after, metric),
            )
            if text
        ),
        figures=(
            Figure(name="layers", value=made.spec.depth),
            Figure(name="width", value=made.spec.width),
            Figure(name="texts", value=len(corpus.texts)),
            Figure(name="held-out texts", value=len(corpus.held)),
            Figure(name="pretrained parameters", value=trained.parameters),
            Figure(name="epochs", value=len(trained.fitted.history)),
            Figure(name="log-likelihood on held-out texts", value=trained.fitted.best_score),
            Figure(name=f"validation {metric} of ridge before", value=before),
            Figure(name=f"validation {metric} of ridge after", value=after),
            Figure(name=f"validation {metric} gained", value=gain),
        ),
        charts=_curve(trained),
    )


def _what(
    base: Backbone,
    made: Backbone,
    corpus: Corpus,
    options: PretrainOptions,
    trained: Pretrained,
) -> str:
    method = METHODS[options.method_name]
    where = f"layers {trained.cut + 1} to {base.spec.depth}" if trained.cut else "all layers"
    source = ", ".join(options.data) if options.data else "the training rows"
    return (
        f"{base.spec.name} (licence {base.spec.licence or 'not stated'}) was pretrained further on "
        f"{len(corpus.texts):,} texts of {source}: {where} learned {method.purpose}. The weights "
        f"of epoch {trained.fitted.best_epoch}, the likeliest on {len(corpus.held):,} held-out "
        f"texts, lie in `backbone/` with the SHA-256 {made.spec.sha256[:12]}; everything after is "
        "bound to it, and the model takes it along."
    )


def _left_out(corpus: Corpus) -> str:
    parts = [
        (corpus.repeated, "stood there before"),
        (corpus.examined, "stand in rows that choose or measure the model"),
        (corpus.refused, "could not be read"),
    ]
    told = [f"{count:,} {why}" for count, why in parts if count]
    return f"Texts left out: {', '.join(told)}." if told else ""


def _verdict(before: float | None, after: float | None, metric: str) -> str:
    if before is None or after is None:
        return "What it adds was not measured: the task has no ridge head."
    said = "helps" if after > before else "does not help"
    advice = "" if after > before else " Leave `pretrain` out, or give it more text."
    return (
        f"On the same validation rows, a ridge head on frozen features reaches {metric} "
        f"{before:.3f} before and {after:.3f} after: by this measure it {said}.{advice}"
    )


def _curve(trained: Pretrained) -> tuple[Chart, ...]:
    history = trained.fitted.history
    if len(history) < 2:
        return ()
    epochs = tuple(point["epoch"] for point in history)
    return (
        Chart(
            kind="line",
            title="Log-likelihood of what was foretold, by epoch",
            x_label="epoch",
            y_label="mean log-likelihood",
            series=(
                Series(name="texts learned", x=epochs, y=tuple(-p["loss"] for p in history)),
                Series(name="held-out texts", x=epochs, y=tuple(p[LIKELIHOOD] for p in history)),
            ),
        ),
    )
