"""What the first page of a server would wait for, done before anybody asks."""

import logging

from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import all_lines

log = logging.getLogger(__name__)
SECONDS = 120.0
"""How long a starting server may read new history; pages go on from there."""


def warm() -> None:
    """Read the policy and every request's line. What keeps it from that, the first page will say."""
    try:
        tools().policy()
        all_lines(SECONDS)
    except Exception:
        log.info("nothing could be read ahead", exc_info=True)
