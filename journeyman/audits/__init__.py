"""Which labels are likely wrong: one auditor a file, for each kind of target."""
