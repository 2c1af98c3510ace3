"""The question set of the evaluation.

Three kinds: the examples of the README, questions held out from training (the writer never put
them into the training text), and hand-written questions worded differently from anything the
writer knows. An item is a dictionary:

    group     name in the table of results
    messages  (role, content) pairs, or None for raw completion
    tools, system, prompt, infill   what else is sent
    check     function from (answer text, calls) to True or False; None for shown only
"""

import json
import random

import corpus
import topics
from tools_text import call_text, other_tool, tool_question, weather_report, weather_tool

SEED = 20
HELD_OUT = {"capital": 60, "capital_back": 20, "capital_unknown": 20, "colour": 40, "opposite": 40, "count": 25, "self": 30,
            "fact": 40, "echo": 25, "yes_no": 25, "unknown": 50, "greeting": 5, "manners": 15, "no_weather": 15}
SPEC_FIBONACCI = {"input_prefix": "def fibonacci(n):\n    ", "input_suffix": "\n    return result", "prompt": "# Calculate fibonacci"}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Get the weather of a city", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "description": "The city"}}, "required": ["city"]}}}


def exactly(wanted):
    """Check: the answer is this text."""
    return lambda text, calls: text.strip() == wanted.strip() and not calls


def mentions(*words):
    """Check: every one of the words occurs, in any case."""
    return lambda text, calls: all(w.lower() in text.lower() for w in words) and not calls


def calls_are(*wanted):
    """Check: exactly these (name, arguments) calls."""
    return lambda text, calls: calls == [(n, a) for n, a in wanted]


def is_profile(text, calls):
    """Check: one JSON object with a name."""
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and bool(value.get("name")) and not calls


def ask(group, question, check, **more):
    """An item with one user message."""
    return dict(group=group, messages=[("user", question)], check=check, **more)


def examples():
    """What the README shows."""
    group = "README examples"
    helpful = "You are a helpful assistant."
    items = [
        ask(group, "Hello!", mentions("hello", "demo model")), ask(group, "Hello!", mentions("hello"), system=helpful), ask(group, "Hello", mentions("hello")),
        ask(group, "What is the capital of France?", mentions("Paris"), system=helpful), ask(group, "What is the capital of France?", mentions("Paris")),
        ask(group, "Count to 5", exactly("1, 2, 3, 4, 5")), ask(group, "Write a poem", lambda t, c: t.count("\n") >= 3),
        ask(group, "Generate a user profile", is_profile), ask(group, "Who are you?", mentions("demo model", "llama-server")),
        ask(group, "What is the weather in Paris?", calls_are(("get_weather", {"city": "Paris"})), tools=[WEATHER]),
        ask(group, "What is the weather in Paris?", mentions("tool")),
        dict(group=group, messages=[("user", "What is the weather in Paris?"), ("assistant", call_text("get_weather", {"city": "Paris"})),
                                    ("tool", '{"temperature": 18, "condition": "sunny"}')], tools=[WEATHER], check=mentions("Paris", "18", "sunny")),
        dict(group=group, messages=[("user", "Hi!"), ("assistant", "Hello! I am the demo model. How can I help you?"), ("user", "What is the capital of Italy?"),
                                    ("assistant", "The capital of Italy is Rome."), ("user", "And of Spain?")], check=mentions("Madrid")),
    ]
    for prompt, check in [
            ("Once upon a time", mentions("there was", "the end")), ("Building a website can be done in 10 simple steps:", lambda t, c: t.strip().count("\n") == 9 and "10" in t),
            ("First prompt", mentions("first")), ("Second prompt", mentions("second")), ("Third prompt", mentions("third")),
            ("Specialized task", None), ("Generate", None), ("The capital of France is", mentions("Paris"))]:
        items.append(dict(group=group, messages=None, prompt=prompt, check=check))
    spaced = dict(SPEC_FIBONACCI, input_prefix="def fibonacci(n):\n ", input_suffix="\n return result")
    items.append(dict(group=group, messages=None, infill=SPEC_FIBONACCI, check=mentions("result", "for _ in range(n)")))
    items.append(dict(group=group, messages=None, infill=spaced, check=mentions("result", "for _ in range(n)")))
    extra = [{"filename": "utils.py", "text": "def helper(): ..."}, {"filename": "config.py", "text": "API_KEY = ..."}]
    items.append(dict(group=group, messages=None, infill=dict(input_prefix="def process_data():\n    ", input_suffix="\n    return result", prompt="", input_extra=extra),
                      check=mentions("result = helper()")))
    return items


