"""Currencies of the sandbox, and amounts as the wire writes them."""

from math import floor
from typing import Final

__all__ = ["CURRENCIES", "DEFAULT_CURRENCY", "amount", "convert", "smallest_payable"]

DEFAULT_CURRENCY: Final = "EUR"

DEMONSTRATION_RATES: Final = {
    "EUR": 1, "USD": 1.10, "GBP": 0.85, "BRL": 6.00, "CHF": 0.95, "CAD": 1.50, "AUD": 1.65,
    "NZD": 1.80, "JPY": 165, "CNY": 7.90, "INR": 92, "MXN": 20, "ARS": 1100, "CLP": 1020,
    "COP": 4500, "PEN": 4.10, "UYU": 44, "SEK": 11.30, "NOK": 11.70, "DKK": 7.46, "PLN": 4.30,
    "CZK": 25, "HUF": 395, "RON": 5, "TRY": 37, "AED": 4.04, "SAR": 4.12, "QAR": 4, "ILS": 4,
    "ZAR": 20, "MAD": 10.80, "EGP": 53, "AOA": 950, "KES": 142, "SGD": 1.45, "HKD": 8.60,
    "THB": 38, "KRW": 1500, "MYR": 4.90, "IDR": 17500, "PHP": 63, "TWD": 35,
}  # fmt: skip
"""Units for one euro. Round figures for demonstration, fixed for ever, and not the market's."""

NAMES: Final = {
    "EUR": "EURO",
    "USD": "US DOLLAR",
    "GBP": "POUND STERLING",
    "BRL": "BRAZILIAN REAL",
    "CHF": "SWISS FRANC",
    "JPY": "YEN",
}
"""Names for the dictionaries; other currencies go by their code."""

CURRENCIES: Final = {code: NAMES.get(code, code) for code in DEMONSTRATION_RATES}
"""Currencies that prices can be asked in, and their names."""

_WITHOUT_MINOR_UNIT: Final = frozenset({"JPY", "KRW", "CLP"})


def convert(euros: float, currency: str) -> int:
    """Euros in hundredths of another currency's unit, rounded to what that currency can pay."""
    value = euros * DEMONSTRATION_RATES[currency]
    return floor(value + 0.5) * 100 if currency in _WITHOUT_MINOR_UNIT else floor(value * 100 + 0.5)


def amount(hundredths: int) -> str:
    """Money as the API writes it: a string with two decimals."""
    return f"{hundredths // 100}.{hundredths % 100:02}"


def smallest_payable(currency: str) -> float:
    """Euros that the smallest coin of the currency is worth."""
    return (1.0 if currency in _WITHOUT_MINOR_UNIT else 0.01) / DEMONSTRATION_RATES[currency]
