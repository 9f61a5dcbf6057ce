"""The training text: an endless stream of (passage, question, answer) from a seeded generator.

Few of them are the starter entries as they stand. The rest are made up, so that the only way to be
right is to read the passage: sentences of several entries mixed, words swapped, words that do not
exist, facts about people who do not exist.
"""

import random
import re

import layout

PEOPLE = (
    "Amina Baraka Chanda Daudi Esther Farida Grace Hamisi Ibrahim Joyce Kato Leila Moses "
    "Neema Omar Peter Rehema Salma Tendai Upendo Wanjiru Yusuf Zuhura Asha Bosco Chipo Fatou "
    "Kwame Abena Musa Nia Otieno Achieng Sipho Thandi Lucia"
).split()
PLACES = (
    "Arusha Bondo Chipata Dodoma Entebbe Gulu Homabay Iringa Kitui Lodwar Mbale Mwanza Nakuru "
    "Ndola Pemba Ruiru Singida Tabora Voi Wajir Zomba Kasama Lira Moshi Tanga Kilifi Marsabit "
    "Soroti Mzuzu Lamu"
).split()
THINGS = (
    "basket blanket book bottle bucket candle chair cloth cup drum hammer kettle key knife "
    "ladder lamp mat mirror needle net pencil plate pot radio rope sack shoe soap spoon stone "
    "table tin torch wheel"
).split()
FOODS = (
    "beans bread cabbage cassava eggs fish honey maize mangoes milk millet onions potatoes "
    "rice salt tomatoes"
).split()
JOBS = (
    "baker carpenter cook doctor driver farmer fisher mason nurse painter shepherd tailor "
    "teacher trader weaver"
).split()
ANIMALS = (
    "camel cat cow dog donkey duck goat hen horse monkey parrot rabbit sheep snake turtle"
).split()
COLOURS = ("black blue brown green grey orange purple red white yellow").split()
PLAIN_WORDS = (
    "about above after again all also always and any around ask away back bad before behind "
    "below best better between big body both bring build buy call carry catch change child "
    "clean clear close cold come cook cool cut dark day deep do door down draw drink dry each "
    "early earth eat empty end evening every eye face fall family far fast feel field find "
    "fire first flat follow food foot from full garden gather give go good ground group grow "
    "hand happy hard head hear heat heavy help high hold home hot hour house how in inside "
    "into keep kind know land large last late lead leaf learn leave left letter lift light "
    "line listen little long look low make many market meet milk minute month moon morning "
    "mother mountain mouth move much near never new night no north now number of off often "
    "old on one only open or other outside over paper part path people picture place plant "
    "play pull push put question quick quiet rain reach read ready rest rich right river road "
    "roof room root round run safe sand school sea see seed sell send seven shade shape share "
    "short show side sing sit skin sky sleep slow small smoke so soft soil some soon south "
    "speak stand star start stay step still stop story strong sun sure swim take talk tall "
    "teach tell ten then thick thin think three tie time today town tree true turn two under "
    "until up use very visit voice wait walk wall want warm wash watch water way week well "
    "west wet what wheel when where white wide wind window with wood word work write year "
    "young"
).split()
WORD_LISTS = [PEOPLE, PLACES, THINGS, FOODS, JOBS, ANIMALS, COLOURS, PLAIN_WORDS]

