"""The few facts about places that the public data sets lack."""

from typing import Final

MAIN_AIRPORTS: Final = {"BUH": "OTP", "CPQ": "VCP", "SRZ": "VVI"}
"""City codes, as geonames records them, of which neither data set can tell the main airport."""

MORE_NAMES: Final = {
    "Helsinque": "HEL",
    "Lião": "LYS",
    "Madri": "MAD",
    "Bangcoc": "BKK",
    "Cidade do Panamá": "PTY",
    "Saraievo": "SJJ",
    "São Domingos": "SDQ",
    "Menorca": "MAH",
    "Oviedo": "OVD",
    "Terceira": "TER",
    "Aeroparque": "AEP",
    "Confins": "CNF",
    "Cumbica": "GRU",
    "El Prat": "BCN",
    "Haneda": "HND",
    "Kennedy": "JFK",
    "Mallorca": "PMI",
    "Maiorca": "PMI",
    "Majorca": "PMI",
    "Bali": "DPS",
    "Goa": "GOI",
    "Açores": "PDL",
    "Azores": "PDL",
    "Ilha da Madeira": "FNC",
    "Ilha do Sal": "SID",
    "Hawaii": "HNL",
    "Havaí": "HNL",
    "Gran Canaria": "LPA",
    "Creta": "HER",
    "Crete": "HER",
    "Sardenha": "CAG",
    "Cerdeña": "CAG",
    "Bariloche": "BRC",
    "Iguazú": "IGR",
    "Foz do Iguaçu": "IGU",
    "Maldivas": "MLE",
    "Maldives": "MLE",
    "Malta": "MLA",
    "Mauritius": "MRU",
    "Maurício": "MRU",
    "Mauricio": "MRU",
    "Bermuda": "BDA",
    "Aruba": "AUA",
    "Curaçao": "CUR",
    "Curazao": "CUR",
    "Barbados": "BGI",
    "Queenstown": "ZQN",
    "Easter Island": "IPC",
    "Isla de Pascua": "IPC",
    "Ilha de Páscoa": "IPC",
}
"""Names in everyday use that neither data set records for the place."""

NICKNAMES: Final = {
    "SP": "SAO",
    "RJ": "RIO",
    "BH": "BHZ",
    "Floripa": "FLN",
    "NY": "NYC",
    "SF": "SFO",
    "CDMX": "MEX",
    "BsAs": "BUE",
}
"""What people write for a city in a hurry; the city goes on being shown by its name."""
