"""The audit of a source: who decided what, when, by which right, on which evidence and policy; as data and as a page."""

from sluice.audit.page import audit_body, audit_page
from sluice.audit.report import source_audit

__all__ = ["audit_body", "audit_page", "source_audit"]
