"""`sluice try`: the machine's stages on this machine, with the real engines."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from command_line import CONTRACT, SLUICE, sluice, strict, write_shop
from sluice.contract.model import digest_of


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


def test_try_shows_what_approvers_would_see(shop: Path) -> None:
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", home=shop)
    assert done.returncode == 0, done.stderr
    assert "Checks: passed" in done.stdout
    evidence = strict((shop / "out" / "shop" / "evidence.json").read_text())
    (table,) = evidence["tables"]
    assert (table["rows_read"], table["rows_staged"], table["rows_quarantined"]) == (2, 1, 1)
    assert {c["name"] for c in table["columns"]} == {"id", "amount"}
    assert {"source", "contract_digest", "evidence_digest", "tier", "tier_reasons", "quality", "cost"} <= set(evidence)
    asked = evidence["catalog"]["tables"]["orders"]
    assert (asked["identifier"], asked["parameters"]["sluice.contract-digest"]) == (
        "shop.orders",
        evidence["contract_digest"],
    )
    assert asked["location"].endswith("/warehouse/shop/orders")
    assert "nothing is created by a trial" in done.stdout
    assert (shop / "out" / "shop" / "quarantine" / "orders" / "part-0.parquet").exists()


def test_a_failed_check_is_exit_1(shop: Path) -> None:
    (shop / "orders.csv").write_text("id,amount\n,10.50\n")
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", "--json", home=shop)
    assert done.returncode == 1
    assert strict(done.stdout)[0]["quality"]["success"] is False


def test_the_report_is_a_page_of_its_own(shop: Path) -> None:
    contract = CONTRACT.replace("version: 1.0.0", "version: 1.0.0\nname: \"<script>alert('name')</script>\"")
    (shop / "shop.odcs.yaml").write_text(contract)
    (shop / "orders.csv").write_text("id,amount\n1,10.50\n2,<img src=x onerror=alert(1)>\n")
    sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", home=shop)
    page = (shop / "out" / "shop" / "report.html").read_text("utf-8")
    seen = _Page()
    seen.feed(page)
    assert not seen.tags & {"script", "img", "link", "iframe", "object"}
    assert seen.addresses == ["data_docs/orders.html"]
    assert "orders.csv:3" in seen.text
    assert "<script>alert('name')</script>" in seen.text
    assert "2,<img src=x onerror=alert(1)>" in seen.text


class _Page(HTMLParser):
    """The tags, the text and the addresses (other than places in the page) that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href") and not (v or "").startswith("#")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_data_docs_of_one_contract_and_of_many_when_asked_for(shop: Path) -> None:
    other = shop / "other.odcs.yaml"
    other.write_text(CONTRACT.replace("id: shop", "id: other"))

    def pages(*arguments: str) -> set[str]:
        done = sluice("try", shop / "shop.odcs.yaml", *arguments, "--out", shop / "out", home=shop)
        assert done.returncode == 0, done.stderr
        assert ("Data Docs" in done.stdout) is (arguments == ())
        return {p.name for p in (shop / "out/shop/data_docs").iterdir()}

    assert pages() == {"index.html", "orders.html", "orders.json"}
    assert pages(str(other)) == {"orders.json"}
    assert pages(str(other), "--docs") == {"index.html", "orders.html", "orders.json"}
    evidence = strict((shop / "out/shop/evidence.json").read_text())
    kept = evidence["quality"]["data_docs"]["orders"]
    assert (shop / "out/shop" / kept["page"]).is_file()
    assert digest_of(strict((shop / "out/shop" / kept["results"]).read_text())) == kept["digest"]


SECRETS = """\
apiVersion: v3.1.0
kind: DataContract
id: people
version: 1.0.0
status: active
servers: [{server: files, type: local, path: ., format: csv}]
schema:
  - name: people
    properties:
      - {name: id, logicalType: integer, unique: true}
      - {name: salary, logicalType: integer, classification: confidential, logicalTypeOptions: {maximum: 10}}
      - {name: mail, logicalType: string, logicalTypeOptions: {maxLength: 3}}
"""


def test_confidential_and_personal_values_are_nowhere_to_read(tmp_path: Path) -> None:
    (tmp_path / "people.odcs.yaml").write_text(SECRETS)
    rows = "".join(f"{i},77{i}31,someone{i}@example.org\n" for i in range(20))
    (tmp_path / "people.csv").write_text(
        f"id,salary,mail\n{rows}x,88331,other@example.net\n5,leaked,other@example.net\n"
    )
    done = sluice("try", tmp_path / "people.odcs.yaml", "--out", tmp_path / "out", home=tmp_path)
    assert done.returncode == 1
    evidence = (tmp_path / "out/people/evidence.json").read_text()
    report = (tmp_path / "out/people/report.html").read_text()
    for secret in ("77031", "88331", "leaked", "someone1@", "other@"):
        assert secret not in evidence
        assert secret not in report
        assert secret not in done.stdout + done.stderr
        assert not [p for p in (tmp_path / "out/people/data_docs").iterdir() if secret in p.read_text()]
    assert "withheld" in report
    (table,) = strict(evidence)["tables"]
    assert [[found["kind"] for found in c["pii"]] for c in table["columns"]] == [[], [], ["email"]]
    assert strict(evidence)["tier"] == "high"


