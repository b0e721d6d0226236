"""The report on paper: one HTML document for A4, every text escaped. Pure: data in, HTML out."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, select_autoescape

from ris.patients.rules import age_words

_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>{{ title }}</title><style>
@page { size: A4; margin: 18mm 18mm 20mm;
  @bottom-center { content: "第 " counter(page) " 页 / 共 " counter(pages) " 页"; font: 9pt "Noto Sans CJK SC"; color: #555 }
  @bottom-left { content: "{{ footer }}"; font: 8pt "Noto Sans CJK SC"; color: #777 } }
body { font: 10.5pt/1.6 "Noto Sans CJK SC", sans-serif; color: #000; margin: 0 }
h1 { font-size: 17pt; text-align: center; margin: 0 } .sub { text-align: center; font-size: 13pt; margin: 0 0 4mm }
table { width: 100%; border-collapse: collapse; border-top: 1.2pt solid #000; border-bottom: 1.2pt solid #000; table-layout: fixed }
td { padding: .8mm 1mm; vertical-align: top; overflow-wrap: anywhere } td b { font-weight: 500; color: #444 }
h2 { font-size: 11.5pt; margin: 5mm 0 1mm } .text { white-space: pre-wrap; overflow-wrap: anywhere; min-height: 18mm }
.pair { break-inside: avoid; margin: 1mm 0 0 } .pair figure { display: inline-block; vertical-align: top; width: 84mm; margin: 0 4mm 2mm 0 }
.pair figure:last-child { margin-right: 0 } .pair img { display: block; max-width: 84mm; max-height: 84mm; margin: 0 auto }
.pair figcaption { font-size: 9pt; line-height: 1.4; text-align: center; overflow-wrap: anywhere }
.ends { break-inside: avoid; margin-top: 10mm; border-top: .6pt solid #000; padding-top: 2mm; display: flex; justify-content: space-between }
.note { margin-top: 4mm; font-size: 8.5pt; color: #555 }
.banner { margin: 0 0 3mm; text-align: center; color: #a00; border: .8pt solid #a00 }
.draft { position: fixed; top: 95mm; left: 0; right: 0; text-align: center; font-size: 40pt; color: rgba(200, 0, 0, .18); transform: rotate(-30deg) }
</style></head><body>
{% if draft %}<div class="draft">预览 / 草稿<br>not signed</div><p class="banner">预览 / 草稿 not signed</p>{% endif %}
<h1>{{ hospital }}</h1><p class="sub">医学影像诊断报告</p>
<table>
{% for line in facts %}<tr>{% for label, value in line %}<td><b>{{ label }}：</b>{{ value or "–" }}</td>{% endfor %}</tr>
{% endfor %}</table>
<h2>影像所见</h2><div class="text">{{ findings }}</div>
<h2>诊断意见</h2><div class="text">{{ impression }}</div>
{% if pairs %}<div class="pictures"><h2>关键图像</h2>
{% for pair in pairs %}<div class="pair">{% for one in pair %}<figure><img src="{{ one.source }}" alt=""><figcaption>图 {{ one.number }}{{ "（" + one.made + "）" if one.made }}{{ "　" + one.caption if one.caption }}</figcaption></figure>{% endfor %}</div>
{% endfor %}</div>{% endif %}
<div class="ends"><span>报告医生：{{ author }}</span><span>审核医生：{{ reviewer or "–" }}</span><span>审核时间：{{ signed_at or "未审核" }}</span></div>
<p class="note">{{ "本报告未经审核签发，不作为诊断依据。" if draft else "本报告仅供临床参考。" }}</p>
</body></html>"""

_ENVIRONMENT = Environment(autoescape=select_autoescape(default=True, default_for_string=True), trim_blocks=False)
_TEMPLATE = _ENVIRONMENT.from_string(_PAGE)
MADE = {"mpr": "多平面重建", "cpr": "曲面重建", "rendering": "容积再现"}
"""How a picture was computed, where it was not received as it is."""
SEXES = {"M": "男", "F": "女", "O": "其他"}


def _css_text(text: str) -> str:
    """Make a text safe inside of a CSS string: everything but letters, digits and a few signs goes."""
    return "".join(one for one in text if one.isalnum() or one in " -_./:")[:120]


def _pairs(pictures: list[dict[str, str]]) -> list[list[dict[str, Any]]]:
    """Return the pictures numbered from 1, two to a row. A source is a picture as data: nothing else is ever one."""
    numbered = [{**one, "number": number, "made": MADE.get(one["made"], "")} for number, one in enumerate(pictures, 1)]
    return [numbered[at : at + 2] for at in range(0, len(numbered), 2)]


def html_of(facts: dict[str, Any]) -> str:
    """Return the document. `facts`: rows (worklist rows of the exams), findings, impression, author, reviewer, signed_at, draft.

    `pictures`, where there are any: source (data URI), caption, made.
    """
    rows = facts["rows"]
    first = rows[0]
    patient = first["patient"]
    lines = [
        [
            ("姓名", patient["name"]),
            ("性别", SEXES.get(patient["sex"] or "")),
            ("年龄", age_words(patient["age"])),
        ],
        [("患者编号", patient["patient_id"]), ("出生日期", patient["birth_date"]), ("检查时间", facts["performed_at"])],
    ]
    for row in rows:
        what = " ".join(part for part in (row["modality"], row["description"] or row["body_part"]) if part)
        lines.append([("检查号", row["accession"]), ("检查项目", what), ("影像数", str(row["images"]))])
    return _TEMPLATE.render(
        title=f"报告 {facts['report_id']}",
        footer=_css_text(f"报告 {facts['report_id']} 版本 {facts['version']}"),
        hospital=first["institution"]["name"],
        facts=lines,
        findings=facts["findings"],
        impression=facts["impression"],
        pairs=_pairs(facts.get("pictures", [])),
        author=facts["author"],
        reviewer=facts["reviewer"],
        signed_at=facts["signed_at"],
        draft=facts["draft"],
    )
