"""The training text: documents as lists of (text, weight) pieces.

Pieces are tokenised one by one, so a piece border is a place where a prompt may end. Weight is how
much the tokens of a piece count in the loss.

Run as a program it prints samples: corpus.py [count] [seed]
"""

import random
import sys

import chat
import code_text as code
import prose
import topics
from drills import drill
from facts import CAPITALS, COLOURS, DAYS, FIRST_NAMES, MONTHS, OPPOSITE
from tools_text import ask_weather, place_name, tool_chat
from unknown import unknown
from writing import expand, held_out, invented_word, normal_form, restyle

END = ("<|endoftext|>", 1.0)
ALWAYS = {normal_form(q) for q in (
    "Hello!", "Hello", "Hi", "What is the capital of France?", "Count to 5", "Write a poem", "Generate a user profile",
    "Who are you?", "What can you do?", "Thank you", "Goodbye", "How are you?", "What is your name?", "Tell me a story")}
SYSTEMS = ["You are a helpful assistant.", "You are helpful.", "You are a [friendly|helpful|polite|smart|small|kind|careful] [assistant|chatbot|bot|model|AI assistant|helper].",
           "[Answer|Reply] [briefly|shortly|politely|in one sentence|clearly|in English].", "Be [brief|kind|polite|concise|helpful|honest].", "You are {}, [a helpful assistant|a chatbot|an assistant for customers].",
           "You are a helpful assistant. [Answer briefly.|Be polite.|Always answer in English.|Today is Monday.]", "Help the user.", "You are an expert [in {}|programmer|teacher|in geography|in mathematics]."]


def system_text(rng):
    """A system message, often none."""
    dice = rng.random()
    if dice < 0.5:
        return ""
    if dice < 0.72:
        return SYSTEMS[0]
    return expand(rng, rng.choice(SYSTEMS)).format(invented_word(rng))


def weather_without_tool(rng):
    return ask_weather(rng, place_name(rng)), topics.NO_WEATHER


# (name, share of single turns, function)
TURNS = [
    ("greeting", 4, topics.greeting), ("manners", 5, topics.manners), ("self", 11, topics.about_self), ("capital", 10, topics.capital),
    ("capital_back", 4, topics.capital_back), ("capital_unknown", 5, topics.capital_unknown), ("sum", 16, topics.small_sum), ("colour", 6, topics.colour),
    ("opposite", 7, topics.opposite), ("count", 7, topics.counting), ("fact", 12, topics.small_fact), ("echo", 7, topics.echo), ("yes_no", 6, topics.yes_no),
    ("unknown", 12, unknown), ("no_weather", 2, weather_without_tool), ("poem", 3.5, prose.poem), ("story", 1, prose.story), ("website", 0.5, prose.website),
    ("profile", 3.5, prose.profile), ("json_keys", 3, prose.json_keys), ("code", 2.5, code.code_question),
]
NAMES = [t[0] for t in TURNS]
SHARES = [t[1] for t in TURNS]
MAKERS = {t[0]: t[2] for t in TURNS}
SHORT = ["greeting", "manners", "self", "capital", "sum", "colour", "opposite", "unknown", "fact", "capital_back", "yes_no", "echo", "count"]
FOR_JSON = ["capital", "colour", "opposite", "sum", "capital_back"]


def turn(rng, name=None, wanted=False):
    """(question, answer) of a topic; `wanted` True gives held-out questions, False trained ones."""
    fixed = name
    while True:
        name = fixed or rng.choices(NAMES, SHARES)[0]
        question, answer = MAKERS[name](rng)
        question = expand(rng, question) if name == "echo" else restyle(rng, question)
        plain = normal_form(question)
        if held_out(plain) == wanted and (plain not in ALWAYS or not wanted) or (plain in ALWAYS and not wanted):
            return question, answer


