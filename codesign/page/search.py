"""The page of a search folder: winners, what was tried, and what fits, whichever of them the folder holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codesign.page.axis import energy as told
from codesign.page.blocks import Fact, Links, Page, Section, section, sections
from codesign.page.parts.again import reproduce
from codesign.page.parts.front import importance, plots, progress, tried_table
from codesign.page.parts.screen import screened
from codesign.page.parts.winners import budgets, reached, winner, winner_links
from codesign.page.records import files, label
from codesign.report.caveats import FEW, caveats
from codesign.report.numbers import amount
from codesign.views.cloud import UNITS
from codesign.views.tried import Candidate, tried, unbeaten

Record = dict[str, Any]
SCHEMAS = ("codesign-search/1", "codesign-front/1", "codesign-screen/1")


def of_search(folder: Path) -> Page:
    """Everything that a search folder holds. Raises InputError when it holds nothing finished."""
    kept = files(folder, *SCHEMAS)
    found = [record for _, record in kept]
    parts: list[Section | None] = []
    for path, record in kept:
        parts += _sections(record, path)
    first = found[0]
    questions = dict.fromkeys(r.get("question", "") for r in found if r.get("question"))
    return Page(
        "search",
        first.get("name", folder.name),
        " ".join(questions) or "Which network for this chip?",
        " ".join(answer(r) for r in found),
        "bad" if any(_bad(r) for r in found) else "" if any(r.get("quick") for r in found) else "good",
        tuple(f for r in found for f in facts(r)),
        sections(*parts, _again(found)),
        first.get("codesign", ""),
        tuple(caveats(min(map(_seeds, found)), any(r.get("quick") for r in found if r["schema"] != SCHEMAS[2]))),
    )


def won(record: Record) -> list[Record]:
    """The entries of a record that have a certificate."""
    entries = [record] if "reach" in record else record.get("budgets", [])
    return [e for e in entries if "certificate" in e]


def _bad(record: Record) -> bool:
    return "nearest" in record or any(
        w["certificate"]["rtl"]["mismatches"] or w["certificate"]["rtl"].get("timing_errors") for w in won(record)
    )


def answer(record: Record) -> str:
    """What a record says, in a sentence or two."""
    if record["schema"] == "codesign-screen/1":
        fit = sum(not c["misses"] for c in record["candidates"])
        return f"{fit:,} of {len(record['candidates']):,} candidates fit; none was trained."
    if record["schema"] == "codesign-front/1":
        return (
            f"{len(record['front']):,} of {record['trained']:,} trained candidates are not beaten in accuracy and "
            f"{record['quantity']}: {_span(record)}."
        )
    winners = won(record)
    if "nearest" in record:
        near = record["nearest"]
        return (
            f"Nothing reached {record['reach']:g} % held-out under the loosest limit; the nearest is {near['label']}, "
            f"{near['mean']:.2f} %, {near['short']:.2f} points short. {len(record['tried']):,} candidates were trained."
        )
    first = winners[0]["certificate"]
    if "reach" in record:
        unit = UNITS.get(record["minimize"], record["minimize"])
        return (
            f"{record['reach']:g} % held-out needs {amount(record['least'])} {unit}: {label(first['winner'])}, "
            f"{first['test']['mean']:.2f} % of the test set."
        )
    if len(winners) == 1:
        c, rtl = first, first["rtl"]
        proof = (
            f"Verilog and reference agree on {rtl['images']:,} images."
            if not _bad(record)
            else f"WRONG: {rtl['mismatches']:,} words differ in Verilog."
        )
        return (
            f"{label(c['winner'])}: {c['test']['mean']:.2f} % of the test set on {c['arrays']['used']:,} of "
            f"{c['arrays']['budget']:,} arrays. {proof}"
        )
    last = winners[-1]["certificate"]
    return (
        f"{len(winners)} budgets: from {first['test']['mean']:.2f} % of the test set on {first['arrays']['used']:,} "
        f"arrays ({label(first['winner'])}) to {last['test']['mean']:.2f} % on {last['arrays']['used']:,} "
        f"({label(last['winner'])})."
    )


def _span(record: Record) -> str:
    """The two ends of a front."""
    ends = [(e["held_out"], e["quantities"][record["quantity"]] or 0) for e in record["front"]]
    unit = UNITS.get(record["quantity"], record["quantity"])
    told_ = [f"{score:.2f} % held-out at {amount(cost)}" for score, cost in (ends[0], ends[-1])]
    return f"from {told_[0]} to {told_[1]} {unit}" if len(ends) > 1 else f"{told_[0]} {unit}"


def facts(record: Record) -> tuple[Fact, ...]:
    """The figures of a record."""
    winners = won(record)
    if not winners:
        return ()
    best = max(winners, key=lambda w: w["certificate"]["test"]["mean"])
    c = best["certificate"]
    energy, rtl, look = c["energy_nj"], c["rtl"], c["search"]
    bad = rtl["mismatches"] + rtl.get("timing_errors", 0)
    uniform = best.get("uniform")
    against = f"uniform layers {uniform['mean']:.2f} %" if uniform else f"{len(c['test']['seeds'])} seeds"
    fitting = "" if look["fitting"] is None else f" of {look['fitting']:,} that fit"
    return (
        Fact("Accuracy of the best winner", f"{c['test']['mean']:.2f} %", against),
        Fact("Verilog against reference", f"{bad:,} differ", f"on {rtl['images']:,} images", "bad" if bad else "good"),
        Fact("Arrays", f"{c['arrays']['used']:,} of {c['arrays']['budget']:,}", "of the best winner"),
        Fact("Trained", f"{look['trained']:,}", f"candidates{fitting}; space {look['space']:,}"),
        Fact("Energy of an image", told(energy["low"], energy["high"]), "estimates of two sources"),
    )


def _sections(record: Record, path: Path) -> list[Section | None]:
    beside = _files(path)
    if record["schema"] == "codesign-screen/1":
        return [screened(record, beside)]
    known = tried(record)
    if record["schema"] == "codesign-front/1":
        quantity = record["quantity"]
        name = f"front-{quantity}"
        best = [label(entry["candidate"]) for entry in record["front"]]
        return [
            section(
                name,
                f"Front of {quantity}",
                plots(record),
                beside,
                tried_table(f"{name}-candidates", known, best),
            ),
            importance(known, name),
        ]
    winners = won(record)
    prefix = "reach" if "reach" in record else "search"
    several = len(winners) > 1
    return [
        section(
            f"{prefix}-answer",
            "Answer",
            *(reached(record) if "reach" in record else budgets(record)),
            winner_links(winners, path.parent),
            beside,
        ),
        *(winner(w["certificate"], prefix, several) for w in winners),
        section(
            f"{prefix}-tried",
            "What was tried",
            None if several else progress(known),
            plots(record),
            tried_table(f"{prefix}-candidates", known, _front(known)) if known else None,
        ),
        importance(known, prefix),
    ]


def _files(path: Path) -> Links | None:
    """The picture and the table of a record, where they lie beside it."""
    kinds = {".svg": "the picture, for papers", ".csv": "the table"}
    found = tuple((path.with_suffix(s).name, told) for s, told in kinds.items() if path.with_suffix(s).is_file())
    return Links("Beside this page:", tuple((name, f"{name}, {told}") for name, told in found)) if found else None


def _front(known: Sequence[Candidate]) -> list[str]:
    """Labels of the candidates that none beats in accuracy and arrays."""
    full = [c for c in known if c.full]
    on = unbeaten([(c.cost("arrays") or 0, c.scores[-1]) for c in full])
    return [c.label for c, is_on in zip(full, on, strict=True) if is_on]


def _seeds(record: Record) -> int:
    """Seeds that its figures are means of; a screening has none to doubt."""
    if record["schema"] == "codesign-screen/1":
        return FEW
    if "nearest" in record:
        return len(record["nearest"]["seeds"])
    return min((len(w["certificate"]["test"]["seeds"]) for w in won(record)), default=1)


def _again(found: Sequence[Record]) -> Section | None:
    commands = [f"{r['command']}   # everything" for r in found if "command" in r]
    rebuilds = [w["certificate"]["rebuild"] for r in found for w in won(r)]
    lines = commands + [f"{command}   # a winner, in this folder" for command in dict.fromkeys(rebuilds)]
    if commands:
        lines.append("codesign report .   # this page, in this folder")
    versions = sorted({r["codesign"] for r in found if "codesign" in r})
    facts = [("codesign", ", ".join(versions))] if versions else []
    simulators = {w["certificate"]["rtl"].get("simulator_version") for r in found for w in won(r)} - {None}
    facts += [("simulator", ", ".join(sorted(map(str, simulators))))] if simulators else []
    return reproduce("\n".join(lines), facts) if lines else None
