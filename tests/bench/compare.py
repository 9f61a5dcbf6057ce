#!/usr/bin/env python3
"""Times Baraza and llama.cpp against each other, turn by turn, on the same weights.

    python compare.py --baraza BIN --pack PACK --llama-dir DIR --gguf FILE [--bandwidth BIN]

Every round runs every case with ours, then with llama.cpp, each in a process of its own; the read
loop of --bandwidth comes right after the decode cases it is held against. A ratio is taken within
a round, where both had the same machine, and the median of the rounds counts. Tables go to
standard output and, with --out, to compare.md beside compare.json, which has every single run.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from statistics import median

import runs
from runs import Case

START = "start, 1 + 1 tokens"
AT_16 = "decode at 16"
AT_2048 = "decode at 2,048"


def plural(count: int, noun: str) -> str:
    """`1 thread`, `2 threads`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def cases_of(threads: int) -> dict[str, Case]:
    """What is timed, by the name in the tables; `threads` for all but the one-thread case."""
    cases = {}
    for count in sorted({threads, 1}, reverse=True):
        cases[f"{AT_16}, {plural(count, 'thread')}"] = Case("decode", 16, 64, count)
    cases |= {
        "prefill 128": Case("prefill", 128, 1, threads),
        "prefill 512": Case("prefill", 512, 1, threads),
        AT_2048: Case("decode", 2048, 32, threads),
    }
    for streams in (1, 2, 4, 8, 16):
        cases[plural(streams, "stream")] = Case("decode", 16, 32, threads, streams)
    cases[START] = Case("start", 1, 1, threads)
    return cases


def one_round(cases: dict[str, Case], engines: dict, bandwidth: Path | None) -> dict:
    """Runs all cases once: {case: {engine: result, "bandwidth": bytes per second}}."""
    results = {}
    for name, case in cases.items():
        results[name] = {}
        for engine, runner in engines.items():
            print(f"  {name}: {engine}", file=sys.stderr, flush=True)
            results[name][engine] = dataclasses.asdict(runner.measure(case))
        if bandwidth and name.startswith(AT_16):
            results[name]["bandwidth"] = runs.read_bandwidth(bandwidth, case.threads)
    return results


def of_rounds(rounds: list, name: str, engine: str, field: str) -> list:
    """One figure of a case in every round."""
    return [results[name][engine][field] for results in rounds]


def ratio(ours: list, theirs: list) -> str:
    """Ours by theirs within each round: the median, and the least and the most of it."""
    each = [a / b for a, b in zip(ours, theirs)]
    return f"{median(each):.2f} ({min(each):.2f}-{max(each):.2f})"


def compare_rows(rounds: list, names: list[str], field: str, form: str) -> list[list[str]]:
    """Rows of a table: case, ours, llama.cpp, ratio. `form` formats a median."""
    rows = []
    for name in names:
        ours, theirs = (of_rounds(rounds, name, e, field) for e in ("baraza", "llama.cpp"))
        rows.append([name, form.format(median(ours)), form.format(median(theirs)),
                     ratio(ours, theirs)])
    return rows


def context_rows(rounds: list, near: str) -> list[list[str]]:
    """What is left of the decoding rate at 2,048 tokens of context."""
    row = ["rate at 2,048 by rate at 16"]
    for engine in ("baraza", "llama.cpp"):
        far = of_rounds(rounds, AT_2048, engine, "tokens_per_s")
        close = of_rounds(rounds, near, engine, "tokens_per_s")
        row.append(f"{median([a / b for a, b in zip(far, close)]):.0%}")
    return [row]


def bandwidth_rows(rounds: list, names: list[str], bytes_per_token: dict) -> list[list[str]]:
    """Decoding as a share of what the read loop reached in the same round."""
    rows = []
    for name in names:
        reached = [results[name]["bandwidth"] for results in rounds]
        row = [name, f"{median(reached) / 1e9:.1f}"]
        for engine, size in bytes_per_token.items():
            rates = of_rounds(rounds, name, engine, "tokens_per_s")
            shares = [rate * size / bound for rate, bound in zip(rates, reached)]
            row.append(f"{median(shares):.0%} ({min(shares):.0%}-{max(shares):.0%})")
        rows.append(row)
    return rows


