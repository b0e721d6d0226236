"""The DICOM conformance statement (PS3.2) of the node, from the code's own tables: writes `docs/conformance.md` (`make conformance`)."""

from __future__ import annotations

import sys
from pathlib import Path

from pydicom.charset import python_encoding
from pydicom.uid import UID, UID_dictionary
from pynetdicom import AE

from dicom_node.archive.files import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from dicom_node.index.rejection import MEANINGS, QUALITY, RETENTION_EXPIRED
from dicom_node.query.keys import KEYS, LEVELS, Kind
from dicom_node.receive import command, find_responses
from dicom_node.receive.association import PLAIN_SYNTAXES, REJECTIONS
from dicom_node.receive.devices import Verb
from dicom_node.receive.server import MAXIMUM_PDU, WAITING
from dicom_node.receive.services import HANDLERS, RIGHTS, verb_of
from dicom_node.settings import Settings
from dicom_node.web.gate import PERMISSIONS, WEB
from docs.node import settings_table

PATH = Path(__file__).resolve().parent / "conformance.md"

SERVICES: dict[Verb, tuple[str, str]] = {
    "echo": ("Verification", "answers C-ECHO"),
    "store": (
        "Storage",
        "stores every instance byte for byte; success is answered when the file and the record of its arrival are on disk (fsync)",
    ),
    "find": ("Query/Retrieve – C-FIND", "hierarchical queries within the calling AE's institution"),
    "move": ("Query/Retrieve – C-MOVE", "sends to a listed AE by its `host` and `port`; is Storage SCU towards it"),
    "get": ("Query/Retrieve – C-GET", "sends on the same association; is Storage SCU by role selection"),
    "worklist": ("Modality Worklist – C-FIND", "scheduled procedure steps of the calling AE's institution"),
    "mpps": ("Modality Performed Procedure Step", "N-CREATE and N-SET; COMPLETED and DISCONTINUED are final"),
    "commit": ("Storage Commitment Push Model", "N-ACTION; the N-EVENT-REPORT names only what is on disk"),
}
MATCHING: dict[Kind, str] = {
    "uid": "single value, list of UID",
    "text": "single value, wild card",
    "name": "single value, wild card; case-insensitive, by component group; pinyin of Chinese names",
    "date": "single value, range",
    "time": "single value, range",
    "number": "single value",
    "list": "single value, wild card, any of the values",
}
REJECTED = {
    "calling": "the calling AE title is not listed, or not at this address",
    "certificate": "the device is bound to another client certificate",
    "called": "the called AE title is not the node's",
    "stopping": "the node is being stopped; come again",
    "limit": "`maximum_associations` are open; come again",
}
STORE_STATUS = (
    (command.SUCCESS, "Success", "the instance is on disk and in the journal"),
    (command.OUT_OF_RESOURCES, "Refused: out of resources", "disk full or failing; nothing was kept"),
    (command.NOT_MATCHING, "Error: data set does not match SOP class", "SOP class or instance UID differ between command and data set"),
    (
        command.CANNOT_UNDERSTAND,
        "Error: cannot understand",
        "a UID is missing or malformed, or the data set is empty; (0000,0902) says which",
    ),
    (command.NOT_AUTHORISED, "Refused: not authorized", "the calling AE has no right to the service"),
)
FIND_STATUS = (
    (find_responses.PENDING, "Pending", "one match"),
    (0x0000, "Success", "no more matches"),
    (find_responses.CANCELLED, "Cancel", "ended by C-CANCEL"),
    (
        find_responses.NO_RESOURCES,
        "Refused: out of resources",
        "the index is starting, try again; or more than 10,000 matches, narrow the query",
    ),
    (find_responses.NOT_MATCHING, "Error: identifier does not match SOP class", "query level missing or not of the model"),
    (find_responses.UNABLE, "Failed: unable to process", "a key cannot be matched; (0000,0902) says which"),
)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _services() -> list[tuple[str, ...]]:
    rows = []
    for uid, verb in RIGHTS.items():
        name, words = SERVICES[verb]
        rows.append((name, UID(uid).name, f"`{uid}`", "SCP", f"`{verb}`", words))
    name, words = SERVICES["store"]
    rows.append((name, f"{len(storage_classes())} classes (annex A), private classes", "", "SCP", "`store`", words))
    return rows


