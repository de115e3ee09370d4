"""A monitor for training loops that Étude does not own."""

from etude.integrations.monitor.monitor import Monitor

__all__ = ["Monitor"]