def memory_rows(rounds: list, names: list[str], weights: dict) -> list[list[str]]:
    """Peak resident memory in MB and, in brackets, as a multiple of the weights."""
    rows = []
    for name in names:
        row = [name]
        for engine, size in weights.items():
            peak = median(of_rounds(rounds, name, engine, "peak_bytes"))
            row.append(f"{peak / 1e6:.0f} ({peak / size:.2f})")
        rows.append(row)
    return rows


def report(rounds: list, cases: dict[str, Case], weights: dict, facts: dict) -> str:
    """All tables as markdown."""
    timed = [name for name in cases if name != START]
    first = next(iter(rounds[0].values()))
    kernel = first["baraza"]["own"]["kernel"]
    text = (f"{facts['cpu']} ({facts['arch']}), {facts['cpus']} processors, "
            f"{facts['memory_gib']} GiB; kernel {kernel}; {len(rounds)} rounds. Ratios are ours by "
            "llama.cpp's within a round: the median (least-most).\n\n")
    both = ["", "Baraza", "llama.cpp", "ratio"]
    if timed:
        rows = compare_rows(rounds, timed, "tokens_per_s", "{:.1f}")
        text += "Tokens per second; streams together:\n\n" + runs.table(both, rows) + "\n"
    near = [name for name in cases if name.startswith(AT_16)]
    if near and AT_2048 in cases:
        text += runs.table(both[:3], context_rows(rounds, near[0])) + "\n"
    if near and "bandwidth" in rounds[0][near[0]]:
        head = ["share of the read bandwidth", "GB/s", "Baraza", "llama.cpp"]
        text += runs.table(head, bandwidth_rows(rounds, near, weights)) + "\n"
    text += "Peak resident memory, MB (by the weights):\n\n"
    text += runs.table(both[:3], memory_rows(rounds, list(cases), weights)) + "\n"
    if START in cases:
        rows = compare_rows(rounds, [START], "wall_s", "{:.2f}")
        text += "Seconds of a whole process, files in the page cache:\n\n"
        text += runs.table(both, rows) + "\n"
        load_ms = [own["load_ms"] for own in of_rounds(rounds, START, "baraza", "own")]
        text += f"Of that, Baraza loads for {median(load_ms):.0f} ms.\n"
    return text


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--baraza", type=Path, required=True, help="the binary")
    parser.add_argument("--pack", type=Path, required=True, help="the pack")
    parser.add_argument("--llama-dir", type=Path, required=True, help="from build_llama.sh")
    parser.add_argument("--gguf", type=Path, required=True, help="the same weights as GGUF")
    parser.add_argument("--bandwidth", type=Path, help="the example read_bandwidth of int4-kernels")
    parser.add_argument("--threads", type=int, default=2, help="threads (default: 2)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--only", action="append", metavar="WORDS",
                        help="only cases whose name has these words; may be given again")
    parser.add_argument("--llama-option", action="append", default=[], metavar="OPTION",
                        help="passed to llama.cpp, one word each: --llama-option=-fa "
                             "--llama-option=off")
    parser.add_argument("--out", type=Path, help="folder for compare.md and compare.json")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    only = options.only or [""]
    cases = {name: case for name, case in cases_of(options.threads).items()
             if any(words in name for words in only)}
    if not cases:
        sys.exit(f"no case has these words: give some of: {'; '.join(cases_of(options.threads))}")
    ours = runs.Baraza(options.baraza, options.pack)
    theirs = runs.Llama(options.llama_dir, options.gguf, tuple(options.llama_option))
    engines = {"baraza": ours, "llama.cpp": theirs}
    rounds = []
    try:
        weights = {"baraza": ours.weights_bytes(), "llama.cpp": theirs.weights_bytes()}
        for i in range(options.repeat):
            print(f"round {i + 1} of {options.repeat}", file=sys.stderr, flush=True)
            rounds.append(one_round(cases, engines, options.bandwidth))
    except (runs.Refused, OSError) as error:
        sys.exit(f"a run failed: {error}")
    facts = runs.machine()
    text = report(rounds, cases, weights, facts)
    print(text, end="")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "compare.md").write_text(text)
        everything = {"machine": facts, "weights_bytes": weights, "rounds": rounds,
                      "llama_options": options.llama_option,
                      "cases": {name: dataclasses.asdict(case) for name, case in cases.items()}}
        (options.out / "compare.json").write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
