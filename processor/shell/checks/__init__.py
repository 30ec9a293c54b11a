"""Checks: what can break a deployment, looked at one by one, without changing anything."""
