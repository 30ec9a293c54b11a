"""Kafka: the poll thread, the commits, the outputs and the ledger's reader."""