def test_what_cannot_be_landed_is_in_the_evidence(shop: Path) -> None:
    more = "  - name: gone\n    properties:\n      - {name: id, logicalType: integer}\n"
    (shop / "shop.odcs.yaml").write_text(CONTRACT + more)
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", home=shop)
    assert done.returncode == 2
    assert "[FILE_NOT_FOUND]" in done.stderr
    evidence = strict((shop / "out/shop/evidence.json").read_text())
    orders, gone = evidence["tables"]
    assert (orders["rows_read"], "error" in orders) == (2, False)
    assert gone["error"]["stage"] == "land"
    assert gone["error"]["code"] == "FILE_NOT_FOUND"
    assert str(shop) in gone["error"]["where"]
    assert gone["error"]["mend"]
    assert evidence["quality"]["success"] is False
    assert "FILE_NOT_FOUND" in (shop / "out/shop/report.html").read_text()


def test_a_quarantine_over_its_limit_is_there_to_be_read(shop: Path) -> None:
    limit = "name: orders\n    customProperties: [{property: quarantineLimit, value: 0.1}]"
    (shop / "shop.odcs.yaml").write_text(CONTRACT.replace("name: orders", limit))
    done = sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", "--json", home=shop)
    assert done.returncode == 2
    error = strict(done.stderr)["error"]
    assert error["code"] == "QUARANTINE_LIMIT"
    assert error["where"].removeprefix("file://") == str(shop / "out/shop/quarantine/orders/part-0.parquet")
    (row,) = pq.read_table(shop / "out/shop/quarantine/orders/part-0.parquet").to_pylist()
    assert (row["line"], row["column"], row["raw"]) == (3, "amount", b"2,x")
    assert "orders.csv:3" in (shop / "out/shop/report.html").read_text()


def test_one_bad_contract_does_not_stop_the_others(shop: Path) -> None:
    for name, rows in (("good", "1,1.00\n"), ("failing", ",1.00\n"), ("also_good", "1,1.00\n")):
        (shop / f"{name}.odcs.yaml").write_text(
            CONTRACT.replace("id: shop", f"id: {name}").replace("name: orders", f"name: {name}")
        )
        (shop / f"{name}.csv").write_text("id,amount\n" + rows)
    (shop / "broken.odcs.yaml").write_text("kind: [")
    names = ["good", "broken", "failing", "also_good"]
    paths = [shop / f"{name}.odcs.yaml" for name in names]
    done = sluice("try", *paths, shop / "good.odcs.yaml", "--out", shop / "out", home=shop)
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["good", "BAD", "FAILED", "good", "BAD"]
    assert "SAME_SOURCE" in done.stderr
    assert "5 contracts: 2 good, 1 failed checks, 2 could not be used" in done.stdout
    assert {p.name for p in (shop / "out").iterdir()} == {"good", "failing", "also_good"}
    done = sluice("try", *(paths[0], paths[2]), "--out", shop / "out", "--json", home=shop)
    assert done.returncode == 1
    assert [e["source"] for e in strict(done.stdout)] == ["good", "failing"]


def test_a_second_trial_replaces_the_first(shop: Path) -> None:
    sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", home=shop)
    (shop / "out/shop/mine.txt").write_text("notes")
    (shop / "orders.csv").write_text("id,amount\n1,10.50\n2,3.00\n")
    sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", home=shop)
    assert {p.name for p in (shop / "out/shop").iterdir()} == {
        "evidence.json",
        "report.html",
        "manifests",
        "staged",
        "data_docs",
        "mine.txt",
    }
    assert sum(pq.read_table(f).num_rows for f in (shop / "out/shop/staged/orders").glob("*.parquet")) == 2


def test_results_never_take_the_place_of_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "shop" / "staged"
    folder.mkdir(parents=True)
    write_shop(folder)
    source = (folder / "orders.csv").read_bytes()
    done = sluice("try", folder / "shop.odcs.yaml", "--out", tmp_path, "--json", home=tmp_path)
    assert done.returncode == 2
    assert strict(done.stderr)["error"]["code"] == "OUT_NOT_OURS"
    assert (folder / "orders.csv").read_bytes() == source


def test_ctrl_c_leaves_the_earlier_results_and_nothing_half_written(shop: Path) -> None:
    sluice("try", shop / "shop.odcs.yaml", "--out", shop / "out", home=shop)
    before = (shop / "out/shop/evidence.json").read_bytes()
    (shop / "orders.csv").write_text("id,amount\n" + "7,10.50\n" * 3_000_000)
    environment = os.environ | {"SLUICE_HOME": str(shop / "home")}
    running = subprocess.Popen(
        [SLUICE, "try", str(shop / "shop.odcs.yaml"), "--out", str(shop / "out")],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # in the background it is ignored
    )  # fmt: skip
    folder = shop / "out/shop"
    deadline = time.monotonic() + 30
    while not list(folder.glob(".trial-*/passing/land-orders")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert {p.name for p in folder.iterdir()} == {
        "evidence.json", "report.html", "manifests", "staged", "quarantine", "data_docs",
    }  # fmt: skip
    assert (folder / "evidence.json").read_bytes() == before
