"""The only code of Sluice that knows Airflow."""
