"""How a run's page looks: one style sheet, light and dark."""

from __future__ import annotations

STYLE = """
:root{--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--ground:#f6f8fa;--card:#fff;--link:#0969da;
 --executed:#1a7f37;--cached:#0b6bcb;--failed:#cf222e;--skipped:#9a6700;--running:#8250df;--pending:#59636e}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--ground:#0d1117;--card:#151b23;
 --link:#4493f8;--executed:#3fb950;--cached:#58a6ff;--failed:#f85149;--skipped:#d29922;--running:#ab7df8;--pending:#9198a1}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 24px 64px}
header{display:flex;justify-content:space-between;align-items:flex-start;gap:24px}
h1{font-size:24px;line-height:1.25;margin:0;overflow-wrap:anywhere}h2{font-size:16px;margin:32px 0 10px}
h3{font-size:15px;margin:0 0 6px}p{margin:4px 0}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
code{font:12.5px ui-monospace,SFMono-Regular,Menlo,monospace}.soft code{font-size:11.5px}
.soft{color:var(--soft);font-size:12.5px;font-weight:400}.note{color:var(--skipped)}
.executed,.succeeded{--tone:var(--executed)}.cached{--tone:var(--cached)}.failed{--tone:var(--failed)}
.skipped{--tone:var(--skipped)}.running{--tone:var(--running)}.pending{--tone:var(--pending)}
.pill{display:inline-block;padding:1px 9px;border-radius:10px;font-size:12px;font-weight:600;white-space:nowrap;color:var(--tone);
 background:color-mix(in srgb,var(--tone) 14%,transparent);border:1px solid color-mix(in srgb,var(--tone) 40%,transparent)}
.pill.big{font-size:14px;padding:3px 14px;border-radius:14px}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin-top:18px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 16px;min-width:118px}
.tile b{display:block;font-size:20px;font-variant-numeric:tabular-nums;color:var(--tone,var(--ink))}
.tile span{color:var(--soft);font-size:12.5px}
.card,.wide,.facts{background:var(--card);border:1px solid var(--line);border-radius:10px}
.card{padding:14px 16px;margin-bottom:12px}.wide{overflow-x:auto}.wide svg{display:block;margin:auto;max-width:max(100%,900px);height:auto}
.card.error{border-left:4px solid var(--failed)}
pre{overflow-x:auto;margin:8px 0;padding:12px;border-radius:8px;background:var(--ground);font:12px/1.45 ui-monospace,SFMono-Regular,Menlo,monospace}
summary{cursor:pointer;color:var(--soft)}
table{border-collapse:collapse;width:100%}
th{font-size:12px;font-weight:600;color:var(--soft);text-align:left}
th,td{padding:8px 14px;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td{border-bottom:0}
.time{white-space:nowrap;min-width:110px;font-variant-numeric:tabular-nums}
.bar{height:4px;border-radius:2px;margin-top:5px;background:var(--tone)}
.columns{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start}.columns table{width:auto;min-width:220px;flex:1}
.facts{border-collapse:separate;border-spacing:0}.facts td:last-child{overflow-wrap:anywhere}.facts td:first-child{color:var(--soft);width:30%}
.facts td:last-child{font-variant-numeric:tabular-nums}
.mlops-graph .stage[class] rect{stroke:var(--tone,var(--edge));stroke-width:1.6}
.mlops-graph .stage .soft{fill:var(--tone,var(--soft))}.mlops-graph .skipped rect,.mlops-graph .pending rect{stroke-dasharray:5 4}
:root{--jp-ui-font-color1:var(--ink);--jp-ui-font-color2:var(--soft);--jp-border-color2:var(--line)}
.mlops-gate.mlops-gate{max-width:none;--back:var(--card)}
.mlops-gate.mlops-gate summary{color:inherit}
@media print{body{background:#fff}}
"""