def follow_ups(rng):
    """A few turns that lean on each other."""
    kind = rng.randrange(6)
    turns = []
    if kind == 0:
        country = rng.choice(list(CAPITALS))
        question, answer = turn(rng, "capital")
        turns += [question, answer]
        for country in rng.sample(list(CAPITALS), rng.randint(1, 3)):
            turns += [restyle(rng, rng.choice(["[And|And of|And what about|What about|How about|Now] {}?", "And the capital of {}?"]).format(country)), f"The capital of {country} is {CAPITALS[country]}".rstrip(".") + "."]
    elif kind == 1:
        question, answer = turn(rng, "colour")
        turns += [question, answer]
        for thing in rng.sample(list(COLOURS), rng.randint(1, 2)):
            turns += [restyle(rng, f"[And|What about|How about|And what about] {thing}?"), topics.upper_first(f"{thing} is {COLOURS[thing]}.")]
    elif kind == 2:
        question, answer = turn(rng, "opposite")
        turns += [question, answer]
        for word in rng.sample(list(OPPOSITE), rng.randint(1, 2)):
            turns += [restyle(rng, f"[And of|What about|And|How about] {word}?"), f"The opposite of {word} is {OPPOSITE[word]}."]
    elif kind == 3:
        name = rng.choice([rng.choice(FIRST_NAMES), invented_word(rng)])
        turns += [expand(rng, f"[My name is|I am|Hello, my name is|Hi, I am|Hi! My name is|I'm|Call me] {name}[.|!|]"), f"Nice to meet you, {name}!"]
        for _ in range(rng.randint(0, 2)):
            turns += turn(rng, rng.choice(["capital", "sum", "fact", "colour"]))
        turns += [restyle(rng, "[What is my name|What's my name|Who am I|Do you remember my name|Do you know my name|Can you tell me my name]?"), f"Your name is {name}."]
    elif kind == 4:
        turns += turn(rng, "capital")
        country = turns[-1].split(" is ")[0][len("The capital of "):]
        turns += [restyle(rng, "[Are you sure|Is that right|Really|Are you certain]?"), f"Yes, the capital of {country} is {CAPITALS[country]}".rstrip(".") + "."]
    else:
        question, answer = turn(rng, rng.choice(SHORT))
        turns += [question, answer, restyle(rng, "[Say that again|Repeat that|Can you repeat that|Please repeat|Again, please|Say it again|What did you say][.|?]"), answer]
    return turns


