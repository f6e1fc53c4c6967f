"""What a packer moves about: blocks of matrices, and the space of all arrays, one upon the other."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Space:
    """The arrays as one tall matrix: its wordline r is wordline r % rows of array r // rows."""

    rows: int  # wordlines of an array
    columns: int  # signed columns of an array
    lanes: int  # signed columns of a column group

    @property
    def whole(self) -> int:
        """Column groups of an array that hold `lanes` columns."""
        return self.columns // self.lanes

    @property
    def tail(self) -> int:
        """Columns of one more, narrower group; 0 when there is none."""
        return self.columns % self.lanes

    @property
    def groups(self) -> int:
        """Column groups of an array."""
        return self.whole + (self.tail > 0)


@dataclass(frozen=True)
class Block:
    """A rectangle of a step's matrix. It may cross from one array into the next, but not leave its columns.

    Blocks of one step convert together: they start at the same column group and have no array in common.
    """

    step: int
    rows: int
    columns: int  # signed; they begin with a column group
    phase: int | None = None  # wordline of an array where the block must start; None: any

    def groups(self, space: Space) -> int:
        """Column groups that it takes."""
        return -(-self.columns // space.lanes)

    def short(self, space: Space) -> bool:
        """Whether its last group is as narrow as the array's narrower one."""
        return 0 < self.columns - (self.groups(space) - 1) * space.lanes <= space.tail

    def last_group(self, space: Space) -> int:
        """The highest column group where it can start."""
        return space.whole + self.short(space) - self.groups(space)

    def arrays(self, space: Space) -> int:
        """Arrays that it touches at least."""
        return -(-((self.phase or 0) + self.rows) // space.rows)

    def check(self, space: Space) -> None:
        """Raises ValueError when it fits no array."""
        if self.rows < 1 or self.columns < 1:
            raise ValueError(
                f"block of step {self.step}: got {self.rows} rows of {self.columns} columns; leave empty ones out"
            )
        if self.last_group(space) < 0:
            raise ValueError(
                f"block of step {self.step}: its {self.columns} columns exceed an array's {space.columns}; split it"
            )
        if self.phase is not None and not 0 <= self.phase < space.rows:
            raise ValueError(f"block of step {self.step}: phase must lie in 0..{space.rows - 1}, got {self.phase}")
