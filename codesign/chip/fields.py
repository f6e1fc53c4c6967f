"""Bit fields as data: an entry is a list of named fields, and encodes, decodes and checks itself by that list."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.errors import ImageError
from codesign.fixed import Ints, IntType

WORD = 32  # bits
Value = int | tuple[int, ...]


@dataclass(frozen=True)
class Field:
    """Bits [low + width - 1 : low] of a word of an entry.

    signed: two's complement. less: subtracted from the value before it is stored.
    """

    name: str
    word: int
    low: int
    width: int
    meaning: str
    signed: bool = False
    less: int = 0

    @property
    def lo(self) -> int:
        """Smallest value."""
        return IntType(self.width, self.signed).lo + self.less

    @property
    def hi(self) -> int:
        """Largest value."""
        return IntType(self.width, self.signed).hi + self.less

    @property
    def bits(self) -> int:
        """The field's bits of its word, set."""
        return ((1 << self.width) - 1) << self.low

    @property
    def range(self) -> str:
        """`hi:lo`, as in documents and Verilog."""
        return f"{self.low + self.width - 1}:{self.low}"


@dataclass(frozen=True)
class Mask:
    """M words with one bit per array, array 0 in bit 0. Masks follow the last word of an entry's fields, in order."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Record:
    """The values of one entry by name: a number of each field, of each mask the arrays it names, rising."""

    numbers: Mapping[str, int]
    arrays: Mapping[str, tuple[int, ...]]

    def __getitem__(self, name: str) -> int:
        return self.numbers[name]


@dataclass(frozen=True)
class Entry:
    """An entry of a memory, a block of the stream or a register.

    word: bits of its words. serial: the chip sees one word at a time, not the whole entry.
    Raises ValueError for fields that overlap, do not fit their word, or share a name.
    """

    name: str
    meaning: str
    fields: tuple[Field, ...]
    masks: tuple[Mask, ...] = ()
    word: int = WORD
    serial: bool = False

    def __post_init__(self) -> None:
        taken: dict[tuple[int, int], str] = {}
        names: set[str] = set()
        for name in self.names:
            if not name.isidentifier():
                raise ValueError(f"{self.name}.{name}: must be an identifier")
            if name in names:
                raise ValueError(f"{self.name}.{name}: appears twice")
            names.add(name)
        for f in self.fields:
            if f.word < 0 or f.low < 0 or f.width < 1 or f.low + f.width > self.word:
                raise ValueError(f"{self.name}.{f.name}: bits {f.range} of word {f.word} lie outside {self.word} bits")
            for bit in range(f.low, f.low + f.width):
                other = taken.setdefault((f.word, bit), f.name)
                if other != f.name:
                    raise ValueError(f"{self.name}.{f.name}: shares bit {bit} of word {f.word} with {other}")

    @property
    def names(self) -> list[str]:
        """Of the fields, then of the masks."""
        return [*(f.name for f in self.fields), *(m.name for m in self.masks)]

    @property
    def words(self) -> int:
        """Words of the fields, without masks."""
        return 1 + max((f.word for f in self.fields), default=-1)

    def size(self, mask_words: int = 0) -> int:
        """Words of the entry where a mask takes `mask_words`."""
        return self.words + len(self.masks) * mask_words

    def field(self, name: str) -> Field:
        """A field by name. Raises KeyError."""
        for f in self.fields:
            if f.name == name:
                return f
        raise KeyError(f"{self.name}.{name}")

    def used(self, word: int) -> int:
        """Bits of a word that fields use."""
        return sum(f.bits for f in self.fields if f.word == word)

    def record(self, **values: Value) -> Record:
        """The values as a record.

        Raises ImageError when one does not fit its field, TypeError when a name is missing or is none of the entry's.
        """
        if values.keys() != {*self.names}:
            raise TypeError(f"{self.name}: takes {', '.join(self.names)}, got {', '.join(values)}")
        numbers = {f.name: self._number(f, values[f.name]) for f in self.fields}
        return Record(numbers, {m.name: self._arrays(m, values[m.name]) for m in self.masks})

    def encode(self, record: Record, mask_words: int = 0) -> list[int]:
        """The entry's words, `size(mask_words)` of them. Raises ImageError when an array has no bit in its mask."""
        words = [0] * self.words
        for f in self.fields:
            words[f.word] |= (record[f.name] - f.less << f.low) & f.bits
        for m in self.masks:
            arrays = record.arrays[m.name]
            if arrays and arrays[-1] >= mask_words * WORD:
                raise ImageError(
                    f"{self.name}: {m.name} names array {arrays[-1]}, its mask has {mask_words * WORD} bits; "
                    "compile for a chip with more arrays"
                )
            value = sum(1 << a for a in arrays)
            words += [value >> WORD * k & ((1 << WORD) - 1) for k in range(mask_words)]
        return words

    def decode(self, words: Iterable[int], mask_words: int = 0) -> Record:
        """Inverse of `encode`; ignores bits and words that no field uses, see `strays`."""
        held = [int(w) for w in words]
        numbers = {f.name: int(self._values(f, held[f.word])) for f in self.fields}
        arrays = {}
        for k, m in enumerate(self.masks):
            at = self.words + k * mask_words
            value = sum(w << WORD * n for n, w in enumerate(held[at : at + mask_words]))
            arrays[m.name] = tuple(a for a in range(value.bit_length()) if value >> a & 1)
        return Record(numbers, arrays)

    def strays(self, words: Iterable[int], mask_words: int = 0) -> bool:
        """Whether unused bits are set, in words past the entry too."""
        masks = range(self.words, self.size(mask_words))
        return any(int(w) & ~(-1 if k in masks else self.used(k)) for k, w in enumerate(words))

    def encode_all(self, **values: ArrayLike) -> NDArray[np.uint64]:
        """Many entries of one word without masks, as one number each. Raises as `record` does."""
        packed = np.zeros(np.shape(values[self.fields[0].name]), np.uint64)
        for f in self.fields:
            v = np.asarray(values[f.name], np.int64)
            for end in (v.min(initial=f.lo), v.max(initial=f.lo)):
                self._number(f, int(end))
            packed |= ((v - f.less).astype(np.uint64) << np.uint64(f.low)) & np.uint64(f.bits)
        return packed

    def decode_all(self, numbers: ArrayLike) -> dict[str, Ints]:
        """Inverse of `encode_all`."""
        held = np.asarray(numbers, np.uint64).astype(np.int64)
        return {f.name: np.asarray(self._values(f, held)) for f in self.fields}

    def _number(self, f: Field, value: Value) -> int:
        if not isinstance(value, int) or not f.lo <= value <= f.hi:
            raise ImageError(
                f"{self.name}: {f.name} must be an integer in {f.lo}..{f.hi} ({f.width} bits), got {value!r}; "
                "this image format cannot hold the program, make it smaller"
            )
        return int(value)  # of a bool, too

    def _arrays(self, m: Mask, value: Value) -> tuple[int, ...]:
        if not isinstance(value, tuple) or any(type(a) is not int or a < 0 for a in value):
            raise ImageError(
                f"{self.name}: {m.name} must name arrays 0 and up, got {value!r}; place the network on the chip again"
            )
        return tuple(sorted(set(value)))

    @staticmethod
    def _values(f: Field, word: Any) -> Any:
        value = (word >> f.low) & ((1 << f.width) - 1)
        if f.signed:
            value = value - (value >> (f.width - 1) << f.width)
        return value + f.less


@dataclass(frozen=True)
class Code:
    """A number with a name."""

    name: str
    value: int
    meaning: str


@dataclass(frozen=True)
class Codes:
    """The numbers that a field of `bits` bits can hold, each with its name.

    Raises ValueError when two share a name or a number, or one does not fit.
    """

    name: str
    bits: int
    codes: tuple[Code, ...]

    def __post_init__(self) -> None:
        for kind, seen in (("name", [c.name for c in self.codes]), ("number", [c.value for c in self.codes])):
            if len({*seen}) != len(seen):
                raise ValueError(f"{self.name}: a {kind} appears twice, {seen}")
        for c in self.codes:
            if not 0 <= c.value < 1 << self.bits:
                raise ValueError(f"{self.name}.{c.name}: {c.value} does not fit {self.bits} bits")

    def __iter__(self) -> Iterator[Code]:
        return iter(self.codes)

    def value(self, name: str) -> int:
        """A number by its name. Raises KeyError."""
        return {c.name: c.value for c in self.codes}[name]
