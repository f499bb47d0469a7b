# The study in a container. It was written where no container could be built, so it is untried:
#   docker build -t study . && docker run --rm -it study make test
FROM python:3.12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home user
USER user
WORKDIR /home/user/study
COPY --chown=user . .
RUN make setup
ENV PATH=/home/user/study/.venv/bin:$PATH
CMD ["study", "experiment=smoke", "dry_run=true"]
