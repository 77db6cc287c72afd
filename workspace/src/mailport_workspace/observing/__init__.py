"""What operators see: structured logs, metrics, traces, health."""
