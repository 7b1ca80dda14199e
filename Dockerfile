# One image for every Airflow component; docker-compose.yaml says which runs what.
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS packages
# The version that the Makefile uses.
RUN python -m pip install --no-cache-dir --disable-pip-version-check uv==0.13.9 \
    && python -m venv --without-pip /opt/venv
COPY requirements-production.txt .
# Compiled here, so that no task pays for it: importing Airflow takes half as long.
RUN uv pip sync --no-cache --compile-bytecode --python /opt/venv/bin/python requirements-production.txt

FROM ${PYTHON}
RUN groupadd --system --gid 50000 sluice \
    && useradd --system --uid 50000 --gid sluice --home-dir /opt/airflow --no-log-init sluice \
    # What volumes are mounted on: a new volume takes over the owner it finds here.
    && mkdir --parents /opt/airflow/logs /var/lib/sluice /srv/sources \
    && chown --recursive sluice:sluice /opt/airflow /var/lib/sluice
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/sluice/include:/opt/sluice/plugins \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow
# Owned by root: a task cannot change the code, the policy or the contracts it works by.
COPY dags /opt/sluice/dags
COPY plugins /opt/sluice/plugins
COPY expectations /opt/sluice/expectations
COPY include /opt/sluice/include
# The command line, on the code where it lies: its defaults are the folders beside it.
RUN python -m compileall -q /opt/sluice \
    && printf '#!/opt/venv/bin/python\nfrom sluice.cli import main\n\nmain()\n' > /usr/local/bin/sluice \
    && chmod 755 /usr/local/bin/sluice
WORKDIR /opt/airflow
USER sluice
