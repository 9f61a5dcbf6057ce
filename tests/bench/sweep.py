#!/usr/bin/env python3
"""Tokens per second over threads, prompt length and streams, as a table and a plot.

    python sweep.py --baraza BIN --pack PACK [--llama-dir DIR --gguf FILE] [--out DIR]

Writes sweep.md, sweep.json and sweep.svg (default: into results/ beside this file). Ours is timed
with 1 and --threads threads at prompts of 32 to 4,096 tokens, and with 1 to 16 streams. llama.cpp
is timed in turn where it is cheap: with all threads, at prompts up to 2,048. A point that a
program refuses is left out, and the table has the program's own sentence.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from statistics import median

import runs
from runs import Case

PROMPTS = (32, 128, 512, 1024, 2048, 4096)
STREAMS = (1, 2, 4, 8, 16)
# Beyond this, llama.cpp would take most of the time.
LLAMA_PROMPT_MAX = 2048
NEW_TOKENS = 32
STREAM_PROMPT = 16
TITLES = {
    "prefill": "prefill of a prompt of N tokens",
    "decode": "decode at a context of N tokens",
    "streams": "decode of N streams together",
}


@dataclasses.dataclass(frozen=True)
class Point:
    """A point of a plot: `n` is the N of its title."""

    plot: str
    engine: str
    threads: int
    n: int

    def case(self) -> Case:
        """What to run for it."""
        if self.plot == "prefill":
            return Case("prefill", self.n, 1, self.threads)
        if self.plot == "decode":
            return Case("decode", self.n, NEW_TOKENS, self.threads)
        return Case("decode", STREAM_PROMPT, NEW_TOKENS, self.threads, self.n)

    def line(self) -> str:
        """The name of its line in the plot."""
        return f"{self.engine}, {self.threads} thread{'s' if self.threads > 1 else ''}"


def points_of(threads: int, with_llama: bool, prompt_max: int) -> list[Point]:
    """All points, ours and llama.cpp's next to each other."""
    points = []
    plots = {"prefill": PROMPTS, "decode": PROMPTS, "streams": STREAMS}
    for plot, numbers in plots.items():
        for n in numbers:
            if plot != "streams" and n > prompt_max:
                continue
            points += [Point(plot, "Baraza", t, n) for t in sorted({1, threads})]
            if with_llama and (plot == "streams" or n <= LLAMA_PROMPT_MAX):
                points.append(Point(plot, "llama.cpp", threads, n))
    return points


def measure(points: list[Point], engines: dict, repeat: int) -> tuple[dict, dict]:
    """Runs all points, round by round: {point: rates}, {point: sentence of refusal}."""
    rates, refused = {}, {}
    for i in range(repeat):
        for point in points:
            if point in refused:
                continue
            print(f"round {i + 1} of {repeat}: {point.plot} {point.n}, {point.line()}",
                  file=sys.stderr, flush=True)
            try:
                result = engines[point.engine].measure(point.case())
                rates.setdefault(point, []).append(result.tokens_per_s)
            except runs.Refused as error:
                refused[point] = str(error)
    return rates, refused


def tables(points: list[Point], rates: dict, refused: dict) -> str:
    """A markdown table for each plot: lines of the plot as columns."""
    text = ""
    for plot, title in TITLES.items():
        here = [point for point in points if point.plot == plot]
        lines = list(dict.fromkeys(point.line() for point in here))
        cells = {(p.n, p.line()): f"{median(rates[p]):.1f}" for p in here if p in rates}
        rows = [[f"{n:,}"] + [cells.get((n, line), "") for line in lines]
                for n in dict.fromkeys(point.n for point in here)]
        text += f"Tokens per second, {title}:\n\n{runs.table(['N', *lines], rows)}\n"
    for point, sentence in refused.items():
        text += f"- {point.plot} {point.n:,}, {point.line()}: {sentence}\n"
    return text


def plot(points: list[Point], rates: dict, path: Path) -> None:
    """Draws the medians; the same figures give the same file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "sweep", "svg.fonttype": "none"})
    import matplotlib.pyplot as pyplot

    figure, axes = pyplot.subplots(1, len(TITLES), figsize=(13, 4))
    for axis, (name, title) in zip(axes, TITLES.items()):
        here = [point for point in points if point.plot == name and point in rates]
        for line in dict.fromkeys(point.line() for point in here):
            along = [point for point in here if point.line() == line]
            axis.plot([p.n for p in along], [median(rates[p]) for p in along], marker="o",
                      linestyle="--" if line.startswith("llama") else "-", label=line)
        axis.set_xscale("log", base=2)
        numbers = sorted({point.n for point in here})
        axis.set_xticks(numbers, [str(n) for n in numbers])
        axis.set_ylim(bottom=0)
        axis.set(title=title, xlabel="N", ylabel="tokens/s")
        axis.grid(alpha=0.3)
        if here:
            axis.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--baraza", type=Path, required=True, help="the binary")
    parser.add_argument("--pack", type=Path, required=True, help="the pack")
    parser.add_argument("--llama-dir", type=Path, help="from build_llama.sh")
    parser.add_argument("--gguf", type=Path, help="the same weights as GGUF")
    parser.add_argument("--threads", type=int, default=2, help="the most threads (default: 2)")
    parser.add_argument("--prompt-max", type=int, default=PROMPTS[-1],
                        help="leave longer prompts out (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "results")
    options = parser.parse_args()
    if bool(options.llama_dir) != bool(options.gguf):
        parser.error("--llama-dir and --gguf go together")
    engines = {"Baraza": runs.Baraza(options.baraza, options.pack)}
    if options.gguf:
        engines["llama.cpp"] = runs.Llama(options.llama_dir, options.gguf)
    points = points_of(options.threads, bool(options.gguf), options.prompt_max)
    try:
        rates, refused = measure(points, engines, options.repeat)
    except OSError as error:
        sys.exit(f"a program cannot be run: {error}")
    facts = runs.machine()
    text = (f"{facts['cpu']} ({facts['arch']}), {facts['cpus']} processors, "
            f"{facts['memory_gib']} GiB; medians of {options.repeat} rounds.\n\n")
    text += tables(points, rates, refused)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "sweep.md").write_text(text)
    record = [dict(dataclasses.asdict(point), tokens_per_s=rates.get(point, []),
                   refused=refused.get(point)) for point in points]
    (options.out / "sweep.json").write_text(
        json.dumps({"machine": facts, "points": record}, indent=1) + "\n")
    plot(points, rates, options.out / "sweep.svg")
    print(text, end="")


if __name__ == "__main__":
    main()
