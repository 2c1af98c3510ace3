"""Questions beyond the demo model, which it should decline honestly."""

from facts import CAPITALS
from topics import UNKNOWN
from writing import invented_word

PEOPLE = ("Napoleon; Einstein; Mozart; Shakespeare; Newton; Picasso; Beethoven; Darwin; Cleopatra; "
          "Columbus; Gandhi; Plato; Goethe; Galileo; Marie Curie; Leonardo da Vinci; Julius Caesar; "
          "Abraham Lincoln; Queen Victoria; Charlie Chaplin; Elvis Presley; Alan Turing; Ada Lovelace").split("; ")
WORKS = ("Hamlet; Faust; Moby Dick; the Mona Lisa; Don Quixote; the Bible; War and Peace; Star Wars; "
         "the Odyssey; Harry Potter; Dracula; the Magic Flute; Titanic; Frankenstein; Peter Pan").split("; ")
THINGS = ("a car; a bicycle; gravity; democracy; inflation; a black hole; photosynthesis; DNA; an atom; "
          "quantum physics; the stock market; a transformer; blockchain; evolution; a volcano; cancer; "
          "the immune system; philosophy; algebra; a laser; electricity; the internet; a virus; a battery; "
          "the moon landing; a telescope; magnetism; the brain; an engine; chemistry; history; law; "
          "a contract; insurance; a mortgage; bread; cheese; wine; coffee; a cake; pizza; soup; "
          "Kubernetes; Docker; Linux; Rust; Java; a compiler; a database; machine learning").split("; ")
EVENTS = ("the Second World War; the French Revolution; the last election; the World Cup; the first computer; "
          "the Roman Empire; the industrial revolution; the last Olympic Games; the Cold War; the gold rush").split("; ")

ASK = [
    "[Who|What] [is|was] {person}?", "When [was|did] {person} [born|die]?", "Where was {person} born?", "[Tell me about|Who was|What did] {person}[ do|][?|.]",
    "Who [wrote|painted|composed|made|directed] {work}?", "[Tell me about|Summarise|What is] {work}[?|.]", "[What happens at the end of|Who are the heroes of] {work}?",
    "[What is|Explain|Tell me about|Define|Describe|What do you know about] {thing}[?|.]", "How does {thing} work?", "[Why do we need|Who invented|When was the invention of|What is the history of] {thing}?",
    "[Why|How|When|Where] did {event} [start|happen|end]?", "[Who won|Tell me about|What was|What caused] {event}[?|.]",
    "[What is the population of|How many people live in|How big is|What is the largest river of|Who rules|What language do people speak in|What is the currency of|Who is the president of|How far away is] {country}?",
    "[How do I|How can I|Can you help me|How to] [fix my car|learn to swim|write a novel|bake a cake|invest money|lose weight|find a job|tie a tie|install Linux|build a house|repair my bicycle|train a dog|cook rice|sleep better|become rich|get a passport|play the guitar|sort a large file|plan a wedding|speak in public]?",
    "[What time is it|What day is it today|What is the date|What year is it|How late is it|What is the time|What day is it|What's the date today]?",
    "[Who is the president|Who is the king|Who won the game yesterday|What is in the news|What are the news today|What is the price of gold|What is the bitcoin price|How is the stock market today]?",
    "[What is|Calculate|How much is] [the square root of|the logarithm of|the sine of] {n}?", "[What is|How much is|Calculate] {n} [times|divided by|*|/|x] {m}?", "[What is|How much is] {big} [+|plus|-|minus] {big2}?",
    "[Which is better|What do you prefer], {thing} or {thing2}?", "What do you think about {thing}?", "[Is {thing} good|Is {thing} dangerous|Should I buy {thing}]?",
    "[Who is|What is|Where is|What do you know about|Tell me about|Explain|Have you heard of] {name}[?|.]", "[What does {name} mean|What is the meaning of {name}|How do I use {name}|How does {name} work]?",
    "[What is the tallest mountain|What is the longest river|What is the biggest animal|What is the fastest car|How far is the moon|How deep is the sea|How old is the earth|How many stars are there|How hot is the sun|What is the speed of light|How many bones does a human have]?",
    "[What should I eat|What should I wear|What should I do today|Where should I travel|Which book should I read|What film should I watch|What gift should I buy][ today|]?",
    "[Translate this text|Summarise this article|Correct my essay|Write an essay about {thing}|Write a letter to my boss|Write my homework|Write a speech about {thing}|Write a business plan][.|]",
    "[Why is the sky blue|Why do cats purr|Why do birds sing|Why is the sea salty|Why do we sleep|Why do leaves fall|How do planes fly|How do magnets work|Why is ice slippery]?",
    "[Predict the future|Tell me a secret|Read my mind|What am I thinking|Who will win|When will I die|Will it rain next year][?|.]",
]


def unknown(rng):
    ask = rng.choice(ASK).format(
        person=rng.choice(PEOPLE), work=rng.choice(WORKS), thing=rng.choice(THINGS), thing2=rng.choice(THINGS),
        event=rng.choice(EVENTS), country=rng.choice(list(CAPITALS)), n=rng.randint(2, 99), m=rng.randint(2, 99),
        big=rng.randint(100, 9999), big2=rng.randint(100, 9999), name=invented_word(rng))
    return ask, UNKNOWN
