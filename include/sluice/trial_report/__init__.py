"""A trial for its reader: the page report.html, and the words that page and terminal share."""

from sluice.trial_report.page import page
from sluice.trial_report.words import Rejected, dialect_words, failed_rules, rejected, verdict

__all__ = ["Rejected", "dialect_words", "failed_rules", "page", "rejected", "verdict"]
