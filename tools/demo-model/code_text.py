"""Code texts: functions asked for in chats and gaps to fill in."""

# name -> (head of a function, lines of the body, result line); one level of indentation is "@".
FUNCTIONS = [
    ("def fibonacci(n):", "# Calculate fibonacci", ["result, following = 0, 1", "for _ in range(n):", "@result, following = following, result + following"], "return result"),
    ("def factorial(n):", "# Calculate factorial", ["result = 1", "for i in range(2, n + 1):", "@result *= i"], "return result"),
    ("def add(a, b):", "# Add two numbers", ["result = a + b"], "return result"),
    ("def subtract(a, b):", "# Subtract b from a", ["result = a - b"], "return result"),
    ("def multiply(a, b):", "# Multiply two numbers", ["result = a * b"], "return result"),
    ("def divide(a, b):", "# Divide a by b", ["result = a / b"], "return result"),
    ("def square(x):", "# Square of a number", ["result = x * x"], "return result"),
    ("def is_even(n):", "# Check if n is even", ["result = n % 2 == 0"], "return result"),
    ("def is_odd(n):", "# Check if n is odd", ["result = n % 2 == 1"], "return result"),
    ("def sum_list(values):", "# Sum of all values", ["result = 0", "for value in values:", "@result += value"], "return result"),
    ("def product(values):", "# Product of all values", ["result = 1", "for value in values:", "@result *= value"], "return result"),
    ("def maximum(values):", "# Find the largest value", ["result = values[0]", "for value in values:", "@if value > result:", "@@result = value"], "return result"),
    ("def minimum(values):", "# Find the smallest value", ["result = values[0]", "for value in values:", "@if value < result:", "@@result = value"], "return result"),
    ("def average(values):", "# Average of the values", ["result = sum(values) / len(values)"], "return result"),
    ("def reverse(text):", "# Reverse a text", ["result = text[::-1]"], "return result"),
    ("def greet(name):", "# Greet a person", ["result = \"Hello, \" + name + \"!\""], "return result"),
    ("def count_words(text):", "# Count the words", ["result = len(text.split())"], "return result"),
    ("def is_prime(n):", "# Check if n is prime", ["result = n > 1", "for i in range(2, n):", "@if n % i == 0:", "@@result = False"], "return result"),
    ("def gcd(a, b):", "# Greatest common divisor", ["while b:", "@a, b = b, a % b", "result = a"], "return result"),
    ("def hello():", "# Say hello", ["result = \"Hello, world!\""], "return result"),
    ("def power(x, n):", "# Power of a number", ["result = 1", "for _ in range(n):", "@result *= x"], "return result"),
    ("def count_down(n):", "# Count down to one", ["result = list(range(n, 0, -1))"], "return result"),
]


def indent(line, unit, level=1):
    """A body line with its leading marks turned into indentation."""
    bare = line.lstrip("@")
    return unit * (level + len(line) - len(bare)) + bare


def fill_gap(rng):
    """(prefix pieces, suffix, middle) of a gap; pieces are tokenised separately."""
    head, comment, body, result = rng.choice(FUNCTIONS[:1] * 4 + FUNCTIONS)
    unit = rng.choice([" ", "    ", "    ", "  "])
    lines = [indent(line, unit) for line in body]
    tail = "\n" + unit + result + rng.choice(["", "", "\n"])
    dice = rng.random()
    if dice < 0.45:
        return [head + "\n" + unit, comment], tail, "\n" + "\n".join(lines)
    if dice < 0.6:
        return [head + "\n" + unit + comment], tail, "\n" + "\n".join(lines)
    if dice < 0.75:
        return [head + "\n" + unit], tail, "\n".join(lines)[len(unit):]
    if dice < 0.85:
        return [head + "\n"], tail, "\n".join(lines)
    cut = rng.randint(1, max(1, len(lines[-1].strip()) - 1))
    text = head + "\n" + "\n".join(lines)
    return [text[:len(text) - cut]], tail, text[len(text) - cut:]


VERBS = "load read get make build find fetch parse clean helper compute update prepare collect".split()
NOUNS = "data items values users config lines text rows names result list table".split()
FILES = "utils.py helpers.py config.py tools.py common.py base.py settings.py lib.py".split()


def fill_with_context(rng):
    """(extra files, prefix pieces, suffix, middle): the gap calls a function of another file."""
    helper = rng.choice(["helper", rng.choice(VERBS) + "_" + rng.choice(NOUNS)])
    caller = rng.choice(["process", rng.choice(VERBS)]) + "_" + rng.choice(NOUNS)
    extra = [(rng.choice(FILES), f"def {helper}(): ...")]
    if rng.random() < 0.6:
        extra.insert(rng.randint(0, 1), (rng.choice(FILES), rng.choice(["API_KEY = ...", "DEBUG = True", "LIMIT = 10", "NAME = \"demo\"", "PORT = 8080"])))
    unit = rng.choice([" ", "    ", "    ", "  "])
    return extra, [f"def {caller}():\n{unit}"], f"\n{unit}return result", f"result = {helper}()"


def whole(head, body, result):
    """A complete Python function."""
    return "\n".join([head] + [indent(line, "    ") for line in body] + ["    " + result])


OTHER_CODE = [
    ("[Write|Show me|Give me|How do I write] [hello world|a hello world program] in Python[.|?|]", "```python\nprint(\"Hello, world!\")\n```"),
    ("[Write|Show me|Give me|How do I write] [hello world|a hello world program] in C[.|?|]", "```c\n#include <stdio.h>\n\nint main(void) {\n    puts(\"Hello, world!\");\n    return 0;\n}\n```"),
    ("[Write|Show me|Give me|How do I write] [hello world|a hello world program] in JavaScript[.|?|]", "```javascript\nconsole.log(\"Hello, world!\");\n```"),
    ("[Write|Show me|Give me] a [for |]loop in Python[.|]", "```python\nfor i in range(10):\n    print(i)\n```"),
    ("[Write|Show me|Give me|Make] a [small |simple |]HTML page[.|]", "```html\n<!DOCTYPE html>\n<html>\n  <body>\n    <h1>Hello!</h1>\n  </body>\n</html>\n```"),
]
WISHES = {"fibonacci": "that calculates fibonacci numbers", "factorial": "that calculates the factorial", "add": "that adds two numbers", "multiply": "that multiplies two numbers",
          "square": "that squares a number", "is_even": "that checks if a number is even", "sum_list": "that sums a list", "maximum": "that finds the largest value",
          "reverse": "that reverses a text", "greet": "that greets a person", "is_prime": "that checks if a number is prime", "count_words": "that counts words", "average": "that calculates the average"}


def code_question(rng):
    """(question, answer) asking for code in a chat."""
    if rng.random() < 0.35:
        return rng.choice(OTHER_CODE)
    head, _, body, result = rng.choice([f for f in FUNCTIONS if f[0][4:].split("(")[0] in WISHES])
    wish = WISHES[head[4:].split("(")[0]]
    return f"[Write|Give me|Show me|Please write|Can you write] a [Python |]function {wish}[.|, please.| in Python.|]", "```python\n" + whole(head, body, result) + "\n```"


def code_text(rng):
    """A plain code file for raw text: a few functions after each other."""
    picks = rng.sample(FUNCTIONS, rng.randint(1, 3))
    return "\n\n\n".join(whole(h, b, r) for h, _, b, r in picks) + "\n"
