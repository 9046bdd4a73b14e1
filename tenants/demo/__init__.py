"""The demo bank: a made-up bank over China's real provinces, the same to the last digit at every load."""

from __future__ import annotations

from tenants.demo.loading import ForeignBank, demo_is_loaded, load_demo

__all__ = ["ForeignBank", "demo_is_loaded", "load_demo"]
