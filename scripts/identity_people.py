"""Invented people with their records in three systems, and the truth about who is who: the large set of scripts/bench-identity.

People live in households, move, marry, change their e-mail address, and are written down by systems with habits of their own:
customers type into `shop` themselves, agents of `helpdesk` write what they hear, `billing` writes capitals and knows no umlauts.
All names, addresses, e-mail addresses and phone numbers are invented; the same seed makes the same records on any machine.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

COLUMNS = "id,system,given_name,family_name,email,phone,date_of_birth,street,postcode,city,country"

GIVEN = {
    ("de", "m"): (
        "Thomas Michael Andreas Peter Stefan Christian Martin Markus Daniel Alexander Frank Jan Klaus Jürgen Wolfgang Uwe Tobias "
        "Florian Sebastian Matthias Lukas Jonas Leon Felix Maximilian Paul Ben Finn Elias Noah Hans Günter Heinz Werner Helmut "
        "Bernd Dieter Manfred Horst Gerhard Karl Walter Rainer Ralf Jens Sven Torsten Dirk Olaf Jörg Holger Volker Ulrich Norbert "
        "Joachim Rolf Axel Björn Kai Lars Marco Patrick Dennis Philipp Simon Benjamin David Julian Niklas Tim Moritz Jakob Anton "
        "Emil Oskar Theo Henri Luis Mats Johannes Josef Franz Georg Herbert Kurt Otto Erich Friedrich Wilhelm Hermann Rudolf "
        "Konrad Lothar Egon Arno Armin Detlef Eberhard Gernot Götz Hartmut Ingo Karsten Knut Leonhard Ludwig Marcel Mario Nico "
        "Oliver Pascal Reinhard Robert Roland Roman Rüdiger Siegfried Steffen Timo Valentin Viktor Vincent Hans-Peter Karl-Heinz "
        "Klaus-Dieter Ali Mehmet Mustafa Emre Ahmet Murat Dragan Ivan Piotr Tomasz"
    ),
    ("de", "f"): (
        "Sabine Susanne Petra Andrea Claudia Birgit Monika Karin Ursula Gabriele Stefanie Julia Nicole Katharina Anna Christina "
        "Sandra Anja Melanie Nadine Martina Silke Heike Ute Kerstin Renate Brigitte Ingrid Helga Gisela Erika Christa Elke "
        "Barbara Angelika Marion Cornelia Maria Laura Lena Lisa Sarah Hannah Emma Mia Sophie Marie Lea Leonie Johanna Charlotte "
        "Clara Emilia Luisa Frieda Ida Ella Mathilda Greta Paula Elisabeth Margarete Gertrud Hildegard Irmgard Edith Ilse "
        "Anneliese Waltraud Rosemarie Hannelore Bärbel Doris Jutta Regina Rita Roswitha Sigrid Simone Sonja Tanja Katja Nina Jana "
        "Jessica Jennifer Vanessa Franziska Theresa Magdalena Veronika Eva Judith Kathrin Daniela Antje Astrid Beate Carola "
        "Dagmar Dorothea Elena Frauke Friederike Gerlinde Gudrun Heidi Helene Hilde Inge Iris Isabel Janina Josefine Käthe "
        "Lieselotte Lotte Lydia Maike Margit Marlene Mareike Michaela Mona Nele Pia Rebecca Ronja Ruth Svenja Tina Ulrike "
        "Viktoria Wiebke Yvonne Anna-Lena Anne-Marie Eva-Maria Ayşe Fatma Elif Zeynep Agnieszka Olga Natalia Milena"
    ),
    ("en", "m"): (
        "James John Robert Michael William David Richard Joseph Thomas Charles Christopher Daniel Matthew Anthony Mark Donald "
        "Steven Paul Andrew Joshua Kenneth Kevin Brian George Edward Ronald Timothy Jason Jeffrey Ryan Jacob Gary Nicholas Eric "
        "Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Frank Alexander Raymond Patrick Jack Dennis Jerry "
        "Oliver Harry Alfie Charlie Oscar Archie Leo Freddie Arthur Henry Theodore Albert Stanley Ernest Reginald Norman Clive "
        "Nigel Graham Trevor Keith Derek Barry Colin Alan Ian Neil Stuart Simon Adrian Martin Philip Peter Gavin Craig Darren Lee "
        "Wayne Dean Liam Callum Connor Kieran Aidan Declan Sean Seamus Rory Ewan Hamish Angus Gareth Rhys Dylan Owen Evan "
        "Mohammed Imran Tariq Arjun Ravi Sanjay Kwame Tyrone Toby Hugo Rupert"
    ),
    ("en", "f"): (
        "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty Margaret Sandra Ashley "
        "Kimberly Emily Donna Michelle Carol Amanda Dorothy Melissa Deborah Stephanie Rebecca Sharon Laura Cynthia Kathleen Amy "
        "Angela Shirley Anna Brenda Pamela Emma Nicole Helen Samantha Katherine Christine Debra Rachel Carolyn Janet Catherine "
        "Maria Heather Olivia Amelia Isla Ava Ivy Freya Lily Florence Mia Willow Rosie Sophia Isabella Grace Daisy Evelyn Poppy "
        "Ella Charlotte Alice Phoebe Matilda Jean Joan Doris Edna Hilda Vera Gladys Maureen Sheila Brenda Pauline Gillian Hazel "
        "Wendy Julie Tracey Joanne Alison Fiona Kirsty Morag Eilidh Siobhan Niamh Aoife Ciara Bronwyn Megan Cerys Gemma Kelly "
        "Stacey Leanne Zoe Chloe Jade Lauren Hannah Lucy Georgina Harriet Victoria Aisha Fatima Priya Anjali Sunita Ngozi Tamsin"
    ),
}

FAMILY_HEAD = {
    "de": (
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf "
        "Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Schmitz Krause Meier Lehmann "
        "Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn "
        "Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon "
        "Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas "
        "Schreiber Graf Schulte Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff "
        "Pfeiffer Yılmaz Kaya Demir Şahin Nowak Kowalski Horvat Novak Petrović Wiśniewski"
    ),
    "en": (
        "Smith Jones Williams Taylor Brown Davies Evans Wilson Thomas Johnson Roberts Robinson Thompson Wright Walker White "
        "Edwards Hughes Green Hall Lewis Harris Clarke Patel Jackson Wood Turner Martin Cooper Hill Ward Morris Moore Clark Lee "
        "King Baker Harrison Morgan Allen James Scott Phillips Watson Davis Parker Price Bennett Young Griffiths Mitchell Kelly "
        "Cook Carter Richardson Bailey Collins Bell Shaw Murphy Miller Cox Richards Khan Marshall Anderson Simpson Ellis Adams "
        "Singh Begum Wilkinson Foster Chapman Powell Webb Rogers Gray Mason Ali Hunt Hussain Campbell Matthews Owen Palmer Holmes "
        "Mills Barnes Knight Lloyd Butler Russell Barker Fisher Stevens Jenkins Murray Dixon Harvey O'Brien O'Connor Byrne Ryan "
        "O'Sullivan MacDonald Stewart Robertson Reid McCarthy Doyle"
    ),
}

# The tail of family names: most people carry a name that few others carry.
FAMILY_TAIL = {
    "de": (
        "Acker Alten Apfel Asch Auer Bach Baum Becken Berg Birken Blumen Boden Brand Breiten Brink Brunn Buch Burg Busch Dahl "
        "Damm Deich Dorn Dreyer Eber Eck Eich Eisen Engel Erlen Esch Fahr Falken Feld Felsen Fichten Finken Frei Fried Gaiß "
        "Garten Geiß Gold Grab Greif Grün Gut Haber Hagel Hain Halb Hammer Hart Hasel Heid Heim Hell Hilde Hinter Hirsch Hoch "
        "Hohl Holz Hopfen Hügel Hütten Kalten Kamp Kessel Kirch Kloster Korn Kranz Kreuz Kron Kupfer Land Langen Laub Lichten "
        "Linden Löwen Mark Mühl Nacht Neu Nieder Nuss Ober Oster Pfaffen Platz Quer Rauch Reb Reich Rosen Rot Ruh Saal Sand "
        "Schatten Scheiben Schell Schild Schön See Silber Sonnen Stahl Stein Stern Stock Stroh Tannen Teich Thal Über Unter Vogel "
        "Wacker Wald Wasser Weiden Wein Wester Wiesen Wild Wind Wolken Ziegel Zucker",
        "mann berg bach hofer meier müller stein feld huber hauser ner bauer eder inger brandt hagen kamp reuter städter thal "
        "wirth schmidt kötter er haus wald brink bruch horst rath",
    ),
    "en": (
        "Ash Ack Al Apple Ather Bar Beck Black Blen Brad Bram Bran Brock Brom Buck Burn Cal Can Carl Chad Clay Cleve Clif Col "
        "Cran Crow Dal Dan Dar Den Dray Dun Dur East Eg Ell Elm Ever Fair Farn Fen Fern Fox Gar Glen Gold Gos Gran Green Hal Ham "
        "Har Hart Hawk Hay Hazel Heath Hem Hol Horn Hux Ing Kel Kens Kil Kings Kirk Lam Lan Lang Lei Lin Lock Long Lud Lyn Mar "
        "May Mel Mid Mil Mor Nor New Oak Old Or Ox Pem Pen Pres Rad Raw Red Rock Ros Rush Salt San Sel Shel Ship Sil Skel Stan "
        "Stap Sted Stock Strat Sut Swin Thorn Til Tun Up Wake Wal War Wel West Whit Wil Win Wood Wor Wy York",
        "ton ley field ford worth wood well ham by man son shaw combe ridge stone brook bury more land wick ster croft den hurst "
        "gate low dale ward",
    ),
}  # fmt: skip

# And the end of the tail, put before the names of the tail: with few names too many strangers would share both of theirs.
FAMILY_FIRST = {"de": "Alt Groß Hinter Klein Neu Nieder Ober Unter", "en": "Fitz Mc Nether North Over Pen South Tre"}

NICKNAMES = {
    name: short.split("/")
    for name, short in (
        pair.split(":")
        for pair in (
            "Michael:Michi/Micha/Mike Andreas:Andi Stefan:Steff Christian:Chris Alexander:Alex Thomas:Tom/Tommy Sebastian:Basti "
            "Matthias:Matze/Matti Maximilian:Max Johannes:Hannes/Hans Josef:Sepp/Jupp Wolfgang:Wolf Jürgen:Jogi Benjamin:Ben/Benny "
            "Daniel:Dan/Dani Tobias:Tobi Florian:Flo Philipp:Phil Friedrich:Fritz Wilhelm:Willi Ulrich:Uli Joachim:Jochen/Achim "
            "Heinz:Heiner Klaus:Claus Manfred:Manni Günter:Günni Rudolf:Rudi Susanne:Susi/Sanne Sabine:Bine Gabriele:Gabi "
            "Stefanie:Steffi Katharina:Kathi/Kati/Käthe Christina:Tina/Chris Elisabeth:Lisa/Elli/Sissi Margarete:Gretel/Greta "
            "Ursula:Uschi/Ulla Brigitte:Gitti Barbara:Babsi Angelika:Geli Cornelia:Conny Magdalena:Lena/Leni Theresa:Resi "
            "Franziska:Franzi Johanna:Hanna/Jojo Charlotte:Lotte/Charly Hildegard:Hilde Rosemarie:Rosi Jessica:Jessy/Jess "
            "Jennifer:Jenny/Jen Josefine:Josi Friederike:Rike Viktoria:Vicky Andrea:Andi Ulrike:Uli/Rike James:Jim/Jimmy/Jamie "
            "John:Johnny/Jack Robert:Rob/Bob/Bobby William:Will/Bill/Billy David:Dave/Davy Richard:Rich/Dick/Rick Joseph:Joe "
            "Charles:Charlie/Chuck Christopher:Chris/Kit Matthew:Matt Anthony:Tony Steven:Steve Stephen:Steve Andrew:Andy/Drew "
            "Joshua:Josh Kenneth:Ken Edward:Ed/Eddie/Ted Ronald:Ron Timothy:Tim Jeffrey:Jeff Nicholas:Nick Jonathan:Jon Gregory:Greg "
            "Samuel:Sam Patrick:Pat/Paddy Henry:Harry Theodore:Theo/Ted Albert:Bert/Al Frederick:Fred Philip:Phil "
            "Elizabeth:Liz/Beth/Betty/Lizzie Jennifer:Jen/Jenny Margaret:Maggie/Peggy/Meg Patricia:Pat/Trish Susan:Sue/Suzie "
            "Katherine:Kate/Kathy/Katie Catherine:Cathy/Kate Rebecca:Becky/Becca Deborah:Debbie/Deb Pamela:Pam Kimberly:Kim "
            "Samantha:Sam Christine:Chris/Chrissie Stephanie:Steph Victoria:Vicky/Tori Isabella:Bella/Izzy Amanda:Mandy "
            "Jacqueline:Jackie Alexandra:Alex/Sandra Georgina:Georgie Harriet:Hattie Matilda:Tilly Michelle:Shelly Kathleen:Kath "
            "Dorothy:Dot/Dolly Olivia:Liv Emily:Em"
        ).split()
    )
}

# What an agent writes who only heard the name.
HEARD = (("ei", "ai"), ("ey", "ei"), ("ay", "ai"), ("th", "t"), ("ph", "f"), ("ck", "k"), ("dt", "t"), ("ss", "s"), ("ff", "f"), ("tz", "z"),
         ("ll", "l"), ("mm", "m"), ("nn", "n"), ("ie", "i"), ("c", "k"), ("y", "i"), ("v", "f"), ("ä", "e"), ("Ka", "Ca"), ("Ch", "K"))  # fmt: skip
TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"} | dict(zip("ışŞćś", "isScs")))
FLATTENED = str.maketrans("äöüÄÖÜßışŞćś", "aouAOUsisScs")
NEIGHBOURS = dict(zip("qwertyuiopasdfghjklzxcvbnm0123456789", "wertzuiopoasdfghjkklxcvbnmn1234567898", strict=False))

STREETS = {
    "de": (
        "Hauptstraße Schulstraße Gartenstraße Bahnhofstraße Dorfstraße Bergstraße Birkenweg Lindenstraße Kirchstraße Waldstraße "
        "Ringstraße Schillerstraße Goethestraße Amselweg Wiesenweg Jahnstraße Buchenweg Mühlenweg Feldstraße Mozartstraße",
        "Ahorn Akazien Beethoven Bismarck Blumen Brunnen Burg Dahlien Drossel Eichen Erlen Eschen Fasanen Fichten Finken Flieder "
        "Flur Friedhof Garten Hasel Heide Heine Hoch Hölderlin Hof Holunder Industrie Kant Kastanien Kiefern Kloster Lerchen "
        "Lessing Markt Meisen Mittel Mühl Nelken Ost Park Post Quellen Rathaus Rosen Sand Schloss See Siedlung Sonnen Stein "
        "Tannen Teich Tulpen Ufer Ulmen Weiden Weinberg West Ziegel",
        "straße weg gasse allee platz ring pfad",
    ),
    "en": (
        "High_Street Station_Road Main_Street Park_Road Church_Road Church_Street London_Road Victoria_Road Green_Lane Manor_Road "
        "Church_Lane Park_Avenue The_Avenue The_Crescent Queens_Road New_Road Grange_Road Kings_Road Kingsway Windsor_Road",
        "Albert_ Alexandra_ Ash_ Beech_ Birch_ Bridge_ Broad_ Canal_ Castle_ Cedar_ Chapel_ Cherry_ Chestnut_ Clarence_ Cross_ "
        "Dale_ Elm_ Fairfield_ Farm_ Field_ Forest_ George_ Gordon_ Grove_ Hawthorn_ Hazel_ Heath_ Highfield_ Hill_ Holly_ King_ "
        "Laurel_ Lime_ Linden_ Maple_ Meadow_ Mill_ Nelson_ North_ Oak_ Orchard_ Poplar_ Priory_ Rectory_ River_ School_ South_ "
        "Spring_ Springfield_ Stanley_ Union_ Vicarage_ Victoria_ Warren_ Wellington_ West_ Willow_ Woodland_ York_",
        "Road Street Lane Close Avenue Drive Way Gardens",
    ),
}  # fmt: skip

# Name, beginning of the postcode, weight; the weights follow the numbers of inhabitants.
CITIES = {
    "DE": (
        "Berlin:10:37 Hamburg:20:19 München:80:15 Köln:50:11 Frankfurt_am_Main:60:8 Stuttgart:70:6 Düsseldorf:40:6 Leipzig:04:6 "
        "Dortmund:44:6 Essen:45:6 Bremen:28:6 Dresden:01:6 Hannover:30:5 Nürnberg:90:5 Duisburg:47:5 Bochum:44:4 Wuppertal:42:4 "
        "Bielefeld:33:3 Bonn:53:3 Münster:48:3 Mannheim:68:3 Karlsruhe:76:3 Augsburg:86:3 Wiesbaden:65:3 Gelsenkirchen:45:3 "
        "Mönchengladbach:41:3 Braunschweig:38:2 Kiel:24:2 Chemnitz:09:2 Aachen:52:2 Halle:06:2 Magdeburg:39:2 Freiburg:79:2 "
        "Krefeld:47:2 Mainz:55:2 Lübeck:23:2 Erfurt:99:2 Oberhausen:46:2 Rostock:18:2 Kassel:34:2 Hagen:58:2 Saarbrücken:66:2 "
        "Potsdam:14:2 Oldenburg:26:2 Heidelberg:69:2 Darmstadt:64:2 Regensburg:93:2 Würzburg:97:1 Göttingen:37:1 Ulm:89:1 "
        "Trier:54:1 Jena:07:1 Konstanz:78:1 Bad_Homburg:61:1 Gießen:35:1 Passau:94:1 Celle:29:1 Cottbus:03:1 Fulda:36:1 "
        "Görlitz:02:1"
    ),
    "AT": "Wien:1:19 Graz:80:3 Linz:40:2 Salzburg:50:2 Innsbruck:60:1 Klagenfurt:90:1 Villach:95:1 Wels:46:1 St._Pölten:31:1",
    "CH": "Zürich:80:4 Basel:40:2 Bern:30:2 Winterthur:84:1 Luzern:60:1 St._Gallen:90:1 Zug:63:1 Chur:70:1",
    "GB": (
        "London:SW:40 London:N:40 Birmingham:B:11 Leeds:LS:8 Glasgow:G:6 Sheffield:S:6 Manchester:M:6 Edinburgh:EH:5 "
        "Liverpool:L:5 Bristol:BS:5 Cardiff:CF:4 Leicester:LE:4 Coventry:CV:4 Nottingham:NG:3 Newcastle_upon_Tyne:NE:3 "
        "Sunderland:SR:3 Brighton:BN:3 Plymouth:PL:3 Hull:HU:3 Derby:DE:3 Southampton:SO:3 Norwich:NR:2 York:YO:2 Oxford:OX:2 "
        "Cambridge:CB:2 Exeter:EX:1 Bath:BA:1 Swansea:SA:2 Aberdeen:AB:2 Dundee:DD:1"
    ),
    "IE": "Dublin:D:12 Cork:T:3 Galway:H:2 Limerick:V:2 Waterford:X:1",
}  # fmt: skip
COUNTRIES = {"DE": ("Deutschland", "49", 62), "AT": ("Österreich", "43", 8), "CH": ("Schweiz", "41", 7), "GB": ("United Kingdom", "44", 19),
             "IE": ("Ireland", "353", 4)}  # fmt: skip
DOMAINS = {
    "de": "gmail.com gmx.de web.de t-online.de gmx.net outlook.de hotmail.com yahoo.de freenet.de icloud.com arcor.de posteo.de mailbox.org aol.com",
    "en": "gmail.com hotmail.co.uk outlook.com yahoo.co.uk btinternet.com icloud.com hotmail.com sky.com aol.com live.co.uk talktalk.net",
}


class Dice:
    """Draws from `random()` alone: its sequence is promised to stay, that of the other methods is not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def below(self, end: int) -> int:
        return int(self.random() * end)

    def one(self, values: Sequence):
        return values[int(self.random() * len(values))]

    def shuffle(self, values: list) -> None:
        for i in range(len(values) - 1, 0, -1):
            j = int(self.random() * (i + 1))
            values[i], values[j] = values[j], values[i]


