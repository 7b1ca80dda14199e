"""The policy's terms: tiers by rules, gates, people, lengths of time; what is refused, explained and warned of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.model import CLASSIFICATIONS, digest_of
from sluice.contract.reading import read_contract
from sluice.errors import BadInputError
from sluice.policy import Facts, Policy, facts_of, frozen_policy, load_policy
from sluice.policy.explaining import explain
from sluice.policy.linting import warnings
from sluice.policy.reading import place_in
from sluice.policy.spans import parse_span
from sluice.stages import GATES, Stage

POLICY = """\
owners: {members: [olga], groups: [platform]}
calendars:
  office: {zone: Europe/Brussels, hours: {mon-fri: ["09:00-17:00"]}, closed: ["2026-03-06"]}
roles:
  business: {members: [bea, ben], concerns: [contract, cost]}
  security: {members: [sara, sam], groups: [lake-security], calendar: office, also_signed_by: [governance], ladder: slow}
  governance: {members: [gus]}
tiers:
  by_classification: {public: low, internal: low, confidential: standard, restricted: high}
  undeclared_pii: high
  bulk: [low]
  rules:
    - {tier: standard, when: {owner: new}, because: We get to know each other once}
    - {tier: high, when: {size_over: 10 GB, source: [s3]}}
    - {tier: high, when: {pii: [iban, email]}}
    - {tier: high, when: {retention_over: 5 years}}
    - {tier: standard, when: {retention: missing}}
    - {tier: high, when: {cost_over: 100}}
    - {tier: standard, when: {quarantine_over: 0.05}}
ladders:
  slow: [{after: 2 business days, kind: reminder}, {after: 1 business week, kind: escalation, tell: [owners, business]}]
  usual: [{after: 4 hours, kind: reminder, tell: [signers]}]
gates:
  admission:
    expires_after: 10 business days
    ladder: usual
    low: {sign: [business], pre_approved: [security], because: Agreed on 2026-02-01, veto: [governance]}
    standard: [business, security]
    high: [business, {role: security, signatures: 2}, governance]
  publication:
    distinct_people: [[business, security]]
    veto: [governance]
    low: [business]
    standard: [business, {role: security, signatures: 2}]
    high: [business, security, governance]
"""
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
team: {members: [{username: Shop, role: owner}]}
slaProperties: [{property: retention, value: RETENTION, unit: y}]
servers: [{server: files, type: local, path: shop, format: csv}]
schema:
  - name: t
    properties:
      - {name: a, logicalType: string, classification: CLASS, customProperties: [{property: pii, value: [email]}]}
      - {name: b, logicalType: string, classification: public}
"""
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return written(tmp_path, POLICY)


def written(folder: Path, text: str) -> Policy:
    (folder / "policy.yaml").write_text(text)
    return load_policy(folder / "policy.yaml")


def facts(**known: Any) -> Facts:
    return Facts(
        **({"classification": "public", "owner": "Shop", "owner_known": True, "retention_days": 100.0} | known)
    )


