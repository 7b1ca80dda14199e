"""Chooses a column's type from counts over all its values, and says what a person should look at.

The rules, in order (docs/draft.md tells users the same):
1. A type must hold for every value; with 100 values or more, 1% may contradict it, and will be quarantined.
2. Texts with leading zeros stay texts. Integers take the narrowest width; more than 19 digits become decimals.
3. Numbers with a decimal mark are exact decimals when they are money by name or all have the same number of
   digits after the mark (2 to 6); measurements are doubles, unless that would cost digits.
4. Day and month: the values decide; where they cannot, the table's other dates do, and then day first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sluice.contract.types import ColumnType, Kind
from sluice.draft.evidence import TextColumn, Tried
from sluice.draft.guess import NOT_A_NUMBER, is_uuid, only_thousands, surely_points

TOLERANCE = 0.01
ENOUGH = 100
STRING = ColumnType(Kind.STRING)

IN_TEXT = "JSON text in the file."

_MONEY = re.compile(
    r"(?:^|[_\W])(?:amount|amt|price|cost|total|subtotal|balance|fee|salary|wage|tax|vat|revenue|sales|turnover|payment|paid"
    r"|debit|credit|budget|discount|charge|usd|eur|gbp|chf|jpy|betrag|preis|summe|montant|prix|importe|precio|income"
    r"|profit|invoice|net|gross)(?:$|[_\W])",
    re.IGNORECASE,
)
_MIXED = "TODO: ',' was taken for the decimal mark, and other numbers of the table have a point. Ask the source."
_DAY_AND_MONTH = re.compile(r"\s*([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{2,4})\b.*", re.DOTALL)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DOUBLE_DIGITS = 17
"""What it takes to write any double; a text with more digits was none."""


@dataclass(frozen=True)
class Choice:
    """A column's type. `bad` values of the file do not fit it; `notes` are to-dos for whoever finishes the draft.

    `nulls` are the words that mean "no value" here. `inside` are the parts of an object by their keys, or the item of
    an array; `personal` the kinds of personal data that such a part seems to hold.
    """

    type: ColumnType
    options: Mapping[str, Any] = field(default_factory=dict)
    physical: str = ""
    nulls: tuple[str, ...] = ()
    bad: int = 0
    misfits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    inside: tuple[tuple[str, Choice], ...] = ()
    personal: tuple[str, ...] = ()


def choose_all(columns: Sequence[TextColumn]) -> list[Choice]:
    """The choice for every column of one table; columns help each other where one alone is ambiguous."""
    month_first = _month_first(columns)
    chosen = [_empty_is_null(c, choose(c, month_first=month_first)) for c in columns]
    points = (
        c.type.kind in (Kind.FLOAT64, Kind.DECIMAL) and not c.options and surely_points(t.sample)
        for t, c in zip(columns, chosen, strict=True)
    )  # fmt: skip
    commas = [c.options.get("decimalChar") == "," for c in chosen]
    if not any(commas) or not any(points):
        return chosen
    return [replace(c, notes=(*c.notes, _MIXED)) if comma else c for c, comma in zip(chosen, commas, strict=True)]


def _empty_is_null(column: TextColumn, choice: Choice) -> Choice:
    """An empty text between dates: JSON has null for that, and not everybody uses it."""
    null = column.empties and choice.type != STRING
    return replace(choice, nulls=("", *choice.nulls)) if null else choice


def null_words_of_texts(columns: Sequence[TextColumn], chosen: Sequence[Choice], words: set[str]) -> list[Choice]:
    """The choices again, with `words`, null in typed columns of the source, null in its texts too where they can be."""
    return [
        _null_words_of_text(column, choice, words) if choice.type == STRING and column.null_words else choice
        for column, choice in zip(columns, chosen, strict=True)
    ]


def shared_null_words(columns: Sequence[TextColumn], chosen: Sequence[Choice]) -> tuple[str, ...]:
    """The words that are null in every column of the table where they stand: these can be said once."""
    words = dict.fromkeys(word for c in chosen for word in c.nulls)
    return tuple(
        w for w in words if all(w in c.nulls for t, c in zip(columns, chosen, strict=True) if w in t.null_words)
    )  # fmt: skip


def choose(column: TextColumn, *, month_first: bool | None = None) -> Choice:
    """The type of one column. `month_first` is how the table's unambiguous dates are written; None: unknown."""
    values = column.present - sum(column.null_words.values())
    if not values:
        return Choice(STRING, notes=("TODO: the column is empty; its type is not known.",))
    tested = {(t.guess.type.kind, str(t.guess.options.get("format", ""))): t for t in column.tested}
    by_kind = {t.guess.type.kind: t for t in column.tested}
    if Kind.FLOAT64 in by_kind:
        dates = [t for t in column.tested if t.guess.options.get("format") == "yyyyMMdd" and t.fits == values]
        if dates and (values >= 20 or re.search(r"date|dat|day|tag|jour|_dt|^dt", column.name, re.IGNORECASE)):
            return _chosen(column, dates[0], values)
        return _number(column, by_kind, values)
    first = _firsts_of_months(column.sample) if month_first is None else month_first
    best = _moment(list(tested.values()), values, first) or max(column.tested, key=lambda t: t.fits, default=None)
    if best is None or not _holds(best.fits, values):
        return _text(column)
    ambiguous = [t for t in column.tested if t is not best and t.fits == best.fits]
    note = ""
    if ambiguous and best.guess.type.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        other = ambiguous[0].guess.options.get("format")
        how = (
            "as the table's other dates are" if month_first is not None
            else "one of the numbers is 1 in all years: the day" if first is not None
            else "day first by rule"
        )  # fmt: skip
        note = (
            f"TODO: every value also fits {other}; {best.guess.options['format']} was chosen ({how}). Ask the source."
        )
    return _chosen(column, best, values, note)


