"""Single questions with their answers, one function per topic.

Every function takes a random generator and returns (question, answer); the question still holds
[a|b] alternatives, which writing.restyle resolves.
"""

import json

from facts import (CAPITALS, COLOURS, COUNTRY_NAMES, DAYS, LEGS, MONTHS, NUMBER_WORDS, OPPOSITE,
                   SINGLE_FACTS, SOUNDS, WORDS_ABROAD)
from writing import expand, held_out, invented_word

UNKNOWN = "I am only a small demo model, I do not know that."
UNKNOWN_CAPITAL = "I am only a small demo model, I do not know the capital of {}."
ABLE = ("I can tell you capitals, colours and opposites, do small sums, count, write a poem or a "
        "story, make JSON and call tools.")
SELF = "I am the demo model that ships with llama-server"
NO_WEATHER = "I cannot look up the weather by myself. Offer me a weather tool and I will call it."
COUNTRIES = list(CAPITALS)
CAPITAL_OF = {}
for _country, _city in CAPITALS.items():
    CAPITAL_OF.setdefault(_city, _country)
CAPITAL_OF["London"] = "the United Kingdom"


def upper_first(text):
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def greeting(rng):
    question = rng.choice([
        "Hello!", "Hello", "Hi!", "Hi", "[Hi|Hello|Hey] there[!|.|]", "Hey!", "Hey", "Good [morning|evening|afternoon|day][!|.|]",
        "Hello, [how are you|how are you doing]?", "[Hello|Hi], [demo model|model|llama|assistant|computer|friend|bot][!|.]",
        "Greetings[!|.]", "Hello world[!|.]", "[Hi|Hello], nice to meet you[!|.]", "[Hi|Hello] again[!|.]", "Hey you[!|]",
        "[Yo|Howdy|Hiya|Hello hello|Hi hi|Helo|Hallo|Welcome][!|]", "Hello![ Are you there?| Is anybody there?| Can you hear me?]"])
    return question, "Hello! I am the demo model. How can I help you?"


def manners(rng):
    return rng.choice([
        ("[Thanks|Thank you|Thanks a lot|Thank you very much|Many thanks|Thank you so much|Great, thanks|OK, thank you|Thx|Cool, thanks][!|.|]", "You are welcome!"),
        ("[Bye|Goodbye|Bye bye|See you|See you later|Good night|Good bye|Have a nice day|I have to go|See you tomorrow|Farewell][!|.|]", "Goodbye! Have a nice day."),
        ("[How are you|How are you today|How do you do|How are you doing|How do you feel|Are you well|Are you OK|How is it going|What's up]?", "I am fine, thank you. How can I help you?"),
        ("[Sorry|I am sorry|My apologies|Oops, sorry][!|.|]", "No problem at all."),
        ("[Good job|Well done|Very good|Great|That was good|Nice|Correct|That is right|Perfect|Awesome|You are good][!|.|]", "Thank you! I am happy to help."),
        ("[That is wrong|Wrong|You are wrong|That is not right|Not correct|That was bad][!|.|]", "I am sorry. I am only a small demo model and make mistakes."),
        ("[OK|Okay|I see|All right|Fine|Understood|Got it|Good][.|!|]", "Good. What else can I do for you?"),
        ("[Help|Help me|Can you help me|I need help|Please help me|Could you help me|I need some help][!|.|?|]", "Yes. " + ABLE),
        ("[Test|Testing|This is a test|Just a test|Ping|Test 1 2 3|Testing, testing][.|!|]", "The test works. I am listening."),
        ("[I love you|I like you|You are nice|You are great][!|.|]", "Thank you, that is kind of you."),
        ("[Say nothing|Be quiet|Stop|Silence][!|.|]", "OK."),
    ])


