"""Spans, exported by OpenTelemetry: only where a setting asks for them is any of this imported."""
