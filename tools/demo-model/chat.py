"""Renders conversations exactly as template.jinja does, as pieces with a training weight."""

import json

USER_WEIGHT = 0.05
SYSTEM_NONE = ""


def tools_block(tools):
    """The part of the system message that offers tools."""
    lines = "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in tools)
    return ("# Tools\n<tools>\n" + lines + "</tools>\nTo call a tool, write:\n<tool_call>\n"
            '{"name": "...", "arguments": {...}}\n</tool_call>')


def render(messages, tools=(), system="", answer_weight=1.0):
    """[(text, weight)] of a conversation; messages are (role, content) pairs.

    Roles: user, tool, assistant. Tool calls are already written out in the assistant's content.
    """
    pieces = []
    if tools:
        head = system + "\n\n" if system else ""
        pieces.append(("<|im_start|>system\n" + head + tools_block(tools) + "<|im_end|>\n", 0.0))
    elif system:
        pieces.append((f"<|im_start|>system\n{system}<|im_end|>\n", 0.0))
    for i, (role, content) in enumerate(messages):
        if role == "tool":
            before = messages[i - 1][0] if i else ""
            after = messages[i + 1][0] if i + 1 < len(messages) else ""
            pieces.append((("<|im_start|>user" if before != "tool" else "") + f"\n<tool_response>\n{content}\n</tool_response>"
                           + ("<|im_end|>\n" if after != "tool" else ""), 0.0))
        elif role == "user":
            pieces.append(("<|im_start|>user\n", 0.0))
            pieces.append((content, USER_WEIGHT))
            pieces.append(("<|im_end|>\n", 0.0))
        else:
            pieces.append(("<|im_start|>assistant\n", 0.0))
            pieces.append((content + "<|im_end|>", answer_weight))
            pieces.append(("\n", 0.0))
    return pieces


def prompt(messages, tools=(), system=""):
    """The text the model sees before it answers."""
    return "".join(t for t, _ in render(messages, tools, system)) + "<|im_start|>assistant\n"
