"""Helpers of the text writer: alternatives, styles, invented names, held-out split."""

import re
import zlib

ALTERNATIVE = re.compile(r"\[([^\[\]]*)\]")
SYLLABLES = ("ba be bo bri ca co cu da del dor dra en fa fel fi ga gor gra ha hel in ja jo ka "
             "kel ki la len li lo lu ma mar mi mo na nel no or pa pel ra ri ro sa sel si so ta "
             "tel ti to tra u va ven vi vo wa wen ya yo za zel zi zo").split()
ENDINGS = ("", "n", "r", "s", "l", "ville", "ton", "burg", "field", "berg", "ia", "port", "d",
           "st", "m", "x", "ford", "dale", "ra", "th")


def expand(rng, text):
    """Replaces every [a|b|c] by one of its alternatives, innermost first."""
    while True:
        new = ALTERNATIVE.sub(lambda m: rng.choice(m.group(1).split("|")), text)
        if new == text:
            return new
        text = new


def normal_form(text):
    """Lower case, letters and digits and operators only: two spellings, one question."""
    return " ".join(re.findall(r"[a-z0-9+*/=-]+", text.lower()))


def held_out(text, share=25):
    """True for one question in `share`: such questions never enter the training text."""
    return zlib.crc32(("q:" + normal_form(text)).encode()) % share == 0


def restyle(rng, text):
    """Writes a question in one of the ways people type it."""
    text = expand(rng, text).strip()
    dice = rng.random()
    if dice < 0.12:
        text = text.lower()
    elif dice < 0.20:
        text = text[0].lower() + text[1:]
    elif dice < 0.215:
        text = text.upper()
    dice = rng.random()
    if dice < 0.22:
        text = text.rstrip("?.!")
    elif dice < 0.27:
        text = text.rstrip("?.!") + rng.choice(["!", "??", " ?", "...", "?!", "."])
    if rng.random() < 0.06:
        text = rng.choice(["Please: ", "Hi! ", "Hello, ", "Hey, ", "Question: ", "OK. ", "Thanks. ",
                           "Quick question: ", "Tell me: ", "So, ", "Dear model, "]) + text
    return text


def invented_word(rng, capital=True):
    """A name that no table knows, so that the model has to copy it."""
    word = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3))) + rng.choice(ENDINGS)
    if len(word) < 4:
        word += rng.choice(SYLLABLES)
    return word.capitalize() if capital else word
