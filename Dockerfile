# prunescope for a CPU, or for a GPU:
#   docker build -t prunescope .
#   docker build -t prunescope:cuda --build-arg TORCH=https://download.pytorch.org/whl/cu126 .
#   docker run --rm -v "$PWD":/work prunescope diagnose ckpt.pt --data digits
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
ARG TORCH=https://download.pytorch.org/whl/cpu
COPY . /source
RUN python -m venv /opt/prunescope \
 && /opt/prunescope/bin/pip install --no-cache-dir --index-url "$TORCH" torch torchvision \
 && /opt/prunescope/bin/pip install --no-cache-dir /source

FROM python:${PYTHON}-slim
COPY --from=build /opt/prunescope /opt/prunescope
RUN useradd --create-home --uid 1000 prunescope && mkdir /work && chown prunescope /work
USER prunescope
WORKDIR /work
ENV PATH=/opt/prunescope/bin:$PATH MPLBACKEND=Agg
ENTRYPOINT ["prunescope"]
CMD ["--help"]
