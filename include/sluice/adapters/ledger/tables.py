"""The ledger's tables, in a schema of their own."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "sluice"
metadata = MetaData(schema=SCHEMA)

request = Table(
    "request",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("source", String(63), nullable=False, index=True),
    Column("contract_digest", String(64), nullable=False),
    Column("contract_version", String(64), nullable=False),
    Column("contract_text", Text, nullable=False),
    Column("contract_file", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("run_id", String(250), nullable=False, unique=True),
    Column("requester", String(250), nullable=False),
    Column("use_case", Text, nullable=False),
    Column("priority", String(32), nullable=False),
    Column("comment", Text, nullable=False),
    Column("tables", JSONB, nullable=False),
    Column("tier", String(32), nullable=False),
    Column("tier_reasons", JSONB, nullable=False),
    Column("signatures", JSONB, nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("state", String(32), nullable=False),
    Column("state_reason", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("due", Date),
    Column("origin", String(32), nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
    Column("continues", String(100)),
    Column("renewed_at", DateTime(timezone=True)),
)

stage_event = Table(
    "stage_event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", ForeignKey(request.c.id), nullable=False, index=True),
    Column("stage", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("event", String(32), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("table_name", String(255)),
    Column("actor", String(250)),
    Column("role", String(100)),
    Column("reason", Text),
    Column("digest", String(64)),
    Column("reason_code", String(64)),
)

decision = Table(
    "decision",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", ForeignKey(request.c.id), nullable=False, index=True),
    Column("gate", String(32), nullable=False),
    Column("role", String(100), nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("actor", String(250), nullable=False),
    Column("comment", Text, nullable=False),
    Column("evidence_digest", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("carries", BigInteger),
    Column("back_to", String(32)),
    Column("on_behalf_of", String(250)),
    Column("delegation", BigInteger),
    Column("policy_digest", String(64)),
)

artifact = Table(
    "artifact",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", ForeignKey(request.c.id), nullable=False, index=True),
    Column("stage", String(32), nullable=False),
    Column("table_name", String(255)),
    Column("digest", String(64), nullable=False),
    Column("content", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

policy_version = Table(
    "policy_version",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("content", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

delegation = Table(
    "delegation",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("principal", String(250), nullable=False),
    Column("delegate", String(250), nullable=False),
    Column("role", String(100), nullable=False),
    Column("begins", DateTime(timezone=True), nullable=False),
    Column("ends", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", String(250), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("ended", BigInteger),
    Column("groups", JSONB, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", String(100), nullable=False),
    Column("lane", String(100), nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("due", DateTime(timezone=True), nullable=False),
    Column("state", String(32), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("holder", String(100)),
    Column("lease_until", DateTime(timezone=True)),
    Column("settled_at", DateTime(timezone=True)),
)

outbox_cursor = Table(
    "outbox_cursor",
    metadata,
    Column("reader", String(100), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

baseline = Table(
    "baseline",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("obtained", String(32), nullable=False),
    Column("statement", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("first", DateTime(timezone=True)),
    Column("last", DateTime(timezone=True)),
    Column("digest", String(64), nullable=False),
    Column("format", String(32), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", String(250), nullable=False),
    Column("cases", JSONB, nullable=False),
    Column("claimed_seconds", Float),
)

request_summary = Table(
    "request_summary",
    metadata,
    Column("request_id", ForeignKey(request.c.id), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False, index=True),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("source", Text, nullable=False),
    Column("use_case", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested", DateTime(timezone=True), nullable=False),
    Column("started", DateTime(timezone=True)),
    Column("ended", DateTime(timezone=True)),
    Column("form", Text, nullable=False),
    Column("numbers", LargeBinary, nullable=False),
    Column("asked", JSONB, nullable=False),
    Column("causes", JSONB, nullable=False),
    Column("places", JSONB, nullable=False),
)

source_record = Table(
    "source_record",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("source", String(63), nullable=False),
    Column("run", String(160), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("table_name", String(255)),
    Column("actor", String(250)),
    Column("digest", String(64)),
    Column("content", JSONB, nullable=False),
)

pull = Table(
    "pull",
    metadata,
    Column("request_id", ForeignKey(request.c.id), primary_key=True),
    Column("stage", String(32), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)

publication = Table(
    "publication",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", ForeignKey(request.c.id), nullable=False, index=True),
    Column("identifier", String(255), nullable=False),
    Column("position", Integer, nullable=False),
    Column("step", String(32), nullable=False),
    Column("snapshot_id", BigInteger),
    Column("base", BigInteger),
    Column("rows", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
)

access_grant = Table(
    "access_grant",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("source", String(63), nullable=False, index=True),
    Column("identifier", String(255), nullable=False),
    Column("principal", String(255), nullable=False),
    Column("role", String(255), nullable=False),
    Column("permissions", JSONB, nullable=False),
    Column("columns", JSONB),
    Column("event", String(32), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("request_id", ForeignKey(request.c.id)),
    Column("actor", String(250), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
