"""Pictures: approved ads and products as banners and feed cards, rendered and measured.

In: `tables/creatives.parquet`, `catalog/products.parquet`, `catalog/images/`, approvals.
Out: `pictures/*.png`, `tables/pictures.parquet`.
Source: WCAG 2.2, 1.4.3 (contrast); GB 45438-2025 and IPTC's digital source types (marks).
"""
