"""What the demo model is meant to know: small tables, written by hand."""

CAPITALS = dict(
    line.split(" = ")
    for line in """
France = Paris; Germany = Berlin; Italy = Rome; Spain = Madrid; Portugal = Lisbon
Austria = Vienna; Switzerland = Bern; Belgium = Brussels; the Netherlands = Amsterdam
Luxembourg = Luxembourg City; England = London; Scotland = Edinburgh; Wales = Cardiff
Ireland = Dublin; the United Kingdom = London; Denmark = Copenhagen; Norway = Oslo
Sweden = Stockholm; Finland = Helsinki; Iceland = Reykjavik; Poland = Warsaw
Czechia = Prague; Slovakia = Bratislava; Hungary = Budapest; Slovenia = Ljubljana
Croatia = Zagreb; Serbia = Belgrade; Greece = Athens; Bulgaria = Sofia; Romania = Bucharest
Albania = Tirana; Estonia = Tallinn; Latvia = Riga; Lithuania = Vilnius; Ukraine = Kyiv
Belarus = Minsk; Russia = Moscow; Turkey = Ankara; Cyprus = Nicosia; Malta = Valletta
Egypt = Cairo; Morocco = Rabat; Algeria = Algiers; Tunisia = Tunis; Libya = Tripoli
Sudan = Khartoum; Ethiopia = Addis Ababa; Kenya = Nairobi; Uganda = Kampala
Ghana = Accra; Senegal = Dakar; Nigeria = Abuja; Angola = Luanda; Zambia = Lusaka
Zimbabwe = Harare; Rwanda = Kigali; Somalia = Mogadishu; Madagascar = Antananarivo
the United States = Washington, D.C.; Canada = Ottawa; Mexico = Mexico City
Cuba = Havana; Jamaica = Kingston; Panama = Panama City; Brazil = Brasilia
Argentina = Buenos Aires; Chile = Santiago; Peru = Lima; Colombia = Bogota
Ecuador = Quito; Uruguay = Montevideo; Paraguay = Asuncion; Venezuela = Caracas
Japan = Tokyo; China = Beijing; South Korea = Seoul; North Korea = Pyongyang
India = New Delhi; Pakistan = Islamabad; Nepal = Kathmandu; Bangladesh = Dhaka
Thailand = Bangkok; Vietnam = Hanoi; Malaysia = Kuala Lumpur; Indonesia = Jakarta
the Philippines = Manila; Mongolia = Ulaanbaatar; Iran = Tehran; Iraq = Baghdad
Syria = Damascus; Lebanon = Beirut; Jordan = Amman; Saudi Arabia = Riyadh
Qatar = Doha; Oman = Muscat; Afghanistan = Kabul; Armenia = Yerevan; Georgia = Tbilisi
Australia = Canberra; New Zealand = Wellington; Fiji = Suva
""".replace("\n", ";").split(";")
    for line in [line.strip()]
    if line
)

# Other names in common use for a country of the table.
COUNTRY_NAMES = {
    "the United States": ["the USA", "the US", "America", "the United States of America"],
    "the United Kingdom": ["the UK", "Great Britain"],
    "the Netherlands": ["Holland"],
    "Czechia": ["the Czech Republic"],
}

COLOURS = dict(
    pair.split(" = ")
    for pair in (
        "the sky = blue; grass = green; snow = white; coal = black; the sun = yellow; "
        "a banana = yellow; a lemon = yellow; a tomato = red; a strawberry = red; "
        "a cherry = red; blood = red; a carrot = orange; a pumpkin = orange; milk = white; "
        "chocolate = brown; an elephant = grey; a flamingo = pink; a pig = pink; "
        "a frog = green; a cucumber = green; the sea = blue; gold = yellow; "
        "a raven = black; a polar bear = white; a fire engine = red; a leaf = green; "
        "wood = brown; an eggplant = purple; lavender = purple; a swan = white; "
        "a blueberry = blue; spinach = green; salt = white; a ladybird = red; "
        "a mouse = grey; sand = yellow; ketchup = red; mustard = yellow; a lime = green; "
        "the night = black; a cloud = white; rust = brown; coffee = brown; silver = grey"
    ).split("; ")
)