class Weighted:
    def __init__(self, values: Sequence, weights: Sequence[float]) -> None:
        self.values, self.sums = values, list(accumulate(weights))

    def draw(self, dice: Dice):
        return self.values[bisect(self.sums, dice.random() * self.sums[-1])]


def zipf(values: Sequence, shift: float) -> Weighted:
    """The shift flattens the head: the most frequent name of Germany has one person in a hundred, not one in ten."""
    return Weighted(values, [1 / (rank + shift) for rank in range(1, len(values) + 1)])


@dataclass(slots=True)
class Address:
    street: str
    postcode: str
    city: str
    country: str


@dataclass(slots=True)
class Household:
    language: str
    family_name: str
    address: Address
    landline: str
    email: str  # the shared one, or nothing


@dataclass(slots=True)
class Life:
    """One state of a person; a record shows one of them."""

    given_name: str
    family_name: str
    email: str
    mobile: str
    landline: str
    address: Address


@dataclass(slots=True)
class Person:
    born: date
    second_name: str
    lives: list[Life] = field(default_factory=list)


@dataclass(frozen=True)
class Habits:
    """How a system's records come about: the shares of what is missing and of what is wrong."""

    system: str
    no_email: float
    no_phone: float
    no_birth: float
    no_address: float
    no_given: float
    typo: float
    heard: float
    nickname: float
    swapped: float
    day_month: float
    birth_error: float
    transcribed: float
    flattened: float
    second_name: float
    mailbox: float
    call_centre: float
    default_birth: float


