"""A small model from a large one: what a teacher's answers add to a student with few labels."""

from __future__ import annotations

from docs.tables.results import held_of, lined


def table() -> str:
    """Test accuracy of teacher and student by labels a class; nothing before it has run."""
    held = held_of("distil")
    if not held:
        return ""
    figures = held["figures"]
    means, who, runs = figures["mean accuracy"], figures["who"], figures["runs"]
    labels = sorted(means, key=int)
    head = ("banking77", *(f"{each} labels a class" for each in labels))
    shown = {
        "teacher": f"teacher, `{who['teacher']}`",
        "student": f"student, `{who['student']}`, taught",
        "student on the labels alone": f"student, `{who['student']}`, on the labels alone",
    }
    lines = [
        (told, *(f"{100 * means[each][name]:.1f} %" for each in labels))
        for name, told in shown.items()
    ]
    draws = len(runs) // len(labels)
    return (
        f"Test accuracy of solved heads on frozen layers, mean of {draws} draws; the teacher "
        "answers the training rows that were not drawn, whose labels nobody gives "
        f"(`python -m benchmarks.distil`):\n\n{lined(head, lines)}\n"
    )
