"""What models must have in common to answer together, and what is told of each."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.errors import ModelError
from journeyman.model import Model


def check_members(members: Sequence[Model], called: Sequence[str], *, routed: bool = False) -> None:
    """Raises ModelError for models that do not fit each other.

    Where each row is `routed` to one of them, they need not have the same labels of rows.
    """
    if len(members) < 2:
        raise ModelError(
            "An ensemble has two members or more.",
            place="members",
            expected="at least two models",
            found=", ".join(called) or "none",
            remedy="name another model of the same labels, say of another backbone",
        )
    for member, name in zip(members, called, strict=True):
        check_single(member, name)
    if not members[0].learner.task.averages:
        raise ModelError(
            "Answers of this task cannot be averaged.",
            place=called[0],
            expected="models that give each row the same numbers",
            found=f"a model for {members[0].learner.task.name}",
            remedy="ask one of the models",
        )
    for member, name in zip(members[1:], called[1:], strict=True):
        wanted, own = _about(members[0], routed), _about(member, routed)
        for what in wanted:
            if own[what] != wanted[what]:
                raise ModelError(
                    f"The members of an ensemble differ in their {what}.",
                    place=name,
                    expected=f"the {what} of {called[0]}: {_shown(wanted[what])}",
                    found=_shown(own[what]),
                    remedy="train them on the same rows, or leave one out",
                )


def check_single(model: Model, called: str) -> None:
    """Raises ModelError for an ensemble where one model is wanted."""
    members = getattr(model, "members", ())
    if members:
        raise ModelError(
            "A member of an ensemble is itself one.",
            place=called,
            expected="single models",
            found=f"an ensemble of {len(members)}",
            remedy="name its members instead",
        )


def described(member: Model) -> str:
    """A member on a line: what it is called, and made of."""
    learner = member.learner
    made = f"{learner.backbone.spec.name}, tuner `{learner.tuner.name}`, head `{learner.head.name}`"
    return f"`{member.name}`, version `{member.version}`: {made}"


def _about(member: Model, routed: bool) -> dict[str, Sequence[str]]:
    task = member.learner.task
    free = routed and task.kind in ("label", "labels")
    told: dict[str, Sequence[str]] = {"task": [task.name]}
    return told if free else {**told, "labels": member.schema.labels}


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + f" and {len(names) - 20} more" * (len(names) > 20)
