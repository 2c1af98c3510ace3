"""Conversations in which tools are offered."""

from facts import CAPITALS, FIRST_NAMES, MORE_CITIES
from topics import json_text
from writing import expand, held_out, invented_word, normal_form, restyle

KNOWN = set(CAPITALS.values()) | set(MORE_CITIES)
SKIES = ["sunny", "cloudy", "rainy", "windy", "snowy", "foggy", "clear", "partly cloudy", "stormy", "hot", "cold", "light rain"]
TUNES = ["Moonlight", "Yellow Bird", "Summer Rain", "Little Star", "Blue River", "Night Train"]
SUBJECTS = ["llamas", "cheap flights", "the best pizza", "garden flowers", "old maps", "train tickets", "chess rules", "cat food", "good books",
            "winter shoes", "the history of tea", "how to bake bread", "stars and planets", "Rust books"]
SAYINGS = ["I will be late", "see you tomorrow", "the meeting is at ten", "happy birthday", "call me back", "dinner is ready", "hello from Paris", "thank you for the book"]


def place_name(rng):
    """A town: known, less known or invented."""
    dice = rng.random()
    if dice < 0.40:
        return rng.choice(list(CAPITALS.values()))
    if dice < 0.65:
        return rng.choice(MORE_CITIES)
    return invented_word(rng) + (" " + invented_word(rng) if dice > 0.95 else "")


def ask_weather(rng, place):
    """A question about the weather in a place."""
    return restyle(rng, expand(rng, rng.choice([
        "[What is|What's|How is|Tell me|Check] the weather[ like|] in {}[ today| now| right now| tomorrow|]?", "[Is it raining|Is it sunny|Is it cold|Is it warm|Is it snowing|Is it windy] in {}[ today| now|]?",
        "[Will it rain|Will it snow] in {}[ today| tomorrow|]?", "[What is|What's|Tell me] the [current |]temperature in {}[ now|]?", "[How warm|How cold|How hot] is it in {}[ now| today|]?",
        "Weather in {}[ please| today|]?", "[Do I need an umbrella|Do I need a coat] in {}[ today|]?", "[I am going|I travel] to {}[ tomorrow|]. [How is the weather there|What is the weather like]?",
        "[Can you check|Please check|Could you tell me|Get me|Give me|I want to know|Show me] the [weather|current weather|weather forecast|forecast] [in|for] {}[.|, please.|?]"])).format(place))


def parameter(rng, kind, hint):
    """Schema of one parameter."""
    schema = {"type": kind}
    if rng.random() < 0.6:
        schema["description"] = expand(rng, hint)
        if rng.random() < 0.2:
            schema = {"description": schema["description"], "type": kind}
    return schema


def define(rng, names, about, parameters, required=None):
    """A tool definition in the order in which servers render it."""
    schema = {"type": "object", "properties": parameters}
    if required is None:
        required = list(parameters)
    if required and rng.random() < 0.85:
        schema["required"] = required
        if rng.random() < 0.15:
            schema = {"type": "object", "required": required, "properties": parameters}
    if not parameters and rng.random() < 0.5:
        schema = {}
    text = "" if rng.random() < 0.15 else expand(rng, about)
    return {"type": "function", "function": {"name": rng.choice(names), "description": text, "parameters": schema}}


CITY_HINT = "[The city|City name|The name of the city|Name of the city, for example Paris|The town|The location|The city and state, e.g. San Francisco, CA|City]"


def weather_tool(rng):
    """(definition, ask) for a weather tool; ask(rng) gives question, arguments, place."""
    name = rng.choice("city city location location place town city_name".split())
    parameters = {name: parameter(rng, "string", CITY_HINT)}
    with_unit = rng.random() < 0.25
    if with_unit:
        parameters["unit"] = {"type": "string", "enum": ["celsius", "fahrenheit"]}
    tool = define(rng, ["get_weather"] * 4 + ["get_current_weather"] * 2 + "weather fetch_weather current_weather get_forecast weather_lookup getWeather get_temperature check_weather".split(),
                  "[Get the weather|Get the current weather|Returns the weather|Look up the weather|Get current weather|Weather report|Get the current temperature] [in a city|for a city|for a location|in a given location|of a place|][.|]",
                  parameters, [name])

    def ask(rng):
        place = place_name(rng)
        question = ask_weather(rng, place)
        if place not in question and place not in KNOWN:
            place = place.lower() if place.lower() in question else place.upper()
        arguments = {name: place}
        if with_unit and rng.random() < 0.5:
            unit = rng.choice(["celsius", "fahrenheit"])
            question = question.rstrip("?.! ") + f" in {rng.choice([unit, unit.capitalize()])}?"
            arguments["unit"] = unit
        return question, arguments, place
    return tool, ask