SHOP = Habits("shop", no_email=0.03, no_phone=0.35, no_birth=0.55, no_address=0.08, no_given=0.01, typo=0.06, heard=0.0, nickname=0.10,
              swapped=0.015, day_month=0.01, birth_error=0.015, transcribed=0.10, flattened=0.03, second_name=0.2, mailbox=0.015,
              call_centre=0.0, default_birth=0.012)  # fmt: skip
HELPDESK = Habits("helpdesk", no_email=0.30, no_phone=0.15, no_birth=0.65, no_address=0.45, no_given=0.06, typo=0.10, heard=0.14, nickname=0.09,
                  swapped=0.03, day_month=0.02, birth_error=0.04, transcribed=0.15, flattened=0.25, second_name=0.05, mailbox=0.01, call_centre=0.04,
                  default_birth=0.0)  # fmt: skip
BILLING = Habits("billing", no_email=0.50, no_phone=0.55, no_birth=0.12, no_address=0.01, no_given=0.02, typo=0.03, heard=0.02, nickname=0.01,
                 swapped=0.01, day_month=0.015, birth_error=0.01, transcribed=1.0, flattened=0.0, second_name=0.9, mailbox=0.02, call_centre=0.005,
                 default_birth=0.008)  # fmt: skip
SYSTEMS = Weighted((SHOP, HELPDESK, BILLING), (45, 25, 30))
RECORDS = Weighted((1, 2, 3, 4, 5, 6), (42, 27, 15, 8, 5, 3))


