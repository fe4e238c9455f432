"""Prefect wiring: order, retries, schedules. No rules, no data: parameters are names, tasks return nothing."""