def other_tool(rng):
    """(definition, ask) for another kind of tool; ask(rng) gives question, arguments, None."""
    kind = rng.randrange(9)
    if kind == 0:
        name = rng.choice("city location place timezone".split())
        tool = define(rng, "get_time get_current_time current_time clock time_in".split(), "[Get the time|Returns the current time|Tells the time] in a city[.|]", {name: parameter(rng, "string", CITY_HINT)})

        def ask(rng):
            place = place_name(rng)
            return "[What time is it|What is the time|How late is it|Tell me the time|What's the time] in {}[ now|]?".format(place), {name: place}, None
    elif kind == 1:
        name = rng.choice("query q text term keywords".split())
        tool = define(rng, "search web_search search_web find lookup".split(), "[Search the web|Search the internet|Find pages|Looks up a text][.|]", {name: parameter(rng, "string", "[What to search for|The search text|Query]")})

        def ask(rng):
            text = rng.choice([rng.choice(SUBJECTS), invented_word(rng), invented_word(rng, False)])
            return "[Search for|Look up|Find|Search the web for|Find pages about|Please search for] {}[.|]".format(text), {name: text}, None
    elif kind == 2:
        name = rng.choice("expression formula expr".split())
        tool = define(rng, "calculate calculator evaluate math".split(), "[Calculates|Evaluate|Compute] [an expression|a formula][.|]", {name: parameter(rng, "string", "[The expression|Formula to compute]")})

        def ask(rng):
            text = f"{rng.randint(2, 999)} {rng.choice('+-*/')} {rng.randint(2, 999)}"
            return "[Calculate|What is|How much is|Compute|Please calculate] {}[?|]".format(text), {name: text}, None
    elif kind == 3:
        first, second = rng.choice([("a", "b"), ("x", "y"), ("first", "second")])
        number = rng.choice(["number", "integer"])
        tool = define(rng, "add add_numbers sum_numbers plus".split(), "[Adds two numbers|Add two numbers|Returns the sum][.|]", {first: parameter(rng, number, "A number"), second: parameter(rng, number, "A number")})

        def ask(rng):
            a, b = rng.randint(2, 999), rng.randint(2, 999)
            return "[Add {a} and {b}|What is {a} + {b}|What is {a} plus {b}|Sum {a} and {b}][?|.]".format(a=a, b=b), {first: a, second: b}, None
    elif kind == 4:
        to, body = rng.choice(["to", "recipient", "name"]), rng.choice(["text", "message", "body"])
        tool = define(rng, "send_message send_mail write_message send_email".split(), "[Send a message|Sends a message to a person][.|]", {to: parameter(rng, "string", "Who gets it"), body: parameter(rng, "string", "The text")})

        def ask(rng):
            who, text = rng.choice([rng.choice(FIRST_NAMES), invented_word(rng)]), rng.choice(SAYINGS)
            return "[Send a message to|Write to|Send a mail to|Tell] {}: {}".format(who, text), {to: who, body: text}, None
    elif kind == 5:
        name = rng.choice("title song name".split())
        tool = define(rng, "play_song play_music start_music".split(), "[Plays a song|Play music][.|]", {name: parameter(rng, "string", "The song")})

        def ask(rng):
            text = rng.choice([rng.choice(TUNES), invented_word(rng)])
            return "[Play|Please play|Play the song|I want to hear|Start] {}[.|]".format(text), {name: text}, None
    elif kind == 6:
        tool = define(rng, "get_date today current_date".split(), "[Returns the date of today|Get the date][.|]", {})

        def ask(rng):
            return "[What is the date|What day is it|What is the date today|What day is it today|Which day is today]?", {}, None
    elif kind == 7:
        name = rng.choice("symbol ticker company".split())
        tool = define(rng, "get_stock_price stock_price get_price".split(), "[Get the price of a stock|Returns a stock price][.|]", {name: parameter(rng, "string", "The company")})

        def ask(rng):
            text = invented_word(rng)
            return "[What is the stock price of|Stock price of|What is the price of|Get the stock price of] {}[?|]".format(text), {name: text}, None
    else:
        noun, name = rng.choice("order user book ticket file room product city".split()), rng.choice("id name key number".split())
        is_number = name in ("id", "number")
        tool = define(rng, [f"get_{noun}", f"find_{noun}", f"show_{noun}", f"delete_{noun}", f"{noun}_info"], f"[Works on|Handles|Finds] a {noun}[.|]", {name: parameter(rng, "integer" if is_number else "string", f"The {noun}")})
        verb = tool["function"]["name"].split("_")[0]
        verb = verb if verb in ("get", "find", "show", "delete") else "show"

        def ask(rng):
            value = rng.randint(1, 9999) if is_number else invented_word(rng)
            return f"[{verb.capitalize()}|Please {verb}|Can you {verb}|{verb.capitalize()} me] [the |]{noun} {value}[.|?|]", {name: value}, None
    return tool, lambda rng: (lambda q, a, p: (restyle(rng, q) if p is None and not a else expand(rng, q), a, p))(*ask(rng))


