"""OpenLineage: stage runs as its events, and the transport that takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attr
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    RunFacet,
    data_quality_assertions_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    ownership_dataset,
    parent_run,
    schema_dataset,
    symlinks_dataset,
)
from openlineage.client.serde import Serde
from openlineage.client.transport import get_default_factory

from sluice.errors import TerminalError, TransientError
from sluice.telemetry.lineage import JOBS, Dataset, StageRun

PRODUCER = "https://github.com/sluice/sluice"
FACET_SCHEMA = f"{PRODUCER}/blob/main/docs/observability.md#the-facet"


@attr.define
class OnboardingRunFacet(RunFacet):
    """Our facet `sluice_onboarding`: which request, stage and attempt a run is."""

    requestId: str = ""  # noqa: N815 - OpenLineage's own way of writing
    stage: str = ""
    attempt: int = 0
    tier: str = ""
    classOfService: str = ""  # noqa: N815
    useCase: str = ""  # noqa: N815
    contractDigest: str = ""  # noqa: N815
    sequence: int = 0

    @staticmethod
    def _get_schema() -> str:
        return FACET_SCHEMA


def event(run: StageRun) -> dict[str, Any]:
    """The event as plain JSON data, by the client's own models."""
    request = run.request
    facets: dict[str, RunFacet] = {
        "sluice_onboarding": OnboardingRunFacet(
            producer=PRODUCER, requestId=request.id, stage=run.stage.value, attempt=run.attempt, tier=request.tier,
            classOfService=run.service, useCase=request.use_case, contractDigest=request.contract_digest, sequence=run.seq,
        ),
        "parent": parent_run.ParentRunFacet(
            producer=PRODUCER, run=parent_run.Run(runId=str(run.request_run)), job=parent_run.Job(namespace=JOBS, name=f"{request.source}.onboarding")
        ),
    }  # fmt: skip
    if run.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            producer=PRODUCER, message=run.error, programmingLanguage="python"
        )
    kind = job_type_job.JobTypeJobFacet(
        producer=PRODUCER, processingType="BATCH", integration="SLUICE", jobType="STAGE"
    )
    made = RunEvent(
        eventTime=run.at.isoformat(),
        producer=PRODUCER,
        eventType=RunState[run.type],
        run=Run(runId=str(run.run), facets=facets),
        job=Job(namespace=JOBS, name=f"{request.source}.{run.stage}", facets={"jobType": kind}),
        inputs=[_input(d) for d in run.inputs],
        outputs=[_output(d) for d in run.outputs],
    )
    return Serde.to_dict(made)


def _facets(dataset: Dataset) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if dataset.fields:
        fields = [
            schema_dataset.SchemaDatasetFacetFields(name=n, type=t, description=d or None) for n, t, d in dataset.fields
        ]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(producer=PRODUCER, fields=fields)
    if dataset.owner:
        owners = [ownership_dataset.Owner(name=dataset.owner, type="TEAM")]
        facets["ownership"] = ownership_dataset.OwnershipDatasetFacet(producer=PRODUCER, owners=owners)
    if dataset.identifier:
        links = [symlinks_dataset.Identifier(namespace=JOBS, name=dataset.identifier, type="TABLE")]
        facets["symlinks"] = symlinks_dataset.SymlinksDatasetFacet(producer=PRODUCER, identifiers=links)
    return facets


def _input(dataset: Dataset) -> InputDataset:
    found = InputDataset(namespace=dataset.namespace, name=dataset.name, facets=_facets(dataset))
    if dataset.assertions:
        module = data_quality_assertions_dataset
        assertions = [
            module.Assertion(assertion=a["rule"], success=a["success"], column=a["column"], severity=a["severity"])
            for a in dataset.assertions
        ]
        facet = module.DataQualityAssertionsDatasetFacet(producer=PRODUCER, assertions=assertions)
        found.inputFacets = {"dataQualityAssertions": facet}
    return found


def _output(dataset: Dataset) -> OutputDataset:
    found = OutputDataset(namespace=dataset.namespace, name=dataset.name, facets=_facets(dataset))
    if dataset.rows is not None:
        module = output_statistics_output_dataset
        statistics = module.OutputStatisticsOutputDatasetFacet(producer=PRODUCER, rowCount=dataset.rows)
        found.outputFacets = {"outputStatistics": statistics}
    return found


def transport(configured: str) -> Mapping[str, Any]:
    """The client's transport configuration: an http(s) URL, a `file:` path, or the configuration itself as JSON.

    Raises TerminalError (LINEAGE_TRANSPORT).
    """
    if configured.startswith(("http://", "https://")):
        return {"type": "http", "url": configured, "timeout": 10, "retry": {"total": 0}}
    if configured.startswith("file:"):
        return {"type": "file", "log_file_path": configured.removeprefix("file:").replace("//", "/", 1), "append": True}
    try:
        found = json.loads(configured)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "type" not in found:
        raise TerminalError("LINEAGE_TRANSPORT", "SLUICE_OPENLINEAGE is neither a URL nor a transport's configuration",
                            mend='Such as https://lineage.example.org, file:/var/log/lineage.jsonl or {"type": "kafka", …}.')  # fmt: skip
    return found


def emit(configured: str, told: Mapping[str, Any]) -> None:
    """Give one event to the transport. Raises TransientError (LINEAGE_UNAVAILABLE) when it does not take it."""
    config = transport(configured)
    try:
        sink = get_default_factory().create(dict(config))
        sink.emit(dict(told))  # type: ignore[arg-type]
        sink.close()
    except Exception as error:  # each transport has its own
        raise TransientError(
            "LINEAGE_UNAVAILABLE", f"the {config['type']} transport did not take the event: {type(error).__name__}"
        ) from error
