"""How a gate's picture looks: in JupyterLab's theme, and in the reader's own light or dark elsewhere."""

from __future__ import annotations

_DARK = (
    "--ok:#3fb950;--bad:#ff7b72;--none:#d29922;--ink:#e6edf3;--quiet:#9198a1;--rule:#3d444d;--back:#0d1117"
)

# Twice the class: stronger than what JupyterLab says of tables in its outputs.
STYLE = (
    """
.mlops-gate{max-width:880px;container-type:inline-size;font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);
 --ok:#15722f;--bad:#c62828;--none:#8a5a00;--ink:#1f2328;--quiet:#59636e;--rule:#d1d9e0;--back:#fff}
@media (prefers-color-scheme:dark){body:not([data-jp-theme-light]) .mlops-gate{"""
    + _DARK
    + """}}
[data-jp-theme-light="false"] .mlops-gate{"""
    + _DARK
    + """}
.mlops-gate .inside{color:var(--jp-ui-font-color1,var(--ink));--soft:var(--jp-ui-font-color2,var(--quiet));
 --line:var(--jp-border-color2,var(--rule));padding:2px}
.mlops-gate .passed{--tone:var(--ok)}.mlops-gate .failed{--tone:var(--bad)}.mlops-gate .not-evaluated{--tone:var(--none)}
.mlops-gate .verdict{display:flex;flex-wrap:wrap;align-items:center;gap:4px 10px;margin:4px 0 0;font-size:14px}
.mlops-gate .badge{display:inline-flex;align-items:center;gap:6px;border-radius:12px;padding:2px 11px 2px 7px;font-weight:600;
 color:var(--tone);background:color-mix(in srgb,var(--tone) 13%,transparent)}
.mlops-gate .count{margin-left:auto;color:var(--soft);font-size:12px}
.mlops-gate.mlops-gate p{margin:2px 0;padding:0;line-height:1.45}.mlops-gate.mlops-gate p.context{margin:3px 0 8px}
.mlops-gate .soft{color:var(--soft);font-size:12px;font-weight:400;overflow-wrap:anywhere}
.mlops-gate .chip{margin-left:6px;padding:0 6px;border:1px solid var(--line);border-radius:8px;color:var(--soft);font-size:11px;font-weight:400;white-space:nowrap}
.mlops-gate.mlops-gate table{table-layout:fixed;border-collapse:collapse;border:0;width:100%;margin:0;font:inherit;color:inherit}
.mlops-gate.mlops-gate.mlops-gate tr:nth-child(n){background:none}
.mlops-gate.mlops-gate :is(th,td){border:0;padding:7px 8px;text-align:left;vertical-align:top;background:none;white-space:normal;max-width:none}
.mlops-gate.mlops-gate .conditions tr{border-bottom:1px solid var(--line)}
.mlops-gate.mlops-gate .conditions tr>:first-child{padding-left:0}.mlops-gate.mlops-gate .conditions tr>:last-child{padding-right:0}
.mlops-gate.mlops-gate thead th{padding:4px 8px;font-weight:600;font-size:12px;color:var(--soft)}
.mlops-gate .conditions th:nth-child(2){width:100px}.mlops-gate .conditions th:nth-child(3){width:29%}
.mlops-gate .conditions th:nth-child(4){width:132px}
.mlops-gate.mlops-gate .number{text-align:right;font-variant-numeric:tabular-nums}
.mlops-gate.mlops-gate.mlops-gate code{font:12px/1.45 var(--jp-code-font-family,ui-monospace,Menlo,monospace);background:none;color:inherit;padding:0;overflow-wrap:anywhere}
.mlops-gate.mlops-gate .status{color:var(--tone);font-weight:600;white-space:nowrap}
.mlops-gate .status .shape{margin-right:5px;vertical-align:-2px}
.mlops-gate .shape :is(circle,rect){fill:var(--tone)}
.mlops-gate .shape path{fill:none;stroke:var(--jp-layout-color0,var(--back));stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.mlops-gate .shape path.hollow{stroke:var(--tone);stroke-width:1.6}
.mlops-gate.mlops-gate svg{max-width:none}.mlops-gate svg.scale{display:block;overflow:visible}
.mlops-gate .axis{stroke:var(--line)}.mlops-gate .holds{fill:var(--ok);opacity:.13}
.mlops-gate .from{stroke:var(--tone,var(--soft));stroke-width:9;opacity:.35}
.mlops-gate .zero{stroke:var(--soft)}
.mlops-gate .mark{stroke:currentColor;stroke-width:1.6;stroke-dasharray:3 2}
.mlops-gate .interval{stroke:var(--tone,var(--soft));stroke-width:3;opacity:.6}.mlops-gate .end{stroke:var(--tone,var(--soft));stroke-width:1.6}
.mlops-gate circle.figure{fill:var(--tone,currentColor);stroke:var(--jp-layout-color0,var(--back));stroke-width:1.4}
.mlops-gate.mlops-gate .key{display:flex;flex-wrap:wrap;gap:2px 16px;margin:7px 0 8px;color:var(--soft);font-size:11px}
.mlops-gate .key span{display:inline-flex;align-items:center;gap:6px}
.mlops-gate .key span::after{content:"figure and 95% interval"}
.mlops-gate .key span:nth-child(2)::after{content:"threshold"}
.mlops-gate .key span:nth-child(3)::after{content:"where the condition holds"}
.mlops-gate details{border-bottom:1px solid var(--line);margin:0}
.mlops-gate summary{display:flex;align-items:baseline;gap:8px;padding:7px 0;cursor:pointer;list-style:none}
.mlops-gate summary::-webkit-details-marker{display:none}
.mlops-gate summary::before{content:"";flex:none;width:5px;height:5px;margin:0 3px 0 2px;border:solid var(--soft);border-width:0 1.6px 1.6px 0;transform:rotate(-45deg) translate(-1px,-1px)}
.mlops-gate details[open]>summary::before{transform:rotate(45deg) translate(-2px,-1px)}
.mlops-gate summary b{white-space:nowrap}
.mlops-gate summary:focus-visible{outline:2px solid var(--jp-brand-color1,#0969da);outline-offset:1px}
.mlops-gate .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,370px),1fr));gap:14px 28px;padding:2px 0 14px 13px}
.mlops-gate .chart.whole{grid-column:1/-1}
.mlops-gate.mlops-gate caption{caption-side:top;text-align:left;padding:0 0 2px;font-weight:600;color:inherit}
.mlops-gate.mlops-gate .chart :is(th,td){padding:3px 6px;vertical-align:middle}
.mlops-gate.mlops-gate .chart th{width:36%;padding-left:0;font-weight:400;font-size:inherit;color:inherit;overflow-wrap:anywhere}
.mlops-gate.mlops-gate .chart .number{width:27%;padding-right:0}
.mlops-gate .chart th .soft{white-space:nowrap}
.mlops-gate .chart .worst th{font-weight:600}.mlops-gate .chart .worst{--tone:var(--bad)}
.mlops-gate.mlops-gate .chart td.axis{display:flex;justify-content:space-between;padding:0 6px;color:var(--soft);font-size:11px;border-top:1px solid var(--line)}
.mlops-gate.mlops-gate .notes{margin:8px 0 4px;padding:0 0 0 18px;color:var(--soft);font-size:12px}
@container (max-width:580px){
 .mlops-gate.mlops-gate .conditions thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
 .mlops-gate.mlops-gate .conditions tr{display:grid;grid-template-columns:1fr auto;padding:6px 0}
 .mlops-gate.mlops-gate .conditions td{padding:2px 0}
 .mlops-gate.mlops-gate .conditions .what{grid-area:1/1}.mlops-gate.mlops-gate .conditions .status{grid-area:1/2;padding-left:8px}
 .mlops-gate.mlops-gate .conditions .picture{grid-area:3/1/3/3}
 .mlops-gate.mlops-gate .conditions .number{grid-area:2/1/2/3;display:flex;gap:8px;align-items:baseline;text-align:left}}
"""
)
