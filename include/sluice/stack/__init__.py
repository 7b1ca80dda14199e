"""The local stack: PostgreSQL, an embedded AWS and Airflow on this machine's loopback interface.

`from sluice.stack.local import up, down, doctor`. Nothing is imported here: Airflow's components import one
small module of this package each, and should not pay for the rest.
"""
