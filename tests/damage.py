"""Seeded damage to files: what disks, editors and copies do to them."""

import random
import re
from collections.abc import Iterator


def mutations(content: bytes, count: int) -> Iterator[bytes]:
    """`count` changed forms: bits, digits, lost, doubled, zeroed and inserted parts, ends cut off and appended."""
    rng = random.Random(len(content))
    digits = [m.start() for m in re.finditer(rb"\d", content)]
    while count:
        at, long = rng.randrange(len(content)), rng.randrange(1, 40)
        head, part, tail = content[:at], content[at : at + long], content[at + long :]
        digit = rng.choice(digits)
        made = rng.choice(
            [
                content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :],
                content[:digit] + bytes([(content[digit] - 47) % 10 + 48]) + content[digit + 1 :],
                head + tail,
                head + part + part + tail,
                head + bytes(len(part)) + tail,
                head + rng.randbytes(long) + part + tail,
                head,
                content + rng.randbytes(long),
            ]
        )
        if made != content:
            count -= 1
            yield made
