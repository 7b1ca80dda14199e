"""
### Onboard a source

A data contract goes in, governed tables come out. One run is one request.

**request** the contract is validated and frozen, the source probed, the request recorded ·
**admission** people agree that this data may enter ·
**land** every table is copied unchanged, then turned into typed Parquet, bad rows set aside ·
**profile** and **check** say what is really in it and whether it keeps its promises ·
**publication** people agree that what was found may be visible ·
**register** the catalog learns of the tables ·
**publish** the approved files become visible, in one atomic commit per table.

Approvers decide with `sluice decide` or through `/sluice`; the colour of a task here is not a decision.
A run that was rejected or failed ends red, and its last task says why.
"""

from airflow.sdk import dag

from sluice.stages import Stage
from sluice_airflow.form import request_form
from sluice_airflow.stream import conclude, each_table, gate, open_request, publish


@dag(doc_md=__doc__, params=request_form(), schedule=None, max_active_runs=500, tags=["onboarding"])
def onboard_source():
    request = open_request()
    admission = gate(Stage.ADMISSION, request)
    landed = each_table(Stage.LAND, request)
    profiled = each_table(Stage.PROFILE, request)
    checked = each_table(Stage.CHECK, request)
    publication = gate(Stage.PUBLICATION, request)
    registered = each_table(Stage.REGISTER, request)
    published = publish(request)

    request >> admission >> landed >> [profiled, checked] >> publication >> registered >> published
    published >> conclude()


onboard_source()