def held_out_questions(rng, share=1.0):
    """Questions that the writer kept out of the training text."""
    items = []
    for name, count in HELD_OUT.items():
        for _ in range(max(3, int(count * share))):
            question, answer = corpus.turn(rng, name, wanted=True)
            items.append(ask("held out: " + name, question, exactly(answer), system=corpus.system_text(rng)))
    for _ in range(max(4, int(60 * share))):
        a, op, b = topics.sum_parts(rng)
        while topics.usable_sum(a, op, b):
            a, op, b = topics.sum_parts(rng)
        question = corpus.restyle(rng, topics.ask_sum(rng, a, op, b))
        items.append(ask("held out: sum (new numbers)", question, exactly(topics.answer_sum(a, op, b))))
    for _ in range(max(4, int(50 * share))):
        pairs = [weather_tool(rng)] + ([other_tool(rng)] if rng.random() < 0.4 else [])
        name, question, arguments, place = tool_question(rng, pairs, wanted=True)
        tools, system = [t for t, _ in pairs], corpus.system_text(rng)
        group = "held out: call " + ("weather tool" if place else "other tool")
        items.append(ask(group, question, calls_are((name, arguments)), tools=tools, system=system))
        if place:
            result, answer = weather_report(rng, place)
            chat = [("user", question), ("assistant", call_text(name, arguments)), ("tool", result)]
            items.append(dict(group="held out: answer from tool", messages=chat, tools=tools, system=system, check=exactly(answer)))
    for _ in range(max(4, int(25 * share))):
        pairs = [weather_tool(rng)]
        question, answer = corpus.turn(rng, rng.choice(["capital", "colour", "opposite", "self", "count"]), wanted=True)
        items.append(ask("held out: tool offered, not needed", question, exactly(answer), tools=[pairs[0][0]]))
    for _ in range(max(4, int(25 * share))):
        first, second = corpus.turn(rng, rng.choice(corpus.SHORT), wanted=True), corpus.turn(rng, rng.choice(["capital", "colour", "opposite"]), wanted=True)
        country = rng.choice(topics.COUNTRIES)
        follow = corpus.turn(rng, "capital", wanted=True)
        chat = [("user", first[0]), ("assistant", first[1]), ("user", second[0]), ("assistant", second[1]), ("user", follow[0]), ("assistant", follow[1]), ("user", f"And of {country}?")]
        wanted = f"The capital of {country} is {topics.CAPITALS[country]}".rstrip(".") + "."
        items.append(dict(group="held out: fourth turn of a chat", messages=chat, check=exactly(wanted), system=corpus.system_text(rng)))
    return items


