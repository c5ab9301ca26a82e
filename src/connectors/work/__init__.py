"""The workers: events to findings, syncs, alerts, actions, schedules."""
