"""The table of methods and model families in docs/methods.md.

`python scripts/methods_table.py --write docs/methods.md` tries every method of the catalogue on a tiny model of each
family, certifies what works, and writes the page and, beside it, what was found (methods.json). With --from-findings
it only writes the page anew from there; with --families it looks at these alone and keeps the others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for the tests' tiny models

from scripts.methods_found import FAMILIES, Findings, Found, look_at_all, read, write  # noqa: E402

from lightune.catalogue import MERGE, METHODS, MIX, Method  # noqa: E402

YES = "✓"
INTRODUCTION = """# Methods and model families

<!-- Written by scripts/methods_table.py; do not edit. -->

Which method works on which architecture is tried, not listed. A method **works** on a family when, on a tiny model of
it, three training steps change the method's own parameters and leave the frozen base as it is to the bit, a text gets
the same answer alone and in a batch, and what is saved answers the same in a fresh process within 1e-5. What works is
then trained as an arm for three steps, saved and certified: each of the eleven lines of its certificate passes or does
not apply (`lightune verify` shows them). Most of peft's methods know torch's Linear layers but not GPT-2's Conv1D;
there lightune turns Conv1D into Linear with the transposed weight, which gives identical logits, and back again when
the adapter is merged.

This page is written by a command, which takes about twenty minutes on one core and reads no weights:

<!-- test: skip: tries every method on ten families -->
```bash
python scripts/methods_table.py --write docs/methods.md
```

For a model of your own: `lightune methods --model NAME` tries all methods on its architecture in a minute.
"""

LEGEND = """Parameters: what is trained on GPT-2 small (12 blocks, 768 wide, two labels) with lightune's defaults, the
head's 1,536 among them. They are counted on models of that width with one block and with two, each further block being
like the second.

