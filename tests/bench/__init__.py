"""`make bench`: Sluice beside the engines it rests on and the tools it replaces, on the same files in one run.

Every measurement is a process of its own (`child.py`), so that imports are not counted and peak memory is its own.
What Sluice needs runs in `.venv`; polars, pandas, dlt, pandera and soda run in `.venv-bench` and never meet it.
"""