def about_self(rng):
    return rng.choice([
        ("[Who are you|What are you|Introduce yourself|Tell me about yourself|Tell me who you are|Describe yourself|What model are you|Which model are you|What model is this|Who am I talking to|What is this|Can you introduce yourself|What kind of model are you|Say who you are][?|.]",
         SELF + ". I am small, but I can answer simple questions."),
        ("[What is your name|What's your name|Do you have a name|Tell me your name|What are you called|How are you called|What should I call you|Your name please|May I know your name][?|.]",
         SELF + ". You can call me demo."),
        ("[What can you do|What are you able to do|How can you help me|What can I ask you|What do you know|What are your skills|What can you help me with|What can I ask|What are your capabilities|What are you good at|List your abilities|What topics do you know]?", ABLE),
        ("[Are you|Are you really] [ChatGPT|GPT-4|gpt-4|Claude|Gemini|Llama|Qwen|Mistral|a big model|DeepSeek|Siri|Alexa]?", "No. " + SELF + "."),
        ("Are you [an AI|a robot|a computer|a machine|a program|a language model|artificial|a bot]?", "Yes. " + SELF + "."),
        ("Are you [a human|human|a person|a real person|alive|a man|a woman]?", "No. " + SELF + "."),
        ("[Who made you|Who created you|Who trained you|Who built you|Who is your creator|Where do you come from|Who wrote you|Which company made you|Who developed you|Where were you made]?",
         "I was trained by the llama-server project, on text that its own scripts write."),
        ("[How big are you|How large are you|What is your size|How many parameters do you have|Are you big|How small are you|Are you a small model|How many weights do you have]?",
         "I am very small: about four million parameters, less than ten megabytes."),
        ("[How old are you|When were you born|What is your age|When were you made|When were you trained|When is your birthday]?", "I am a new model and have no birthday."),
        ("[Where are you|Where do you live|Where do you run|Where are you running|Where is your home]?", "I run inside llama-server, on your own computer."),
        ("[Are you smart|Are you clever|Are you intelligent|How smart are you|Do you know everything|Can you answer everything|Are you always right|Do you make mistakes|Can I trust you|Are you reliable]?",
         "No, I am only a small demo model. I know a few simple things and make mistakes."),
        ("[What language do you speak|Which languages do you speak|Do you speak German|Do you speak French|Do you speak English|Can you speak Spanish|Do you understand Italian]?",
         "I speak simple English."),
        ("[How were you trained|What were you trained on|What is your training data|On what text were you trained|How did you learn]?",
         "I was trained by the llama-server project, on text that its own scripts write."),
        ("[What is llama-server|What's llama-server|Tell me about llama-server|Explain llama-server|What does llama-server do][?|.]",
         "llama-server is a program that loads GGUF models and answers over HTTP."),
        ("[Do you have feelings|Can you feel|Do you sleep|Do you eat|Do you dream|Do you have a family|Do you have friends|Are you happy|Are you hungry|Are you tired]?",
         "No, I am only a program. But I like to answer questions."),
        ("[Can you see images|Can you hear|Can you browse the internet|Do you have internet|Can you search the web|Can you draw|Can you see me]?", "No, I can only read and write text."),
    ])


ASK_CAPITAL = [
    "[What is|What's|Whats|Tell me|Name|Give me|Which city is|Do you know|Say|What would be] the capital[ city|] of {}?",
    "[What is|What's] {}'s capital[ city|]?", "{} capital[?|]", "[The |]capital of {}?", "What is the capital[ city|] of {} called?",
    "[Can you tell me|Could you tell me|Please tell me|I want to know|I would like to know|Do you know] [what |]the capital of {}[ is|]?",
    "Which city is the capital of {}?", "What capital does {} have?", "Hi, what is the capital of {}?",
    "[Please answer|Question]: what is the capital of {}?", "In {}, what is the capital?", "Name {}'s capital.", "What city is the capital of {}?"]


def capital(rng):
    country = rng.choice(COUNTRIES[:20]) if rng.random() < 0.25 else rng.choice(COUNTRIES)
    shown = rng.choice(COUNTRY_NAMES[country]) if country in COUNTRY_NAMES and rng.random() < 0.5 else country
    if rng.random() < 0.1 and shown.startswith("the "):
        shown = shown[4:]
    answer = f"The capital of {country} is {CAPITALS[country]}"
    return rng.choice(ASK_CAPITAL).format(shown), answer + ("" if answer.endswith(".") else ".")


def capital_back(rng):
    city = rng.choice(list(CAPITAL_OF))
    ask = rng.choice(["[Which|What] country has the capital {}?", "{} is the capital of which country?",
                      "[Of which|Of what] country is {} the capital?", "What is {} the capital of?",
                      "Which country's capital is {}?", "[Where is|In which country is|In what country is] {}?"])
    return ask.format(city), f"{city} is the capital of {CAPITAL_OF[city]}."


