"""Trains the demo model on the CPU.

    train.py tokenizer DIR              learns the vocabulary, writes DIR/tokenizer.json
    train.py run DIR [--total T]        trains on T million tokens, writes DIR/model.pt now and then

The learning rate depends on the share of the tokens that were seen; its last third cools the model
down. Who cannot wait sends SIGUSR1: cooling begins at once and takes a quarter of what was seen. A
running average of the weights is kept and saved as well. `--resume FILE` starts from the weights of
a checkpoint or of a GGUF file.
"""

import argparse
import os
import random
import signal
import time

os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX" if "avx512f" in open("/proc/cpuinfo").read() else "Haswell")

import torch
import torch.nn.functional as F

import copying
import corpus
import export
from model import Config, DemoModel, causal_bias
from tokenizer import Tokenizer, train as train_tokenizer

ROW, LONG_ROW, LONG_EVERY = 256, 1024, 32
EARLY = 0.25  # the part of the run in which many documents are repeats
COOLING = 0.35  # the part at its end in which the learning rate falls


def learn_tokenizer(directory, size):
    """Learns a vocabulary of `size` entries on a sample of the corpus."""
    rng = random.Random(7)
    pieces = (t for _ in range(30000) for t, _ in corpus.document(rng))
    tokens, merges = train_tokenizer(pieces, size)
    Tokenizer(tokens, merges).save(os.path.join(directory, "tokenizer.json"))
    print(len(tokens), "tokens,", len(merges), "merges")


