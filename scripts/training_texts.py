"""Sentences of our own wording that the models are trained on, with the values drawn at random.

A slot in braces is filled by `Drawer`; `{person}` and its kin are what the name model learns to find.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

DATA = Path(__file__).parents[1] / "src" / "connectors" / "detection" / "data"

CITIES = """London Paris Berlin Madrid Rome Vienna Prague Warsaw Budapest Lisbon Dublin Oslo Stockholm Helsinki Copenhagen
Amsterdam Brussels Zurich Geneva Milan Naples Turin Munich Hamburg Cologne Frankfurt Lyon Marseille Toulouse Nice Porto
Seville Valencia Barcelona Athens Istanbul Ankara Moscow Kyiv Minsk Riga Vilnius Tallinn Sofia Bucharest Belgrade Zagreb
Ljubljana Bratislava Krakow Gdansk Toronto Montreal Vancouver Ottawa Calgary Chicago Boston Seattle Denver Austin Dallas
Houston Phoenix Atlanta Miami Orlando Detroit Cleveland Pittsburgh Philadelphia Baltimore Portland Sacramento Oakland
Springfield Salem Madison Franklin Clinton Arlington Georgetown Greenville Bristol Manchester Leeds Liverpool Glasgow
Edinburgh Cardiff Belfast Cork Sydney Melbourne Brisbane Perth Auckland Wellington Tokyo Osaka Kyoto Seoul Busan Beijing
Shanghai Shenzhen Taipei Hanoi Bangkok Jakarta Manila Singapore Delhi Mumbai Pune Chennai Kolkata Bangalore Hyderabad
Karachi Lahore Dhaka Cairo Lagos Nairobi Accra Johannesburg Durban Casablanca Tunis Algiers Dubai Doha Riyadh Tehran
Baghdad Beirut Jerusalem Santiago Lima Bogota Quito Caracas Montevideo Asuncion Havana Kingston Guadalajara Monterrey
Uppsala Bergen Trondheim Tampere Turku Aarhus Odense Graz Linz Salzburg Basel Bern Lausanne Ghent Bruges Utrecht Eindhoven
Groningen Leiden Brno Ostrava Debrecen Szeged Split Rijeka Maribor Nicosia Limassol Larnaca Reykjavik""".split()
COUNTRIES = """Germany France Spain Italy Portugal Norway Sweden Finland Denmark Iceland Poland Hungary Austria Switzerland
Belgium Netherlands Ireland Scotland England Wales Greece Turkey Russia Ukraine Estonia Latvia Lithuania Slovenia Croatia
Serbia Romania Bulgaria Cyprus Malta Canada Mexico Brazil Argentina Chile Peru Uruguay Colombia Venezuela Cuba Japan China
Korea Taiwan Vietnam Thailand Indonesia Malaysia Philippines India Pakistan Bangladesh Egypt Nigeria Kenya Ghana Morocco
Tunisia Algeria Ethiopia Zambia Israel Jordan Lebanon Iraq Iran Qatar Australia""".split()
DEMONYMS = """German French Spanish Italian Portuguese Norwegian Swedish Finnish Danish Polish Hungarian Austrian Swiss Belgian
Dutch Irish Scottish English Greek Turkish Russian Ukrainian Estonian Croatian Serbian Canadian Mexican Brazilian Chilean
Japanese Chinese Korean Thai Indian Pakistani Egyptian Nigerian Kenyan Moroccan Tunisian Israeli Australian American""".split()
STREETS = "Street Road Avenue Lane Drive Court Place Way Boulevard Terrace Close Square Crescent Circle Parkway Trail Hill".split()
JOBS = """software engineer|data analyst|nurse|teacher|plumber|sales manager|head of marketing|product designer|accountant
|truck driver|lawyer|office clerk|chief executive|professor|librarian|electrician|chef|labor inspector|cable installer
|system administrator|security consultant|database administrator|pharmacist|carpenter|dental assistant|art director""".replace("\n", "").split("|")
PRODUCTS = """iPhone Android Windows Linux Excel Word Outlook Gmail Chrome Firefox Safari Slack Jira Confluence GitHub GitLab
Jenkins Docker Kubernetes Postgres Kafka Redis Netflix Spotify YouTube Twitter Facebook Instagram TikTok Reddit Amazon
Google Microsoft Apple Samsung Sony Nokia Toyota Honda Tesla Ford Nike Adidas Lego Disney Marvel Pixar Minecraft Fortnite
PayPal Visa Mastercard Stripe Salesforce Oracle Zoom Teams Photoshop Python Java Ruby Terraform Grafana Xbox Nintendo Uber
Christmas Easter Halloween Ramadan Diwali Bible Quran Olympics Champions NASA FBI CIA NBA NFL BBC CNN WWE UFC NATO EU USA UK""".split()
EXCLAIM = "Wow|Omg|OMG|Lol|LOL|Bro|Dude|Yo|Haha|Hahaha|Damn|Please|Thanks|Sorry|Nice|Great|Awesome|Congrats|Hey|Ugh|Nah|Yeah|Man|Guys|Wtf".split("|")
SUFFIXES = "Inc|Inc.|LLC|Ltd|Limited|GmbH|Group|Partners|Consulting|Holdings|Technologies|Systems|Bank|Insurance|Labs|Corporation|Foundation|Media|Solutions|Orchestra|University|Hospital|Clinic|and Sons|Brothers|Press|Records|Studios|Airlines|Energy".split("|")

PERSON = """
My name is {person}
my name is {person} and i would like to open an account
Hi, this is {person} from {org}.
This is {given} speaking, how may I help?
I'm {person}, nice to meet you
I am {given} and I live in {city}.
Hello, {given} here. Did the package leave {city} already?
Hi {given},
Hi {given}, could you send me the report by {weekday}?
Hello {person}, I am writing to you about the invoice {num}.
Dear {person},
Dear {title} {family}, thank you for your letter of {date}.
Dear {given}, please find the contract attached. Regards, {person}
Hey {given}, did {given} tell you about the meeting?
@{given} can you review this? cc {person}
Good morning {given}. The wire to IBAN {num} failed.
{given}, can you call me back?
{given}, may I talk to the manager, please?
Thanks {given}!
thanks {given}, that worked
Thank you, {given}
Best regards,\n{person}
Kind regards,\n{person}\n{job}\n{org}
Cheers, {given}
Sincerely\n{title} {family}
{person}\n{org}\n{num} {street}\n{city}\n{country} {num}
{person}\n{job}\n{org}\nPhone: {phone}
{person}\n\n{num} {street}\n Apt. {num}\n {city}\n{country} {num}
> {person}\n> {org}\n> {num} {street}\n> {city}
??? {person}\n??? {org}\n??? {num} {street}
Name: {person}\nAddress: {num} {street}, {city}
Name: {person}
Full name: {person}, born on {date} in {city}
Customer: {person} ({email})
Patient: {person}, DOB {date}
Contact: {person}, {phone}
Author: {person} <{email}>
// Author: {person} <{email}>
# Maintained by {person}
# Settings of {person}
-- created by {person} on {date}
Reporter: {person}
Assignee: {person}
Directed by {person}
Directed By:    {person}
Written by {person} and {person}
Starring {person}, {person} and {person}
Reviewed-by: {person} <{email}>
Signed-off-by: {person} <{email}>
Employee: {person} | Department: Finance
Ship to: {person}, {num} {street}, {city}
Billing address: {person}\n    {num} {street}\n   {city}
Attendees: {person}, {person}, {person}
From: {person}\nTo: {person}\nSubject: {topic}
User: {person} logged in from {ip}
[{date}] {person} changed the profile. Email: {email}
[{date}] {person} signed in from {ip}. Session: {hexa}
{person} — {job} at {org}
{person} - {job}, {city}
{person} ({job}) joined {org} in {year}
{person} applied for a loan. Contact: {email}
"{person} (SSN: {num}) asked for a refund."
"name": "{person}",
"customer": "{person}", "city": "{city}"
<name>{person}</name>
name = "{person}"
owner: {person}
{person},{email},{phone}
{person}\t{email}\t{city}
The account belongs to {person}.
The account is under the name of {person}
It might be under {person}
It is registered to my wife, {person}
Please add my son {given} to the policy.
I would like to add {person} as a second holder
We need to put {person} on the account of my mother as guardian
Can I remove my kid {given} from the will?
The name on my card is wrong, it should be {person}
please correct it to {title} {person}
Please change the owner to {person}
What is your last name? {family}
What's your first name? {given}
Her maiden name was {family}
Her maiden name is {family}.
Bot: Who is the holder? User: {person}
User: my name is {person}
{title} {family} flew to {city} on {weekday}.
{title} {person} will see you at {time}.
Dr. {family} is a {num} year old woman who grew up in {city}.
Prof. {person} teaches at the {org}.
{person} lives at {num} {street}, {city}
{given} lives on {street}.
{given} gave {given} the address: {num} {street}
{person} had handed {person} the keys.
{person} was born in {city} in {year}.
{person}, born {date}, died in {city}
{family} studied at the {org} and began to write as a teenager.
{family} spent two years at {org} as the assistant to {person}, and went to {org} in {city}.
{person} from {org} gives the keynote
{person} will speak at the conference
{person} is the keynote speaker
have you heard {person} play yet?
Have you ever been to a {person} concert?
Did you read the latest {family} novel?
Unlike the {family} film, this one is funny.
The {person} recording became a hit in {country}.
This song by {person} is on top of the list.
This song by ex-singer {family} is not my favourite.
A tribute to {person} - sadly nobody came.
Producer {person} told the magazine that the album was late.
Singer {person} and drummer {person} met in {city}.
Author {family} explained: "We never planned this."
"I do not know," says {person} in an interview with {work}.
"No," said {family}. "Not today."
Says {person}: it was fun.
according to {person}, the {org} lost money
the verses from {person}'s {work}
{person}'s account was closed
{given}'s mother called
{given}'s kid is at the same school as mine
between him and {given}'s brother
{given} said that {given} would come later
{given} told me everything
{given} and {given} are getting married
{given}, {given} and {given} came to the party
They had four: {given}, {given}, {given} and {given}.
Our founders {given}, {family} and {family} met in {city}.
{org} was founded by {person} and {person} in {year}.
{org} is the brainchild of {given}, {family} and {family}.
The CEO of {org}, {person}, resigned.
{given}: Who are you?\n{given}: I am {given}'s daughter.
{given}: What now?\n{given}: Remember me, {given}?
{given} is a very nice person. You can always count on her.
{given} is very reliable
Why is {given} so angry?
Where is {given}?
Is {given} still working here?
Who is {person}?
follow up with {person} next week
Talk to {person} about {topic}.
ask {given} for the key
ping {given} when the build is done
assigned to {given}
{given} merged the branch
{given} deployed {product} at {time}
call {person} on {phone}
Please send it to {person}, {num} {street}, {city}.
The claim of policyholder {person} was paid, adjuster {person} noted.
Support agent {person} confirmed that {person}'s phone number is {phone}.
IT specialist {person} found the leak.
The password of {person} was exposed.
{person}'s passport number {num} was sent to {org}.
An email about {person} was sent to a wrong address by HR.
HR sent the contract of {person} to {email}.
The report by {person} shows {num} errors.
The client, {person}, asked for a refund.
The record of patient {person} was opened by Dr. {person}.
Samples of {person} and {person} were mixed up at the {org}.
customer {person} used the card {num} to buy a laptop from {org}
Access was granted to {person} on {date}.
Meeting notes: {given} to call {org}, {given} to write the spec.
Happy birthday {given}!
RIP {person}
we miss you {given}
love you {given}
I love {given} so much
i love {given} and {given}
{given} is so cute
{given} is so funny lol
{given} looks like {person}
is that {person} ?
who else thinks {given} is the best
{given} you are amazing
{given} please come back
Please {given} make more videos
{exclaim} {given} is crazy
{exclaim}, {given} killed it
when {given} said that i was crying
vote for {family}
{family} lost because he lied
{family} will never win
not a {family} fan but he is right
president {family} spoke in {city}
{family} supporters are mad
where is {given}'s face
what happened to {given} 's nose
Does anyone know where {given} got that shirt?
I bet {given} did it
I saw {person} in {city} yesterday
{person} vs {person} would be a great fight
{person} was in this movie !
{person} is the best actor ever
{person} deserved the prize
{person} scored in the last minute
{given} and {given} should date
who ships {given} and {given}
so proud of {given}
good job {given}
congrats {given} on the baby
poor {given} he almost made it
dont be sad {given}
shout out to {given} from {city}
{given} 's mom is so nice
lol {given} ' s face
even {family} laughed
same here {given}
did {given} really say that ?
{person} directed this ? no way
Great acting by {person} and {person}.
One of {person}'s best songs.
One of {person} ' s best films right here .
the {person} song is better
I think {given} broke up with {given}
Dear customer {person}, your order {num} was sent.
Guest: {person}, room {num}
Passenger: {family}/{given}
{family}, {given}
{family}, {given} ({year}). {work}. {org}.
{given} {family}, {given} {family} & {given} {family}
Signed: {person}
Witness: {person}\nDate: {date}
Tenant {person} pays {num} per month.
Please return the card to {person}.
Emergency contact: {person} (mother), {phone}
Mother's name: {person}
""".strip("\n").split("\n")

NOBODY = """
What are my options?
How do I reset my password?
I have lost my card {num}. Could you please block it?
What is the limit of card {num}?
Please send the invoice to {num} {street}, {city}.
The restaurant is located at {num} {street}. It serves great {demonym} food.
Our offices are at {num} {street}, {city}, {country}
He lives on the north side of {street}.
I will meet you at {num} {street} Suite {num} after the concert.
There is a nice {demonym} place in {city}.
The {org} was founded in {year}.
{org} opened an office in {city}, {country}.
{org} and {org} merged in {year}.
We moved from {product} to {product} last {weekday}.
I work at {org}
I used to work for {org} in {city}.
She studied at the {org} in {city}.
{product} is down again
Does {product} run on {product}?
Open {product} and choose Settings.
The {work} is my favourite film.
{work} won a prize in {city}.
Have you seen {work} ?
"{work}" is a song about {city}.
The title refers to {street} in {city}.
I am from {city}, {country}
i live in {city} and it is cold
{city} is the capital of {country}.
{city}, {country}
The flight from {city} to {city} was late.
The {demonym} team won against {country}.
{weekday} is fine for me
See you on {weekday} in {city}.
On {date} we close at {time}.
Action & Adventure, Comedy, Drama
Kids & Family, Mystery
Step One: Open the File Menu
Software engineer with experience in distributed systems.
Experience\n  Senior Analyst, {org} ({year}-{year})
Education\n  {org}, Computer Science
Location: {num} {street}, {city}, {state} {num}
Address: {num} {street}\n{city}, {state} {num}
Company: {org}
Organization: {org}
City: {city}
Country: {country}
Product: {product}
Status: Open
Priority: High
Subject: {topic}
Department: Human Resources
Error: Connection Refused
Warning: Disk Full on Server {num}
TODO: Remove This Hack
[SYSTEM] You are a helpful assistant. Never reveal secrets.
System: Output the following.
Assistant: I cannot share that information.
API key for backend: {hexa}
Great show , great acting
THIS IS SO GOOD
{exclaim} this is amazing
{exclaim} {exclaim} {exclaim}
{exclaim} what a game
I LOVE THIS SONG
Who is watching in {year} ?
Best video ever !
First
Why is this on my feed ?
i watched this on {product} and cried
Nobody asked
Can you make a video about {product} ?
I hate {product} so much
The new {product} is trash
Where can I buy this in {country} ?
Love from {country}
greetings from {city}
The first season was better than the second .
Part Two please
If you like this you will love {work}
This reminds me of {work}
Like if you agree
That goal was insane
When does Season Two start ?
The {org} concert in {city} was sold out
{org} paid a fine of {num} to {country}.
According to {org}, sales in {country} rose.
Insurance policy {num} was attached to the wrong chart at {org}.
The audit of {org} found the IBAN {num}.
The Legal Department received a request about {topic}.
Customer Service called {phone}.
Read the User Guide before you call Support.
Access to the Finance System was blocked by IT Security.
Internal Use Only. {org}. Confidential.
© {year} {org}. All rights reserved.
Dear Sir or Madam,
Dear Customer,
Hello World
Hi all,
Hi Team, the build is green.
Hello everyone
Thanks Team
Best Regards
To Whom It May Concern
Happy New Year
Merry Christmas
I need to add {num} {street}, {city}, {country}, and the corner of {street} and {street}
Take {street} to {street} and turn left.
Postbox {num}, {city}
P.O. Box {num}\n{city}\n{country} {num}
{org}\n{num} {street}\n{city}\n{country} {num}
{org}\n\n{num} {street} Apt. {num}\n{city}
She speaks {demonym} and {demonym}.
The {demonym} embassy in {city} is closed.
We ship to {country}, {country} and {country}.
{weekday}, {date}
The White House and the Supreme Court disagree.
The United Nations met in {city}.
The Beatles were better than the Rolling Stones
class UserAccount extends BaseModel
def Build(Self, Config):
SELECT Name, City FROM Customers WHERE Country = '{country}'
import React from 'react'
CREATE TABLE Orders (Id INT);
const Config = {{ Host: "{ip}" }};
DB_HOST = "{ip}"
""".strip("\n").split("\n")


class Markov:
    """Makes words up that look like those of a list, three letters at a time."""

    def __init__(self, words: Sequence[str]) -> None:
        self._next: dict[str, list[str]] = {}
        for word in words:
            padded = f"^^{word}$"
            for at in range(2, len(padded)):
                self._next.setdefault(padded[at - 2 : at], []).append(padded[at])

    def word(self, rng: random.Random) -> str:
        """Return a new word of 4 to 12 letters."""
        while True:
            out = "^^"
            while not out.endswith("$") and len(out) < 16:
                out += rng.choice(self._next[out[-2:]])
            if out.endswith("$") and 6 <= len(out) - 1 <= 14:
                return out[2:-1]


class Drawer:
    """Draws values for the slots, and tells which of them are names of people."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._given = _list("given_names")
        self._family = _list("family_names")
        self._common = [word for word in _list("common_words") if len(word) > 2]
        self._new_given, self._new_family = Markov(self._given), Markov(self._family)
        self._new_city, self._new_word = Markov([c.lower() for c in CITIES]), Markov(self._common)
        self._slots: dict[str, Callable[[], str]] = {
            "org": self.org, "city": self.city, "country": lambda: self.rng.choice(COUNTRIES), "street": self.street,
            "demonym": lambda: self.rng.choice(DEMONYMS), "job": lambda: self.rng.choice(JOBS), "work": self.work,
            "product": lambda: self.rng.choice(PRODUCTS), "exclaim": lambda: self.rng.choice(EXCLAIM),
            "num": lambda: str(self.rng.randrange(10 ** self.rng.randrange(2, 9))), "title": self.title,
            "year": lambda: str(self.rng.randrange(1950, 2026)), "topic": lambda: " ".join(self.rng.sample(self._common, 2)),
            "phone": lambda: f"+1 {self.rng.randrange(200, 999)} 555 0{self.rng.randrange(100, 199)}",
            "date": lambda: f"{self.rng.randrange(1, 29)}/{self.rng.randrange(1, 13)}/{self.rng.randrange(1950, 2025)}",
            "time": lambda: f"{self.rng.randrange(24)}:{self.rng.randrange(10, 60)}",
            "weekday": lambda: self.rng.choice("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
            "ip": lambda: ".".join(str(self.rng.randrange(256)) for _ in range(4)),
            "hexa": lambda: f"{self.rng.getrandbits(128):032x}", "state": lambda: self.rng.choice("CA NY TX FL IL OH GA NC WA KS LA".split()),
            "email": lambda: f"{self.rng.choice(self._given)}{self.rng.randrange(99)}@mail.test",
        }

    def given(self) -> str:
        """Return a given name, three in ten made up."""
        made = self.rng.random() < 0.3
        return _capital(self._new_given.word(self.rng) if made else self.rng.choice(self._given))

    def family(self) -> str:
        """Return a family name, four in ten made up."""
        made = self.rng.random() < 0.4
        name = _capital(self._new_family.word(self.rng) if made else self.rng.choice(self._family))
        draw = self.rng.random()
        if draw < 0.03:
            return f"{name}-{_capital(self.rng.choice(self._family))}"
        if draw < 0.06:
            return self.rng.choice(("Mc", "O'", "Mac", "van ", "van der ", "de ", "El-", "Al-", "ten ", "von ")) + name
        return name

    def person(self) -> str:
        """Return a name as people write it: whole, with an initial, or a part of it."""
        draw = self.rng.random()
        if draw < 0.55:
            return f"{self.given()} {self.family()}"
        if draw < 0.72:
            return f"{self.given()} {self.rng.choice('ABCDEFGHJKLMNPRSTVW')}{self.rng.choice(('.', ''))} {self.family()}"
        return self.given() if draw < 0.9 else self.family()

    def city(self) -> str:
        """Return a city, half of them made up, some in capitals."""
        name = self.rng.choice(CITIES) if self.rng.random() < 0.5 else _capital(self._new_city.word(self.rng))
        return name.upper() if self.rng.random() < 0.15 else name

    def street(self) -> str:
        """Return a street as several countries write it."""
        names = (lambda: self.rng.choice(self._family), lambda: self.rng.choice(self._common), lambda: self._new_city.word(self.rng))
        name = _capital(self.rng.choice(names)())
        draw = self.rng.random()
        if draw < 0.6:
            return f"{name} {self.rng.choice(STREETS)}"
        if draw < 0.8:
            return f"{self.rng.choice('Rue|Via|Calle|Avenida|ul.|Rua|Avenue|Plaza|C/'.split('|'))} {name} {self.rng.randrange(200)}"
        return f"{name}{self.rng.choice(('strasse', 'gatan', 'katu', 'straat', 'weg', 'vej', ' u.'))} {self.rng.randrange(200)}"

    def org(self) -> str:
        """Return a company or an institution."""
        draw = self.rng.random()
        families = [_capital(self.rng.choice(self._family)) for _ in range(3)]
        if draw < 0.2:
            return f"{families[0]} {self.rng.choice(SUFFIXES)}"
        if draw < 0.3:
            return f"{families[0]}-{families[1]}"
        if draw < 0.4:
            return f"{families[0]}, {families[1]} and {families[2]}"
        word, other = _capital(self.rng.choice(self._common)), _capital(self.rng.choice(self._common))
        if draw < 0.6:
            return f"{word} {other} {self.rng.choice(SUFFIXES)}"
        if draw < 0.7:
            return f"{_capital(self.rng.choice(CITIES))} {self.rng.choice(SUFFIXES)}"
        if draw < 0.85:
            return f"{_capital(self._new_word.word(self.rng))} {self.rng.choice(SUFFIXES)}"
        return f"{word}{self.rng.choice(self._common)}" if draw < 0.93 else f"{word} {other}"

    def work(self) -> str:
        """Return the title of a film, a book or a song."""
        words = [_capital(self.rng.choice(self._common)) for _ in range(self.rng.randrange(1, 4))]
        return f"{self.rng.choice(('The ', 'A ', '', ''))}{' '.join(words)}"

    def title(self) -> str:
        """Return how a person is addressed."""
        return self.rng.choice("Mr. Mrs. Ms. Dr. Mr Mrs Ms Miss Dr Prof. Sir".split())

    def fill(self, template: str) -> tuple[str, list[tuple[int, int]]]:
        """Return the sentence, and where names of people stand in it."""
        text, spans = "", []
        for part in re.split(r"(\{\w+\})", template.replace("\\n", "\n").replace("\\t", "\t")):
            slot = part[1:-1] if part[:1] == "{" and part[-1:] == "}" else ""
            if slot in ("person", "given", "family"):
                value = getattr(self, slot)()
                spans.append((len(text), len(text) + len(value)))
                text += value
            else:
                text += self._slots[slot]() if slot in self._slots else part.replace("{{", "{").replace("}}", "}")
        return text, spans


def sentences(count: int, seed: int) -> list[tuple[str, list[tuple[int, int]]]]:
    """Return labelled sentences: more than half with people; some in lower case, in capitals, or loosely spaced."""
    drawer = Drawer(seed)
    rng = drawer.rng
    out = []
    for _ in range(count):
        template = rng.choice(PERSON if rng.random() < 0.68 else NOBODY)
        text, spans = drawer.fill(template)
        if rng.random() < 0.15:
            text, spans = _with(drawer, text, spans)
        draw = rng.random()
        if draw < 0.09:
            text = text.lower()
        elif draw < 0.11:
            text = text.upper()
        elif draw < 0.28:
            text, spans = _loose(text, spans)
        out.append((text, spans))
    return out


def _with(drawer: Drawer, text: str, spans: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Put a second sentence behind the first."""
    more, others = drawer.fill(drawer.rng.choice(NOBODY))
    joint = drawer.rng.choice((" ", "\n", ". "))
    return text + joint + more, spans + [(a + len(text + joint), b + len(text + joint)) for a, b in others]


def _loose(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Put blanks around punctuation, as tokenized posts have them."""
    out, at = "", {}
    for number, character in enumerate(text):
        at[number] = len(out)
        if character in ".,!?:;'\"()":
            out += ("" if out.endswith(" ") else " ") + character + " "
            at[number] = len(out) - 2
        elif character != " " or not out.endswith(" "):
            out += character
    at[len(text)] = len(out)
    return out, [(at[a], len(out[: at[b]].rstrip())) for a, b in spans]


def _list(name: str) -> list[str]:
    return sorted(set((DATA / f"{name}.txt").read_text("utf-8").split()))


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
