"""The currencies there are, by their ISO 4217 codes; and those of the exchanges whose rules are known."""

from difflib import get_close_matches

from holdfast.errors import InvalidValue

CODES = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH
    UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905  a list would take a line for each
)
"""ISO 4217, without funds and metals; and CNH, the yuan outside of China, as brokers call it."""

_BY_CALENDAR = {"XNYS": "USD", "24/7": "USD", "XBOM": "INR", "XIMC": "INR"}


def currency_of(calendar: str) -> str:
    """What is paid with on the exchange of a calendar; empty where that isn't known."""
    return _BY_CALENDAR.get(calendar, "")


def check_currency(code: str, name: str = "currency") -> str:
    """``code``, if it is one. Raises :class:`~holdfast.errors.InvalidValue` with the nearest that is."""
    if code in CODES:
        return code
    near = get_close_matches(code.upper(), sorted(CODES), n=3)
    near.sort(key=lambda known: known[:2] != code.upper()[:2])
    hint = f"did you mean {near[0]}?" if near else "it is three capitals of ISO 4217, such as EUR"
    raise InvalidValue(f"{name} {code!r} is not known; {hint}")
