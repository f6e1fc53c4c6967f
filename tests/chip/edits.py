"""The tiny chip's file with changes."""

from codesign.resources import presets

TINY = presets("chips")["tiny"].read_text()


def edit(*changes: tuple[str, str]) -> str:
    text = TINY
    for old, new in changes:
        assert old in text, f"tiny.toml no longer holds {old!r}"
        text = text.replace(old, new)
    return text
