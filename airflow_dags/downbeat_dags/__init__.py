"""What the DAGs share: how a Spark job is run and tried again, and the lake's tables as assets. No DAG lives here."""
