"""Find the first layer in which a chip and its reference disagree.

    python find_layer.py [COMMAND ...]

COMMAND plays one transcript on the chip; {} in it stands for the transcript's file. It ends with status 0 if all
answers came as expected; a line that begins with FAIL says that they did not, whatever the status. Without a command,
the transcripts are played on the chip's Verilog, by `make -C tb player`.

The transcript of the whole program is played first. If it fails, those of layers/ follow in the order of the layers:
each ends with the raw accumulators of its layer, from the same cells. The first that fails names the layer.
Needs Python alone. Exit status: 0 the chip agrees, 1 it does not, 2 the command does not run.
"""

import subprocess
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parent
PLAY = ["make", "-s", "-C", str(PACK / "tb"), "player", "TRANSCRIPT={}"]


def main(command: list[str]) -> int:
    """Play what is needed and print the verdict."""
    try:
        agrees, told = play(command, PACK / "transcript.txt")
        if agrees:
            print("PASS: the whole program agrees")
            return 0
        print(f"the whole program: {told}")
        steps = sorted(p for p in (PACK / "layers").iterdir() if p.is_dir())
        for step in steps:
            agrees, told = play(command, step / "transcript.txt")
            layer = (step / "layer.txt").read_text(encoding="utf-8").strip()
            print(f"until {layer}: {'agrees' if agrees else told}")
            if not agrees:
                print(f"FAIL: layer {layer} is the first that disagrees")
                return 1
    except OSError as e:
        print(f"{' '.join(command)}: cannot be run ({e.strerror})", file=sys.stderr)
        return 2
    last = (PACK / "layers" / "last.txt").read_text(encoding="utf-8").strip()
    print(f"FAIL: layer {last}, the last, is the first that disagrees")
    return 1


def play(command: list[str], transcript: Path) -> tuple[bool, str]:
    """Whether all answers of a transcript came as expected, and what the command said of it last."""
    done = subprocess.run(
        [word.replace("{}", str(transcript)) for word in command], capture_output=True, text=True, errors="replace"
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    verdict = [line for line in said if line.startswith(("FAIL", "PASS"))]
    agrees = done.returncode == 0 and not any(line.startswith("FAIL") for line in verdict)
    return agrees, (verdict or said or ["it says nothing"])[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or PLAY))