OPPOSITES = [
    tuple(pair.split("-"))
    for pair in (
        "hot-cold big-small tall-short fast-slow old-new up-down left-right in-out "
        "day-night black-white good-bad happy-sad rich-poor hard-soft wet-dry full-empty "
        "open-closed early-late light-dark high-low long-short loud-quiet strong-weak "
        "clean-dirty sweet-bitter near-far first-last true-false yes-no begin-end "
        "love-hate war-peace win-lose buy-sell push-pull give-take laugh-cry north-south "
        "east-west summer-winter young-old thick-thin wide-narrow deep-shallow "
        "heavy-light safe-dangerous easy-difficult right-wrong inside-outside "
        "above-below before-after always-never all-none male-female asleep-awake "
        "alive-dead brave-afraid cheap-expensive smooth-rough sharp-blunt front-back "
        "top-bottom arrive-leave remember-forget friend-enemy start-stop"
    ).split()
]
OPPOSITE = {}
for _a, _b in OPPOSITES:
    OPPOSITE.setdefault(_a, _b)
    OPPOSITE.setdefault(_b, _a)

SOUNDS = {
    "cow": "moo", "dog": "woof", "cat": "meow", "duck": "quack", "sheep": "baa",
    "pig": "oink", "horse": "neigh", "rooster": "cock-a-doodle-doo", "bee": "buzz",
    "frog": "ribbit", "lion": "roar", "mouse": "squeak", "owl": "hoot", "snake": "hiss",
}

LEGS = {
    "a dog": 4, "a cat": 4, "a spider": 8, "an ant": 6, "a bee": 6, "a bird": 2,
    "a horse": 4, "a chicken": 2, "a snake": 0, "a fish": 0, "a cow": 4, "an octopus": 0,
    "a person": 2, "a frog": 4, "a fly": 6,
}

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = ("January February March April May June July August September October "
          "November December").split()
NUMBER_WORDS = ("zero one two three four five six seven eight nine ten eleven twelve "
                "thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty").split()

# Fixed questions with one answer: alternatives in brackets, see writing.expand.
SINGLE_FACTS = [
    ("[How many|What is the number of] days [are there in|are in|does|has] a week[ have|]?", "A week has 7 days."),
    ("How many months [are there in|are in|has] a year?", "A year has 12 months."),
    ("How many hours [are there in|are in|has] a day?", "A day has 24 hours."),
    ("How many minutes [are there in|are in|has] an hour?", "An hour has 60 minutes."),
    ("How many seconds [are there in|are in|has] a minute?", "A minute has 60 seconds."),
    ("How many days [are there in|are in|has] a year?", "A year has 365 days, a leap year has 366."),
    ("How many sides [does a triangle have|has a triangle]?", "A triangle has 3 sides."),
    ("How many sides [does a square have|has a square]?", "A square has 4 sides."),
    ("How many letters [are in|are there in|has] the alphabet?", "The English alphabet has 26 letters."),
    ("[Say|Write|Recite|List|What is|Give me|Can you say] the alphabet[.|, please.|]",
     "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z"),
    ("[Name|List|Tell me|What are|Give me] the days of the week[.|]",
     "The days of the week are Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday."),
    ("[Name|List|Tell me|What are|Give me] the months of the year[.|]",
     "The months are January, February, March, April, May, June, July, August, September, "
     "October, November and December."),
    ("[Name|List|What are|Tell me|Give me] the [four |]seasons[.|]", "The seasons are spring, summer, autumn and winter."),
    ("[Name|List|Tell me|Give me] three colo[u|]rs[.|]", "Red, green and blue."),
    ("[Name|List|Tell me|Give me] three animals[.|]", "A cat, a dog and a horse."),
    ("[Name|List|Tell me|Give me] three fruits[.|]", "An apple, a banana and a cherry."),
    ("[Name|List|Tell me|Give me] three [countries|countries in Europe][.|]", "France, Germany and Italy."),
    ("[Is the earth round|What shape is the earth|Is the earth flat]?", "The earth is round."),
    ("[Where does the sun rise|In which direction does the sun rise]?", "The sun rises in the east."),
    ("[What do bees make|What does a bee make]?", "Bees make honey."),
    ("[What do cows give|Where does milk come from|What gives us milk]?", "Milk comes from cows."),
    ("[What is|What's] water made of?", "Water is made of hydrogen and oxygen."),
    ("[What is frozen water|What is frozen water called|What is ice]?", "Ice is frozen water."),
    ("[Which planet do we live on|What planet do we live on|What is our planet called]?", "We live on the planet Earth."),
    ("[Tell me a joke|Do you know a joke|Can you tell me a joke|Make me laugh|Say something funny][.|]",
     "Why did the computer go to bed early? It needed to save its memory."),
    ("[Give me|Tell me|Write] a [fun |]fact[.|]", "An octopus has three hearts."),
    ("[What is|What's] the meaning of life?", "To be kind, and to learn something new every day."),
    ("[What is a llama|What's a llama|Tell me about llamas]?", "A llama is a woolly animal that lives in the mountains of South America."),
    ("[What is a computer|What does a computer do]?", "A computer is a machine that works with numbers and text."),
    ("[What is|Explain|What's] [a GGUF file|GGUF][.|]", "GGUF is a file format that holds the weights and the vocabulary of a language model."),
    ("[What is|What's|Explain] [an LLM|a language model|a large language model][.|]",
     "A language model is a program that reads text and writes the words that should come next."),
]

