# For systems that `make run` does not serve, such as an Intel Mac. Results go to the folder that is mounted as data:
#   docker build --tag blastscreen .
#   docker run --rm --volume "$PWD/data:/blastscreen/data" blastscreen --pipeline=rf
FROM python:3.11-slim
WORKDIR /blastscreen
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
COPY conf conf
# whoever runs it (docker run --user) can write what libraries keep for themselves
ENV HOME=/tmp KEDRO_DISABLE_TELEMETRY=1
ENTRYPOINT ["blastscreen"]