# (a sentence, questions that it answers). A name in braces is filled the same way in all of them.
FACTS = [
    ("{person} lives in {place}.", "Where does {person} live?", "where is the home of {person}"),
    (
        "{person} sells {food} at the market.",
        "What does {person} sell?",
        "what can I buy from {person}",
    ),
    ("{person} works as a {job}.", "What work does {person} do?", "what is the job of {person}"),
    (
        "The {thing} costs {number} shillings.",
        "How much does the {thing} cost?",
        "price of the {thing}",
    ),
    (
        "The school in {place} has {number} pupils.",
        "How many pupils are in {place}?",
        "pupils at the school in {place}",
    ),
    (
        "The clinic in {place} opens on day {number}.",
        "When does the clinic in {place} open?",
        "clinic {place} open when",
    ),
    (
        "The {animal} of {person} is {colour}.",
        "What colour is the {animal} of {person}?",
        "colour of the {animal}",
    ),
    (
        "{person} put the {thing} behind the {thing2}.",
        "Where is the {thing}?",
        "where did {person} put the {thing}",
    ),
    (
        "The {made_up} is a {colour} plant that grows in {place}.",
        "What is a {made_up}?",
        "{made_up} meaning",
    ),
    (
        "To mend a {made_up}, heat it for {number} minutes.",
        "How do I mend a {made_up}?",
        "mend {made_up}",
    ),
    (
        "Never give {food} to a {animal}, because it becomes {made_up}.",
        "Can a {animal} eat {food}?",
        "{animal} ate {food}",
    ),
    (
        "{person} gave {number} {food} to {person2}.",
        "What did {person} give?",
        "how many {food} did {person2} get",
    ),
]
# Never trained on: for measuring.
HELD_OUT_FACTS = [
    (
        "The bus to {place} leaves at {number}.",
        "When does the bus to {place} leave?",
        "bus {place} time",
    ),
    (
        "{person} was born in the year {number}.",
        "When was {person} born?",
        "birth year of {person}",
    ),
    (
        "The {colour} {thing} belongs to {person}.",
        "Whose is the {colour} {thing}?",
        "who owns the {thing}",
    ),
]

SENTENCE_END = re.compile(r"(?<=[.!?]) ")
WORD = re.compile(r"[A-Za-z]+|\d+")


def sentences(text):
    return SENTENCE_END.split(text)


def content_words(text):
    """Words of four letters and more, lower case: what a question and a passage may share."""
    return {word.lower() for word in WORD.findall(text) if len(word) > 3}


