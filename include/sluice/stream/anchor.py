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
    anchored: dict[str, set[tuple[int, str, str]]] = {chain: set() for chain in CHAINS}
    found = 0
    for info in tools.store.list(tools.layout.anchor("")):
        found += 1
        for chain, number, digest in _PART.findall(info.uri.rsplit("/", 1)[-1]):
            anchored[chain].add((int(number), digest, info.uri))
    links: Mapping[str, Sequence[Decision | Delegation | PolicyVersion]] = {
        "decisions": tx.decisions_numbered({number for number, _, _ in anchored["decisions"]}), "delegations": tx.delegations(), "policies": tx.policy_versions(),
    }  # fmt: skip
    for chain, heads in anchored.items():
        kept = {0: GENESIS} | {link.seq: link.hash for link in links[chain]}
        for number, digest, uri in sorted(heads):
            if kept.get(number, "")[:32] != digest:
                became = (
                    "is another one: the record was rewritten" if number in kept else "is gone: the record was cut off"
                )
                return Anchors(found, f"{CHAINS[chain]} {number} {became} (anchored in {uri})")
    return Anchors(found, None)
