"""Cities and airports in people's own words, against the real data sets."""

import threading

import pytest

from chatbot.places import PlaceDirectory
from chatbot.places.gazetteer import Gazetteer, NamedPlace
from chatbot.places.place import Place, fold, name_key

KNOWN = """
London LON, Londres LON, Lisbon LIS, Lisboa LIS, LISBOA LIS, São Paulo SAO, sao paulo SAO, New York NYC
Nova York NYC, Nova Iorque NYC, Nueva York NYC, Mexico City MEX, Cidade do México MEX
Ciudad de México MEX, Munich MUC, Munique MUC, Múnich MUC, Geneva GVA, Genebra GVA, Ginebra GVA
Milan MIL, Milão MIL, Milán MIL, Rome ROM, Roma ROM, Tokyo TYO, Tóquio TYO, Tokio TYO, Beijing BJS
Pequim BJS, Pekín BJS, Stockholm STO, Estocolmo STO, Rio de Janeiro RIO, Rio RIO, Buenos Aires BUE
Bogotá BOG, bogota BOG, Madrid MAD, Porto OPO, Oporto OPO, Paris PAR, París PAR, Frankfurt FRA
Dubai DXB, Istanbul IST, Istambul IST, Estambul IST, Los Angeles LAX, Los Ángeles LAX, San Francisco SFO
Miami MIA, Toronto YTO, Montreal YUL, Barcelona BCN, Santiago SCL, Salvador SSA, Brasília BSB
Belo Horizonte BHZ, Porto Alegre POA, Curitiba CWB, Recife REC, Cancún CUN, Havana HAV, La Habana HAV
Lima LIM, Cusco CUZ, Medellín MDE, Montevidéu MVD, Assunção ASU, Asunción ASU
Santa Cruz de la Sierra VVI, Amsterdam AMS, Amsterdã AMS, Viena VIE, Praga PRG, Atenas ATH, Bruxelas BRU
Bruselas BRU, Zurique ZRH, Berlim BER, Copenhague CPH, Helsinque HEL, Dublin DUB, Edimburgo EDI
Moscou MOW, Moscovo MOW, Moscú MOW, Varsóvia WAW, Budapeste BUD, Bucareste OTP, Veneza VCE, Florença FLR
Sevilha SVQ, Niza NCE, Nice NCE, Joanesburgo JNB, Cidade do Cabo CPT, Cairo CAI, Seul SEL, Xangai SHA
Hong Kong HKG, Singapura SIN, Singapur SIN, Sydney SYD, Sídney SYD, Detroit DTW, Orlando MCO
Kansas City MCI, Washington WAS, Chicago CHI, Houston HOU, Bali DPS, Mallorca PMI, Madeira FNC
Heathrow LHR, Guarulhos GRU, Galeão GIG, Charles de Gaulle CDG, Barajas MAD, GRU GRU, LIS LIS, lhr LHR
"""


def known() -> list[tuple[str, str]]:
    """The pairs of the table."""
    return [tuple(entry.strip().rsplit(" ", 1)) for entry in KNOWN.strip().replace("\n", ",").split(",")]


@pytest.mark.parametrize(("name", "code"), known())
def test_a_well_known_place_is_found_in_three_languages(places: PlaceDirectory, name: str, code: str) -> None:
    """The famous city or airport of a name comes alone, under the code one searches with."""
    assert [place.code for place in places.find(name)] == [code]


def test_a_truly_ambiguous_name_gives_several_places(places: PlaceDirectory) -> None:
    """San José is as well California's as Costa Rica's; Valencia Spain's or Venezuela's."""
    assert {place.code for place in places.find("San José")} == {"SJC", "SJO"}
    assert {place.code for place in places.find("Valencia")} == {"VLC", "VLN"}


@pytest.mark.parametrize(
    ("name", "code"), [("London, Canada", "YXU"), ("San José (Costa Rica)", "SJO"), ("paris, us", "PRX")]
)
def test_a_country_decides_between_namesakes(places: PlaceDirectory, name: str, code: str) -> None:
    """What follows a comma or stands in brackets picks the place in that country."""
    assert [place.code for place in places.find(name)] == [code]


@pytest.mark.parametrize("name", ["", "Xanadu", "  ", "!!", "Qwertyuiop", "12"])
def test_an_unknown_name_gives_nothing(places: PlaceDirectory, name: str) -> None:
    """There is no guess for a name no data set has."""
    assert places.find(name) == []


def test_kinds_and_countries_are_told(places: PlaceDirectory) -> None:
    """A city and an airport are told apart, each with its country."""
    assert places.find("London")[0] == Place("LON", "London", "GB", "city")
    assert places.by_code("LHR") == Place("LHR", "London Heathrow Airport", "GB", "airport")
    assert places.by_code("QQQ") is None


