"""The status page's document: one file, no script, nothing from outside."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light; font: 15px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #1d2733; background: #f3f5f8 }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1240px; padding: 20px 24px 40px }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px }
h1 { font-size: 22px; margin: 0 }
h2 { font-size: 16px; margin: 28px 0 8px }
.at { color: #5b6775; font-size: 13px }
.banner { margin-top: 14px; padding: 12px 16px; border-radius: 8px; border-left: 6px solid; background: #fff }
.fine { border-color: #1a7f4b } .fine strong { color: #14663c }
.attention { border-color: #b25a00 } .attention strong { color: #8f4700 }
.told { border-color: #2b5fa8 }
.banner ul { margin: 6px 0 0; padding-left: 20px } .banner li { margin: 2px 0 }
.action { color: #4a5563 }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 10px; margin: 0 }
dl div { background: #fff; border-radius: 8px; padding: 8px 12px }
dt { color: #5b6775; font-size: 13px } dd { margin: 0; font-size: 17px; font-variant-numeric: tabular-nums }
.table { background: #fff; border-radius: 8px; overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: 7px 12px; border-bottom: 1px solid #e5e9ee; vertical-align: middle }
th { font-weight: 600; color: #4a5563; font-size: 13px; white-space: nowrap }
tr:last-child td { border-bottom: 0 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
td.t { white-space: nowrap; font-variant-numeric: tabular-nums }
td.w { overflow-wrap: anywhere }
.tag { font-size: 12px; color: #4a5563; background: #e9edf2; border-radius: 4px; padding: 1px 6px; white-space: nowrap }
.bad { color: #a02020; font-weight: 600 } .none { color: #5b6775; margin: 0 }
button { font: inherit; padding: 3px 12px; border: 1px solid #2b5fa8; border-radius: 6px; background: #fff; color: #1f4f94; cursor: pointer; white-space: nowrap }
button:hover { background: #eaf1fb } button:focus-visible { outline: 2px solid #2b5fa8; outline-offset: 2px }
form { margin: 0 }
"""

PAGE = """<!doctype html>
<html lang="{{ lang }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ w.title }} · {{ aet }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
<header><h1>{{ w.title }} · {{ aet }}</h1>
<span class="at">{{ w.as_of }} {{ at }} · {{ w.since }} {{ since }}</span></header>
{% if told %}
<section class="banner told" role="status">{{ told }}</section>
{% endif %}
{% if faults %}
<section class="banner attention" role="status"><strong>{{ w.attention }}</strong>
<ul>
{% for fault in faults %}
<li data-fault="{{ fault.code }}">{{ fault.title }}<br><span class="action">{{ fault.action }}</span></li>
{% endfor %}
</ul></section>
{% else %}
<section class="banner fine" role="status"><strong>{{ w.fine }}</strong></section>
{% endif %}
<h2>{{ w.figures }}</h2>
<dl>
{% for name, value in figures %}
<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
{% endfor %}
</dl>
{% if volumes %}
<h2>{{ w.volumes }}</h2>
<div class="table"><table>
<thead><tr><th>{{ w.volume }}</th><th>{{ w.tier }}</th><th>{{ w.state }}</th><th class="n">{{ w.files }}</th><th class="n">{{ w.bytes }}</th>
<th class="n">{{ w.bad }}</th><th>{{ w.checked }}</th></tr></thead>
<tbody>
{% for volume in volumes %}
<tr data-volume="{{ volume.name }}"><td class="t">{{ volume.name }}</td><td class="t">{{ volume.tier }}</td>
<td class="w"><span{% if volume.ill %} class="bad"{% endif %}>{{ volume.state }}</span>{% if volume.why %}<br><span class="action" lang="en">{{ volume.why }}</span>{% endif %}</td>
<td class="n">{{ volume.files }}</td><td class="n t">{{ volume.bytes }}</td><td class="n{% if volume.bad %} bad{% endif %}">{{ volume.bad }}</td>
<td class="t">{{ volume.checked }}</td></tr>
{% endfor %}
</tbody></table></div>
{% endif %}
<h2>{{ w.quarantine }}{% if quarantined %} ({{ quarantined }}){% endif %}</h2>
{% if quarantine %}
{% if quarantined > quarantine | length %}<p class="none">{{ w.more }} {{ quarantined }}</p>{% endif %}
<div class="table"><table>
<thead><tr><th>{{ w.when }}</th><th>{{ w.aet }}</th><th>{{ w.institution }}</th><th>{{ w.reason }}</th><th>{{ w.detail }}</th>
<th class="n">{{ w.arrival }}</th><th></th></tr></thead>
<tbody>
{% for entry in quarantine %}
<tr><td class="t">{{ entry.when }}</td><td>{{ entry.calling_aet }}</td><td>{{ entry.institution }}</td><td>{{ entry.words }}</td>
<td class="w" lang="en">{{ entry.detail or "" }}</td><td class="n">{{ entry.arrival }}</td>
<td>{% if entry.reason == "unparsable" %}<form method="post" action="quarantine/{{ entry.arrival }}/retry"><button>{{ w.retry }}</button></form>{% endif %}</td></tr>
{% endfor %}
</tbody></table></div>
{% else %}
<p class="none">{{ w.empty }}</p>
{% endif %}
<h2>{{ w.devices }}</h2>
{% if devices %}
<div class="table"><table>
<thead><tr><th>{{ w.aet }}</th><th>{{ w.institution }}</th><th>{{ w.may }}</th><th>{{ w.contact }}</th><th>{{ w.last_image }}</th>
<th class="n">{{ w.images }}</th><th class="n">{{ w.now }}</th><th class="n">{{ w.failed }}</th></tr></thead>
<tbody>
{% for device in devices %}
<tr><td>{{ device.aet }}</td><td>{{ device.institution }}</td>
<td>{% for right in device.may %}<span class="tag">{{ right }}</span> {% endfor %}
{% if device.bound %}<span class="tag">{{ w.bound }}</span>{% endif %}
{% if not device.listed %}<span class="tag">{{ w.unlisted }}</span>{% endif %}</td>
<td class="t">{{ device.contact or w.never }}</td><td class="t">{{ device.last_image or "–" }}</td>
<td class="n">{{ device.images }}</td><td class="n">{{ device.open }}</td>
<td class="n{% if device.failed %} bad{% endif %}">{{ device.failed }}</td></tr>
{% endfor %}
</tbody></table></div>
{% else %}
<p class="none">{{ w.no_devices }}</p>
{% endif %}
</body>
</html>
"""
