# SPDX-License-Identifier: GPL-2.0-only
"""What was measured, for people: a line per cell, and for the README a line per row of STITCHING.md."""
import os
import re
import statistics

import matrix

BEGIN, END = "<!-- accuracy: begin -->", "<!-- accuracy: end -->"
ROW_WIDTHS = (11, 14, 42, 3, 4)
HEAD = ("row", "version", "pattern", "c", "pool")


def cells_of(results):
    return [result for result in results if "precision" in result]


def share(rules):
    known = sum(rules.values())
    return ", ".join(f"{rule} {100 * count / known:.0f}%" for rule, count in rules.items())


def verdict(result):
    if result["wrong"]:
        return "WRONG"
    return "met" if result["met"] else "short"


def line(result):
    names = [result["row"], result["version"], result["pattern"], str(result["at_once"]), str(result["pool"])]
    text = " ".join(f"{name:<{width}}" for name, width in zip(names, ROW_WIDTHS))
    if "precision" not in result:
        reason = "skipped" if "skipped" in result else "failed"
        return f"{text} {reason}: {result[reason]}"
    conflicts = "-" if result["conflicts"] is None else result["conflicts"]
    return (
        f"{text} {result['precision']:.3f} {result['recall']:>6.3f} {result['whole']:>5.3f}"
        f" {result['naive']:>5.3f} {conflicts:>4} {verdict(result):<5} {share(result['rules'])}"
    )


def head():
    names = " ".join(f"{name:<{width}}" for name, width in zip(HEAD, ROW_WIDTHS))
    return f"{names} prec. recall whole naive conf goal  rules"


def spread(values):
    low, high = min(values), max(values)
    return f"{low:.3f}" if round(low, 3) == round(high, 3) else f"{low:.3f} to {high:.3f}"


def worst_and_median(values):
    return f"{min(values):.3f}, {statistics.median(values):.3f}"


def goal_of(row):
    recall = "whatever can be had" if row.recall is None else f"{row.recall:.3f}"
    return f"{row.precision:.3f} / {recall}"


def summed_rules(results):
    rules = {}
    for result in results:
        for rule, count in result["rules"].items():
            rules[rule] = rules.get(rule, 0) + count
    return dict(sorted(rules.items(), key=lambda item: -item[1]))


def row_line(key, results):
    """One line of the README's table, of the cells whose goal counts (ugly ones count for precision only)."""
    row, measured = matrix.ROWS[key], cells_of(results)
    skipped = len(results) - len(measured)
    if not measured:
        return f"| {row.title} | {goal_of(row)} | not run | | | | |"
    plain = [result for result in measured if not result["ugly"]] or measured
    met = sum(result["met"] for result in measured)
    cells = f"{met} of {len(measured)}" + (f", {skipped} could not run" if skipped else "")
    worst = min(result["precision"] for result in measured)
    naive = [result["naive"] for result in measured]
    return (
        f"| {row.title} | {goal_of(row)} | {worst:.4f} | {worst_and_median([result['recall'] for result in plain])}"
        f" | {share(summed_rules(measured))} | {spread(naive)} | {cells} |"
    )


def readme_table(results):
    of_row = {key: [result for result in results if result["row"] == key] for key in matrix.ROWS}
    lines = [
        "| runtime and pattern | goal: precision / recall | worst precision | recall: worst, median | rules | last request of the thread | cells that met the goal |",
        "|---|---|---|---|---|---|---|",
        *(row_line(key, of_row[key]) for key in matrix.ROWS),
    ]
    return "\n".join(lines)


def write_readme(results, path):
    """Between the two marks; False when the file has none."""
    with open(path, encoding="utf-8") as source:
        text = source.read()
    if BEGIN not in text or END not in text:
        return False
    inside = f"{BEGIN}\n{readme_table(results)}\n{END}"
    text = re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: inside, text, flags=re.S)
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(text)
    os.replace(path + ".new", path)
    return True
