"""Plants a copying circuit into a network, so that training need not discover it.

Two layers work together. In the first, one head looks at the previous token and one at the token
itself, whatever they are, and note them in little used directions of the stream. In the second, two pairs of heads look
for places whose note equals the current token and bring back the token found there: what followed
the current token before. Training refines this and learns when to use it.
"""

import torch

from model import rope_tables, rotate


def streams(model, ids):
    """Normed inputs of the attention of the first two layers, for rows of ids."""
    c = model.config
    cos, sin = rope_tables(c, torch.arange(ids.shape[1]))
    mask = torch.full((1, ids.shape[1], ids.shape[1]), -1e9).triu(1)
    x = model.embed(ids)
    first = model.layers[0].attn_norm(x)
    x = model.layers[0](x, cos, sin, mask)
    return first, x, model.layers[1].attn_norm(x)


def fit(inputs, targets, ridge=1e-2):
    """Matrix W with W @ input close to target, by ridge regression."""
    a = inputs.reshape(-1, inputs.shape[-1]).double()
    b = targets.reshape(-1, targets.shape[-1]).double()
    gram = a.t() @ a
    gram += ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram, a.t() @ b).t().float()


@torch.no_grad()
def plant(model, ids, sharp=2.0, note_gain=1.0, copy_gain=1.0, seed=5):
    """Overwrites heads 6, 7 of layer 0 and heads 4 to 7 of layer 1. `ids`: rows of sample text."""
    c = model.config
    d, half = c.head_dim, c.head_dim // 2
    generator = torch.Generator().manual_seed(seed)
    one, two = model.layers[0].attn, model.layers[1].attn
    for attn in (one, two):
        for norm in (attn.q_norm, attn.k_norm):
            norm.weight.clamp_(min=sharp)
    theta = c.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
    share = torch.zeros(half)
    share[:4] = torch.tensor([0.45, 0.30, 0.15, 0.10])
    root = share.sqrt()
    want_k = torch.cat((root, torch.zeros(half)))
    want_q = torch.cat((root * theta.cos(), -root * theta.sin()))
    # A direction in which every token has about the same positive part.
    table = model.layers[0].attn_norm(model.embed.weight)
    level = fit(table, torch.ones(len(table), 1))
    part = (table @ level.t()).squeeze(1)
    print("constant direction: smallest", round(part.min().item(), 3), "share positive", (part > 0).float().mean().item())
    for head, want in ((6, want_q), (7, want_k)):  # the token before, the token itself
        one.q.weight[head * d:(head + 1) * d] = (want / one.q_norm.weight)[:, None] @ level
    one.k.weight[3 * d:4 * d] = (want_k / one.k_norm.weight)[:, None] @ level
    reader = torch.linalg.qr(torch.randn(c.width, d, generator=generator))[0].t()
    one.v.weight[3 * d:4 * d] = reader
    one.o.weight[:, 6 * d:8 * d] = 0
    _, x, _ = streams(model, ids)
    flat = x.reshape(-1, c.width)
    values, vectors = torch.linalg.eigh(torch.cov(flat.t()))
    loud = (table @ reader.t()).std()
    gain = note_gain * values[:d].mean().sqrt() * 4 / loud
    one.o.weight[:, 6 * d:8 * d] = vectors[:, :2 * d] * gain
    first, x, second = streams(model, ids)
    token = first @ reader.t()
    token = (token - token.mean((0, 1))) / token.std((0, 1))
    slow = torch.cat((torch.arange(half // 2, half), torch.arange(half + half // 2, d)))
    centred = model.embed.weight - model.embed.weight.mean(0)
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    size = x.norm(dim=-1).mean()
    for turn, kv in enumerate((2, 3)):
        mix = torch.linalg.qr(torch.randn(d, d, generator=generator))[0][:len(slow)]
        key = fit(second[:, 1:], token[:, :-1] @ mix.t())
        query = fit(second, token @ mix.t())
        wk, wq = torch.zeros(d, c.width), torch.zeros(d, c.width)
        wk[slow], wq[slow] = key, query
        two.k.weight[kv * d:(kv + 1) * d] = wk / two.k_norm.weight[:, None]
        basis = axes[turn * d:(turn + 1) * d]
        two.v.weight[kv * d:(kv + 1) * d] = fit(second, (model.embed(ids) - model.embed.weight.mean(0)) @ basis.t())
        for head in (2 * kv, 2 * kv + 1):
            two.q.weight[head * d:(head + 1) * d] = wq / two.q_norm.weight[:, None]
            two.o.weight[:, head * d:(head + 1) * d] = basis.t() * copy_gain * size / centred.norm(dim=1).mean() / 2
