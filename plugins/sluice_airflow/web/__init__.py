"""Sluice's part of the Airflow API server: REST for programs, pages for people."""

from sluice_airflow.web.app import app

__all__ = ["app"]
