"""What approvers see: evidence in words, what waits for whom, what changed since they looked."""
