"""The queries, remembered by table version: while the lake stays the same, a refresh of the page reads none of it.

A bound on every answer keeps a page that is open for days small.
"""

from __future__ import annotations

import streamlit as st
from downbeat_dashboard import queries
from downbeat_dashboard.lake import Table

# A few versions of each answer, for several visitors with different filters.
_remembered = st.cache_data(
    max_entries=32, ttl="10m", show_spinner=False, hash_funcs={Table: lambda table: (table.name, table.key)}
)

progress = _remembered(queries.progress)
listening = _remembered(queries.listening)
listeners = _remembered(queries.listeners)
countries = _remembered(queries.countries)
top_tracks = _remembered(queries.top_tracks)
top_artists = _remembered(queries.top_artists)
quality = _remembered(queries.quality)
broken_rules = _remembered(queries.broken_rules)
repairs = _remembered(queries.repairs)
verdict = _remembered(queries.verdict)
faults = _remembered(queries.faults)
