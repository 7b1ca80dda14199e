"""The heads of the ledger's chains, written into the lake: what was cut off at a chain's end shows against them.

An anchor is an object whose name says how many entries each chain had and what its last hash was. Workers may add
objects to the lake and delete none, so whoever can edit the ledger cannot edit what was anchored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sluice.chain import GENESIS
from sluice.governance import Delegation, PolicyVersion
from sluice.ledger import Decision, Transaction
from sluice.stream.tools import Tools

CHAINS = {"decisions": "decision", "delegations": "delegation", "policies": "policy version"}
"""Chain → what one of its entries is called."""
_PART = re.compile(r"(decisions|delegations|policies)-(\d+)-([0-9a-f]{32})")


@dataclass(frozen=True)
class Anchors:
    """What comparing the ledger with its anchors found: how many there are, and what is wrong (None: nothing)."""

    found: int
    problem: str | None


def anchor(tools: Tools) -> str:
    """Write where the chains end now; the object's URI. The same heads give the same object."""
    with tools.ledger.reading() as tx:
        heads = tx.heads()
    name = "_".join(f"{chain}-{seq}-{digest[:32]}" for chain, (seq, digest) in sorted(heads.items()))
    uri = tools.layout.anchor(f"{name}.json")
    content = {"at": tools.now().isoformat(), "heads": {c: {"entries": s, "hash": d} for c, (s, d) in heads.items()}}
    tools.store.write(uri, json.dumps(content, indent=2).encode(), content_type="application/json", only_if_absent=True)
    return uri


def against_anchors(tools: Tools, tx: Transaction) -> Anchors:
    """Whether every anchored entry is still there, and still the same."""
    chains: dict[str, Mapping[int, str]] = {
        "decisions": _hashes(tx.decisions()), "delegations": _hashes(tx.delegations()), "policies": _hashes(tx.policy_versions()),
    }  # fmt: skip
    found, problem = 0, None
    for info in tools.store.list(tools.layout.anchor("")):
        found += 1
        for chain, number, digest in _PART.findall(info.uri.rsplit("/", 1)[-1]):
            kept = chains[chain].get(int(number))
            if problem is None and (kept is None or kept[:32] != digest):
                became = (
                    "is gone: the record was cut off" if kept is None else "is another one: the record was rewritten"
                )
                problem = f"{CHAINS[chain]} {number} {became} (anchored in {info.uri})"
    return Anchors(found, problem)


def _hashes(links: Sequence[Decision | Delegation | PolicyVersion]) -> dict[int, str]:
    return {0: GENESIS} | {link.seq: link.hash for link in links}
