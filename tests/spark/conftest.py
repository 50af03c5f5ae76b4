"""
Spark in this process: nox session ``spark``.
"""

from __future__ import annotations

import pytest


@pytest.fixture(name="spark", scope="session")
def _spark():
    sql = pytest.importorskip("pyspark.sql")
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "6g")
        .config("spark.sql.shuffle.partitions", "8")
        .getOrCreate()
    )

    yield session

    session.stop()
