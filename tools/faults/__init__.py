"""Faults, injected into the real stages from outside and counted."""
