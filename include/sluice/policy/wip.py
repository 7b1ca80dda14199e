"""The section `wip:` of include/policy.yaml: how many requests may be in progress, so that each is done sooner.

wip:
  total: 40                      # started and not finished
  stages: {admission: 25, land: 6, publication: 25}
  expedite: 1                    # at most so many expedited ones on their way
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sluice.stages import Stage

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

LIMITED = tuple(s for s in Stage if s is not Stage.REQUEST)


@dataclass(frozen=True)
class WipLimits:
    """Limits on work in progress; what is not limited is missing."""

    total: int | None = None
    stages: Mapping[Stage, int] = field(default_factory=dict)
    expedite: int = 1


UNLIMITED = WipLimits()


def read_wip(read: Reader) -> WipLimits:
    """The section, checked. Raises BadInputError (POLICY_INVALID) with file and line."""
    section = read.document.data.get("wip")
    if section is None:
        return UNLIMITED
    if not isinstance(section, dict):
        raise read.bad("`wip` has `total`, `stages` and `expedite`", "wip")
    read.keys(section, ("total", "stages", "expedite"), "wip")
    stages = {} if section.get("stages") is None else section["stages"]
    if not isinstance(stages, dict):
        raise read.bad("`wip.stages` must be a mapping of stage to limit", "wip", "stages")
    if strangers := [s for s in stages if s not in set(LIMITED)]:
        raise read.bad(f"{strangers[0]!r} is no stage that can be limited", "wip", "stages", strangers[0],
                       mend=f"Stages: {', '.join(LIMITED)}.")  # fmt: skip
    return WipLimits(
        _limit(read, section["total"], "wip", "total") if "total" in section else None,
        {Stage(s): _limit(read, n, "wip", "stages", s) for s, n in stages.items()},
        _limit(read, section.get("expedite", 1), "wip", "expedite"),
    )


def _limit(read: Reader, value: Any, *where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise read.bad(f"{value!r} is no limit", *where, mend="A number from 1 up; 0 would stop everything for good.")
    return value
