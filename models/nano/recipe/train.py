"""Train in four stages, each a command that starts from the checkpoint of the one before.

python train.py copy   --steps 500 --until 200   short passages without sense: learn to copy
python train.py read   --steps 300               the whole mixture of `data.py`
python train.py settle --steps 420               matrices rounded to int4, smaller and smaller steps
python train.py polish --steps 140               every piece of the vocabulary, little declining
"""

import argparse
import time

import torch
from torch.nn.utils import parametrize
from transformers import AutoTokenizer

import data
import layout
import model as network

STAGES = {"copy": None, "read": "copy", "settle": "read", "polish": "settle"}
ROUNDED = ("settle", "polish")
POLISH_RATE = 0.6
TOKENS_PER_STEP = 4096
MATRIX_RATE, OTHER_RATE = 0.02, 0.003
WARM_UP_STEPS = 40
SAVE_EVERY = 100
IGNORE = -100
# The first token decides between answering and declining, and there is one to an answer.
FIRST_TOKEN_WEIGHT = 4.0


class Muon(torch.optim.Optimizer):
    """Momentum with its step made orthogonal by Newton-Schulz iterations (Jordan et al., 2024).
    A small transformer learns to copy in far fewer steps with it than with Adam."""

    def __init__(self, parameters, rate, momentum=0.95, decay=0.01):
        super().__init__(parameters, {"lr": rate, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for parameter in group["params"]:
                by_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, same in by_shape.items():
                self.step_together(same, shape, group)

    def step_together(self, parameters, shape, group):
        updates = []
        for parameter in parameters:
            average = self.state[parameter].setdefault("average", torch.zeros_like(parameter))
            average.lerp_(parameter.grad, 1 - group["momentum"])
            updates.append(parameter.grad.lerp(average, group["momentum"]))
        directions = orthogonal(torch.stack(updates))
        rate = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
        for parameter, direction in zip(parameters, directions):
            parameter.mul_(1 - group["lr"] * group["decay"]).sub_(direction, alpha=rate)


def orthogonal(batch):
    """[n, rows, columns] -> nearly orthogonal matrices with the same singular vectors."""
    tall = batch.shape[1] > batch.shape[2]
    x = batch.mT if tall else batch
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.mT if tall else x


def word_pieces(tokenizer):
    """All tokens that are letters or digits, without the space some end with."""
    texts = {tokenizer.decode([token]).strip() for token in range(len(tokenizer))}
    return sorted(text for text in texts if text.isalnum())


class Batches:
    """Examples as padded rows: ids [rows, length] and labels, with loss on the answer only."""

    def __init__(self, stage, tokenizer, seed):
        training, _ = layout.split(layout.entries())
        pieces = word_pieces(tokenizer) if stage == "polish" else ()
        self.stream = data.Stream(training, seed, pieces)
        self.tokenizer, self.stage = tokenizer, stage
        self.ready = []

    def examples(self, count, progress):
        if self.stage != "copy":
            return [self.stream.example() for _ in range(count)]
        longest = int(6 + 24 * progress)
        return [self.stream.copy_example(longest) for _ in range(count)]

    def next(self, progress):
        if not self.ready:
            drawn = self.examples(400, progress)
            prompts = self.tokenizer([layout.prompt_text(p, q) for p, q, _ in drawn]).input_ids
            answers = self.tokenizer([a + layout.EOS for _, _, a in drawn]).input_ids
            rows = sorted(zip(prompts, answers), key=lambda row: len(row[0]) + len(row[1]))
            while rows:
                longest = len(rows[-1][0]) + len(rows[-1][1])
                count = max(1, TOKENS_PER_STEP // longest)
                self.ready.append(self.pad(rows[-count:], longest))
                del rows[-count:]
            self.stream.random.shuffle(self.ready)
        return self.ready.pop()

    def pad(self, rows, length):
        ids = torch.full((len(rows), length), self.tokenizer.eos_token_id)
        labels = torch.full((len(rows), length), IGNORE)
        for row, (prompt, answer) in enumerate(rows):
            end = len(prompt) + len(answer)
            ids[row, :end] = torch.tensor(prompt + answer)
            labels[row, len(prompt) - 1 : end - 1] = torch.tensor(answer)
        return ids, labels


def token_weights(wanted):
    """One weight for each True of `wanted`, in the same order."""
    before = torch.nn.functional.pad(wanted, (1, 0))[:, :-1]
    first = wanted & ~before
    return torch.where(first[wanted], FIRST_TOKEN_WEIGHT, 1.0)


def rate_at(stage, progress, step):
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    if stage in ROUNDED:
        return max(0.02, 1 - progress) * (POLISH_RATE if stage == "polish" else 1.0)
    return warm if stage == "copy" else 1.0


def save(model, path):
    torch.save(network.for_generation(model).model.state_dict(), path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def run(stage, steps, until, threads):
    torch.set_num_threads(threads)
    seed = 1 + list(STAGES).index(stage)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(layout.WORK / "tokenizer")
    model = network.build(tokenizer)
    if STAGES[stage]:
        model.load_state_dict(torch.load(layout.WORK / f"{STAGES[stage]}.pt"))
    if stage in ROUNDED:
        network.train_rounded(model)
    two_d = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    matrix, other = Muon(two_d, MATRIX_RATE), torch.optim.AdamW(
        others, OTHER_RATE, (0.9, 0.95), weight_decay=0.0
    )
    rates = [(matrix, MATRIX_RATE), (other, OTHER_RATE)]
    batches = Batches(stage, tokenizer, seed)
    print(f"{stage}: {sum(p.numel() for p in model.parameters())} weights, {steps} steps")
    begin, seen, recent = time.monotonic(), 0, []
    for step in range(until or steps):
        progress = step / steps
        ids, labels = batches.next(progress)
        with parametrize.cached():
            hidden = model(ids, use_cache=False).last_hidden_state
            wanted = labels != IGNORE
            scores = network.logits(model, hidden[wanted])
            losses = torch.nn.functional.cross_entropy(scores, labels[wanted], reduction="none")
            weights = token_weights(wanted) if stage in ROUNDED else torch.ones_like(losses)
            loss = (losses * weights).sum() / weights.sum()
            loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer, rate in rates:
            optimizer.param_groups[0]["lr"] = rate * rate_at(stage, progress, step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seen += ids.numel()
        recent.append((loss.item(), (scores.argmax(-1) == labels[wanted]).float().mean().item()))
        if (step + 1) % 20 == 0:
            mean_loss, mean_right = (sum(column) / len(recent) for column in zip(*recent))
            minutes = (time.monotonic() - begin) / 60
            print(
                f"{step + 1} loss {mean_loss:.4f} right {mean_right:.4f} "
                f"{minutes:.1f} min {seen / minutes / 60:.0f} tokens/s",
                flush=True,
            )
            recent = []
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == (until or steps):
            save(model, layout.WORK / f"{stage}.pt")


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("stage", choices=STAGES)
    options.add_argument("--steps", type=int, required=True)
    options.add_argument("--until", type=int, help="stop early, after this many of the steps")
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    run(chosen.stage, chosen.steps, chosen.until, chosen.threads)