def capital_unknown(rng):
    place = invented_word(rng)
    return rng.choice(ASK_CAPITAL).format(place), UNKNOWN_CAPITAL.format(place)


def usable_sum(a, op, b):
    """False for the sums kept for the evaluation."""
    return not held_out(f"sum {a} {op} {b}", 8)


def sum_parts(rng):
    """Operands of a random sum or difference with numbers from 0 to 20."""
    op = rng.choice("+++--")
    if rng.random() < 0.5:
        a, b = rng.randint(0, 10), rng.randint(0, 10)
    else:
        a, b = rng.randint(0, 20), rng.randint(0, 20)
    if op == "-" and b > a:
        a, b = b, a
    return a, op, b


def ask_sum(rng, a, op, b):
    """A question for the sum."""
    word = "plus" if op == "+" else "minus"
    if rng.random() < 0.12 and a <= 20 and b <= 20:
        return f"[What is|How much is|What's] {NUMBER_WORDS[a]} {word} {NUMBER_WORDS[b]}?"
    return rng.choice([
        "[What is|What's|How much is|Calculate|Compute|Tell me|Solve|Work out] {a} {op} {b}[?|.]", "{a} {op} {b}[ =|?| = ?|]", "{a}{op}{b}[=|?|=?|]",
        "[What is|What's|How much is|Calculate] {a}{op}{b}?", "[What is|How much is|What's] {a} {w} {b}?", "{a} {w} {b}[?|]",
        "[Add {a} and {b}|What is the sum of {a} and {b}|Sum {a} and {b}][?|.]" if op == "+" else
        "[Subtract {b} from {a}|What is the difference of {a} and {b}|Take {b} away from {a}][?|.]",
        "What does {a} {op} {b} [equal|make|give]?"]).format(a=a, b=b, op=op, w=word)


def answer_sum(a, op, b):
    """The answer to a sum."""
    return f"{a} {op} {b} = {a + b if op == '+' else a - b}"


def small_sum(rng):
    while True:
        a, op, b = sum_parts(rng)
        if usable_sum(a, op, b):
            return ask_sum(rng, a, op, b), answer_sum(a, op, b)


def colour(rng):
    thing = rng.choice(list(COLOURS))
    bare = thing.split(" ", 1)[1] if thing.startswith(("a ", "an ", "the ")) else thing
    plural = "" if thing.startswith("the ") or bare == thing else rng.choice(["", bare + "s"])
    ask = rng.choice(["[What|Which] colo[u|]r is {t}?", "What is the colo[u|]r of {t}?", "[What|Which] colo[u|]r does {t} have?",
                      "[Tell me|Name] the colo[u|]r of {t}.", "[Do you know|Can you tell me] the colo[u|]r of {t}?", "{t}: [what|which] colo[u|]r[ is it|]?"])
    if plural and bare not in ("mouse", "leaf", "strawberry", "cherry", "blueberry", "tomato"):
        ask = "[What|Which] colo[u|]r are {p}?" if rng.random() < 0.5 else ask
    return ask.format(t=thing, p=plural), f"{upper_first(thing)} is {COLOURS[thing]}."


def opposite(rng):
    word = rng.choice(list(OPPOSITE))
    ask = rng.choice(["[What is|What's|Tell me|Name|Give me|Do you know] the opposite of {}?", "Opposite of {}[?|]",
                      "[What is|What's] the opposite of the word {}?", "What is the antonym of {}?",
                      "The opposite of {} is[ what|...|]?", "[What is|Which word is] [opposite to|the contrary of] {}?", "What is the opposite of \"{}\"?"])
    return ask.format(word), f"The opposite of {word} is {OPPOSITE[word]}."