class TestTiers:
    @pytest.mark.parametrize(
        ("known", "tier", "said"),
        [
            ({}, "low", "classified 'public'"),
            ({"owner_known": False}, "standard", "('Shop') has not published a source before (We get to know each other once)"),
            ({"bytes": 11 * 10**9, "source": "local"}, "low", ""),
            ({"bytes": 11 * 10**9, "source": "s3"}, "high", "the source holds 11 GB, more than 10 GB and the source is of the kind 's3'"),
            ({"bytes": 10 * 10**9, "source": "s3"}, "low", ""),
            ({"pii_declared": ("t.a (email)",)}, "high", "t.a (email)"),
            ({"pii_declared": ("t.a (name)",)}, "low", ""),
            ({"pii_undeclared": ("t.a (name)",)}, "high", "found where none was declared (t.a (name))"),
            ({"retention_days": 2000.0}, "high", "2,000 days, longer than 5 years"),
            ({"retention_days": None}, "standard", "nothing about retention"),
            ({"monthly_usd": 100.5}, "high", "100.50 USD a month, more than 100.00"),
            ({"monthly_usd": None}, "low", ""),
            ({"quarantined": 0.06}, "standard", "6.00% of the rows"),
        ],
    )  # fmt: skip
    def test_each_rule_raises_with_its_reason_in_words(
        self, policy: Policy, known: dict[str, Any], tier: str, said: str
    ) -> None:
        found = policy.assess(facts(**known))
        assert found.tier == tier
        assert said in "; ".join(found.reasons)

    def test_facts_come_from_the_contract(self) -> None:
        found = facts_of(read_contract(CONTRACT.replace("CLASS", "restricted").replace("RETENTION", "3")), bytes=5)
        assert (found.classification, found.classified, found.owner, found.source, found.bytes) == (
            "restricted", ("t.a",), "Shop", "local", 5,
        )  # fmt: skip
        assert found.pii_declared == ("t.a (email)",)
        assert found.retention_days == pytest.approx(3 * 365.25)

    @given(
        st.sampled_from(CLASSIFICATIONS), st.booleans(), st.sampled_from([None, 0, 10**12]), st.sampled_from(["s3", "local"]),
        st.sampled_from([None, 50.0, 150.0]), st.sampled_from([None, 10.0, 9999.0]), st.booleans(),
    )  # fmt: skip
    def test_more_risk_never_makes_a_lighter_tier_and_lighter_is_really_lighter(
        self,
        classification: str,
        known: bool,
        size: int | None,
        source: str,
        cost: float | None,
        kept: float | None,
        pii: bool,
    ) -> None:
        policy = _POLICY
        level = policy.tiers.names.index
        one = facts(classification=classification, owner_known=known, bytes=size, source=source, monthly_usd=cost, retention_days=kept,
                    pii_undeclared=("t.a (email)",) if pii else ())  # fmt: skip
        tier = policy.assess(one).tier
        calm = policy.assess(facts(classification=classification)).tier
        assert level(calm) <= level(tier)
        found = explain(policy, one)
        assert found["tier"] == tier
        assert all(level(way["tier"]) < level(tier) for way in found["lighter"])
        assert bool(found["lighter"]) == (tier != "low")


_POLICY = Policy({}, None, {}, "")  # type: ignore[arg-type]


@pytest.fixture(scope="module", autouse=True)
def _shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    global _POLICY
    _POLICY = written(tmp_path_factory.mktemp("policy"), POLICY)


class TestExplain:
    def test_who_signs_why_and_what_would_be_lighter(self, policy: Policy) -> None:
        found = explain(policy, facts(classification="restricted", classified=("t.a",), pii_declared=("t.a (email)",)))
        assert found["tier"] == "high"
        admission = found["gates"]["admission"]
        assert [(s["role"], s["signatures"]) for s in admission["sign"]] == [
            ("business", 1),
            ("security", 2),
            ("governance", 1),
        ]
        assert admission["expires_after"] == "10 business days"
        assert found["gates"]["publication"]["distinct_people"] == [["business", "security"]]
        ways = {way["tier"]: way for way in found["lighter"]}
        assert set(ways) == {"standard", "low"}
        assert "nothing classified above internal (now restricted: t.a)" in ways["low"]["if"]
        assert len(ways["low"]["if"]) == 2, "one cause alone is not enough"
        assert (
            ways["low"]["then"]["admission"]
            == "without governance, security only 1 instead of 2, security is pre-approved"
        )

    def test_what_only_the_data_will_tell(self, policy: Policy) -> None:
        assert explain(policy, facts())["not_known_yet"][:2] == ["the size of the source", "the cost"]


class TestPeople:
    def test_groups_and_roles_that_stand_in(self, policy: Policy) -> None:
        assert policy.roles_of("sara") == ("security",)
        assert policy.roles_of("x", frozenset({"lake-security"})) == ("security",)
        assert policy.roles_of("gus") == ("security", "governance")
        assert policy.is_owner("olga")
        assert policy.is_owner("x", frozenset({"platform"}))
        assert not policy.is_owner("sara")

    def test_who_must_differ(self, policy: Policy) -> None:
        admission, publication = (policy.gates[g] for g in GATES)
        assert admission.must_differ("business", "governance")
        assert publication.must_differ("security", "business")
        assert not publication.must_differ("governance", "business")
        assert publication.must_differ("security", "security")