Stock route: how transformers and peft alone come to the same answers. `adapter`: peft loads it on the base as it is.
`merged`: as a plain classifier, the adapter written into its weights. `none`: not at all; lightune loads it.
"""


def page(findings: Findings) -> str:
    """The whole page."""
    made = " and ".join(f"{name} {version}" for name, version in findings.versions.items())
    parts = [INTRODUCTION, f"Found with {made}.\n", overview(findings), counts(findings), reasons(findings)]
    parts += ["## Each method\n", LEGEND, *(section(findings, method) for method in METHODS.values())]
    return "\n".join(parts)


def overview(findings: Findings) -> str:
    """One row a method, one column a family: a mark, or the number of the reason why not."""
    numbers = {reason: at for at, reason in enumerate(_reasons(findings), 1)}
    lines = ["## Overview\n", f"{YES} works; a number is the reason why not, below.\n"]
    lines += [f"| method | {' | '.join(FAMILIES.values())} |", f"|---|{':-:|' * len(FAMILIES)}"]
    for name in METHODS:
        found = (findings.families[kind][name] for kind in FAMILIES)
        marks = (YES if one.works else str(numbers[one.reason or ""]) for one in found)
        lines.append(f"| [{name}](#{name}) | {' | '.join(marks)} |")
    for title, names in groups().items():
        sums = (sum(findings.families[kind][name].works for name in names) for kind in FAMILIES)
        lines.append(f"| **{title}, {len(names)}** | {' | '.join(f'**{count}**' for count in sums)} |")
    return "\n".join(lines) + "\n"


def groups() -> dict[str, list[str]]:
    """The methods that peft counts as its own, the variants of LoRA among its options, and what peft does not have."""
    return {
        "peft's own": [name for name, one in METHODS.items() if one.peft is not None and one.variant_of is None],
        "variants of LoRA": [name for name, one in METHODS.items() if one.variant_of is not None],
        "beside peft": [name for name, one in METHODS.items() if one.peft is None],
    }


def counts(findings: Findings) -> str:
    """What the overview comes to, in sentences."""
    own = groups()["peft's own"]
    gpt2 = sum(findings.families["gpt2"][name].works for name in own)
    everywhere = sum(all(findings.families[kind][name].works for kind in FAMILIES) for name in own)
    certified = [one for own in findings.families.values() for one in own.values() if one.works]
    failed = sum(bool(one.failed) for one in certified)
    return (
        f"Of peft's own {len(own)} methods {gpt2} work on GPT-2 and {everywhere} on all ten families. Of "
        f"{len(certified)} certificates {len(certified) - failed} have no line that fails.\n"
    )


def reasons(findings: Findings) -> str:
    """Why what does not work does not."""
    lines = [f"{at}. {reason}." for at, reason in enumerate(_reasons(findings), 1)]
    return "\n".join(["### Reasons\n", *lines]) + "\n"


def section(findings: Findings, method: Method) -> str:
    """All that is known of one method."""
    gpt2 = findings.families["gpt2"][method.name]
    lines = [f"### {method.name}\n", f"**{method.title}**: {method.summary}."]
    lines.append(f"- Paper: {method.paper or 'none'}. In peft: {_in_peft(method)}.")
    if gpt2.works:
        lines.append(f"- Stock route on GPT-2: {gpt2.route}.")
        lines.append(f"- Trained on GPT-2 small: {findings.parameters[method.name]:,} parameters.")
    lines += [f"- Cannot {_ACTS[what]}: {why}." for what, why in method.cannot.items() if what in _ACTS]
    lines += [f"- Certificate: {text}." for text in certificates(findings, method.name)]
    lines += [f"- Not on {families}: {reason}." for reason, families in failures(findings, method.name).items()]
    return "\n".join([lines[0], lines[1], "", *lines[2:]]) + "\n"


def certificates(findings: Findings, name: str) -> list[str]:
    """What its certificates say, families of the same result together."""
    said: dict[str, list[str]] = {}
    for kind, title in FAMILIES.items():
        one = findings.families[kind][name]
        if one.works:
            said.setdefault(_result(one), []).append(title)
    return [f"{result} on {', '.join(titles)}" for result, titles in said.items()]


def failures(findings: Findings, name: str) -> dict[str, str]:
    """By reason, the families that it does not work on."""
    found: dict[str, list[str]] = {}
    for kind, title in FAMILIES.items():
        one = findings.families[kind][name]
        if not one.works:
            found.setdefault(one.reason or "", []).append(title)
    return {
        reason: "any family" if len(titles) == len(FAMILIES) else ", ".join(titles) for reason, titles in found.items()
    }


_ACTS = {MERGE: "be merged into the weights", MIX: "be mixed with others of its kind"}


def _in_peft(method: Method) -> str:
    if method.peft is None:
        return "not there; lightune trains these parameters itself"
    return f"{method.peft}" + (f", with options of its own beside {method.variant_of}'s" if method.variant_of else "")


def _result(one: Found) -> str:
    if one.failed:
        return f"{one.passed} lines pass, {', '.join(one.failed)} fails"
    return f"{one.passed} passed" + (f", {one.inapplicable} not applicable" if one.inapplicable else "")


def _reasons(findings: Findings) -> list[str]:
    return list(
        dict.fromkeys(
            one.reason or ""
            for name in METHODS
            for one in (findings.families[kind][name] for kind in FAMILIES)
            if not one.works
        )
    )


def main() -> None:
    """Look, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, required=True, help="the page; the findings stand beside it")
    parser.add_argument("--from-findings", action="store_true", help="write the page from the findings that are there")
    parser.add_argument("--families", help=f"look at these alone: {', '.join(FAMILIES)}")
    asked = parser.parse_args()
    kept = asked.write.with_suffix(".json")
    findings = read(kept) if asked.from_findings or asked.families else Findings()
    if not asked.from_findings:
        look_at_all(findings, tuple((asked.families or ",".join(FAMILIES)).split(",")))
        write(findings, kept)
    asked.write.write_text(page(findings), encoding="utf-8")


if __name__ == "__main__":
    main()
