"""What pretraining on a user's own text adds where few labels are."""

from __future__ import annotations

from docs.tables.results import held_of, lined


def table() -> str:
    """Test accuracy by method and labels a class; nothing before it has run."""
    held = held_of("pretraining")
    if not held:
        return ""
    methods = held["figures"]["methods"]
    labels = sorted(next(iter(methods.values()))["mean accuracy"], key=int)
    head = ("`minilm-l6`", *(f"{each} labels a class" for each in labels), "processor s", "draws")
    lines = [
        (
            name,
            *(f"{100 * told['mean accuracy'][each]:.1f} %" for each in labels),
            f"{told['mean processor seconds, pretraining and the first head']:,.0f}",
            told["draws"],
        )
        for name, told in methods.items()
    ]
    return (
        "banking77, test accuracy of a ridge head on frozen features, the backbone pretrained "
        "further on the texts of all 10,003 training rows (`python -m benchmarks.pretraining`):"
        f"\n\n{lined(head, lines)}\n"
    )
