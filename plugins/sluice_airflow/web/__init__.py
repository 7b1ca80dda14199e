"""Sluice's part of the Airflow API server: REST for programs, pages for people."""
