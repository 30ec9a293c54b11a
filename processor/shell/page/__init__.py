"""The page: what the server shows at `/` to people without Grafana."""
