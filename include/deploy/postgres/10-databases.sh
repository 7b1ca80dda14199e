#!/usr/bin/env bash
# Runs once, when PostgreSQL starts on an empty volume: two databases, three roles, none of them a superuser.
#
#   airflow       owns the database airflow
#   ledger_owner  owns the database ledger and migrates it; nothing that serves people or runs tasks knows its password
#   ledger_app    what Sluice works as: may add to the audit record, may not change it (ledger-grants.sql)
set -euo pipefail

# The passwords reach psql through its environment: an argument could be read in the list of processes.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv owner_password LEDGER_OWNER_PASSWORD
\getenv app_password LEDGER_APP_PASSWORD

CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE ledger_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE ledger_app LOGIN PASSWORD :'app_password';

CREATE DATABASE airflow OWNER airflow ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE ledger OWNER ledger_owner ENCODING 'UTF8' TEMPLATE template0;

-- Without this every role may connect to every database.
REVOKE ALL ON DATABASE airflow, ledger FROM PUBLIC;
GRANT CONNECT ON DATABASE ledger TO ledger_app;
SQL
