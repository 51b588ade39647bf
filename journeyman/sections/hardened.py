"""What there is to tell of questions that lack a part: what they lose, and what views gained."""

from __future__ import annotations

from journeyman.section import Figure, Section
from journeyman.training.missing_options import MissingOptions
from journeyman.training.missing_parts import Hardened


def hardened(section: Section, found: Hardened, said: MissingOptions, metric: str) -> Section:
    """The chapter on fine-tuning with this in it, after what it already tells."""
    return section.model_copy(
        update={
            "prose": (*section.prose, _prose(found, said, metric)),
            "figures": (*section.figures, *_figures(found, metric)),
        }
    )


def _prose(found: Hardened, said: MissingOptions, metric: str) -> str:
    parts = [f"{said.words:.0%} of the words"] * bool(said.words)
    parts += [f"one of the two texts in {said.fields:.0%} of the rows"] * bool(said.fields)
    missing, whole = found.missing, found.whole
    verdict = "The model learned from these views" if found.kept else "The model was left as it was"
    return (
        f"Questions are expected to lack {' and '.join(parts)}. Held-out rows that lack as much "
        f"had a {metric} of {missing.before:.3f}, whole ones {whole.before:.3f}. With "
        f"{found.views:,} views of the {found.rows:,} training rows, parts left out, it was "
        f"{missing.score:.3f} (a difference of {missing.value:+.3f}, error {missing.error:.3f}) "
        f"and {whole.score:.3f}. {verdict}; probabilities are calibrated by rows with parts "
        "missing."
    )


def _figures(found: Hardened, metric: str) -> tuple[Figure, ...]:
    missing, whole = found.missing, found.whole
    return (
        Figure(name="views with parts missing", value=found.views if found.kept else 0),
        Figure(name=f"held-out {metric} with parts missing before", value=missing.before),
        Figure(name=f"held-out {metric} with parts missing after", value=missing.score),
        Figure(name="error of that difference", value=missing.error),
        Figure(name=f"held-out {metric} of whole rows before", value=whole.before),
        Figure(name=f"held-out {metric} of whole rows after", value=whole.score),
        Figure(name="missing parts: kept", value="yes" if found.kept else "no"),
        Figure(name="missing parts seconds", value=round(found.seconds, 2), unit="s", clock=True),
    )
