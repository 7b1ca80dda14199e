"""# Refresh the published sources

One DAG per published source, `refresh_<source>`, generated from a small read model. It runs as often as the source's
contract promises new data, and does by itself what onboarding did with people: **land** what is new or changed,
**check** it as readers would see it, **publish** it in one commit per table, and announce the tables' assets.

People are asked when something breaking changed. Bad data stays invisible: the last good data keeps serving and an
incident is opened. A run started by hand can backfill a range of dates, or load everything again.
"""

from __future__ import annotations

from sluice_airflow.refreshing import published_sources, refresh_dag

for source in published_sources():
    globals()[f"refresh_{source['source']}"] = refresh_dag(source, __doc__)