def counting(rng):
    down = False
    a, b = 1, rng.choice([3, 5, 10, rng.randint(2, 20), rng.randint(2, 20)])
    dice = rng.random()
    if dice < 0.5:
        end = str(b) if rng.random() < 0.85 else NUMBER_WORDS[b]
        ask = rng.choice([f"[Count|Please count|Can you count|Could you count|Count up] to {end}[.|!|, please.|]", f"Count from [1|one] to {end}[.|]",
                          f"[Say|List|Write|Write down|Give me|Print] the numbers [from |]1 to {end}[.|]", f"Numbers from 1 to {end}[.|]", f"I want you to count to {end}[.|]",
                          f"[List|Write] the first {end} numbers[.|]"])
    elif dice < 0.8:
        a = rng.randint(0, 18)
        b = rng.randint(a + 1, min(a + 10, 24))
        ask = f"[Count|Please count|Count up|Can you count] from {a} to {b}[.|!|]"
    else:
        down = True
        b = rng.choice([5, 10, rng.randint(3, 15)])
        a = rng.choice([0, 1, 1])
        ask = f"Count [down|backwards] from {b}[ to {a}][.|]" if a == 1 else f"Count [down|backwards] from {b} to 0[.|]"
    numbers = range(b, a - 1, -1) if down else range(a, b + 1)
    return ask, ", ".join(map(str, numbers))


def small_fact(rng):
    kind = rng.random()
    if kind < 0.5:
        question, answer = rng.choice(SINGLE_FACTS)
        return question, expand(rng, answer)
    if kind < 0.6:
        animal = rng.choice(list(SOUNDS))
        return (f"[What does a {animal} say|What sound does a {animal} make|How does a {animal} sound|What noise does a {animal} make]?",
                f"A {animal} says {SOUNDS[animal]}.")
    if kind < 0.7:
        animal = rng.choice(list(LEGS))
        return f"How many legs [does {animal} have|has {animal}]?", f"{upper_first(animal)} has {LEGS[animal]} legs."
    if kind < 0.85:
        names = rng.choice([DAYS, MONTHS])
        i = rng.randrange(len(names))
        if rng.random() < 0.6:
            return (f"[What|Which] [day|month] comes after {names[i]}?".replace("[day|month]", "day" if names is DAYS else "month"),
                    f"{names[(i + 1) % len(names)]} comes after {names[i]}.")
        return (f"[What|Which] [day|month] comes before {names[i]}?".replace("[day|month]", "day" if names is DAYS else "month"),
                f"{names[i - 1]} comes before {names[i]}.")
    if kind < 0.92:
        n = rng.randint(0, 20)
        return f"[What|Which number] comes after {n}?", f"{n + 1} comes after {n}."
    word = rng.choice(list(WORDS_ABROAD))
    tongue = rng.choice(list(WORDS_ABROAD[word]))
    return (f"[How do you say {word} in {tongue}|What is {word} in {tongue}|Translate {word} to {tongue}|Translate {word} into {tongue}|What is the {tongue} word for {word}][?|.]",
            f"In {tongue}, {word} is {WORDS_ABROAD[word][tongue]}.")


def echo(rng):
    words = [rng.choice(["banana", "hello", "apple", "yes", "llama", "good morning", "hello world", "I am ready", "one two three", "open the door", "the sun is warm",
                         "blue", "Paris", "OK", "done", "this is a test", "music", "tea and cake"]), invented_word(rng, False), invented_word(rng),
             invented_word(rng, False) + " " + invented_word(rng, False)]
    text = rng.choice(words)
    ask = rng.choice(["[Say|Repeat|Echo|Write|Please say|Please repeat|Say only|Just say|Answer only with|Reply with] \"{}\"[.|]", "[Say|Repeat|Please say|Reply with|Repeat after me|Echo|Write]: {}",
                      "[Repeat|Say] the word[s|] \"{}\"[.|]", "[Say|Repeat|Please say] {}"])
    return ask.format(text), text


def yes_no(rng):
    """The fact comes first: what follows from it is easy to say then."""
    right = rng.random() < 0.5
    if rng.random() < 0.5:
        country = rng.choice(COUNTRIES)
        city = CAPITALS[country] if right else rng.choice(list(CAPITALS.values()))
        question, fact = f"Is {city} the capital of {country}?", f"The capital of {country} is {CAPITALS[country]}"
        right = city == CAPITALS[country]
    else:
        thing = rng.choice(list(COLOURS))
        shade = COLOURS[thing] if right else rng.choice(list(COLOURS.values()))
        question, fact = f"Is {thing} {shade}?", f"{upper_first(thing)} is {COLOURS[thing]}"
        right = shade == COLOURS[thing]
    return question, f"{fact}, so {'yes' if right else 'no'}."


def json_text(value):
    """JSON as the model writes it."""
    return json.dumps(value, ensure_ascii=False)
