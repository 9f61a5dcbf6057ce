"""One run of either engine in a process of its own. Standard library only.

Rates are tokens per second of all streams together, sizes bytes, times seconds.
"""

import json
import os
import platform
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# Room that llama-batched-bench gives each of its streams; a multiple of 256, to which it rounds.
STREAM_CONTEXT_TOKENS = 256


class Refused(Exception):
    """A program ended with an error; the text is its last words."""


@dataclass(frozen=True)
class Case:
    """What to time.

    kind     "prefill": the prompt counts; "decode": the new tokens count, at a context of
             `prompt`; "start": a prompt of 1 and 1 new token, from the start of the process to
             its end
    prompt   tokens of the prompt, for each stream
    new      tokens to write, for each stream
    threads  threads of the engine
    streams  sequences at the same time
    """

    kind: str
    prompt: int
    new: int
    threads: int
    streams: int = 1


@dataclass(frozen=True)
class Result:
    """What one run gave.

    tokens_per_s    of the case's kind; 0 for "start"
    wall_s          the whole process
    peak_bytes      largest resident memory of the process, as the kernel counted it
    own             what the program printed itself
    """

    tokens_per_s: float
    wall_s: float
    peak_bytes: int
    own: dict


def run(command: list) -> tuple[str, float, int]:
    """Runs a program: standard output, wall time in seconds, peak resident memory in bytes."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begun = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (out, err):
            stream.seek(0)
        text, words = out.read(), err.read()
    if process.returncode != 0:
        lines = (words.strip() or text.strip() or f"ended with {process.returncode}").splitlines()
        raise Refused(lines[-1])
    unit = 1 if platform.system() == "Darwin" else 1024
    return text, wall_s, usage.ru_maxrss * unit


@dataclass(frozen=True)
class Baraza:
    """Our engine: the binary and a pack."""

    binary: Path
    pack: Path

    def measure(self, case: Case) -> Result:
        """Runs `baraza model bench` once."""
        text, wall_s, peak = run([
            self.binary, "model", "bench", self.pack, "--prompt-tokens", case.prompt,
            "--new-tokens", case.new, "--threads", case.threads, "--streams", case.streams,
            "--repeat", 1, "--json",
        ])
        own = json.loads(text)
        rate = {"prefill": own["prompt_tokens_per_s"], "decode": own["decode_tokens_per_s"]}
        return Result(rate.get(case.kind, 0.0), wall_s, peak, own)

    def weights_bytes(self) -> int:
        """Size of the pack's weights: what one token of a model with tied embeddings reads."""
        return json.loads(run([self.binary, "model", "info", self.pack, "--json"])[0])[
            "weights_bytes"]


@dataclass(frozen=True)
class Llama:
    """llama.cpp: the folder that build_llama.sh filled, a GGUF file, further options.

    Rates are of one repetition after its own warm-up.
    """

    folder: Path
    gguf: Path
    options: tuple[str, ...] = ()

    def measure(self, case: Case) -> Result:
        """Runs llama-bench once, or llama-batched-bench for several streams."""
        return self._batched(case) if case.streams > 1 else self._single(case)

    def weights_bytes(self) -> int:
        """Size of the file, which but for a few MB of words is weights."""
        return self.gguf.stat().st_size

    def _single(self, case: Case) -> Result:
        what = {
            "prefill": ["-p", case.prompt, "-n", 0],
            "decode": ["-p", 0, "-n", case.new, "-d", case.prompt],
            "start": ["-p", 0, "-n", 0, "-pg", f"{case.prompt},{case.new}", "--no-warmup"],
        }[case.kind]
        text, wall_s, peak = run([
            self.folder / "bin/llama-bench", "-m", self.gguf, "-t", case.threads, "-r", 1,
            "-o", "json", *what, *self.options,
        ])
        (own,) = json.loads(text)
        rate = 0.0 if case.kind == "start" else own["avg_ts"]
        facts = ("model_size", "flash_attn", "type_k", "n_batch", "n_ubatch", "cpu_info")
        return Result(rate, wall_s, peak, {name: own.get(name) for name in facts})

    def _batched(self, case: Case) -> Result:
        text, wall_s, peak = run([
            self.folder / "bin/llama-batched-bench", "-m", self.gguf, "-t", case.threads,
            "-c", case.streams * STREAM_CONTEXT_TOKENS, "-npp", case.prompt, "-ntg", case.new,
            "-npl", case.streams, "--output-format", "jsonl", *self.options,
        ])
        lines = [line for line in text.splitlines() if line.startswith("{")]
        if not lines:
            raise Refused("llama-batched-bench printed no result: is the context too small?")
        own = json.loads(lines[-1])
        return Result(own["speed_tg" if case.kind == "decode" else "speed_pp"], wall_s, peak, {})


def read_bandwidth(binary: Path, threads: int) -> float:
    """Bytes per second of a plain read loop, by the example `read_bandwidth` of int4-kernels."""
    return json.loads(run([binary, "--threads", threads])[0])["bytes_per_s"]


def machine() -> dict:
    """What kind of machine this is; nothing that says which one."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith(("model name", "Model")):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"arch": platform.machine(), "cpu": model, "cpus": os.cpu_count(),
            "memory_gib": round(memory / 2**30, 1)}


def table(head: list[str], rows: list[list[str]]) -> str:
    """A markdown table."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
