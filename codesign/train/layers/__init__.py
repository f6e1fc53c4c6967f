"""Quantized layers: grids, straight-through rounding, converters and noise in the loop."""
