"""Dense exercises: many small facts or copies in one short text.

A chat spends most of its tokens on the question; here nearly every line carries something to learn,
in the words that the answers use.
"""

import json

from facts import CAPITALS, COLOURS, FIRST_NAMES, MORE_CITIES, OPPOSITE
from topics import CAPITAL_OF, answer_sum, sum_parts, upper_first, usable_sum
from writing import invented_word


def statements(rng):
    """Lines of facts of one kind; only the decisive words count."""
    kind, pieces = rng.randrange(8), []
    if kind <= 1:
        for country in rng.sample(list(CAPITALS), 9):
            pieces += [(f"The capital of {country} is", 0.1), (f" {CAPITALS[country]}".rstrip(".") + ".\n", 1.0)]
    elif kind == 2:
        for city in rng.sample(list(CAPITAL_OF), 9):
            pieces += [(f"{city} is the capital of", 0.1), (f" {CAPITAL_OF[city]}.\n", 1.0)]
    elif kind == 3:
        for thing in rng.sample(list(COLOURS), 9):
            pieces += [(upper_first(thing) + " is", 0.1), (f" {COLOURS[thing]}.\n", 1.0)]
    elif kind == 4:
        for word in rng.sample(list(OPPOSITE), 9):
            pieces += [(f"The opposite of {word} is", 0.1), (f" {OPPOSITE[word]}.\n", 1.0)]
    else:
        for _ in range(12):
            a, op, b = sum_parts(rng)
            while not usable_sum(a, op, b):
                a, op, b = sum_parts(rng)
            head, result = answer_sum(a, op, b).split("=")
            pieces += [(head + "=", 0.0), (result + "\n", 1.0)]
    return pieces


def any_word(rng):
    """Something to copy."""
    dice = rng.random()
    if dice < 0.6:
        return invented_word(rng, rng.random() < 0.7)
    return rng.choice([rng.choice(list(CAPITALS.values())), rng.choice(MORE_CITIES), rng.choice(FIRST_NAMES), str(rng.randint(0, 9999))])


def copies(rng):
    """Words, then the same words again, written in the same or in another way."""
    words = [any_word(rng) for _ in range(rng.randint(3, 9))]
    keys = rng.sample("city name place to text key id title value x y z".split(), 3)
    ways = [lambda w: " ".join(w), lambda w: ", ".join(w), lambda w: json.dumps(w), lambda w: "\n".join(w),
            lambda w: json.dumps({k: v for k, v in zip(keys, w)}), lambda w: "; ".join(f"{k} {v}" for k, v in zip(keys, w))]
    first = rng.choice(ways)
    again = first if rng.random() < 0.3 else rng.choice(ways)
    if first in ways[4:] or again in ways[4:]:
        words = words[:3]
    return [("Words: " + first(words) + "\nAgain:", 0.0), (" " + again(words), 1.0)]


def drill(rng):
    """One exercise."""
    return (statements if rng.random() < 0.55 else copies)(rng)
