"""Writes feeds from plain records, in the form in which their owners publish them."""

import base64
import json
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr


@dataclass
class Item:
    """One record of a feed.

    Attributes:
        id: of the record.
        hashes: by algorithm.
        category: grade.
        source: who gave it.
        added: a date.
        gone: it is a tombstone.
    """

    id: str
    hashes: dict[str, str] = field(default_factory=dict)
    category: str = ""
    source: str = ""
    added: str = "2026-01-02T03:04:05Z"
    gone: bool = False


def ncmec(items: list[Item], namespace: str = "", prefix: str = "", *, following: str = "") -> str:
    """A page of NCMEC's feed."""
    tag = f"{prefix}:" if prefix else ""
    attribute = f' xmlns{":" + prefix if prefix else ""}="{namespace}"' if namespace else ""
    lines = [f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag}queryResult{attribute}>']
    for place, (container, kind) in enumerate((("images", "Image"), ("videos", "Video"))):
        lines.append(f'<{tag}{container} count="1" maxTimestamp="x">')
        for item in items[place::2]:
            name = f"deleted{kind}" if item.gone else kind.lower()
            member, _, entry_id = item.id.rpartition("-")
            prints = "".join(
                f"<{tag}{algorithm}>{value}</{tag}{algorithm}>"
                for algorithm, value in item.hashes.items()
            )
            lines.append(
                f"<{tag}{name}>"
                f"<{tag}member id={quoteattr(member)}>{escape(item.source)}</{tag}member>"
                f"<{tag}timestamp>{item.added}</{tag}timestamp><{tag}id>{escape(entry_id)}</{tag}id>"
                f"<{tag}classification>{item.category}</{tag}classification>"
                f"<{tag}fingerprints>{prints}</{tag}fingerprints>"
                f'<{tag}feedback><{tag}member id="9"><{tag}id>no</{tag}id></{tag}member>'
                f"</{tag}feedback>"
                f"</{tag}{name}>"
            )
        lines.append(f"</{tag}{container}>")
    paging = f"<{tag}paging><{tag}next>{following}</{tag}next></{tag}paging>"
    lines.append(f"{paging}</{tag}queryResult>\n")
    return "\n".join(lines)


def vics(
    items: list[Item], version: str = "1.3", *, cases: bool = False, indent: int | None = None
) -> str:
    """A hash set or a case file of Project VIC."""
    media = []
    for item in items:
        flat = {"MD5": item.hashes.get("md5", ""), "SHA1": item.hashes.get("sha1", "").upper()}
        nested = [
            {"HashName": name.upper(), "HashValue": value}
            for name, value in item.hashes.items()
            if name.upper() not in flat
        ]
        medium = {"odata.id": "x", "MediaID": item.id, **flat, "MediaSize": 1, "Tags": None}
        medium |= {"Category": item.category, "VictimIdentified": "False", "IsDistributed": True}
        medium |= {"AlternativeHashes": nested, "Exifs": [{"PropertyName": "x"}]}
        media.append(medium)
    what = "Cases" if cases else "Media"
    value = [{"CaseMetadata": [], "Media": media}, {"Media": []}] if cases else media
    if version == "1.3":
        context = {"odata.metadata": f"http://x/ProjectVic/DataModels/1.3.xml#{what}"}
    else:
        context = {"@odata.context": f"http://x/DataModels/2.0.xml/US/$metadata#{what}"}
    return json.dumps({**context, "value": value, "more": {"deep": [1]}}, indent=indent)


def stopncii(items: list[Item], pages: int = 1) -> str:
    """Pages of StopNCII's feed, one after the other."""
    names = {"pdq": "ImagePDQ", "md5": "VideoMD5", "tmk": "VideoTMK"}
    records = [
        {
            "lastModtimestamp": 1700000000,
            "signalType": names[algorithm],
            "hashValue": value,
            "hashStatus": "Withdrawn" if item.gone else "Active",
            "caseNumbers": {item.id: "Active"},
            "CSPFeedbacks": [],
        }
        for item in items
        for algorithm, value in item.hashes.items()
    ]
    step = -(-len(records) // pages) or 1
    return "\n".join(
        json.dumps({"nextPageToken": "x", "hashRecords": records[at : at + step], "count": step})
        for at in range(0, max(len(records), 1), step)
    )


def tat(items: list[Item], wrapper: str | None = None) -> str:
    """Tech Against Terrorism's list."""
    records = [
        {
            "hash_digest": value,
            "algorithm": algorithm.upper(),
            "ideology": item.category,
            "file_type": "mp4",
            "deleted": item.gone,
            "updated_on": item.added,
            "created_on": item.added,
            "id": item.id,
        }
        for item in items
        for algorithm, value in (item.hashes or {"md5": ""}).items()
    ]
    return json.dumps({"count": 1, wrapper: records} if wrapper else records)


def threat_updates(items: list[Item], *, following: str = "") -> str:
    """A page of ThreatExchange's threat_updates."""
    records = [
        {
            "id": item.id,
            "indicator": value,
            "type": f"HASH_{algorithm.upper()}",
            "creation_time": 1700000000,
            "last_updated": item.added,
            "should_delete": item.gone,
            "tags": ["one", "two"],
            "status": item.category or "UNKNOWN",
        }
        for item in items
        for algorithm, value in (item.hashes or {"md5": ""}).items()
    ]
    paging = {"paging": {"cursors": {"after": "x"}, "next": following}} if following else {}
    return json.dumps({"data": records, **paging})


def in_base64(digits: str) -> str:
    """Hex as base64."""
    return base64.b64encode(bytes.fromhex(digits)).decode()
