"""The section `tiers:` of include/policy.yaml.

tiers:
  names: [low, standard, high]      # from the lightest to the heaviest; this is the default
  by_classification: {public: low, internal: standard, confidential: high, restricted: high}
  undeclared_pii: high
  bulk: [low]                       # requests of these tiers may be decided several at a time
  rules:                            # each only raises
    - {tier: standard, when: {owner: new}, because: We get to know each other once.}
    - {tier: high, when: {size_over: 500 GB, source: [s3]}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.contract.model import CLASSIFICATIONS
from sluice.policy.parts import is_one
from sluice.policy.tiers import CONDITIONS, PII, TIERS, TierRule, Tiers

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

LONGEST_TIER = 32
"""What the ledger has room for."""
_KEYS = ("names", "by_classification", "undeclared_pii", "bulk", "rules")


def read_tiers(read: Reader) -> Tiers:
    """The tiers and their rules. Raises BadInputError (POLICY_INVALID) with file and line."""
    tiers = read.section("tiers")
    read.keys(tiers, _KEYS, "tiers")
    names = tiers.get("names", list(TIERS))
    if (
        not isinstance(names, list)
        or not names
        or not all(isinstance(n, str) and n for n in names)
        or len(set(names)) != len(names)
    ):
        raise read.bad(
            "`names` is a list of distinct tiers, the lightest first", "tiers", "names", mend=f"Such as {list(TIERS)}."
        )
    read.insist(
        all(len(n) <= LONGEST_TIER for n in names),
        "a tier's name is too long",
        "tiers",
        "names",
        mend=f"At most {LONGEST_TIER} characters.",
    )
    by_classification = tiers.get("by_classification")
    if not isinstance(by_classification, dict):
        raise read.bad("`tiers.by_classification` must be a mapping", "tiers")
    for classification in CLASSIFICATIONS:
        _known(read, by_classification.get(classification), names, "by_classification", classification)
    read.keys(by_classification, CLASSIFICATIONS, "tiers", "by_classification", what="classification")
    pii_tier = _known(read, tiers.get("undeclared_pii", names[-1]), names, "undeclared_pii")
    bulk = tiers.get("bulk", [])
    if not isinstance(bulk, list):
        raise read.bad("`bulk` is a list of tiers", "tiers", "bulk")
    rules = tiers.get("rules")
    rules = [] if rules is None else rules
    if not isinstance(rules, list):
        raise read.bad("`rules` is a list", "tiers", "rules", mend="{tier: high, when: {owner: new}}")
    return Tiers(dict(by_classification), pii_tier, tuple(names), tuple(_rule(read, r, names, i) for i, r in enumerate(rules)),
                 tuple(_known(read, tier, names, "bulk", i) for i, tier in enumerate(bulk)))  # fmt: skip


def _known(read: Reader, tier: Any, names: list[str], *where: str | int) -> str:
    if not is_one(tier, names):
        raise read.bad(f"{where[-1]} is in the tier {tier!r}", "tiers", *where, mend=f"One of {', '.join(names)}.")
    return str(tier)


def _rule(read: Reader, value: Any, names: list[str], i: int) -> TierRule:
    where: tuple[str | int, ...] = ("tiers", "rules", i)
    if not isinstance(value, dict) or not isinstance(value.get("when"), dict) or not value["when"]:
        raise read.bad("a rule needs `tier` and `when`", *where, mend="{tier: high, when: {owner: new}}")
    read.keys(value, ("name", "tier", "when", "because"), *where)
    tier = _known(read, value.get("tier"), names, "rules", i)
    when = {}
    for name, given in value["when"].items():
        if name not in CONDITIONS:
            raise read.bad(f"unknown condition {name!r}", *where, "when", name, mend=f"Known: {', '.join(CONDITIONS)}.")
        when[name] = CONDITIONS[name].read(given)
        if when[name] is None:
            raise read.bad(
                f"{given!r} does not fit {name!r}", *where, "when", name, mend=f"Write {CONDITIONS[name].shape}."
            )
        read.insist(CONDITIONS[name].possible(when[name]), f"{given!r} does not fit {name!r}", *where, "when", name,
                    mend=f"Write {CONDITIONS[name].shape}.")  # fmt: skip
        if CONDITIONS[name].words and not read.kept:
            known = _words_of(name)
            for word in when[name]:
                read.insist(word in known, f"unknown {name} {word!r}", *where, "when", name,
                            mend=f"Known: {', '.join(known)}. A rule about anything else would never hold.")  # fmt: skip
    because = value.get("because", "")
    if not isinstance(because, str):
        raise read.bad("`because` is a sentence", *where, "because")
    return TierRule(str(value.get("name") or f"rule {i + 1}"), tier, when, because.strip().rstrip("."))


def _words_of(condition: str) -> tuple[str, ...]:
    if CONDITIONS[condition].words is not PII:
        return CONDITIONS[condition].words
    from sluice.pii.kinds import KIND_NAMES  # knows every country's telephone numbers: only who writes a policy waits

    return (*PII, *KIND_NAMES)
