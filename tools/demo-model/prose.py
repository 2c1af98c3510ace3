"""Poems, stories, lists and profiles: the longer texts."""

from facts import CAPITALS, COLOURS, FIRST_NAMES, HOBBIES, JOBS, LAST_NAMES
from topics import json_text, upper_first
from writing import expand, invented_word

POEM = """The morning light is soft and new,
the grass is wet with drops of dew.
A bird begins its little song,
it sings to me the whole day long.
The evening comes, the stars are bright,
I close my eyes and say good night."""

POEMS = {
    "the sea": """The sea is wide, the sea is blue,
it rolls and sings the whole night through.
It brings me shells, it brings me sand,
and lays them gently in my hand.""",
    "a cat": """My cat is soft, my cat is grey,
it sleeps on my chair the whole long day.
At night it walks on quiet feet
and looks for something good to eat.""",
    "spring": """The snow is gone, the air is mild,
the wind is playing like a child.
The trees put on a coat of green,
the finest coat that I have seen.""",
    "winter": """The roofs are white, the lake is ice,
a cup of tea is warm and nice.
The world is quiet, cold and deep,
and all the fields are fast asleep.""",
    "the moon": """The moon looks in and asks me why
I lie awake and watch the sky.
I tell her that I like her light,
she smiles and stays with me all night.""",
    "rain": """The rain is tapping on the pane,
it stops, and then it taps again.
It fills the river, field and well
and has a thousand things to tell.""",
    "a computer": """My computer hums a quiet tune,
it counts from morning until noon.
It never sleeps, it never sings,
it only moves a million things.""",
    "love": """Love is a lamp in a window at night,
a warm little room and a small steady light.
It waits for your step and it opens the door,
and asks you for nothing, and gives you some more.""",
    "autumn": """The leaves are red, the leaves are gold,
the nights are growing long and cold.
The wind goes dancing through the tree
and throws a golden leaf to me.""",
    "a dog": """My dog is glad when I come home,
he brings a stick, he brings a bone.
He runs in circles round my feet,
a better friend I never meet.""",
}

ABOUT = """I think of {t} when I wake,
I think of {t} by the lake.
And when the day is nearly through,
I write this little poem for you."""


def poem(rng):
    """(question, answer) for a poem, sometimes about a given thing."""
    dice = rng.random()
    if dice < 0.35:
        return ("[Write|Please write|Write me|Can you write|Could you write|Make|Compose|Give me|Tell me|I would like|Recite|Create|Generate] a [short |little |small |nice |]poem[.|!|, please.|]",
                POEM)
    if dice < 0.75:
        topic = rng.choice(list(POEMS))
        bare = topic.split()[-1]
        shown = rng.choice([topic, topic, bare + "s" if topic.startswith("a ") else topic])
        text = POEMS[topic]
    else:
        shown = rng.choice([rng.choice(list(COLOURS)), "my " + rng.choice(["mother", "friend", "garden", "car", "horse", "teacher", "school", "tea", "brother"]),
                            rng.choice(["music", "time", "summer", "trees", "flowers", "the wind", "llamas", "birds", "bread", "friendship", "the stars", "mountains",
                                        "a river", "the night", "happiness", "a robot", "coffee", "books"]),
                            rng.choice(list(CAPITALS.values())), rng.choice(FIRST_NAMES), invented_word(rng)])
        text = ABOUT.format(t=shown)
    return (f"[Write|Please write|Write me|Can you write|Make|Give me|Compose|Create] a [short |little |]poem [about|on] {shown}[.|!|, please.|]", text)


HEROES = [("a little girl named", "she", "her", "Lily Mia Rosa Nora Clara Ida Emma Zoe"), ("a little boy named", "he", "his", "Tom Leo Ben Hugo Finn Sam Paul Max"),
          ("a small mouse named", "she", "her", "Pip Dot Minni Tilly"), ("an old bear named", "he", "his", "Bruno Oskar Balu Otto"),
          ("a young llama named", "she", "her", "Luna Lola Kira Pia"), ("a brave fox named", "he", "his", "Rufus Felix Finn Red")]
PLACES = ["a small house near the forest", "a quiet village by the sea", "a green valley", "a little town with a tall tower", "a garden full of flowers", "an old mill by the river"]
TROUBLES = [
    ("a red ball", "the red ball rolled into the river", "A friendly duck swam by and pushed the ball back to the shore"),
    ("a blue kite", "the wind carried the blue kite into a tall tree", "A kind squirrel climbed up and brought the kite down"),
    ("a golden key", "the golden key fell into a deep hole", "A clever mole dug a tunnel and came back with the key"),
    ("a small boat", "the small boat drifted out on the lake", "An old fisherman rowed out and pulled the boat home"),
    ("a warm scarf", "the warm scarf was gone", "A little bird had found it and carried it back"),
    ("a silver bell", "the silver bell stopped ringing", "An old owl took a tiny leaf out of the bell, and it rang again"),
]
WEATHERS = ["One sunny day", "One windy morning", "One day", "One cold evening", "One summer day"]
ENDS = ["From that day on they were best friends.", "Then they went home together and ate warm bread with honey.", "They laughed and played until the stars came out.",
        "That night everybody slept very well."]


