"""Pages for people: what a shop's tables say, as one report that can be forwarded.

In: everything in the workspace, read only; the stages' manifests.
Out: `reports/report.html`, one self-contained page, and `reports/report.json` with its figures.
Source: Tufte, The Visual Display of Quantitative Information (1983); WCAG 2.2, level AA.
"""
