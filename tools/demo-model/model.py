"""The network: a small decoder of the qwen3 family, in plain PyTorch (float32, CPU).

Per layer: RMS norm, grouped-query attention with per-head RMS norms of q and k
and rotary positions (halves rotated against each other), RMS norm, SwiGLU.
The output matrix is the embedding table.
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    """Shape of the network. Every width is a multiple of 32, as Q8_0 needs."""

    vocab: int = 1536
    width: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    head_dim: int = 32
    ffn: int = 704
    rope_base: float = 10000.0
    eps: float = 1e-6
    context: int = 4096

    def as_dict(self):
        """The fields as a plain dictionary, for checkpoints."""
        return asdict(self)


class RMSNorm(nn.Module):
    """x * weight / rms(x), over the last dimension."""

    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        scale = torch.rsqrt((x * x).mean(-1, keepdim=True) + self.eps)
        return x * scale * self.weight


def rope_tables(config, positions):
    """cos and sin for the given positions, shaped (..., head_dim / 2)."""
    half = config.head_dim // 2
    freq = config.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = positions.to(torch.float64).unsqueeze(-1) * freq
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """Rotates pairs (i, i + half) of the last dimension."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Attention(nn.Module):
    """Causal grouped-query attention with normed queries and keys."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.q = nn.Linear(c.width, c.heads * c.head_dim, bias=False)
        self.k = nn.Linear(c.width, c.kv_heads * c.head_dim, bias=False)
        self.v = nn.Linear(c.width, c.kv_heads * c.head_dim, bias=False)
        self.o = nn.Linear(c.heads * c.head_dim, c.width, bias=False)
        self.q_norm = RMSNorm(c.head_dim, c.eps)
        self.k_norm = RMSNorm(c.head_dim, c.eps)

    def forward(self, x, cos, sin, bias, cache=None):
        """`bias` is added to the scores; `cache` is a list [k, v] that grows."""
        c = self.c
        batch, length, _ = x.shape
        group = c.heads // c.kv_heads
        q = self.q(x).view(batch, length, c.heads, c.head_dim).transpose(1, 2)
        k = self.k(x).view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        v = self.v(x).view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        q = rotate(self.q_norm(q) * (1.0 / math.sqrt(c.head_dim)), cos, sin)
        k = rotate(self.k_norm(k), cos, sin)
        if cache is not None:
            if cache:
                k = torch.cat((cache[0], k), dim=2)
                v = torch.cat((cache[1], v), dim=2)
            cache[:] = [k, v]
        # Query head h uses key/value head h // group: fold the group into the rows.
        q = q.reshape(batch * c.kv_heads, group * length, c.head_dim)
        k = k.reshape(batch * c.kv_heads, -1, c.head_dim)
        v = v.reshape(batch * c.kv_heads, -1, c.head_dim)
        scores = torch.bmm(q, k.transpose(1, 2))
        if bias is not None:
            shape = (batch, c.kv_heads, group, length, k.shape[1])
            scores.view(shape).add_(bias[:, None, None])
        out = torch.bmm(torch.softmax(scores, dim=-1), v)
        out = out.view(batch, c.heads, length, c.head_dim).transpose(1, 2)
        return self.o(out.reshape(batch, length, c.heads * c.head_dim))


class Layer(nn.Module):
    """One pre-norm block."""

    def __init__(self, c):
        super().__init__()
        self.attn_norm = RMSNorm(c.width, c.eps)
        self.attn = Attention(c)
        self.ffn_norm = RMSNorm(c.width, c.eps)
        self.gate = nn.Linear(c.width, c.ffn, bias=False)
        self.up = nn.Linear(c.width, c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, c.width, bias=False)

    def forward(self, x, cos, sin, bias, cache=None):
        x = x + self.attn(self.attn_norm(x), cos, sin, bias, cache)
        n = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(n)) * self.up(n))


class DemoModel(nn.Module):
    """Embedding, layers, final norm, tied output."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.eps)
        deep = 0.02 / math.sqrt(2 * config.layers)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                last = name.endswith(("attn.o.weight", "down.weight"))
                nn.init.normal_(p, std=deep * 2 if last else 0.04)

    def hidden(self, ids, positions, bias, caches=None):
        """Final normed states for token ids (batch, length)."""
        cos, sin = rope_tables(self.config, positions)
        cos, sin = cos.unsqueeze(-3), sin.unsqueeze(-3)
        x = self.embed(ids)
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, bias, None if caches is None else caches[i])
        return self.norm(x)

    def logits(self, states):
        """Scores over the vocabulary."""
        return F.linear(states, self.embed.weight)


def causal_bias(documents):
    """Score bias for packed rows: a token sees earlier tokens of its own document.

    `documents` holds a document number per token, shaped (batch, length).
    """
    length = documents.shape[1]
    same = documents[:, :, None] == documents[:, None, :]
    seen = torch.ones(length, length, dtype=torch.bool).tril()
    bias = torch.zeros(same.shape)
    return bias.masked_fill_(~(same & seen), -1e9)
