"""Whatever people and data write, it is text: a corpus of attacks in every field, on every page, in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from looking import smuggled
from pages_site import Site
from seeding import Stream

from sluice.ledger import Verdict
from sluice.stages import Stage

pytestmark = pytest.mark.browser

ATTACKS = (
    "<script>window.__xss=1</script>",
    '"><img src=x onerror="window.__xss=1">',
    "'><svg onload='window.__xss=1'>",
    "</title></textarea></script><script>window.__xss=1</script>",
    '" autofocus onfocus="window.__xss=1" x="',
    '<a href="javascript:window.__xss=1">look</a>',
    "javascript:window.__xss=1",
    "{{7*1777}} ${7*1777} <%= 7*1777 %> #{7*1777}",
    "</style><style>*{display:none}</style>",
    "<!-- ]]> --!> <base href=//evil.example/>",
    "<iframe srcdoc='<script>parent.__xss=1</script>'></iframe>",
    "`${window.__xss=1}` \\u003cscript\\u003ewindow.__xss=1\\u003c/script\\u003e",
    '=HYPERLINK("http://evil.example")',
)
ALL = " ".join(ATTACKS)
VILLAIN = ATTACKS[1]

POLICY = f"""\
roles:
  business: {{description: {json.dumps(ALL)}, members: [{json.dumps(VILLAIN)}, bea]}}
  compliance: {{description: Law., members: [carl]}}
tiers:
  by_classification: {{public: low, internal: standard, confidential: high, restricted: high}}
  bulk: [low, standard, high]
gates:
  admission: {{low: [business, compliance], standard: [business, compliance], high: [business, compliance]}}
  publication: {{low: [business, compliance], standard: [business, compliance], high: [business, compliance]}}
"""


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path / "policy.yaml"


def contract(source: str) -> str:
    """A contract with an attack wherever a contract has words."""
    columns = [
        {"name": f"{attack} {i}", "logicalType": "string", "classification": "internal", "description": attack}
        for i, attack in enumerate(ATTACKS)
    ]
    return json.dumps({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": source, "name": ALL, "version": "1.0.0", "status": "active",
        "domain": ALL, "description": {"purpose": ALL, "usage": ALL, "limitations": ALL},
        "team": {"name": ALL, "members": [{"username": VILLAIN, "role": "owner"}]},
        "roles": [{"role": ALL, "access": "read", "customProperties": [{"property": "principal", "value": "analysts"}]}],
        "slaProperties": [{"property": "retention", "value": 2, "unit": ALL}],
        "servers": [{"server": "files", "type": "local", "path": ".", "format": "csv"}],
        "schema": [{
            "name": "customers", "description": ALL, "properties": columns,
            "quality": [{"type": "text", "name": ALL, "description": ALL},
                        {"type": "sql", "name": ATTACKS[0], "description": ALL, "query": "SELECT 1", "mustBe": 2, "severity": "warning"}],
        }],
    })  # fmt: skip


def data() -> str:
    quoted = ['"' + a.replace('"', '""') + '"' for a in ATTACKS]
    header = ",".join('"' + f"{a} {i}".replace('"', '""') + '"' for i, a in enumerate(ATTACKS))
    return "\n".join([header, *[",".join(quoted) for _ in range(3)], "too,few"]) + "\n"


@pytest.fixture
def poisoned(stream: Stream) -> list[str]:
    """A published-to-be request with attacks in every field, one that was returned, and one at its first gate."""
    words: dict[str, Any] = {"requester": ATTACKS[2], "use_case": ALL}
    found = []
    for source in ("evil", "returned", "fresh"):
        found.append(stream.request(source, text=contract(source), data=data(), **words))
    stream.decide(found[0], Stage.ADMISSION, "business", actor=VILLAIN, comment=ALL)
    stream.decide(found[0], Stage.ADMISSION, "compliance", comment=ALL)
    stream.work(found[0])
    stream.decide(found[0], Stage.PUBLICATION, "business", actor=VILLAIN, comment=ALL)
    stream.decide(found[1], Stage.ADMISSION, "business", Verdict.RETURN, actor=VILLAIN, comment=ALL)
    return found


def addresses(request: str) -> list[str]:
    """Every page there is, found in the app itself, for this request; and the Data Docs."""
    from sluice_airflow.web.app import app

    values = {"request_id": quote(request), "source": request.split("-")[1], "table": "customers", "name": "sluice.css"}
    paths = {r.path for r in app.routes if "GET" in getattr(r, "methods", ())}  # type: ignore[attr-defined]
    shown = [p for p in paths if p.startswith("/pages/")] + [
        "/requests/{request_id}/data-docs",
        "/requests/{request_id}/data-docs/{table:path}",
    ]
    found = []
    for path in shown:
        unknown = set(re.findall(r"{(\w+)", path)) - set(values)
        assert not unknown, f"{path}: say in this test what {unknown} is"
        found.append(re.sub(r"{(\w+)(:path)?}", lambda m: values[m[1]], path).lstrip("/"))
    return sorted(found)


def test_no_script_runs_and_no_markup_breaks_on_any_page(site: Site, poisoned: list[str], as_user: Any) -> None:
    seen = 0
    for user in ("carl", VILLAIN):
        page = as_user(user, "pages/inbox")
        complaints: list[str] = []
        page.on("console", lambda message, said=complaints: said.append(message.text))
        page.on("dialog", lambda dialog, said=complaints: (said.append(dialog.message), dialog.dismiss()))
        for request in poisoned:
            for address in [*addresses(request), f"pages/requests/{request}/evidence?gate=admission&seen=<script>",
                            f"pages/inbox?run={quote(VILLAIN)}", f"pages/requests?state={quote(VILLAIN)}", f"pages/requests/{quote(VILLAIN, safe='')}/evidence"]:  # fmt: skip
                answer = page.goto(f"{site.url}/{address}")
                if answer.status >= 500:
                    pytest.fail(f"{address}: {answer.status}")
                docs = "data-docs" in address
                wrong = [w for w in smuggled(page) if not (docs and w == "the page is broken")]
                assert wrong == [], address
                assert "12439" not in page.inner_text("body").replace(ALL, ""), f"{address}: a template ran"
                if answer.headers["content-type"] == "application/json":
                    continue
                policy = answer.headers["content-security-policy"]
                assert "unsafe-eval" not in policy and "script-src 'unsafe" not in policy
                seen += ATTACKS[0] in page.inner_text("body")
        # What a browser says when a policy stops a script, a style or an address; charts may say that they are empty.
        assert [
            c for c in complaints if re.search("refused to|content security policy|uncaught", c, re.IGNORECASE)
        ] == []
    assert seen >= 6, "the attacks were really shown, as text"


def test_what_a_refused_decision_says_is_text_too(site: Site, poisoned: list[str], as_user: Any) -> None:
    page = as_user("carl", "pages/inbox")
    page.evaluate("(says) => tell('bad', says)", ALL)
    assert smuggled(page) == []
    assert ATTACKS[0] in page.locator("#told").inner_text()


def test_json_is_never_taken_for_a_page(site: Site, poisoned: list[str]) -> None:
    for path in (
        f"requests/{poisoned[0]}",
        f"requests/{poisoned[0]}/evidence?gate=publication",
        "inbox",
        "requests",
        f"requests/{quote(VILLAIN, safe='')}",
    ):
        answer = httpx.get(f"{site.url}/{path}", headers={"as": "carl"})
        assert answer.headers["content-type"] == "application/json", path
        assert answer.headers["x-content-type-options"] == "nosniff", path
