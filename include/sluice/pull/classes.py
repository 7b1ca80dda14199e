"""Kanban's classes of service: how what is ready is ordered, and what each class promises.

Source: David J. Anderson, Kanban (2010), chapter 11. They take the place of priorities.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sluice.errors import BadInputError


class ServiceClass(StrEnum):
    """From the first to be pulled to the last."""

    EXPEDITE = "expedite"
    """Goes before everything; few at a time, and what it delays is shown before it is accepted."""
    FIXED_DATE = "fixed_date"
    """Worth less after its due date; the earliest date goes first."""
    STANDARD = "standard"
    """First come, first served."""
    INTANGIBLE = "intangible"
    """Worth doing, with no cost of delay to name yet."""

    @classmethod
    def of(cls, text: str) -> ServiceClass:
        """The class of a recorded request, also of those that were recorded with a priority."""
        return cls(OLD.get(text, text)) if OLD.get(text, text) in set(cls) else cls.STANDARD

    @property
    def words(self) -> str:
        """The class as people say it."""
        return self.value.replace("_", " ")


OLD = {"low": "intangible"}
"""The priorities of earlier versions that have another name now."""


def chosen_class(text: str, due: date | None, today: date) -> ServiceClass:
    """The class a requester chose, with its due date. Raises BadInputError (CLASS_OF_SERVICE, DUE_DATE)."""
    text = OLD.get(text, text)
    if text not in set(ServiceClass):
        raise BadInputError("CLASS_OF_SERVICE", f"class of service {text!r}", mend=f"One of {', '.join(ServiceClass)}.")
    chosen = ServiceClass(text)
    if chosen is ServiceClass.FIXED_DATE and due is None:
        raise BadInputError("DUE_DATE", "a fixed date needs its date", mend="Give the day by which it is worth less.")
    if chosen is not ServiceClass.FIXED_DATE and due is not None:
        raise BadInputError("DUE_DATE", f"a due date is for the class {ServiceClass.FIXED_DATE.value}, not {chosen.value}",
                            mend="Choose the class fixed_date, or leave the date out.")  # fmt: skip
    if due is not None and due < today:
        raise BadInputError("DUE_DATE", f"{due} is over already", mend="Give a day that is still to come.")
    return chosen


def place_in_line(text: str, due: date | None, requested_at: datetime, request_id: str) -> tuple[object, ...]:
    """The order of what is ready: by class, then due date, then age."""
    return (list(ServiceClass).index(ServiceClass.of(text)), due or date.max, requested_at, request_id)
