"""The name by which Airflow's components know this machine. Each of them imports this, so it is small."""


def loopback() -> str:
    """Airflow's default asks DNS, which is slow or impossible on a laptop without a network."""
    return "127.0.0.1"