class TestTime:
    def test_spans_count_the_roles_own_hours(self, policy: Policy) -> None:
        asked = MONDAY.replace(hour=8)  # Monday, 09:00 in Brussels
        assert policy.expires_at(Stage.ADMISSION, "security", asked) == datetime(2026, 3, 16, 16, 0, tzinfo=UTC)
        assert policy.expires_at(Stage.PUBLICATION, "security", asked) is None
        (first, rung), (second, other) = policy.rungs(Stage.ADMISSION, "security", asked)
        assert (first, rung.kind, rung.tell) == (datetime(2026, 3, 3, 16, 0, tzinfo=UTC), "reminder", ("signers",))
        assert (second, other.tell) == (datetime(2026, 3, 9, 16, 0, tzinfo=UTC), ("owners", "business")), (
            "the 6th is closed"
        )
        assert [at for at, _ in policy.rungs(Stage.ADMISSION, "business", asked)] == [
            datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        ]

    @pytest.mark.parametrize(
        "text", ["", "0 days", "two days", "3", "-1 days", "1 business month", "1.5.2 hours", None, 7]
    )
    def test_what_is_no_length_of_time(self, text: object) -> None:
        assert parse_span(text) is None

    @pytest.mark.parametrize("text", ["1 day", "36 business hours", "1.5 weeks", "30 Seconds", "2 business days"])
    def test_what_is_written_is_read_again(self, text: str) -> None:
        span = parse_span(text)
        assert span is not None
        assert parse_span(str(span)) == span


class TestFrozen:
    def test_a_policy_is_kept_whole_and_checked_against_its_digest(self, policy: Policy) -> None:
        again = frozen_policy(policy.content, policy.digest)
        assert (again.roles, again.tiers, again.gates, again.ladders) == (
            policy.roles,
            policy.tiers,
            policy.gates,
            policy.ladders,
        )
        with pytest.raises(BadInputError, match="POLICY_CHANGED"):
            frozen_policy(policy.content.replace("sara", "mallory"), policy.digest)

    @pytest.mark.parametrize(
        ("was", "accepted"),
        [
            ("pii: [iban, email]", "pii: [iban, passport]"),
            ("size_over: 10 GB, source: [s3]", "size_over: 10 GB, source: [s3, ftp]"),
            ("members: [sara, sam], groups", "members: [sara], groups"),
            ("quarantine_over: 0.05", "quarantine_over: 5"),
            ("size_over: 10 GB, source", "size_over: inf GB, source"),
            ("governance: {members: [gus]}", "governance: {members: [gus], pager: 112}"),
            ("owners: {members: [olga]", "owners: {oncall: [olga], members: [olga]"),
            ("expires_after: 10 business days", "expires_after: 10 business days\n    colour: green"),
            ("tiers:\n", "wip: {lanes: 3}\nservice_levels: {admission: soon}\nnotifications: {pigeons: 2}\ntiers:\n"),
            (
                "tiers:\n",
                "prices: {region: eu-central-1, of: gold}\nrunning: {incidents: never}\nnew_section: {a: 1}\ntiers:\n",
            ),
        ],
    )
    def test_what_was_in_force_is_read_as_it_was_by_a_stricter_reader(
        self, policy: Policy, was: str, accepted: str
    ) -> None:
        """As an earlier or later version of Sluice may have accepted it; a running request goes on under it."""
        assert was in POLICY
        document = yaml.safe_load(POLICY.replace(was, accepted, 1))
        content = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        kept = frozen_policy(content, digest_of(document))
        assert (kept.gates, kept.ladders, kept.calendars) == (policy.gates, policy.ladders, policy.calendars)
        assert kept.tiers.assess(facts(pii_declared=("t.a (iban)",))).tier == "high"
        assert kept.roles_of("sara") == ("security",)

    def test_what_was_never_sound_is_still_refused(self) -> None:
        document = yaml.safe_load(POLICY.replace("low: [business]", "low: []", 1))
        with pytest.raises(BadInputError, match="POLICY_INVALID"):
            frozen_policy(json.dumps(document), digest_of(document))