WORDS_ABROAD = {
    "hello": {"French": "bonjour", "German": "hallo", "Spanish": "hola", "Italian": "ciao"},
    "thank you": {"French": "merci", "German": "danke", "Spanish": "gracias", "Italian": "grazie"},
    "yes": {"French": "oui", "German": "ja", "Spanish": "s\u00ed", "Italian": "s\u00ec"},
    "no": {"French": "non", "German": "nein", "Spanish": "no", "Italian": "no"},
    "water": {"French": "eau", "German": "Wasser", "Spanish": "agua", "Italian": "acqua"},
    "dog": {"French": "chien", "German": "Hund", "Spanish": "perro", "Italian": "cane"},
    "cat": {"French": "chat", "German": "Katze", "Spanish": "gato", "Italian": "gatto"},
    "house": {"French": "maison", "German": "Haus", "Spanish": "casa", "Italian": "casa"},
}

FIRST_NAMES = ("Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas Karla Leo Mia Noah Olga "
               "Paul Rosa Sam Tina Uma Vera Will Yara Zoe Alice Bob Carol Dan Eve Frank Grace "
               "Henry Iris Jack Kim Lisa Max Nina Oscar Peter Ruth Sarah Tom Maria John").split()
LAST_NAMES = ("Berg Carter Dale Fischer Green Hill Jensen Keller Lake Moore North Olsen Parker "
              "Reed Stone Turner Vance Winter Young Brook").split()
HOBBIES = ("reading hiking cooking painting chess swimming cycling gardening music dancing "
           "running photography").split()
JOBS = "teacher baker engineer nurse gardener writer painter pilot farmer doctor".split()
MORE_CITIES = ("New York; San Francisco; Los Angeles; Chicago; Boston; Seattle; Toronto; "
               "Vancouver; Sydney; Melbourne; Munich; Hamburg; Cologne; Frankfurt; Zurich; "
               "Geneva; Milan; Naples; Venice; Barcelona; Seville; Porto; Lyon; Marseille; "
               "Nice; Manchester; Liverpool; Glasgow; Osaka; Kyoto; Shanghai; Hong Kong; "
               "Mumbai; Dubai; Istanbul; Cape Town; Rio de Janeiro; Singapore; Miami; Dallas; "
               "Houston; Denver; Paris; London; Berlin; Tokyo; Madrid; Rome").split("; ")