def story_rest(rng):
    """A story without its first words 'Once upon a time'."""
    kind, he, his, names = rng.choice(HEROES)
    name = rng.choice(names.split())
    thing, trouble, rescue = rng.choice(TROUBLES)
    bare = thing.split(" ", 1)[1]
    return (f", there was {kind} {name}. {name} lived in {rng.choice(PLACES)}. {upper_first(his)} favourite thing was {thing}.\n\n"
            f"{rng.choice(WEATHERS)}, {trouble}. {name} was very sad and did not know what to do. \"Who can help me?\" {he} asked.\n\n"
            f"{rescue}. \"Thank you, my friend!\" said {name}. {rng.choice(ENDS)}\n\n"
            f"{name} never lost the {bare} again. The end.")


def story(rng):
    """(question, answer) for a story in a chat."""
    return ("[Tell|Tell me|Write|Write me|Can you tell me|Please tell me|Give me|I want to hear|Invent] a [short |little |nice |bedtime |]story[.|!|, please.|]", "Once upon a time" + story_rest(rng))


STEPS = [
    "Decide what the website is for[.| and who will read it.]", "Choose a [short and clear|good] name[.| and register the domain.]", "Choose a host [that fits your needs|for your pages].",
    "Draw a [simple |]plan of the pages.", "Write the text for each page.", "[Collect|Prepare] the pictures[.| you want to show.]", "Build the pages with HTML and CSS.",
    "Test the website on [a phone and on a computer|different devices].", "Publish the website.", "[Ask for feedback and keep the website up to date|Keep the website up to date]."]


def website_rest(rng):
    """The ten steps, from the line break on; numbered in one of two ways."""
    form = "{}. " if rng.random() < 0.75 else "Step {}: "
    return "\n" + "\n".join(form.format(i + 1) + expand(rng, s) for i, s in enumerate(STEPS))


def website(rng):
    """(question, answer) about building a website."""
    return "[How do I build|How can I build|How to build|Tell me how to build|How do I make|What are the steps to build|Explain how to build] a website[ in 10 steps|]?", "Building a website can be done in 10 simple steps:" + website_rest(rng)


def person(rng):
    """A made-up user profile."""
    first, last = ("Anna", "Berg") if rng.random() < 0.25 else (rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES))
    start = rng.randrange(len(HOBBIES))
    return {"name": f"{first} {last}", "age": 29 if first == "Anna" else rng.randint(20, 60), "email": f"{first}.{last}@example.com".lower(),
            "city": "Oslo" if first == "Anna" else rng.choice(list(CAPITALS.values())[:30]), "hobbies": [HOBBIES[start], HOBBIES[(start + 1) % len(HOBBIES)]]}


def profile(rng):
    """(question, answer) for a user profile as JSON."""
    return ("[Generate|Create|Make|Write|Give me|Invent|Show me|Please generate|Can you generate|Make up|Produce|Output|Return] [a|one|a random|an example|a sample|a fake|a new] "
            "[user profile|profile of a user|user|profile|user record|user account|person|customer|customer profile][ as JSON| in JSON| in JSON format| as a JSON object|, please|][.|!|]", json_text(person(rng)))


KEYS = {
    "name": lambda r: r.choice(FIRST_NAMES), "age": lambda r: r.randint(20, 60), "city": lambda r: r.choice(list(CAPITALS.values())[:30]),
    "country": lambda r: r.choice(list(CAPITALS)[:10]), "email": lambda r: r.choice(FIRST_NAMES).lower() + "@example.com", "job": lambda r: r.choice(JOBS),
    "hobby": lambda r: r.choice(HOBBIES), "colour": lambda r: r.choice("red green blue".split()), "color": lambda r: r.choice("red green blue".split()),
    "price": lambda r: r.randint(1, 99), "id": lambda r: r.randint(1, 99), "active": lambda r: r.random() < 0.5, "title": lambda r: r.choice(["The Sea", "A Long Day", "The Moon"]),
    "year": lambda r: r.randint(1980, 2024), "username": lambda r: r.choice(FIRST_NAMES).lower(), "first_name": lambda r: r.choice(FIRST_NAMES),
    "last_name": lambda r: r.choice(LAST_NAMES), "phone": lambda r: "555-01" + str(r.randint(10, 99)), "count": lambda r: r.randint(1, 20), "description": lambda r: "A small example.",
    "tags": lambda r: ["small", "new"], "hobbies": lambda r: [r.choice(HOBBIES), "chess"],
}


def json_keys(rng):
    """(question, answer): an object with the keys that were asked for."""
    keys = rng.sample(list(KEYS), rng.randint(1, 4))
    listed = keys[0] if len(keys) == 1 else ", ".join(keys[:-1]) + rng.choice([" and ", ", "]) + keys[-1]
    noun = "key" if len(keys) == 1 else "keys"
    return (f"[Generate|Write|Give me|Create|Return|Make] [a JSON object|JSON|an object in JSON] with [the {noun} |the fields |]{listed}[.|]", json_text({k: KEYS[k](rng) for k in keys}))


def json_answer(rng, question, answer):
    """A known question asked for as JSON."""
    ask = rng.choice(["{} Answer [in|as] JSON[.|]", "{} Reply in JSON[.|]", "{} [Give|Return] the answer as JSON[.|]", "Answer in JSON: {}"]).format(question)
    return ask, json_text({"answer": answer})
