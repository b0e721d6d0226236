"""The only words that may stand in a text column of a published table. Any other word of a header becomes OTHER: it may be a name."""

from __future__ import annotations

OTHER = "OTHER"
BANDS: tuple[tuple[str, float], ...] = (("<1 m", 1 / 12), ("1 m – <4 y", 4), ("4 – <10 y", 10), ("10 – <14 y", 14), ("14 – <18 y", 18))
"""Name and upper end in years: the age bands of the European guidelines for paediatric diagnostic reference levels (Radiation Protection 185)."""
DAYS_OF_A_YEAR = 365.25
BODY_PARTS = frozenset({
    "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "BRAIN", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "CSPINE", "EAR", "ELBOW", "EXTREMITY",
    "FOOT", "HAND", "HEAD", "HEADNECK", "HEART", "HIP", "KNEE", "LSPINE", "NECK", "ORBIT", "PELVIS", "SHOULDER", "SINUS", "SKULL",
    "SPINE", "TSPINE", "WHOLEBODY", "WRIST",
})  # fmt: skip
"""Defined terms of Body Part Examined (PS3.16 annex L) that pass."""
SEXES = frozenset({"M", "F", "O"})
MODALITIES = frozenset({
    "BMD", "CR", "CT", "DX", "ES", "IO", "MG", "MR", "NM", "OCT", "OP", "PT", "PX", "RF", "RG", "US", "XA", "XC",
})  # fmt: skip
"""Modalities that make images (PS3.3 C.7.3.1.1.1)."""
DERIVED = frozenset({"AU", "DOC", "ECG", "EPS", "KO", "OT", "PR", "REG", "RTDOSE", "RTPLAN", "RTSTRUCT", "RWV", "SEG", "SM", "SR", "M3D"})
"""Modalities of what is made from images or beside them."""
PRIORITIES = frozenset({"stat", "urgent", "routine"})
ADULT = "18 y +"
UNKNOWN = "unknown"
AGE_BANDS = (*(name for name, _ in BANDS), ADULT, UNKNOWN)
"""Age bands in order. Everybody of 18 years and more is in one: in a children's archive an adult's age would single him out."""
YEARS_LIMIT = 18

MAKERS: dict[str, str] = {
    "AGFA": "AGFA", "ALOKA": "HITACHI", "CANON": "CANON", "CARESTREAM": "CARESTREAM", "ESAOTE": "ESAOTE", "FUJI": "FUJIFILM", "GE ": "GE",
    "GEMS": "GE", "HITACHI": "HITACHI", "HOLOGIC": "HOLOGIC", "KONICA": "KONICA MINOLTA", "LANDWIND": "LANDWIND", "MINDRAY": "MINDRAY",
    "NEUSOFT": "NEUSOFT", "PHILIPS": "PHILIPS", "SAMSUNG": "SAMSUNG", "SHIMADZU": "SHIMADZU", "SIEMENS": "SIEMENS", "SONOSCAPE": "SONOSCAPE",
    "TOSHIBA": "CANON", "UIH": "UNITED IMAGING", "UNITED IMAGING": "UNITED IMAGING", "WANDONG": "WANDONG",
}  # fmt: skip
"""How a Manufacturer (0008,0070) begins → the maker's one name."""
FAMILIES: dict[str, str] = dict.fromkeys((
    "ACHIEVA", "AERA", "AMBITION", "AQUILION", "ASTEION", "AVANTO", "AXIOM", "BRIGHTSPEED", "BRILLIANCE", "DEFINIUM", "DIGITALDIAGNOST",
    "DISCOVERY", "ELEVA", "EPIQ", "ICT", "INGENIA", "INGENUITY", "INNOVA", "LIGHTSPEED", "LOGIQ", "MAGNETOM", "MX8000", "NEUVIZ", "OPTIMA",
    "PRISMA", "RESONA", "REVOLUTION", "SCENARIA", "SENSATION", "SIGNA", "SKYRA", "SOMATOM", "SPECTRA", "SPEEDSTAR", "SUPERSONIC", "TITAN",
    "TRIO", "UCT", "UDR", "UMI", "UMR", "VANTAGE", "VERIO", "VIVID", "VOLUSON", "XPER", "YSIO",
), "") | {"DEFINITION": "SOMATOM", "EMOTION": "SOMATOM", "SPIRIT": "SOMATOM", "PERSPECTIVE": "SOMATOM"}  # fmt: skip
"""How a Manufacturer's Model Name (0008,1090) begins → the family; empty: the beginning itself."""
