# kanpde with the CPU build of PyTorch, for a user without rights.
#
#   docker build --build-arg TORCH_INDEX=ADDRESS -t kanpde .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" kanpde solve burgers --out runs/b
#
# ADDRESS is the index that PyTorch's page shows for "CPU": https://pytorch.org/get-started/locally.
# Without it the build for graphics cards is taken, which is larger by several GB.
FROM python:3.13-slim

ARG TORCH_INDEX=""
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY kanpde kanpde
COPY problems problems
COPY examples/starts examples/starts
COPY docs docs
RUN if [ -n "$TORCH_INDEX" ]; then \
        pip install --no-cache-dir -c constraints.txt --index-url "$TORCH_INDEX" torch; \
    fi \
    && pip install --no-cache-dir -c constraints.txt . \
    && rm -rf /src/*

# Whoever runs it may have no home folder: matplotlib keeps its list of fonts here.
ENV MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home kanpde && mkdir /work && chown kanpde /work
USER kanpde
WORKDIR /work
ENTRYPOINT ["kanpde"]
CMD ["--help"]