def call_text(name, arguments):
    """A tool call as the model writes it."""
    return "<tool_call>\n" + json_text({"name": name, "arguments": arguments}) + "\n</tool_call>"


def weather_report(rng, place):
    """(tool result, answer of the model) for a weather tool."""
    degrees, sky = rng.randint(-9, 39), rng.choice(SKIES)
    dice = rng.random()
    if dice < 0.55:
        value = rng.choice([degrees, degrees, degrees, degrees + 0.5, f"{degrees} C", f"{degrees}\u00b0C"])
        report = {rng.choice("temperature temperature temp temp_c degrees temperature_c".split()): value}
        shown = f"{value} degrees" if not isinstance(value, str) else value
        answer = f"In {place} it is {shown}."
        if rng.random() < 0.8:
            report[rng.choice("condition conditions condition weather description sky summary".split())] = sky
            answer = f"In {place} it is {shown} and {sky}."
        if rng.random() < 0.3:
            report = dict([(rng.choice("city location place".split()), place)] + list(report.items()))
        if rng.random() < 0.25:
            report[rng.choice(["humidity", "wind"])] = rng.randint(5, 95)
        if rng.random() < 0.2:
            report["unit"] = "celsius"
        if rng.random() < 0.3:
            items = list(report.items())
            rng.shuffle(items)
            report = dict(items)
        return json_text(report), answer
    if dice < 0.65:
        return json_text({rng.choice("condition weather summary".split()): sky}), f"In {place} it is {sky}."
    text = rng.choice([f"{degrees}\u00b0C and {sky}", f"{sky}, {degrees} C", f"{degrees} degrees, {sky}", sky, f"{sky.capitalize()}, {degrees}\u00b0C", f"{degrees}\u00b0C, {sky}", f"{sky} and {degrees} degrees"])
    return text, f"The weather in {place}: {text}."


def other_report(rng):
    """(tool result, answer) for any other tool."""
    value = rng.choice([str(rng.randint(0, 99999)), f"{rng.randint(0, 23)}:{rng.randint(10, 59)}", invented_word(rng), "done", "ok", "not found", invented_word(rng, False) + " " + str(rng.randint(1, 99)), "sent"])
    if rng.random() < 0.4:
        number = value.isdigit() and rng.random() < 0.7
        return json_text({rng.choice("result time value answer status output".split()): int(value) if number else value}), f"The tool says: {int(value) if number else value}."
    return value, f"The tool says: {value}."


def tool_question(rng, pairs, wanted=False):
    """A question for one of the tools: (tool name, question, arguments, place).

    `wanted` True draws from the held-out questions only, False from the others.
    """
    while True:
        tool, ask = rng.choice(pairs)
        question, arguments, place = ask(rng)
        if held_out(normal_form(question)) == wanted or not arguments:
            return tool["function"]["name"], question, arguments, place


def tool_chat(rng, plain_turn):
    """(messages, tools): a conversation with tools; plain_turn(rng) gives an ordinary question and answer."""
    pairs = [weather_tool(rng)] if rng.random() < 0.65 else []
    while not pairs or (len(pairs) < 3 and rng.random() < 0.3):
        new = other_tool(rng)
        if new[0]["function"]["name"] not in [t["function"]["name"] for t, _ in pairs]:
            pairs.append(new)
    rng.shuffle(pairs)
    tools, messages = [t for t, _ in pairs], []
    for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 3])):
        if rng.random() < 0.22:
            question, answer = plain_turn(rng)
            messages += [("user", question), ("assistant", answer)]
            continue
        name, question, arguments, place = tool_question(rng, pairs)
        if place and "unit" not in arguments and rng.random() < 0.12:
            second = place_name(rng)
            question = rng.choice(["What is the weather in {} and {}?", "How is the weather in {} and in {}?", "Compare the weather in {} and {}."]).format(place, second)
            other = {k: second for k in arguments}
            messages += [("user", question), ("assistant", call_text(name, arguments) + "\n" + call_text(name, other))]
            if rng.random() < 0.6:
                first_result, first_answer = weather_report(rng, place)
                second_result, second_answer = weather_report(rng, second)
                messages += [("tool", first_result), ("tool", second_result), ("assistant", first_answer + " " + second_answer)]
                continue
            break
        messages += [("user", question), ("assistant", call_text(name, arguments))]
        if rng.random() < 0.35:
            break
        result, answer = weather_report(rng, place) if place else other_report(rng)
        messages += [("tool", result), ("assistant", answer)]
    return messages, tools
