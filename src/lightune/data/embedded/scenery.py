"""Neutral material that both splits share: aspects of a film, invented people, places and titles."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Aspect:
    """Something about a film that a review judges."""

    name: str
    plural: bool
    group: str
    """Which of the `Words.aspects` adjectives fit; a review judges each group once."""


ASPECTS = (
    Aspect("the plot", False, "story"),
    Aspect("the story", False, "story"),
    Aspect("the script", False, "story"),
    Aspect("the acting", False, "acting"),
    Aspect("the lead performance", False, "acting"),
    Aspect("the performances", True, "acting"),
    Aspect("the supporting cast", False, "acting"),
    Aspect("the music", False, "sound"),
    Aspect("the score", False, "sound"),
    Aspect("the songs", True, "sound"),
    Aspect("the soundtrack", False, "sound"),
    Aspect("the pace", False, "pace"),
    Aspect("the pacing", False, "pace"),
    Aspect("the editing", False, "pace"),
    Aspect("the camera work", False, "look"),
    Aspect("the photography", False, "look"),
    Aspect("the images", True, "look"),
    Aspect("the dialogue", False, "talk"),
    Aspect("the conversations", True, "talk"),
    Aspect("the ending", False, "ending"),
    Aspect("the final act", False, "ending"),
    Aspect("the last half hour", False, "ending"),
    Aspect("the effects", True, "effects"),
    Aspect("the stunts", True, "effects"),
    Aspect("the action scenes", True, "effects"),
    Aspect("the direction", False, "direction"),
    Aspect("the costumes", True, "design"),
    Aspect("the sets", True, "design"),
    Aspect("the humor", False, "humor"),
    Aspect("the jokes", True, "humor"),
    Aspect("the characters", True, "characters"),
    Aspect("the lead characters", True, "characters"),
)

KINDS = ("film", "movie", "picture")

# Singular and plural.
GENRES = (
    ("thriller", "thrillers"),
    ("comedy", "comedies"),
    ("drama", "dramas"),
    ("western", "westerns"),
    ("mystery", "mysteries"),
    ("musical", "musicals"),
    ("romance", "romances"),
    ("ghost story", "ghost stories"),
    ("heist movie", "heist movies"),
    ("spy film", "spy films"),
    ("adventure", "adventures"),
    ("detective story", "detective stories"),
    ("war film", "war films"),
    ("road movie", "road movies"),
)

TITLE_OPENINGS = (
    "The Copper",
    "The Northern",
    "A Borrowed",
    "The Seventh",
    "The Velvet",
    "The Glass",
    "The Marble",
    "The Salt",
    "The Harvest",
    "The Winter",
    "The Yellow",
    "A Rented",
    "The Cedar",
    "The Clockwork",
    "The Linen",
    "The River",
    "The Tin",
    "The Night",
    "The Desert",
    "The Orange",
)
TITLE_ENDINGS = (
    "Orchard",
    "Ferry",
    "Ledger",
    "Lighthouse",
    "Garden",
    "Station",
    "Staircase",
    "Cartographer",
    "Harbor",
    "Suitcase",
    "Parade",
    "Aviary",
    "Tunnel",
    "Violin",
    "Quarry",
    "Observatory",
    "Canal",
    "Greenhouse",
)

# With the possessive pronoun that goes with the name.
FIRST_NAMES = (
    ("Ilse", "her"),
    ("Tobias", "his"),
    ("Marta", "her"),
    ("Cormac", "his"),
    ("Odile", "her"),
    ("Anselm", "his"),
    ("Priya", "her"),
    ("Lucan", "his"),
    ("Wanda", "her"),
    ("Emeka", "his"),
    ("Soledad", "her"),
    ("Hiro", "his"),
    ("Nadia", "her"),
    ("Bertil", "his"),
    ("Fenna", "her"),
    ("Ruben", "his"),
)
SURNAMES = (
    "Varga-Lund",
    "Prell",
    "Okonta",
    "Dunmarrow",
    "Tesk",
    "Halvarsen",
    "Quillon",
    "Abelard",
    "Morwenna",
    "Ristic",
    "Pellam",
    "Ostrander",
    "Bracknell",
    "Yarrow",
    "Castellane",
    "Nwosu",
    "Drumgold",
    "Velt",
    "Ingleby",
    "Sorrow-Hay",
)

PLACES = (
    "Port Ellery",
    "Saint Odran",
    "Kestrel Bay",
    "Upper Marlow",
    "Dunhollow",
    "a village near the border",
    "Vantaa Ridge",
    "a mining town in the hills",
    "Brindle Point",
    "a suburb of Ostrava",
    "the Tarn Valley",
    "a fishing port in the north",
    "Greywater",
    "an island town",
)

JOBS = (
    "clockmaker",
    "ferry pilot",
    "schoolteacher",
    "locksmith",
    "beekeeper",
    "tax inspector",
    "night porter",
    "court clerk",
    "baker",
    "piano tuner",
    "night nurse",
    "park ranger",
    "translator",
    "taxi driver",
    "engineer",
    "apprentice tailor",
    "bus mechanic",
    "dairy farmer",
)

# What happens to the main character, in the present tense; `{his}` becomes the pronoun.
EVENTS = (
    "finds a suitcase full of letters",
    "inherits a hotel from a stranger",
    "has to cross the border before Monday",
    "agrees to look after a circus lion",
    "receives a phone call from the year 1974",
    "is asked to identify an old photograph",
    "moves in with {his} grandmother",
    "takes a job at a radio station",
    "discovers a map behind the kitchen wall",
    "meets {his} twin on a night bus",
    "buys a boat at an auction",
    "returns after twenty years to sell the family house",
    "witnesses a robbery on {his} way to work",
    "swaps coats with a diplomat",
    "starts to receive postcards from {his} former boss",
    "has to repair the town bell before the election",
    "follows a runaway horse into the woods",
    "is hired to catalog a library",
    "hides a violinist in the attic",
    "enters a dance contest under another name",
)

FILM_LOCATIONS = (
    "a railway station",
    "a single apartment building",
    "a closed museum",
    "a courtroom",
    "an abandoned school",
    "a hospital corridor",
    "a vineyard",
    "a shipyard",
    "an old cinema",
    "a mountain hut",
)

VENUES = (
    "the cinema on Mill Street",
    "the multiplex by the motorway",
    "a small theater near the station",
    "an open-air screening in the park",
    "the university film club",
    "the old Regent",
    "a festival in the north",
)
MEDIA = ("on a plane", "on my laptop", "on a borrowed disc", "on a night ferry", "on television", "in a hotel room")
COMPANIONS = (
    "my sister",
    "an old friend",
    "my parents",
    "two colleagues",
    "my son",
    "my wife",
    "my husband",
    "my cousin",
    "my daughter",
)
CRITICS = (
    "my brother",
    "my neighbor",
    "a colleague of mine",
    "the local newspaper",
    "my uncle",
    "a man in the foyer",
    "a critic on the radio",
    "my flatmate",
    "the woman at the ticket desk",
    "my dentist",
    "my old teacher",
    "a blogger I follow",
    "my boss",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "March", "April", "June", "August", "October", "November")
ROWS = ("third", "fifth", "back", "front", "sixth", "ninth")
