"""The shell: does what the core decided. Kafka, HTTP, the registry, metrics, logs."""