def _holds(fits: int, values: int) -> bool:
    return fits == values or (values >= ENOUGH and values - fits <= TOLERANCE * values)


def _chosen(column: TextColumn, tested: Tried, values: int, note: str = "") -> Choice:
    options = dict(tested.guess.options)
    if tested.guess.type.kind is Kind.TIMESTAMPTZ:
        options["timezone"] = True
    return Choice(
        tested.guess.type, options, nulls=tuple(column.null_words), bad=values - tested.fits, misfits=tested.misfits,
        notes=(note,) if note else (),
    )  # fmt: skip


def _text(column: TextColumn) -> Choice:
    return Choice(STRING, physical="uuid" if is_uuid(column.sample) else "")


def _number(column: TextColumn, tested: Mapping[Kind, Tried], values: int) -> Choice:
    found = _number_type(column, tested, values)
    options = tested[Kind.FLOAT64].guess.options
    mark = "," if options.get("groupChar") == "," or options == {"decimalChar": ","} else "."
    if found.type == STRING or options.get("groupChar") == "." or not only_thousands(column.sample, mark):
        return found
    read = "a thousands mark" if options.get("groupChar") == mark else "the decimal mark"
    note = f"TODO: {mark!r} was taken for {read}, and could be the other. Ask the source."
    return replace(found, notes=(*found.notes, note))


def _number_type(column: TextColumn, tested: Mapping[Kind, Tried], values: int) -> Choice:
    if column.leading_zeros:
        return Choice(STRING, notes=("TODO: digits with leading zeros, kept as text.",))
    if not column.dotted:
        for kind in (Kind.INT32, Kind.INT64):
            # A width is for all of them: an overflow is no bad value while a wider type holds it.
            if tested[kind].fits == tested[Kind.FLOAT64].fits and _holds(tested[kind].fits, values):
                return _chosen(column, tested[kind], values)
    whole_digits = column.plain == tested[Kind.FLOAT64].fits and _holds(column.plain, values)
    digits = column.integer_digits + column.scale
    options = tested[Kind.FLOAT64].guess.options
    if whole_digits and digits <= 38 and _exact(column):
        precision = 18 if digits + 3 <= 18 else 38
        scale = max(column.scale, 2) if column.dotted and _is_money(column) else column.scale
        exact = ColumnType(Kind.DECIMAL, precision, scale)
        return Choice(
            exact, options, nulls=tuple(column.null_words), bad=values - column.plain,
            misfits=tested[Kind.FLOAT64].misfits,
        )  # fmt: skip
    # In a column of doubles NaN is a value; the count says whether the doubles hold without it.
    words = {w: n for w, n in column.null_words.items() if w not in NOT_A_NUMBER}
    if _holds(tested[Kind.FLOAT64].fits, values):
        chosen = _chosen(column, tested[Kind.FLOAT64], values)
        return Choice(chosen.type, chosen.options, nulls=tuple(words), bad=chosen.bad, misfits=chosen.misfits)
    return _text(column)


