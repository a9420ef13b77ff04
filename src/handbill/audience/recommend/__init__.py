"""What a person wants next: candidates from several sources, then a ranker that joins them.

In: `log/events`, `catalog/products`.
Out: `tables/recommendations.parquet`, `models/recommender/`.
Source: two-step retrieval and ranking (Covington, Adams & Sargin 2016).
"""
