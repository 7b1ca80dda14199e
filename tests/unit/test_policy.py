"""The policy: what it says, and how it refuses a file that would let something through."""

from pathlib import Path
from typing import Any

import pytest

from sluice.contract.reading import read_contract
from sluice.errors import BadInputError
from sluice.policy import TIERS, Facts, facts_of, load_policy
from sluice.stages import GATES

OURS = Path(__file__).parents[2] / "include" / "policy.yaml"
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: shop, format: csv}]
schema: [{name: t, properties: [{name: a, logicalType: string, classification: CLASS}]}]
"""


def facts(classification: str, **known: Any) -> Facts:
    return facts_of(read_contract(CONTRACT.replace("CLASS", classification)), **known)


def test_our_policy_asks_the_five_roles_and_each_has_somebody() -> None:
    policy = load_policy(OURS)
    assert set(policy.roles) == {"business", "compliance", "security", "governance", "architecture"}
    for gate in GATES:
        for tier in TIERS:
            assert set(policy.required(gate, tier)) <= set(policy.roles)
    assert policy.roles_of("sara") == ("security",)
    assert policy.roles_of("nobody") == ()


@pytest.mark.parametrize(
    ("classification", "tier"),
    [("public", "low"), ("internal", "standard"), ("confidential", "high"), ("restricted", "high")],
)
def test_the_tier_follows_the_most_sensitive_column(classification: str, tier: str) -> None:
    found = load_policy(OURS).assess(facts(classification))
    assert found.tier == tier
    assert classification in found.reasons[0]


def test_personal_data_nobody_declared_raises_the_tier_and_never_lowers_it() -> None:
    policy = load_policy(OURS)
    found = policy.assess(facts("public", pii_undeclared=("t.a (email)",)))
    assert found.tier == "high"
    assert "t.a (email)" in found.reasons[1]
    assert policy.assess(facts("restricted", pii_undeclared=("t.a (email)",))).tier == "high"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("members: [sara]", "members: []"), "members"),
        (("members: [sara]", "members: sara"), "members"),
        (("public: low", "public: none"), "public"),
        (("    restricted: high\n", ""), "restricted"),
        (("undeclared_pii: high", "undeclared_pii: extreme"), "undeclared_pii"),
        (("low: [business, compliance, security, governance, architecture]", "low: []"), "distinct roles"),
        (("low: [business,", "low: [business, business,"), "distinct roles"),
        (("low: [business,", "low: [busines,"), "unknown role 'busines'"),
        (("  publication:", "  publications:"), "unknown gate 'publications'"),
        (("gates:", "gate:"), "unknown key 'gate'"),
    ],
)
def test_a_policy_that_would_let_something_through_is_refused(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    text = OURS.read_text()
    assert change[0] in text
    (tmp_path / "policy.yaml").write_text(text.replace(*change, 1))
    with pytest.raises(BadInputError, match=said) as caught:
        load_policy(tmp_path / "policy.yaml")
    assert "policy.yaml:" in caught.value.where


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="POLICY_NOT_FOUND"):
        load_policy(tmp_path / "none.yaml")
