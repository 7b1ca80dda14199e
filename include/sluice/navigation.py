"""Sluice's pages, in the order in which they are offered: on the pages themselves and in Airflow's menu.

Imported in every Airflow process, so it imports nothing.
"""

PAGES = (
    ("inbox", "Inbox"),
    ("requests", "Requests"),
    ("board", "Board"),
    ("queue", "Ready queue"),
    ("scoreboard", "Scoreboard"),
    ("stream", "Value stream"),
    ("flow", "Flow"),
    ("forecast", "Forecast"),
    ("what-if", "What if"),
    ("sources", "Sources"),
    ("incidents", "Incidents"),
    ("costs", "Costs"),
    ("offboardings", "Ended sources"),
    ("audit", "Audit"),
)
"""(address below /sluice/pages/, words). What most people come for stands first, what few do last."""
