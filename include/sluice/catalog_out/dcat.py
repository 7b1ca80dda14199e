"""A published source as DCAT 3 in JSON-LD: a dataset series of one dataset per table, each with a distribution.

Sources: W3C DCAT 3 (dcat), DCMI Terms (dct), PROV-O (prov), DQV (dqv), EU authority tables for frequency and access
rights. The context is written out, so nobody has to fetch one.
"""

from __future__ import annotations

from typing import Any

from sluice.catalog_out.facts import Facts
from sluice.contract.model import Table

CONTEXT: dict[str, Any] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "dqv": "http://www.w3.org/ns/dqv#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "csvw": "http://www.w3.org/ns/csvw#",
    "sluice": "urn:sluice:terms:",
}
_RIGHTS = "http://publications.europa.eu/resource/authority/access-right/"
_FREQUENCY = "http://publications.europa.eu/resource/authority/frequency/"
_ACCESS = {"public": "PUBLIC", "internal": "RESTRICTED", "confidential": "RESTRICTED", "restricted": "NON_PUBLIC"}
_OFTEN = {("1", "d"): "DAILY", ("1", "w"): "WEEKLY", ("1", "m"): "MONTHLY", ("1", "y"): "ANNUAL", ("1", "h"): "HOURLY",
          ("3", "m"): "QUARTERLY"}  # fmt: skip


def dcat(facts: Facts, base: str) -> dict[str, Any]:
    """The JSON-LD document. `base` is the address of Sluice's routes, which the source's own addresses begin with."""
    contract = facts.contract
    here = f"{base}/sources/{contract.id}"
    series = {
        "@id": here,
        "@type": "dcat:DatasetSeries",
        "dct:identifier": contract.id,
        "dct:title": contract.name,
        **_said("dct:description", contract.description),
        **_publisher(facts, here),
        **_common(facts),
        "dcat:landingPage": {"@id": f"{base}/pages/sources/{contract.id}"},
        "dcat:seriesMember": [{"@id": f"{here}/{t.table_name}"} for t in contract.tables],
    }
    datasets = [_dataset(facts, table, here, base) for table in contract.tables]
    return {"@context": CONTEXT, "@graph": [series, *datasets]}


def _dataset(facts: Facts, table: Table, here: str, base: str) -> dict[str, Any]:
    contract = facts.contract
    me = f"{here}/{table.table_name}"
    entry, snapshot = facts.entries.get(table.name, {}), facts.snapshots.get(table.name, {})
    seen: dict[str, Any] = next((t for t in facts.pack.get("tables", ()) if t["name"] == table.name), {})
    rules = [r for r in facts.pack.get("quality", {}).get("results", ()) if r["table"] == table.name]
    return {
        "@id": me,
        "@type": "dcat:Dataset",
        "dcat:inSeries": {"@id": here},
        "dct:identifier": f"{contract.id}.{table.table_name}",
        "dct:title": table.name,
        **_said("dct:description", table.description),
        **_publisher(facts, here),
        **_common(facts),
        "dct:accessRights": {"@id": _RIGHTS + _ACCESS[table.classification]},
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "dct:description": f"Onboarded by request {facts.request.id} from {contract.server.type} {contract.server.format}, "
            f"approved by {len(facts.decisions)} recorded decisions.",
        },
        "dcat:distribution": {
            "@id": f"{me}#iceberg",
            "@type": "dcat:Distribution",
            "dct:title": f"{table.name} (Apache Iceberg)",
            "dct:conformsTo": {"@id": "https://iceberg.apache.org/spec/"},
            "dcat:mediaType": {"@id": "https://www.iana.org/assignments/media-types/application/vnd.apache.parquet"},
            "dcat:accessURL": {"@id": entry.get("location") or me},
            **_said("sluice:snapshot", str(snapshot.get("snapshot_id", ""))),
        },
        "csvw:tableSchema": {
            "@type": "csvw:Schema",
            "csvw:column": {
                "@list": [
                    {"@type": "csvw:Column", "csvw:name": c.field_name, "csvw:datatype": str(c.type),
                     **_said("dct:description", c.description), "sluice:classification": c.classification}
                    for c in table.columns
                ]
            },
            **({"csvw:primaryKey": [c.field_name for c in table.key]} if table.key else {}),
        },
        "dqv:hasQualityMeasurement": [
            {"@type": "dqv:QualityMeasurement",
             "dqv:isMeasurementOf": {"@type": "dqv:Metric", "dct:title": name},
             "dqv:value": {"@type": "xsd:integer", "@value": str(value)}}
            for name, value in (
                ("rows published", seen.get("rows_staged")),
                ("rows in quarantine", seen.get("rows_quarantined")),
                ("rules evaluated", len(rules)),
                ("rules failed", sum(not r["success"] for r in rules)),
            ) if value is not None
        ],
        "prov:wasDerivedFrom": {"@id": f"{here}#source", "@type": "prov:Entity", "dct:title": contract.server.name},
        "dcat:landingPage": {"@id": f"{base}/pages/sources/{contract.id}"},
    }  # fmt: skip


def _publisher(facts: Facts, here: str) -> dict[str, Any]:
    owner = facts.contract.owner
    if not owner:
        return {}
    return {"dct:publisher": {"@id": f"{here}#owner", "@type": "foaf:Agent", "foaf:name": owner}}


def _common(facts: Facts) -> dict[str, Any]:
    contract, document = facts.contract, facts.contract.document
    keywords = [*(document.get("tags") or ()), *([contract.domain] if contract.domain else ())]
    description = document.get("description") or {}
    definitions = [
        *(document.get("authoritativeDefinitions") or ()),
        *(description.get("authoritativeDefinitions") or ()),
    ]
    licences = [d["url"] for d in definitions if str(d.get("type", "")).lower() == "license"]
    first = next((v.at for v in facts.versions), None)
    newest = next((v.at for v in reversed(facts.versions) if not v.bad), None)
    often = next((_OFTEN.get((str(s.get("value")), str(s.get("unit"))[:1].lower())) for s in document.get("slaProperties") or ()
                  if s.get("property") == "frequency"), None)  # fmt: skip
    return {
        "owl:versionInfo": contract.version,
        **({"dcat:keyword": [str(k) for k in dict.fromkeys(keywords)]} if keywords else {}),
        **({"dct:license": {"@id": licences[0]}} if licences else {}),
        **({"dct:issued": _moment(first.isoformat())} if first else {}),
        **({"dct:modified": _moment(newest.isoformat())} if newest else {}),
        **({"dct:accrualPeriodicity": {"@id": _FREQUENCY + often}} if often else {}),
    }


def _moment(text: str) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": text}


def _said(key: str, text: str) -> dict[str, str]:
    return {key: text} if text else {}
