"""Downbeat's dashboard: `DOWNBEAT_LAKE=<folder> streamlit run streamlit/app.py`. Sets the frame around the pages."""

from pathlib import Path

import streamlit as st

ASSETS = Path(__file__).parent / "assets"

st.set_page_config(page_title="Downbeat", page_icon=str(ASSETS / "downbeat.png"), layout="wide")
st.logo(str(ASSETS / "downbeat.png"), size="large")
st.html(ASSETS / "style.css")
st.navigation(
    [
        st.Page("pages/now.py", title="Now", icon=":material/graphic_eq:", default=True),
        st.Page("pages/quality.py", title="Quality", icon=":material/fact_check:"),
    ],
    position="top",
).run()
