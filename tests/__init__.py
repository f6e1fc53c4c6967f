"""Helpers are imported as tests.X. A package of its own: pyverilog installs another one called `tests`."""