class Rows:
    """Endless packed rows: documents laid end to end, each seeing only itself."""

    def __init__(self, tokenizer, seed):
        self.tokenizer = tokenizer
        self.rng = random.Random(seed)
        self.waiting = []
        self.too_long = []
        self.repeats = 0.0
        self.longest = 50.0

    def repeat(self):
        """Random tokens, written again and again: nothing to learn here but copying. Short parts that
        come back soon are learnt first, so the length of a part grows with `longest`."""
        part = [self.rng.randrange(len(self.tokenizer.tokens) - 13) for _ in range(self.rng.randint(2, max(3, round(self.longest))))]
        times = max(2, min(self.rng.randint(2, 12), 96 // len(part)))
        return part * times, [0.0] * len(part) + [1.0] * len(part) * (times - 1)

    def encode(self, pieces):
        """Ids and weights of a document."""
        ids, weights = [], []
        for text, weight in pieces:
            part = self.tokenizer.encode(text)
            ids += part
            weights += [weight] * len(part)
        return ids, weights

    def row(self, length):
        """Documents that fill a row of `length` tokens as far as possible."""
        long = length > ROW
        docs, room = [], length
        while True:
            pool = self.too_long if long and self.too_long else self.waiting
            if pool is self.waiting and not pool and self.rng.random() < self.repeats:
                pool.append(self.repeat())
            elif pool is self.waiting and not pool:
                make = corpus.long_chat(self.rng, self.rng.randint(8, 40)) if long and room > 400 else corpus.document(self.rng)
                pool.append(self.encode(make))
            doc = pool.pop()
            if len(doc[0]) > ROW and not long:
                if len(self.too_long) < 500:
                    self.too_long.append(doc)
                continue
            if len(doc[0]) > room:
                if long and not docs:
                    return [(doc[0][:length], doc[1][:length])]
                if len(doc[0]) <= ROW:
                    self.waiting.append(doc)
                return docs
            docs.append(doc)
            room -= len(doc[0])
            if room < 12:
                return docs

    def batch(self, rows, length):
        """ids, targets, weights, document numbers: tensors shaped (rows, length)."""
        ids = torch.zeros(rows, length, dtype=torch.long)
        targets = torch.zeros(rows, length, dtype=torch.long)
        weights = torch.zeros(rows, length)
        documents = torch.full((rows, length), -1, dtype=torch.long)
        for r in range(rows):
            at = 0
            for n, (doc, weight) in enumerate(self.row(length)):
                size = len(doc)
                ids[r, at:at + size] = torch.tensor(doc)
                targets[r, at:at + size - 1] = torch.tensor(doc[1:])
                weights[r, at:at + size - 1] = torch.tensor(weight[1:])
                documents[r, at:at + size] = n
                at += size
        return ids, targets, weights, documents


def loss_of(model, batch):
    """Weighted cross entropy over the tokens that count."""
    ids, targets, weights, documents = batch
    states = model.hidden(ids, torch.arange(ids.shape[1]), causal_bias(documents))
    used = weights > 0
    scores = model.logits(states[used])
    losses = F.cross_entropy(scores, targets[used], reduction="none")
    return (losses * weights[used]).sum() / weights[used].sum()


def orthogonalised(g):
    """Nearest semi-orthogonal matrix, roughly, by four Newton-Schulz steps."""
    x = g.t() if g.shape[0] > g.shape[1] else g
    x = x / (x.norm() + 1e-7)
    for _ in range(4):
        a = x @ x.t()
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return x.t() if g.shape[0] > g.shape[1] else x


class Muon:
    """Momentum with orthogonalised updates, for the weight matrices of the layers."""

    def __init__(self, parameters, momentum=0.95, decay=0.01):
        self.parameters, self.momentum, self.decay = list(parameters), momentum, decay
        self.moments = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, rate):
        for p, m in zip(self.parameters, self.moments):
            m.lerp_(p.grad, 1 - self.momentum)
            update = orthogonalised(p.grad.lerp(m, self.momentum))
            p.mul_(1 - rate * self.decay)
            p.add_(update, alpha=-rate * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)


class Schedule:
    """How far the run is, in tokens, and the factor of the learning rate: up, flat, down."""

    def __init__(self, total):
        self.seen, self.total = 0, total
        self.cooling_from = (1 - COOLING) * total
        signal.signal(signal.SIGUSR1, lambda *_: self.cool_down())

    def cool_down(self):
        """Cooling begins now."""
        if self.seen < self.cooling_from:
            self.cooling_from, self.total = self.seen, 1.25 * self.seen + 1

    def share(self):
        """The part of the run that is done."""
        return self.seen / self.total

    def factor(self):
        """Factor of the learning rate."""
        if self.share() < 0.015:
            return max(self.share(), 0.0005) / 0.015
        left = (self.total - self.seen) / (self.total - self.cooling_from)
        return max(0.005, min(1.0, left))


def save(model, path, **more):
    """Writes a checkpoint in one go."""
    torch.save({"config": model.config.as_dict(), "model": model.state_dict(), **more}, path + ".tmp")
    os.replace(path + ".tmp", path)


def resumed(path, directory):
    """The network of a checkpoint or of a GGUF file, whose vocabulary goes to the directory."""
    if path.endswith(".gguf"):
        model, tokenizer = export.load(path)
        tokenizer.save(os.path.join(directory, "tokenizer.json"))
        return model.train()
    state = torch.load(path)
    model = DemoModel(Config(**state["config"]))
    model.load_state_dict(state.get("average", state["model"]))
    return model


def run(args):
    """The training loop."""
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    model = resumed(args.resume, args.directory) if args.resume else None
    tokenizer = Tokenizer.load(os.path.join(args.directory, "tokenizer.json"))
    rows = Rows(tokenizer, args.seed)
    if model:
        for name, p in model.named_parameters():
            if "q_norm" in name or "k_norm" in name:
                p.data.mul_(args.sharpen)
    else:
        model = DemoModel(Config(vocab=len(tokenizer.tokens), layers=args.layers, ffn=args.ffn))
    print(sum(p.numel() for p in model.parameters()), "parameters", flush=True)
    muon = Muon(p for n, p in model.named_parameters() if p.dim() == 2 and n != "embed.weight")
    adam = torch.optim.AdamW([{"params": [model.embed.weight], "base": 0.003}, {"params": [p for p in model.parameters() if p.dim() == 1], "base": 0.006}],
                             betas=(0.9, 0.98), weight_decay=0.0)
    path = os.path.join(args.directory, args.out)
    if args.plant:
        rows.repeats = 1.0
        sample = rows.batch(24, ROW)[0]
        rows.repeats, rows.waiting = 0.0, []
        copying.plant(model, torch.cat((sample, torch.randint(0, model.config.vocab - 13, (16, ROW)))), args.plant)
    probe = Rows(tokenizer, 99)
    probe.waiting = [probe.repeat() for _ in range(12)]
    probe = probe.batch(3, ROW)
    average = {n: p.detach().clone() for n, p in model.named_parameters()}
    begin, step, mean, saved = time.time(), 0, None, time.time()
    schedule = Schedule(args.total * 1e6)
    while schedule.share() < 1:
        share, factor = schedule.share(), schedule.factor() * args.scale
        long = step % LONG_EVERY == LONG_EVERY - 1
        rows.repeats = args.repeats if share < EARLY else 0.03
        rows.longest = 4 + 46 * min(1.0, share / EARLY)
        batch = rows.batch(args.tokens // LONG_ROW // 2 or 1, LONG_ROW) if long else rows.batch(args.tokens // ROW, ROW)
        loss = loss_of(model, batch)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in adam.param_groups for p in g["params"]], 1.0)
        muon.step(0.02 * factor)
        for group in adam.param_groups:
            group["lr"] = group["base"] * factor
        adam.step()
        with torch.no_grad():
            for name, p in model.named_parameters():
                average[name].lerp_(p, min(0.5, max(0.01, 1 / (step + 1))))
        schedule.seen += batch[0].numel()
        step += 1
        if not long:
            mean = loss.item() if mean is None else 0.9 * mean + 0.1 * loss.item()
        if step % 20 == 0:
            spent = time.time() - begin
            with torch.no_grad():
                copied = loss_of(model, probe).item() if step % 60 == 0 else 0.0
            print(f"step {step} minute {spent / 60:.1f} tokens {schedule.seen} loss {mean:.4f} copying {copied:.3f} rate {factor:.3f} tokens/s {schedule.seen / spent:.0f}", flush=True)
        if time.time() - saved > 180:
            saved = time.time()
            save(model, path, average=average, step=step, tokens=schedule.seen)
    save(model, path, average=average, step=step, tokens=schedule.seen)
    print("done: step", step, "tokens", schedule.seen, "seconds", round(time.time() - begin))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tokenizer", "run"])
    parser.add_argument("directory")
    parser.add_argument("--vocab", type=int, default=1536)
    parser.add_argument("--total", type=float, default=8, help="million tokens")
    parser.add_argument("--tokens", type=int, default=4096, help="tokens per step")
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--ffn", type=int, default=704)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the learning rates")
    parser.add_argument("--resume")
    parser.add_argument("--plant", type=float, default=0.0, help="plant the copying circuit; least q and k norm of its layers, 1.5 is good")
    parser.add_argument("--repeats", type=float, default=0.3, help="share of repeats in the first part of the run")
    parser.add_argument("--sharpen", type=float, default=1.0, help="factor on the q and k norms of the resumed weights")
    parser.add_argument("--out", default="model.pt")
    args = parser.parse_args()
    if args.what == "tokenizer":
        learn_tokenizer(args.directory, args.vocab)
    else:
        run(args)


if __name__ == "__main__":
    main()