def storage_classes() -> list[tuple[str, str]]:
    """(name, UID) of the standard's classes, retired ones included, that the node's own rule stores."""
    found = {uid for uid, (_, kind, *_) in UID_dictionary.items() if kind == "SOP Class" and verb_of(uid) == "store"}
    return sorted((UID(uid).name, uid) for uid in found)


def _status(rows: tuple[tuple[int, str, str], ...]) -> list[str]:
    return _table(("status", "meaning", "when"), [(f"{code:04X}", meaning, when) for code, meaning, when in rows])


def _keys() -> list[str]:
    lines = []
    for level in LEVELS:
        lines += [f"#### {level.capitalize()} level", ""]
        found = [key for key in KEYS if key.level == level]
        lines += _table(
            ("tag", "attribute", "VR", "matching"),
            [(f"({key.tag[:4]},{key.tag[4:]})", key.keyword, key.vr, MATCHING[key.kind]) for key in found],
        )
    return lines


def document() -> str:
    """The whole of docs/conformance.md."""
    ae = AE()
    fields = Settings.model_fields
    verbs = {*RIGHTS.values(), "store"}
    plain = [f"{UID(uid).name} `{uid}`" for uid in PLAIN_SYNTAXES]
    web = sorted({(method, route.removeprefix(WEB)) for (method, route), _ in PERMISSIONS.items() if route.startswith(WEB)})
    return "\n".join(
        [
            "# DICOM conformance statement of the image node",
            "",
            "Form: DICOM PS3.2. Generated by `make conformance` from the tables that the code itself works by; do not edit.",
            "",
            "## 1 Overview",
            "The node receives, keeps, indexes and serves DICOM objects of several institutions. A device sees only its own institution's",
            "objects. No service is open to an AE that is not listed with the right to it.",
            "",
            *_table(("service", "SOP class", "UID", "role", "right", "what it does"), _services()),
            "Media storage: none.",
            "",
            "## 2 Implementation model",
            "One application entity. Two processes: `receive` holds all associations and answers C-STORE by itself; `index` parses headers,",
            "answers queries and serves DICOMweb. Images are received while `index` is not running; queries are then answered A700.",
            "Real-world activities in answer to a peer: " + ", ".join(sorted(event.name for event, _ in HANDLERS)) + ", EVT_C_ECHO.",
            "",
            "## 3 Associations",
            *_table(
                ("item", "value"),
                [
                    ("application context", "`1.2.840.10008.3.1.1.1`"),
                    ("called AE title", f"setting `aet` (default `{fields['aet'].default}`); another one is rejected"),
                    ("maximum PDU length received", f"{MAXIMUM_PDU} bytes"),
                    ("simultaneous associations", f"setting `maximum_associations` (default {fields['maximum_associations'].default})"),
                    ("connections that have not asked for an association yet", f"{WAITING} beyond these"),
                    ("asynchronous operations", "not negotiated; pipelined requests are answered in order"),
                    ("implementation class UID", f"`{IMPLEMENTATION_UID.decode()}`, on the wire and in files"),
                    ("implementation version name", f"`{IMPLEMENTATION_NAME.decode()}`"),
                    ("time for the association request (ARTIM)", f"{ae.acse_timeout} s"),
                    (
                        "silence before an association is ended",
                        f"setting `network_timeout` (default {fields['network_timeout'].default:g} s)",
                    ),
                ],
            ),
            "### Rejections (PS3.8 table 9-21)",
            *_table(
                ("result", "source", "reason", "when"),
                [(*map(str, code), REJECTED[name]) for name, code in REJECTIONS.items()],
            ),
            "An unknown or invalid PDU is answered with A-ABORT (source 2). Nothing of an instance that was not received whole is kept.",
            "",
            "### Presentation contexts",
            "- Storage: every transfer syntax that the peer offers for a storage class is acceptable, compressed and private ones included; the",
            "  first one it names is chosen. Objects are never converted on reception.",
            "- Storage to a peer that is the SCP (C-GET) and offers several transfer syntaxes in one context: the one in which all instances of",
            "  that class of its institution are stored, so that they go out byte for byte; else a native one, the more frequent first.",
            "- All other classes: " + "; ".join(plain) + ".",
            "- A class outside the storage branch that is not in the table of section 1 is refused (abstract syntax not supported).",
            "",
            "## 4 Services",
            "### Storage (level 2, full)",
            "All attributes are kept, private ones included. No attribute is coerced. Equal data sets are kept once. The same SOP instance UID",
            "with other content is kept beside the first and reported as a conflict; the first stays visible. A data set that cannot be parsed is",
            "kept in quarantine. Digital signatures are kept and not checked.",
            "",
            *_status(STORE_STATUS),
            "#### Rejection notes (IHE RAD TF-3 4.66, Imaging Object Change Management)",
            "A Key Object Selection under one of these titles (PS3.16 CID 7010) hides what its evidence and content name, of its own institution;",
            "the files are kept. Modifiers (113011, DCM; CID 7011) are told with the reason. No note takes a rejection back.",
            "",
            *_table(
                ("code", "title", "the note itself", "what comes after its note, or again"),
                [
                    (
                        code,
                        meaning,
                        "shown" if code == QUALITY else "hidden",
                        "stored and shown" if code == RETENTION_EXPIRED else "stored (0000) and hidden",
                    )
                    for code, meaning in MEANINGS.items()
                ],
            ),
            *(
                [
                    "### Query – C-FIND",
                    "Hierarchical; relational queries and combined date-time matching where they were negotiated (SOP class extended negotiation). Answers are in ISO_IR 192 with Retrieve AE Title; keys that are",
                    "not listed are neither matched nor returned.",
                    "",
                    *_status(FIND_STATUS),
                    *_keys(),
                ]
                if "find" in verbs
                else []
            ),
            "### DICOMweb (PS3.18)",
            f"Base address `{WEB}`. QIDO-RS, WADO-RS; JSON and multipart; the same keys as above. A ticket is needed, its scope is applied.",
            "",
            *_table(("method", "resource"), [(method, f"`{route}`") for method, route in web]),
            "## 5 Character sets",
            "Any of PS3.3 C.12.1.1.2 is read: " + ", ".join(f"`{term or '(none)'}`" for term in sorted(python_encoding)) + ".",
            "Where none, ISO_IR 6 or ISO_IR 100 is declared and the bytes are UTF-8 or GB18030, they are read as such and marked as a guess.",
            "Files keep their bytes; answers are in `ISO_IR 192`.",
            "",
            "## 6 Security",
            "- TLS 1.2 or later on `dicom_tls_port` (PS3.15 B.9); with `tls_ca` both sides show a certificate (B.1). A device may be bound to one.",
            "- Associations that the node opens (C-MOVE sub-operations, N-EVENT-REPORT) use TLS where the device's entry says `tls`: the device's",
            "  certificate is checked against `tls_ca` and its `host`, the node shows its own. A failed check ends the sub-operations as failed",
            "  (A702, the instances named in (0008,0058)) and is logged with the reason; nothing is ever sent in the clear instead.",
            "- A device is known by AE title, optionally by address and certificate; rights are given one by one; no user identity negotiation.",
            "- Logs hold no patient's name, identifier or birth date.",
            "",
            "## 7 Configuration",
            "See [node.md](node.md) for devices and an example.",
            "",
            *settings_table(),
            "",
            "## Annex A: storage SOP classes",
            "Also accepted: private SOP classes, and classes under `1.2.840.10008.5.1.4.1.1.` that are newer than this table. Not accepted: objects",
            "that belong to no patient (protocols, hanging protocols, palettes, implant templates).",
            "",
            *_table(("SOP class", "UID"), [(name, f"`{uid}`") for name, uid in storage_classes()]),
        ]
    )


def main() -> None:
    """Write the file."""
    PATH.write_text(document(), encoding="utf-8")
    sys.stdout.write(f"{PATH.name}: {len(storage_classes())} storage classes, {len(RIGHTS)} other classes\n")


if __name__ == "__main__":
    main()