class World:
    """Everything that people share: names, streets, cities, mailboxes of companies, numbers of call centres."""

    def __init__(self, dice: Dice, records: int) -> None:
        self.dice = dice
        self.given = {key: zipf(names.split(), 8) for key, names in GIVEN.items()}
        self.family = {language: zipf(family_names(dice, language), 25) for language in FAMILY_HEAD}
        self.streets = {language: zipf(street_names(dice, language), 12) for language in STREETS}
        self.countries = Weighted(list(COUNTRIES), [weight for _, _, weight in COUNTRIES.values()])
        self.cities = {country: cities(text) for country, text in CITIES.items()}
        self.domains = {language: zipf(names.split(), 1) for language, names in DOMAINS.items()}
        self.mailboxes = zipf([self.mailbox() for _ in range(max(8, records // 1500))], 3)
        self.call_centres = [self.phone("DE", "800") for _ in range(12)]

    def mailbox(self) -> str:
        language = self.dice.one(("de", "en"))
        company = plain(self.family[language].draw(self.dice)).lower().replace("'", "")
        endings = {"de": ("gmbh.de", "-bau.de", "-partner.de", ".at", ".de"), "en": ("ltd.co.uk", "-sons.co.uk", ".ie", ".com")}
        ending = self.dice.one(endings[language])
        return f"{self.dice.one(('info', 'info', 'info', 'office', 'kontakt', 'accounts', 'einkauf', 'sales'))}@{company}{ending}"

    def phone(self, country: str, area: str) -> str:
        return f"+{COUNTRIES[country][1]}{area}{self.dice.below(10**7):07d}"

    def mobile(self, country: str) -> str:
        areas = {
            "DE": ("151", "157", "160", "171", "172", "176", "179"), "AT": ("664", "676"), "CH": ("76", "78", "79"),
            "GB": ("740", "771", "785", "798"), "IE": ("85", "86", "87"),
        }[country]  # fmt: skip
        return self.phone(country, self.dice.one(areas))

    def address(self, country: str) -> Address:
        dice, language = self.dice, "en" if country in ("GB", "IE") else "de"
        city, prefix = self.cities[country].draw(dice)
        name = self.streets[language].draw(dice)
        number = f"{1 + int(dice.random() ** 2 * 140)}{dice.one('abc') if dice.chance(0.07) else ''}"
        # A street has its postcode.
        return Address(f"{number} {name}" if language == "en" else f"{name} {number}", postcode(country, prefix, city, name), city, country)

    def household(self) -> Household:
        dice = self.dice
        country = self.countries.draw(dice)
        home = "en" if country in ("GB", "IE") else "de"
        language = home if dice.chance(0.95) else ("de" if home == "en" else "en")
        family_name = self.family[language].draw(dice)
        area = str(20 + dice.below(80)) if country != "DE" else str(200 + dice.below(790))
        landline = self.phone(country, area) if dice.chance(0.6) else ""
        shared = f"{dice.one(('familie', 'fam', 'family', 'die'))}.{ascii_name(family_name)}{dice.below(100)}@{self.domains[language].draw(dice)}"
        return Household(language, family_name, self.address(country), landline, shared if dice.chance(0.12) else "")

    def email(self, given_name: str, family_name: str, language: str, born: date) -> str:
        dice, given, family = self.dice, ascii_name(given_name), ascii_name(family_name)
        local = dice.one((
            f"{given}.{family}", f"{given[0]}.{family}", f"{given}{family}", f"{given}_{family}", f"{family}.{given}", f"{given}.{family[0]}",
        ))  # fmt: skip
        # Most names are taken already.
        number = dice.random()
        local += f"{born.year % 100:02d}" if number < 0.3 else str(dice.below(1000)) if number < 0.75 else ""
        return f"{local}@{self.domains[language].draw(dice)}"

    def people(self) -> list[Person]:
        """The members of one household."""
        dice, home = self.dice, self.household()
        size = Weighted((1, 2, 3, 4, 5), (42, 30, 13, 11, 4)).draw(dice)
        adult = self.birth(1935, 2002)
        sex = dice.one("mf")
        people = [self.person(home, sex, adult, home.family_name)]
        if size > 1:
            partner_name = home.family_name if dice.chance(0.75) else self.family[home.language].draw(dice)
            other = "f" if sex == "m" else "m"
            people.append(self.person(home, other if dice.chance(0.95) else sex, adult + timedelta(days=dice.below(4000) - 2000), partner_name))
        twin_of: date | None = None
        for _ in range(size - 2):
            child_sex = dice.one("mf")
            born = twin_of if twin_of and dice.chance(0.12) else adult + timedelta(days=int((20 + dice.random() * 18) * 365.25))
            if born.year > 2008:
                continue
            twin_of = born
            # Father and son, mother and daughter with one name between them.
            named_after = people[0].lives[0].given_name if child_sex == sex and dice.chance(0.06) else ""
            people.append(self.person(home, child_sex, born, home.family_name, named_after))
        return people

    def birth(self, first: int, last: int) -> date:
        return date(first, 1, 1) + timedelta(days=int(self.dice.random() * 365.25 * (last - first)))

    def person(self, home: Household, sex: str, born: date, family_name: str, given_name: str = "") -> Person:
        dice, names = self.dice, self.given[home.language, sex]
        given_name = given_name or names.draw(dice)
        country = home.address.country
        email = home.email if home.email and dice.chance(0.6) else self.email(given_name, family_name, home.language, born)
        mobile = self.mobile(country) if dice.chance(0.9) else home.landline
        person = Person(born, names.draw(dice) if dice.chance(0.07) else "")
        life = Life(given_name, family_name, email, mobile, home.landline, home.address)
        person.lives.append(life)
        if dice.chance(0.30):
            person.lives.append(self.changed(life, home, sex, born))
            if dice.chance(0.25):
                person.lives.append(self.changed(person.lives[-1], home, sex, born))
        return person

    def changed(self, life: Life, home: Household, sex: str, born: date) -> Life:
        """The next life: moved house, a new e-mail address, a new number, a married name; often more than one of them at once."""
        dice = self.dice
        new = Life(life.given_name, life.family_name, life.email, life.mobile, life.landline, life.address)
        kind = dice.random()
        if kind < 0.12 and sex == "f" or kind < 0.015:
            married = self.family[home.language].draw(dice)
            new.family_name = f"{life.family_name}-{married}" if dice.chance(0.15) else married
            if dice.chance(0.5):
                new.email = self.email(new.given_name, new.family_name, home.language, born)
        if kind < 0.55:
            new.address = self.address(life.address.country)
            new.landline = ""
        if 0.55 <= kind < 0.85:
            new.email = self.email(new.given_name, new.family_name, home.language, born)
        if kind >= 0.80:
            new.mobile = self.mobile(life.address.country)
        return new


def family_names(dice: Dice, language: str) -> list[str]:
    first, last = (part.split() for part in FAMILY_TAIL[language])
    head = FAMILY_HEAD[language].split()
    known = set(head)
    tail = [name for a in first for b in last if (name := a + b) not in known]
    dice.shuffle(tail)
    end = [before + (name if before == "Mc" else name.lower()) for before in FAMILY_FIRST[language].split() for name in tail]
    dice.shuffle(end)
    return head + tail + end


def street_names(dice: Dice, language: str) -> list[str]:
    head, first, last = (part.split() for part in STREETS[language])
    tail = [a + b for a in first for b in last]
    dice.shuffle(tail)
    return [name.replace("_", " ") for name in head + tail]


def cities(text: str) -> Weighted:
    parts = [entry.split(":") for entry in text.split()]
    return Weighted([(name.replace("_", " "), prefix) for name, prefix, _ in parts], [float(weight) for *_, weight in parts])


def postcode(country: str, prefix: str, city: str, street: str) -> str:
    # Python's own hash of a text differs from run to run.
    number = sum(ord(letter) * (i * i + 7) for i, letter in enumerate(city + street))
    if country in ("GB", "IE"):
        letters = "ABDEFGHJLNPQRSTUWXYZ"
        return f"{prefix}{1 + number % 19} {number // 19 % 9 + 1}{letters[number // 7 % 20]}{letters[number // 131 % 20]}"
    digits = 5 if country == "DE" else 4
    return prefix + f"{number * 37 % 10**(digits - len(prefix)):0{digits - len(prefix)}d}"


def plain(text: str) -> str:
    return text.translate(TRANSCRIBED)


def ascii_name(name: str) -> str:
    return plain(name).lower().replace("'", "").replace(" ", "")


def typo(dice: Dice, text: str) -> str:
    if len(text) < 3:
        return text
    i, kind = 1 + dice.below(len(text) - 1), dice.random()
    if kind < 0.3:
        return text[:i] + text[i + 1 :]
    if kind < 0.55:
        return text[: i - 1] + text[i] + text[i - 1] + text[i + 1 :]
    if kind < 0.75:
        return text[:i] + text[i] + text[i:]
    return text[:i] + NEIGHBOURS.get(text[i].lower(), "e") + text[i + 1 :]


def heard(dice: Dice, name: str) -> str:
    changes = [(a, b) for a, b in HEARD if a in name]
    return name.replace(*dice.one(changes), 1) if changes else name


def written_name(dice: Dice, habits: Habits, name: str) -> str:
    if dice.chance(habits.heard):
        name = heard(dice, name)
    if dice.chance(habits.typo):
        name = typo(dice, name)
    spelling = dice.random()
    if spelling < habits.transcribed:
        return name.translate(TRANSCRIBED)
    return name.translate(FLATTENED) if spelling < habits.transcribed + habits.flattened else name


def written_phone(dice: Dice, habits: Habits, phone: str) -> str:
    """Each system writes numbers in its own way, and customers in any way."""
    if dice.chance(habits.typo / 3):
        phone = phone[:-3] + f"{dice.below(1000):03d}"
    code = next(code for _, code, _ in COUNTRIES.values() if phone[1:].startswith(code))
    national = phone[1 + len(code) :]
    if habits is BILLING:
        return phone
    if habits is HELPDESK:
        return f"0{national}"
    return dice.one((
        phone, f"00{code}{national}", f"0{national[:3]} {national[3:]}", f"0{national[:3]}/{national[3:]}",
        f"+{code} {national[:3]} {national[3:6]} {national[6:]}", f"+{code} (0) {national[:3]}-{national[3:]}",
    ))  # fmt: skip


def written_birth(dice: Dice, habits: Habits, born: date) -> str:
    kind = dice.random()
    if kind < habits.default_birth:
        return "1900-01-01" if habits is BILLING else "1970-01-01"
    if dice.chance(habits.day_month) and born.day <= 12:
        return f"{born.year}-{born.day:02d}-{born.month:02d}"
    if dice.chance(habits.birth_error):
        which = dice.below(3)
        return f"{born.year + (which == 0) * dice.one((-10, -1, 1, 10))}-{1 + dice.below(12) if which == 1 else born.month:02d}-" + \
            f"{1 + dice.below(28) if which == 2 else born.day:02d}"  # fmt: skip
    return born.isoformat()


def record(world: World, person: Person, life: Life, habits: Habits) -> str:
    """One row of a system, without its key."""
    dice = world.dice
    given = life.given_name
    if dice.chance(habits.nickname):
        given = dice.one(NICKNAMES.get(given, (given,)))
    elif person.second_name and dice.chance(habits.second_name):
        given = f"{given} {person.second_name}"
    given, family = written_name(dice, habits, given), written_name(dice, habits, life.family_name)
    missing_given = dice.random()
    if missing_given < habits.no_given:
        given = f"{given[0]}." if missing_given < habits.no_given / 2 else ""
    if dice.chance(habits.swapped):
        given, family = family, given
    email = "" if dice.chance(habits.no_email) else life.email
    if dice.chance(habits.mailbox):
        email = world.mailboxes.draw(dice)
    elif email and dice.chance(habits.typo / 2):
        email = typo(dice, email)
    phone = "" if dice.chance(habits.no_phone) else (life.landline if life.landline and dice.chance(0.35) else life.mobile)
    if dice.chance(habits.call_centre):
        phone = dice.one(world.call_centres)
    phone = written_phone(dice, habits, phone) if phone else ""
    born = "" if dice.chance(habits.no_birth) else written_birth(dice, habits, person.born)
    street, postcode_, city = written_address(dice, habits, life.address)
    country = COUNTRIES[life.address.country][0] if habits is HELPDESK else life.address.country
    if habits is BILLING:
        given, family, street, city = given.upper(), family.upper(), street.upper(), city.upper()
    elif habits is SHOP and dice.chance(0.06):
        given, family, city = given.lower(), family.lower(), city.lower()
    return f"{habits.system},{given},{family},{email},{phone},{born},{street},{postcode_},{city},{country}"


def written_address(dice: Dice, habits: Habits, address: Address) -> tuple[str, str, str]:
    if dice.chance(habits.no_address):
        # Half of those who leave out the street still tell the city.
        return "", "", address.city if dice.chance(0.5) else ""
    street, code, city = address.street, address.postcode, address.city
    if dice.chance(0.5 if habits is SHOP else 0.2):
        for long, short in (("straße", "str."), ("Straße", "Str."), (" Road", " Rd"), (" Street", " St"), (" Avenue", " Ave")):
            street = street.replace(long, short)
    if dice.chance(habits.typo):
        street = typo(dice, street)
    if dice.chance(habits.typo / 3):
        code = typo(dice, code)
    if dice.chance(habits.transcribed):
        street, city = plain(street), plain(city)
    if habits is HELPDESK and dice.chance(0.3):
        code = code.replace(" ", "")
    return street, code, city


def records(count: int, seed: int) -> Iterator[tuple[str, int]]:
    """Rows and the numbers of the people behind them, in the order in which the people come."""
    world = World(Dice(seed), count)
    dice, made, number = world.dice, 0, 0
    while True:
        for person in world.people():
            # Not everybody in the household is a customer.
            if dice.chance(0.3):
                continue
            number += 1
            for _ in range(RECORDS.draw(dice)):
                yield record(world, person, dice.one(person.lives), SYSTEMS.draw(dice)), number
                made += 1
                if made == count:
                    return


def write_people(data: Path, labels: Path, count: int, seed: int) -> None:
    rows = list(records(count, seed))
    # The order and the keys must tell nothing of who belongs together.
    Dice(seed + 1).shuffle(rows)
    with data.open("w", encoding="utf-8") as out, labels.open("w", encoding="utf-8") as truth:
        out.write(f"{COLUMNS}\n")
        truth.write("source,id,entity\n")
        for key, (row, person) in enumerate(rows, 1):
            out.write(f"{key},{row}\n")
            truth.write(f"{row[: row.index(',')]},{key},{person}\n")
