"""The chip: its description, its registers, its bits."""