def _is_money(column: TextColumn) -> bool:
    return _MONEY.search(_CAMEL.sub("_", column.name)) is not None


def _exact(column: TextColumn) -> bool:
    if not column.dotted or column.digits > _DOUBLE_DIGITS:
        return True  # integers too long for 64 bits, and what a double would cut
    if column.scale <= 6 and _is_money(column):
        return True
    return 2 <= column.scale <= 4 and column.scale == column.least_scale and column.dotted == column.plain


def _moment(tested: Sequence[Tried], values: int, month_first: bool | None) -> Tried | None:
    moments = [t for t in tested if "format" in t.guess.options]
    if len(moments) < 2:
        return None
    most = max(t.fits for t in moments)
    if not _holds(most, values):
        return None
    best = [t for t in moments if t.fits == most]
    if len(best) > 1:
        return next((t for t in best if _is_month_first(t) is bool(month_first)), best[0])
    return best[0]


def _is_month_first(tested: Tried) -> bool:
    pattern = str(tested.guess.options["format"])
    return pattern.find("M") < pattern.find("d")


def _month_first(columns: Sequence[TextColumn]) -> bool | None:
    """How the dates are written whose values allow only one reading."""
    votes = set()
    for column in columns:
        both = [t for t in column.tested if re.search(r"d.?[-/. ]M|M.?[-/. ]d", str(t.guess.options.get("format", "")))]
        if len(both) == 2 and both[0].fits != both[1].fits:
            votes.add(_is_month_first(max(both, key=lambda t: t.fits)))
    return votes.pop() if len(votes) == 1 else None


def _firsts_of_months(sample: Sequence[str]) -> bool | None:
    """Whether the month comes first, where the other number is 1 in more than one year: figures of months or quarters,
    and not of the first days of every January. None: cannot be told."""
    dates = [m.groups() for text in sample if (m := _DAY_AND_MONTH.fullmatch(text))]
    first, second, years = ({int(d[i]) for d in dates} for i in range(3))
    if len(years) < 2 or (first == {1}) == (second == {1}):
        return None
    return second == {1}


def _null_words_of_text(column: TextColumn, choice: Choice, words: set[str]) -> Choice:
    """A word that is null in typed columns of the table is null in a text column too, unless it looks like a value."""
    shared = [w for w in column.null_words if w in words]
    if not shared:
        return choice
    others = [v for v in column.sample if v not in column.null_words]
    kept = [w for w in shared if _could_be_value(w, others)]
    nulls = tuple(w for w in shared if w not in kept)
    notes = [
        f"TODO: {w!r} stands {column.null_words[w]:,} times: null in other columns, kept as text here because"
        " it looks like the other values."
        for w in kept
    ]
    return Choice(choice.type, choice.options, choice.physical, nulls, notes=(*choice.notes, *notes))


def _could_be_value(word: str, others: Sequence[str]) -> bool:
    """Whether the word has the form of other values: a carrier "NA" among "AA" and "UA", not among "N14228"."""
    if not word.isalpha():
        return False

    def form(text: str) -> tuple[int, bool, bool]:
        return len(text), text.isalpha(), text.isupper()

    return sum(form(v) == form(word) for v in others) >= 0.05 * len(others) if others else False
