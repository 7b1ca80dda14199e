-- What the application's role may do to the ledger: read it, add to it, close a request, and no more.
-- Run as ledger_owner after every migration; safe to repeat. A table that is not named here is not granted:
-- tests/adapters/test_ledger_grants.py fails until somebody has decided what the application may do to it.

REVOKE ALL ON SCHEMA sluice FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA sluice FROM PUBLIC, ledger_app;
GRANT USAGE ON SCHEMA sluice TO ledger_app;

-- The audit record: append only.
GRANT SELECT, INSERT ON sluice.stage_event, sluice.decision, sluice.artifact TO ledger_app;
GRANT SELECT, INSERT ON sluice.policy_version, sluice.delegation TO ledger_app;

-- What happens to published sources: refreshes, incidents, costs, offboarding. Append only.
GRANT SELECT, INSERT ON sluice.source_record TO ledger_app;

-- A request is recorded once; afterwards only how it ended may be written.
GRANT SELECT, INSERT ON sluice.request TO ledger_app;
GRANT UPDATE (state, state_reason, closed_at) ON sluice.request TO ledger_app;

-- What must be told is recorded once and never rewritten; whether it was delivered may be.
GRANT SELECT, INSERT ON sluice.outbox TO ledger_app;
GRANT UPDATE (state, attempts, note, due, holder, lease_until, settled_at) ON sluice.outbox TO ledger_app;
-- Letters that were delivered months ago may be let go, through a function that lets go of nothing else.
GRANT EXECUTE ON FUNCTION sluice.prune_outbox TO ledger_app;
-- How far each reader of the event log has come.
GRANT SELECT, INSERT, UPDATE ON sluice.outbox_cursor TO ledger_app;

-- Who was let in where: append only.
GRANT SELECT, INSERT ON sluice.pull TO ledger_app;

-- A baseline is frozen: added, never changed.
GRANT SELECT, INSERT ON sluice.baseline TO ledger_app;
-- The flow pages' lines are derived from the events and renewed with them; losing them loses nothing.
GRANT SELECT, INSERT, UPDATE ON sluice.request_summary TO ledger_app;

-- What became visible, and who was granted what: append only.
GRANT SELECT, INSERT ON sluice.publication, sluice.access_grant TO ledger_app;

-- Which version the tables are at (`/sluice/health`).
GRANT SELECT ON sluice.alembic_version TO ledger_app;
