"""Asks the demo model the question set and prints accuracy per group.

    evaluate.py FILE.gguf           runs the file here, in PyTorch, with dequantised weights
    evaluate.py --url http://HOST:PORT   asks a running server at temperature 0

Options: --share 0.3 for a shorter set, --wrong to show wrong answers, --examples for the README
examples only (always shown in full).
"""

import argparse
import json
import os
import urllib.request
from collections import OrderedDict

import chat
import questions

os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX" if "avx512f" in open("/proc/cpuinfo").read() else "Haswell")
LIMIT = 400


def split_calls(text):
    """(text outside, [(name, arguments)]) of an answer with <tool_call> blocks."""
    calls, outside = [], ""
    while "<tool_call>" in text:
        before, rest = text.split("<tool_call>", 1)
        body, _, text = rest.partition("</tool_call>")
        outside += before
        try:
            call = json.loads(body)
            calls.append((call["name"], call["arguments"]))
        except (ValueError, KeyError, TypeError):
            outside += "<tool_call>" + body
    return (outside + text).strip(), calls


class LocalModel:
    """Greedy decoding of an exported file."""

    def __init__(self, path):
        import torch
        from export import load
        self.torch = torch
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
        self.model, self.tokenizer = load(path)
        self.stop = {self.tokenizer.id["<|im_end|>"], self.tokenizer.id["<|endoftext|>"]}

    def generate(self, ids, limit=LIMIT):
        """Text after the prompt ids."""
        torch = self.torch
        caches = [[] for _ in self.model.layers]
        out, new, at = [], ids, 0
        with torch.no_grad():
            while len(out) < limit:
                size = len(new)
                bias = torch.full((1, size, size), -1e9).triu(1) if size > 1 else None
                states = self.model.hidden(torch.tensor([new]), torch.arange(at, at + size), bias, caches)
                token = int(self.model.logits(states[0, -1]).argmax())
                if token in self.stop:
                    break
                out.append(token)
                at += size
                new = [token]
        return self.tokenizer.decode(out)

    def answer(self, item):
        """(text, calls) for an item."""
        encode = self.tokenizer.encode
        if item.get("infill"):
            gap, ids = item["infill"], encode("<|repo_name|>myproject\n")
            for extra in gap.get("input_extra", []):
                ids += encode("<|file_sep|>" + extra["filename"] + "\n") + encode(extra["text"])
            ids += encode("<|file_sep|>filename\n<|fim_prefix|>") + encode(gap["input_prefix"]) + encode(gap["prompt"])
            ids += encode("<|fim_suffix|>") + encode(gap["input_suffix"]) + encode("<|fim_middle|>")
            return self.generate(ids), []
        if item["messages"] is None:
            return self.generate(encode(item["prompt"])), []
        text = chat.prompt(item["messages"], item.get("tools") or (), item.get("system") or "")
        return split_calls(self.generate(encode(text)))


class Server:
    """The same questions over HTTP."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def post(self, path, body):
        """Reply to a JSON request."""
        request = urllib.request.Request(self.url + path, json.dumps(dict(body, temperature=0)).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as reply:
            return json.load(reply)

    def answer(self, item):
        """(text, calls) for an item."""
        if item.get("infill"):
            return self.post("/infill", dict(item["infill"], n_predict=LIMIT))["content"], []
        if item["messages"] is None:
            return self.post("/completion", {"prompt": item["prompt"], "n_predict": LIMIT})["content"], []
        messages, known = [], 0
        if item.get("system"):
            messages.append({"role": "system", "content": item["system"]})
        for role, content in item["messages"]:
            text, calls = split_calls(content) if role == "assistant" else (content, [])
            message = {"role": role, "content": text}
            if calls:
                known += 1
                message["tool_calls"] = [{"id": f"call{known}_{i}", "type": "function", "function": {"name": n, "arguments": json.dumps(a, ensure_ascii=False)}} for i, (n, a) in enumerate(calls)]
            if role == "tool":
                message["tool_call_id"] = f"call{known}_0"
            messages.append(message)
        body = {"messages": messages, "max_tokens": LIMIT}
        if item.get("tools"):
            body["tools"] = item["tools"]
        message = self.post("/v1/chat/completions", body)["choices"][0]["message"]
        calls = []
        for call in message.get("tool_calls") or []:
            try:
                calls.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
            except ValueError:  # cut off at the limit
                calls.append((call["function"]["name"], None))
        return (message.get("content") or "").strip(), calls


def shown(item):
    """What was asked, on one line."""
    if item.get("infill"):
        return "infill " + json.dumps(item["infill"])
    return json.dumps(item["prompt"] if item["messages"] is None else item["messages"][-1][1], ensure_ascii=False)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?")
    parser.add_argument("--url")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--examples", action="store_true")
    args = parser.parse_args()
    if bool(args.file) == bool(args.url):
        parser.error("give either a file or --url")
    model = Server(args.url) if args.url else LocalModel(args.file)
    items = questions.examples() if args.examples else questions.all_questions(args.share)
    table = OrderedDict()
    for item in items:
        text, calls = model.answer(item)
        example = item["group"] == "README examples"
        good = None if item["check"] is None else bool(item["check"](text, calls))
        if good is not None:
            right, count = table.get(item["group"], (0, 0))
            table[item["group"]] = (right + good, count + 1)
        if example or (args.wrong and good is False):
            print(f"[{ {True: 'ok', False: 'WRONG', None: '--'}[good] }] {item['group']}: {shown(item)}{' (tools)' if item.get('tools') else ''}\n    {json.dumps(text, ensure_ascii=False)} {calls or ''}", flush=True)
    print()
    for group, (right, count) in table.items():
        print(f"{group:40} {right:4} / {count:<4} {100 * right / count:5.1f} %")
    for kind in ("held out", "new wording"):
        parts = [v for g, v in table.items() if g.startswith(kind)]
        if parts:
            right, count = (sum(p[i] for p in parts) for i in (0, 1))
            print(f"{'all ' + kind:40} {right:4} / {count:<4} {100 * right / count:5.1f} %")


if __name__ == "__main__":
    main()