@pytest.mark.parametrize(
    ("change", "said", "line"),
    [
        (("members: [bea, ben], concerns", "members: [bea, policy], concerns"), "how the policy itself signs", 5),
        (("concerns: [contract, cost]", "concerns: [contrat]"), "'contrat' is no part of evidence", 5),
        (("concerns: [contract, cost]", "concerns: []"), "cannot sign", 5),
        (("roles:\n", "prices: {region: eu-west-11}\nroles:\n"), "no price table for 'eu-west-11'", 4),
        (("also_signed_by: [governance]", "also_signed_by: [security]"), "unknown role 'security'", 6),
        (("governance: {members: [gus]}", "governance: {member: [gus]}"), "unknown key 'member'", 7),
        (("governance: {members: [gus]}", "governance: {}"), "needs a list of `members`", 7),
        (("owners: {members: [olga]", "owners: {people: [olga]"), "`owners` has", 1),
        (("bulk: [low]", "bulk: [tiny]"), "tier 'tiny'", 11),
        (("when: {owner: new}", "when: {owner: nwe}"), "does not fit 'owner'", 13),
        (("when: {owner: new}", "when: {onwer: new}"), "unknown condition 'onwer'", 13),
        (("size_over: 10 GB", "size_over: 10 parsecs"), "does not fit 'size_over'", 14),
        (("retention_over: 5 years", "retention_over: long"), "does not fit 'retention_over'", 16),
        (("cost_over: 100", "cost_over: -1"), "does not fit 'cost_over'", 18),
        (("{tier: high, when: {cost_over: 100}}", "{tier: highest, when: {cost_over: 100}}"), "tier 'highest'", 18),
        (("kind: reminder, tell: [signers]", "kind: shout, tell: [signers]"), "a rung has", 22),
        (("tell: [signers]", "tell: [nobody]"), "unknown 'nobody'", 22),
        (("after: 4 hours", "after: soon"), "no length of time", 22),
        (("expires_after: 10 business days", "expires_after: 10"), "no length of time", 25),
        (("ladder: usual", "ladder: unusual"), "unknown ladder 'unusual'", 26),
        (("ladder: slow", "ladder: fast"), "unknown ladder 'fast'", 6),
        ((", because: Agreed on 2026-02-01", ""), "needs its reason", 27),
        (("pre_approved: [security]", "pre_approved: [business]"), "distinct roles", 27),
        (("sign: [business], pre_approved: [security], because: Agreed on 2026-02-01, veto", "sign: [], veto"), "distinct roles", 27),
        (("{role: security, signatures: 2}, governance", "{role: security, signatures: 0}, governance"), "from 1", 29),
        (("{role: security, signatures: 2}, governance", "{role: security, signature: 2}, governance"), "unknown key 'signature'", 29),
        (("standard: [business, security]", "standard: [{role: business, signatures: 3}, security]"), "has 2 members", 28),
        (("[[business, security]]", "[[business]]"), "lists of roles", 31),
        (("    veto: [governance]\n", "    veto: [legal]\n"), "unknown role 'legal'", 32),
        (("    high: [business, security, governance]", "    hihg: [business, security, governance]"), "unknown key 'hihg'", 35),
        (("pii: [iban, email]", "pii: [iban, emial]"), "unknown pii 'emial'", 15),
        (("source: [s3]", "source: [s4]"), "unknown source 's4'", 14),
        (("when: {retention: missing}", "when: {format: exel}"), "unknown format 'exel'", 17),
        (("quarantine_over: 0.05", "quarantine_over: 5"), "does not fit 'quarantine_over'", 19),
        (("cost_over: 100", "cost_over: .inf"), "does not fit 'cost_over'", 18),
        (("after: 4 hours", "after: 200 years"), "more than a century", 22),
        (("expires_after: 10 business days", "expires_after: " + "9" * 400 + " days"), "no length of time", 25),
        (("tell: [owners, business]", "tell: [owners, [business]]"), "`tell` needs a list", 21),
        (("ladder: usual", "ladder: [usual]"), "unknown ladder", 26),
        (("calendar: office", "calendar: {office: 1}"), "unknown calendar", 6),
        (("  governance: {members: [gus]}", "  owners: {members: [gus]}"), "'owners' cannot name a role", 7),
        (("members: [gus]", 'members: ["gus "]'), "'gus ' is no name", 7),
        (("public: low, ", "pubic: low, public: low, "), "unknown classification 'pubic'", 9),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_line(tmp_path: Path, change: tuple[str, str], said: str, line: int) -> None:
    assert change[0] in POLICY
    with pytest.raises(BadInputError) as caught:
        written(tmp_path, POLICY.replace(*change, 1))
    assert said in caught.value.message
    assert f"policy.yaml:{line} at " in caught.value.where
    assert caught.value.code == "POLICY_INVALID"


class TestLint:
    def codes(self, folder: Path, text: str) -> list[str]:
        policy = written(folder, text)
        return [f.code for f in warnings(policy, place_in(folder / "policy.yaml"))]

    def test_a_sound_policy_has_few_warnings(self, tmp_path: Path) -> None:
        assert self.codes(tmp_path, POLICY) == ["NEVER_EXPIRES", "ONE_MEMBER"]

    def test_a_gate_that_nobody_can_sign(self, tmp_path: Path) -> None:
        text = POLICY.replace("members: [bea, ben]", "members: [gus]").replace(", groups: [lake-security]", "")
        assert "UNSIGNABLE" in self.codes(tmp_path, text)

    def test_a_heavier_tier_that_asks_fewer(self, tmp_path: Path) -> None:
        assert "LIGHTER_ABOVE" in self.codes(
            tmp_path, POLICY.replace("high: [business, security, governance]", "high: [business, governance]")
        )

    def test_more_sensitive_data_in_a_lighter_tier_and_one_person_for_all(self, tmp_path: Path) -> None:
        assert "LIGHTER_FOR_MORE" in self.codes(tmp_path, POLICY.replace("restricted: high", "restricted: low"))
        assert "ONE_FOR_ALL" in self.codes(tmp_path, POLICY.replace("[[business, security]]", "[]"))

    def test_a_role_that_is_never_asked_and_no_owners(self, tmp_path: Path) -> None:
        text = POLICY.replace("owners: {members: [olga], groups: [platform]}\n", "").replace(
            "  governance: {members: [gus]}", "  governance: {members: [gus]}\n  idle: {members: [ida]}"
        )
        assert {"NO_OWNERS", "NEVER_ASKED"} <= set(self.codes(tmp_path, text))


def test_the_example_uses_what_our_policy_leaves_out() -> None:
    path = Path(__file__).parents[2] / "include" / "policies" / "graded.yaml"
    graded = load_policy(path)
    assert {f.code for f in warnings(graded, place_in(path))} == {"ONE_MEMBER"}
    low = explain(graded, facts())["gates"]
    assert [s["role"] for s in low["admission"]["sign"] if s["pre_approved"]] == ["security", "architecture"]
    high = explain(graded, facts(classification="restricted"))["gates"]["publication"]
    assert {s["role"]: s["signatures"] for s in high["sign"]}["security"] == 2
    assert high["may_object"] == [] and low["publication"]["may_object"] == ["privacy"]
    assert graded.roles_of("x", frozenset({"lake-security"})) == ("security",)
    assert graded.roles_of("petra") == ("compliance", "privacy")


def test_our_own_policy_warns_only_of_single_members() -> None:
    path = Path(__file__).parents[2] / "include" / "policy.yaml"
    assert {f.code for f in warnings(load_policy(path), place_in(path))} == {"ONE_MEMBER"}
