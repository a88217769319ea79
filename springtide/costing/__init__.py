"""Costs from the ledger to the report: what pricing says of the past and planning of the future."""