def test_namesakes_are_told_apart_by_region_and_country(places: PlaceDirectory) -> None:
    """A place knows the state of its airport and its country's name."""
    found = {place.code: (place.region, place.country_name) for place in places.find("Springfield")}
    assert found["SPI"] == ("Illinois", "United States")
    assert found["SGF"] == ("Missouri", "United States")


MENTIONS = [
    ("flights from São Paulo to Lisbon on 12 December", ["SAO", "LIS"]),
    ("voos de são paulo para lisboa amanhã", ["SAO", "LIS"]),
    ("quiero volar a la Ciudad de México desde París", ["MEX", "PAR"]),
    ("GRU to LIS", ["GRU", "LIS"]),
    ("gru to lis tomorrow", ["GRU", "LIS"]),
    ("GRU-LIS 12/12", ["GRU", "LIS"]),
    ("VOO DE SAO PAULO PARA LISBOA AMANHA", ["SAO", "LIS"]),
    ("de Porto Alegre a Porto", ["POA", "OPO"]),
    ("quero ir para o porto", ["OPO"]),
    ("from Washington to St. Louis", ["WAS", "STL"]),
    ("London Heathrow to JFK", ["LHR", "JFK"]),
    ("what about london, canada?", ["YXU"]),
    ("Nice, thanks! I want to go to Nice", ["NCE"]),
    ("to FOR from THE", ["FOR", "THE"]),
    ("um voo de natal para recife no natal", ["NAT", "REC"]),
]


@pytest.mark.parametrize(("sentence", "codes"), MENTIONS)
def test_places_are_found_in_a_sentence(places: PlaceDirectory, sentence: str, codes: list[str]) -> None:
    """Each place of a sentence is found once, in order."""
    assert [mention.places[0].code for mention in places.mentions(sentence)] == codes


NO_PLACES = [
    "I need a nice reading place, may I go in May?",
    "The flight leaves on Sunday morning",
    "and on the 14th?",
    "Para 3 pessoas, por favor",
    "me mostra só os diretos na próxima semana",
    "Quero sal e uma semana de sol em março",
    "quiero un vuelo para mañana por la tarde, el más barato",
    "Tem voo mais barato no sábado de manhã?",
    "under 500 EUR, business class, return on the 20th",
    "Hello, who are you? What can you do for me?",
    "e se for na terça ou na sexta que vem",
    "Voy a volver el martes con dos niños y un bebé",
    "2 adults and a child, one way, no stops",
    "MAX 3000 USD POR FAVOR PARA MIM E SEM ESCALA",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "lunes martes miércoles jueves viernes sábado domingo enero mayo",
    "to on de para a em no na the and for May Sat Sun Mar Sal",
]


@pytest.mark.parametrize("sentence", NO_PLACES)
def test_everyday_words_are_not_places(places: PlaceDirectory, sentence: str) -> None:
    """Words of the three languages that some town or airport shares are left alone."""
    assert places.mentions(sentence) == []


def test_a_mention_tells_where_it_stands(places: PlaceDirectory) -> None:
    """The span is that of the original text, accents and all."""
    text = "e de São Paulo?"
    (mention,) = places.mentions(text)
    assert (mention.text, text[mention.start : mention.end]) == ("São Paulo", "São Paulo")
    assert not mention.ambiguous


def test_countries_are_known_by_name(places: PlaceDirectory) -> None:
    """A country is no place to fly to, but is recognised as one."""
    assert places.is_country("Portugal")
    assert not places.is_country("PT")


def test_the_index_is_built_once_and_only_when_needed() -> None:
    """Making a directory costs nothing; threads that use it first together build one index."""
    built: list[int] = []
    paris = Place("PAR", "Paris", "FR", "city")

    def source() -> Gazetteer:
        built.append(1)
        return Gazetteer((NamedPlace("paris", paris, 1e9, own=True),), {"PAR": paris}, {})

    directory = PlaceDirectory(source)
    assert built == []
    threads = [threading.Thread(target=directory.find, args=("Paris",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


def test_names_are_compared_without_case_accents_and_punctuation() -> None:
    """All spellings of a name have one key."""
    assert fold("SÃO Łódź Ørsta") == "sao lodz orsta"
    assert name_key("St.-Denis ") == name_key("st denis")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("quero ir de sp pra lisboa", ["SAO", "LIS"]),
        ("de SP pro RJ amanhã", ["SAO", "RIO"]),
        ("from NY to SF", ["NYC", "SFO"]),
        ("de cdmx a bsas", ["MEX", "BUE"]),
        ("voo para floripa", ["FLN"]),
    ],
)
def test_nicknames_are_understood(places: PlaceDirectory, text: str, codes: list[str]) -> None:
    """What people write in a hurry means the city, shown by its own name."""
    found = [mention.places[0] for mention in places.mentions(text)]
    assert [place.code for place in found] == codes
    assert all(len(place.name) > 3 for place in found)