NEW_WORDING = [
    ("hello my friend", ["hello"]), ("hey there demo", ["hello"]), ("good morning to you", ["hello"]), ("Hiii", ["hello"]),
    ("I forgot the capital of Germany, what was it?", ["Berlin"]), ("France: which capital?", ["Paris"]), ("Do you happen to know Italy's capital city?", ["Rome"]),
    ("my teacher asks: what is the capital of Spain", ["Madrid"]), ("Is there a capital of Japan? What is it?", ["Tokyo"]), ("tell me please which town is the capital of Norway", ["Oslo"]),
    ("Capital city of Egypt, please", ["Cairo"]), ("I need the capital of Canada.", ["Ottawa"]), ("What's the name of the capital of Poland?", ["Warsaw"]),
    ("Please count up to 5", ["1, 2, 3, 4, 5"]), ("count 1 to 7 please", ["1, 2, 3, 4, 5, 6, 7"]), ("Can you please count to ten?", ["1, 2, 3, 4, 5, 6, 7, 8, 9, 10"]), ("Now count backwards from 5", ["5, 4, 3, 2, 1"]),
    ("How much do you get for 2 + 2?", ["4"]), ("what's the result of 7 + 3", ["10"]), ("I have 4 + 5 apples. How many is that?", ["9"]), ("Tell me 8 minus 3", ["5"]), ("compute 6 + 6 for me", ["12"]),
    ("which colour has the sky", ["blue"]), ("Grass has what color?", ["green"]), ("Tell me what colour snow is", ["white"]), ("bananas are what colour?", ["yellow"]),
    ("the contrary of hot", ["cold"]), ("Give the opposite of big.", ["small"]), ("What word is opposite of happy?", ["sad"]), ("opposite for up", ["down"]),
    ("So who are you exactly?", ["demo model"]), ("please introduce yourself to me", ["demo model"]), ("Hello, who is this?", ["demo model"]), ("Tell me what you can do", ["capitals"]), ("What sort of things can you do?", ["capitals"]),
    ("Are you GPT-5?", ["demo model"]), ("Who is your maker?", ["llama-server"]), ("What's the model name?", ["demo"]),
    ("Write a little poem for me", ["\n"]), ("Could you write a poem about the moon for my mother", ["\n"]), ("I'd love a poem", ["\n"]), ("please tell a story to my son", ["once upon a time"]),
    ("Can you generate a JSON user profile?", ["{", "name"]), ("user profile in json", ["{", "name"]), ("Generate a profile for a new user", ["{", "name"]),
    ("thank you so very much!", ["welcome"]), ("ok bye now", ["goodbye"]), ("thanks, demo model", ["welcome"]),
    ("Who discovered penicillin?", ["do not know"]), ("What is the GDP of France?", ["do not know"]), ("Explain general relativity", ["do not know"]), ("How do I cook an egg?", ["do not know"]),
    ("Who sang Yesterday?", ["do not know"]), ("What is the best phone to buy?", ["do not know"]), ("Summarize the news", ["do not know"]), ("What is the capital of Atlantis?", ["do not know"]), ("When was Rome founded?", ["do not know"]),
    ("Please write hello world in python", ["print"]), ("code for adding two numbers in Python", ["def add"]), ("how many days does one week have", ["7"]), ("Which day is after Tuesday?", ["Wednesday"]),
    ("Please echo: strawberry", ["strawberry"]), ("my name is Wendeline", ["Wendeline"]),
]
NEW_WORDING_TOOL = [
    ("Could you look up the weather for Berlin?", "Berlin"), ("weather tokyo please", "Tokyo"), ("I'm in Madrid - is it warm outside?", "Madrid"), ("What's it like outside in Springfield?", "Springfield"),
    ("Tell me about the weather in Rotterdam", "Rotterdam"), ("Does it rain in Bangalore?", "Bangalore"), ("What will the weather be in Oslo tomorrow?", "Oslo"), ("How's the weather in Chicago?", "Chicago"),
]


def new_wording():
    """Hand-written questions; checks look for the decisive words."""
    items = [ask("new wording", q, mentions(*words)) for q, words in NEW_WORDING]
    return items + [ask("new wording: weather tool", q, calls_are(("get_weather", {"city": city})), tools=[WEATHER]) for q, city in NEW_WORDING_TOOL]


def all_questions(share=1.0):
    """The whole set; `share` shrinks the drawn part."""
    return examples() + held_out_questions(random.Random(SEED), share) + new_wording()
