"""What there is to tell of pretraining further: the text, the curve, and what it adds."""

from __future__ import annotations

from journeyman.backbones.base import Backbone
from journeyman.pretraining.corpus import Corpus
from journeyman.pretraining.interpolation import Outcome
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
    outcome: Outcome,
) -> Section:
    """The chapter on a backbone this run pretrained further, and how far it went."""
    before, after, metric = outcome.worth[0.0], outcome.worth[outcome.kept], outcome.metric
    gain = None if before is None or after is None else after - before
    return Section(
        step="pretrain",
        title="The backbone, pretrained further",
        prose=tuple(
            text
            for text in (
                _what(base, made, corpus, options, trained),
                _left_out(corpus),
                _verdict(outcome),
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
            Figure(name="interpolation kept", value=outcome.kept),
            Figure(name=f"validation {metric} of ridge before", value=before),
            Figure(name=f"validation {metric} of ridge after", value=after),
            Figure(name=f"validation {metric} gained", value=gain),
        ),
        charts=(*_curve(trained), *_way(outcome)),
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
        f"{len(corpus.texts):,} texts of {source}: {where} learned {method.purpose}. Epoch "
        f"{trained.fitted.best_epoch} is the likeliest on {len(corpus.held):,} held-out texts. "
        f"What was kept lies in `backbone/` with the SHA-256 {made.spec.sha256[:12]}; everything "
        "after is bound to it, and the model takes it along."
    )


def _left_out(corpus: Corpus) -> str:
    parts = [
        (corpus.repeated, "stood there before"),
        (corpus.examined, "stand in rows that choose or measure the model"),
        (corpus.refused, "could not be read"),
    ]
    told = [f"{count:,} {why}" for count, why in parts if count]
    return f"Texts left out: {', '.join(told)}." if told else ""


def _verdict(outcome: Outcome) -> str:
    before, after = outcome.worth[0.0], outcome.worth[outcome.kept]
    if before is None or after is None:
        return "What it adds was not measured: the task has no ridge head."
    tried = sorted(set(outcome.worth) - {0.0})
    told = ", ".join(f"{outcome.worth[share]:.3f} at {_percent(share)}" for share in tried)
    said = (
        f"On the same validation rows, a ridge head on frozen features reaches {outcome.metric} "
        f"{before:.3f} on the weights as they were and {told} of the way to the pretrained ones. "
    )
    if outcome.kept == 0:
        return said + (
            "None of it helps, so the weights stay as they were: leave `pretrain` out, or give it "
            "more text."
        )
    if after <= before:
        return said + "By this measure it does not help: leave out `pretrain`, or `interpolation`."
    return said + (
        f"By this measure it helps, and the weights at {_percent(outcome.kept)} are kept."
        + (" They were chosen on these rows." if len(tried) > 1 else "")
    )


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _way(outcome: Outcome) -> tuple[Chart, ...]:
    known = {share: value for share, value in sorted(outcome.worth.items()) if value is not None}
    if len(known) < 3:
        return ()
    return (
        Chart(
            kind="line",
            title=f"Validation {outcome.metric} by how far the weights go",
            x_label="part of the way to the pretrained weights",
            y_label=outcome.metric,
            series=(Series(name="ridge head", x=tuple(known), y=tuple(known.values())),),
        ),
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
