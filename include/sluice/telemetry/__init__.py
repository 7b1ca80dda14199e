"""What other systems watch: metrics, lineage. Derived from the ledger every time, so no restart changes a number."""