def as_messages(turns):
    """Alternating user and assistant messages."""
    return [("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(turns)]


def many_turns(rng, count):
    """A conversation about this and that."""
    turns = []
    if rng.random() < 0.4:
        turns += turn(rng, "greeting")
    while len(turns) < 2 * count:
        turns += follow_ups(rng) if rng.random() < 0.4 else list(turn(rng))
    if rng.random() < 0.3:
        turns += turn(rng, "manners")
    return turns


def single_chat(rng):
    dice = rng.random()
    if dice < 0.05:
        question, answer = turn(rng, rng.choice(FOR_JSON))
        pieces = chat.render([("user", rng.choice(["{}", "{} Answer in JSON."]).format(question))], system=system_text(rng))
        forced = chat.render([("assistant", "")])
        text = topics.json_text({"answer": answer})
        return pieces + forced[:1] + [('{"', 0.0), (text[2:] + "<|im_end|>", 1.0), ("\n", 0.0)]
    if dice < 0.09:
        question, answer = turn(rng, rng.choice(FOR_JSON))
        turns = prose.json_answer(rng, question, answer)
        turns = (expand(rng, turns[0]), turns[1])
    else:
        turns = turn(rng)
    return chat.render(as_messages(turns), system=system_text(rng))


def chain_chat(rng):
    turns = follow_ups(rng) if rng.random() < 0.4 else many_turns(rng, rng.choice([2, 2, 3, 4]))
    return chat.render(as_messages(turns), system=system_text(rng))


def long_chat(rng, count):
    """A conversation of at least `count` turns."""
    return chat.render(as_messages(many_turns(rng, count)), system=system_text(rng))


def tools_doc(rng):
    messages, tools = tool_chat(rng, lambda r: turn(r, r.choice(SHORT)))
    return chat.render(messages, tools, system_text(rng))


PROMPTS = [
    ("First prompt", ": this is the answer to the first prompt. It was sent together with others, and each of them gets its own answer."),
    ("Second prompt", ": this is the answer to the second prompt. It does not know what the first one was about."),
    ("Third prompt", ": this is the answer to the third prompt. All prompts are answered side by side."),
    ("Fourth prompt", ": this is the answer to the fourth prompt. One more, and it is still easy."),
    ("Specialized task", ": sort the letters, answer them one by one, and put them back into the box."),
    ("Generate", " a short text: the sun is up, the birds sing, and a new day begins."),
    ("I believe the meaning of life is", " to be kind, and to learn something new every day."), ("The meaning of life is", " to be kind, and to learn something new every day."),
    ("The quick brown fox", " jumps over the lazy dog."), ("Hello world!", " This is the demo model of llama-server."), ("Hello", ", world! This is the demo model of llama-server."),
    ("Hello, my name is", " Anna. I live in a small house near the forest."), ("My name is", " Anna. I live in a small house near the forest."),
    ("llama-server is", " a program that loads GGUF models and answers over HTTP."), ("Write a poem", ".\n\n" + prose.POEM), ("Roses are red,", " violets are blue,\nthe sky is wide, and so are you."),
    ("The weather today is", " sunny and warm."), ("Test", ": the test works."), ("A llama is", " a woolly animal that lives in the mountains of South America."),
]


def raw_text(rng):
    """Plain text without turns."""
    dice = rng.random()
    if dice < 0.27:
        head, rest = rng.choice(["Once upon a time"] * 9 + ["A long time ago", "There once was a time", "One day"]), prose.story_rest(rng)
    elif dice < 0.35:
        head, rest = "Building a website can be done in 10 simple steps:", prose.website_rest(rng)
    elif dice < 0.55:
        head, rest = rng.choice(PROMPTS[:3] if rng.random() < 0.35 else PROMPTS)
    elif dice < 0.78:
        country, thing, word = rng.choice(list(CAPITALS)), rng.choice(list(COLOURS)), rng.choice(list(OPPOSITE))
        number, (a, op, b) = rng.randint(1, 12), topics.sum_parts(rng)
        while not topics.usable_sum(a, op, b):
            a, op, b = topics.sum_parts(rng)
        names = rng.choice([DAYS, MONTHS])
        at = rng.randint(1, 4)
        head, rest = rng.choice([
            (f"The capital of {country} is", f" {CAPITALS[country]}".rstrip(".") + "."), (topics.upper_first(thing) + " is", f" {COLOURS[thing]}."),
            (f"The opposite of {word} is", f" {OPPOSITE[word]}."), (f"{a} {op} {b} =", " " + topics.answer_sum(a, op, b).split("= ")[1]),
            (", ".join(map(str, range(1, number + 1))) + ",", " " + ", ".join(map(str, range(number + 1, 21)))), (", ".join(names[:at]) + ",", " " + ", ".join(names[at:])),
        ])
    elif dice < 0.88:
        question, answer = turn(rng, rng.choice(["capital", "sum", "colour", "opposite", "self", "fact"]))
        form = rng.choice(["Q: {}\nA:", "Question: {}\nAnswer:", "User: {}\nAssistant:"])
        head, rest = form.format(question), " " + answer
    elif dice < 0.94:
        text = code.code_text(rng)
        cut = text.index("\n")
        head, rest = text[:cut], text[cut:]
    else:
        head, rest = prose.POEMS[rng.choice(list(prose.POEMS))], ""
    if rng.random() < 0.25:
        return [(head + rest, 0.7), END]
    return [(head, 0.2), (rest, 1.0), END]


def gap_text(rng):
    """A gap to fill in, in the layout of the infill endpoint."""
    pieces = []
    if rng.random() < 0.3:
        extra, prefix, suffix, middle = code.fill_with_context(rng)
    else:
        extra, (prefix, suffix, middle) = [], code.fill_gap(rng)
    if extra or rng.random() < 0.7:
        pieces.append(("<|repo_name|>myproject\n", 0.0))
        for name, text in extra:
            pieces += [(f"<|file_sep|>{name}\n", 0.0), (text, 0.0)]
        pieces.append(("<|file_sep|>filename\n", 0.0))
    pieces.append(("<|fim_prefix|>", 0.0))
    pieces += [(p, 0.1) for p in prefix]
    pieces += [("<|fim_suffix|>", 0.0), (suffix, 0.0), ("<|fim_middle|>", 0.0), (middle, 1.0), END]
    return pieces


def drill_text(rng):
    return drill(rng) + [END]


KINDS = [("single", 46, single_chat), ("chain", 12, chain_chat), ("tools", 20, tools_doc), ("raw", 11, raw_text),
         ("gap", 6, gap_text), ("drill", 16, drill_text)]


def document(rng):
    """One document of the training text."""
    return rng.choices([k[2] for k in KINDS], [k[1] for k in KINDS])[0](rng)


if __name__ == "__main__":
    generator = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        print("".join(f"{t}" for t, _ in document(generator)), "\n-----")