class Stream:
    """Draws examples. The same arguments give the same examples.

    With `pieces`, the tokenizer's own, about a third of the random words are made of them, so that
    every token is copied now and then, also one that only a passage of the future holds.
    """

    def __init__(self, all_entries, seed, pieces=()):
        self.pieces = pieces
        self.entries = all_entries
        self.random = random.Random(seed)
        self.all_sentences = [s for entry in all_entries for s in sentences(entry["answer"])]
        self.words = sorted({w for s in self.all_sentences for w in WORD.findall(s)}) + sum(
            WORD_LISTS, []
        )

    # Pieces.

    def made_up(self):
        pick = self.random.choice
        syllables = self.random.randint(2, 4)
        return "".join(
            pick("bcdfghjklmnprstvwyz") + pick("aeiou") for _ in range(syllables)
        ) + pick(["", "n", "r", "s"])

    def number(self):
        return str(self.random.randint(1, self.random.choice([9, 99, 999, 9999])))

    def word(self):
        roll = self.random.random()
        if self.pieces and self.random.random() < 0.35:
            count = self.random.randint(1, 2)
            return "".join(self.random.choice(self.pieces) for _ in range(count))
        return (
            self.number()
            if roll < 0.05
            else self.made_up() if roll < 0.25 else self.random.choice(self.words)
        )

    def random_sentence(self, shortest=3, longest=14):
        count = self.random.randint(shortest, longest)
        words = [self.word() + ("," if self.random.random() < 0.08 else "") for _ in range(count)]
        text = " ".join(words).rstrip(",")
        return text[0].upper() + text[1:] + "."

    def swap_words(self, text, share):
        def swap(match):
            if self.random.random() >= share:
                return match.group()
            new = self.number() if match.group().isdigit() else self.word()
            return new.capitalize() if match.group()[0].isupper() else new

        return WORD.sub(swap, text)

    def typed(self, question):
        """The question as people type it: no capitals, no question mark, a slip."""
        roll = self.random.random()
        if roll < 0.35:
            question = question.lower()
        elif roll < 0.40:
            question = question.upper()
        if self.random.random() < 0.3:
            question = question.rstrip("?")
        if self.random.random() < 0.1 and len(question) > 5:
            at = self.random.randrange(1, len(question) - 1)
            question = question[:at] + question[at + 1 :]
        if self.random.random() < 0.1:
            question = self.random.choice(["please ", "hello ", "Tell me: ", "help! "]) + question
        return question

    def question_about(self, title):
        form = self.random.choice(
            ["What is {}?", "{}", "How do I do {}?", "Tell me about {}", "{} help", "what about {}"]
        )
        word = self.random.choice([title, title.lower(), self.random.choice(title.split())])
        return form.format(word)

    # Examples, each a (passage, question, answer).

    def entry(self):
        entry = self.random.choice(self.entries)
        question = self.typed(self.random.choice(layout.training_questions(entry)))
        return layout.passage_text(entry), question, entry["answer"]

    def swapped_entry(self):
        """An entry with words changed, so that remembering it gives a wrong answer."""
        entry = self.random.choice(self.entries)
        question = self.typed(self.random.choice(layout.training_questions(entry)))
        answer = self.swap_words(entry["answer"], self.random.choice([0.05, 0.15, 0.3, 0.6]))
        return f"{entry['title']}. {answer}", question, answer

    def mixed_entry(self):
        """One entry's title and question over sentences of others."""
        entry = self.random.choice(self.entries)
        question = self.typed(self.random.choice(layout.training_questions(entry)))
        parts = self.random.sample(self.all_sentences, self.random.randint(1, 5))
        own = sentences(entry["answer"])
        parts[self.random.randrange(len(parts))] = self.random.choice(own)
        answer = " ".join(parts)
        return f"{entry['title']}. {answer}", question, answer

    def random_passage(self):
        title = " ".join(self.word() for _ in range(self.random.randint(1, 3))).capitalize()
        answer = " ".join(self.random_sentence() for _ in range(self.random.randint(1, 4)))
        return f"{title}. {answer}", self.typed(self.question_about(title)), answer

    def fact(self, families=FACTS):
        """Several made-up facts; the answer is the one sentence that was asked for."""
        chosen = self.random.sample(families, self.random.randint(1, min(4, len(families))))
        people = self.random.sample(PEOPLE, 2 * len(chosen))
        places = self.random.sample(PLACES, len(chosen))
        things = self.random.sample(THINGS, 2 * len(chosen))
        filled = []
        for sentence, *questions in chosen:
            values = {
                "person": people.pop(),
                "person2": people.pop(),
                "place": places.pop(),
                "thing": things.pop(),
                "thing2": things.pop(),
                "food": self.random.choice(FOODS),
                "job": self.random.choice(JOBS),
                "animal": self.random.choice(ANIMALS),
                "colour": self.random.choice(COLOURS),
                "made_up": self.made_up(),
                "number": self.number(),
            }
            sentence = sentence.format(**values)
            filled.append(
                (sentence[0].upper() + sentence[1:], self.random.choice(questions).format(**values))
            )
        sentence, question = self.random.choice(filled)
        title = self.random.choice(
            ["Facts", "News", "Notes", "People", "Our village", "Short notes"]
        )
        return f"{title}. " + " ".join(s for s, _ in filled), self.typed(question), sentence

    def unanswered(self):
        """A passage that shares no word with the question or with what the question is about."""
        while True:
            asked, read = self.random.sample(self.entries, 2)
            question = self.random.choice(layout.training_questions(asked))
            if self.random.random() < 0.25:
                question = self.question_about(self.made_up())
            passage = layout.passage_text(read)
            if self.random.random() < 0.25:
                passage = self.random_passage()[0]
            about = content_words(layout.passage_text(asked)) | content_words(question)
            if len(content_words(question) & content_words(passage)) == 0 and (
                len(about & content_words(read["title"])) == 0
            ):
                return passage, self.typed(question), layout.NO_ANSWER

    MIX = [
        ("entry", 16),
        ("swapped_entry", 26),
        ("mixed_entry", 16),
        ("random_passage", 24),
        ("fact", 10),
        ("unanswered", 8),
    ]
    # For the last stage: declining is the product's work, and a model that has learned too much of
    # it declines what it should answer.
    POLISH_MIX = [
        ("entry", 20),
        ("swapped_entry", 28),
        ("mixed_entry", 14),
        ("random_passage", 28),
        ("fact", 8),
        ("unanswered", 2),
    ]

    def example(self):
        names, weights = zip(*(self.POLISH_MIX if self.pieces else self.MIX))
        return getattr(self, self.random.choices(names, weights)[0])()

    def copy_example(self, longest):
        """For the first stage: some words, and the same words again."""
        title = self.word().capitalize()
        answer = self.random_sentence(2, longest)
        return f"{title}. {answer}", self.question_about(title), answer
