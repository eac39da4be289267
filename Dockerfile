# The page, then the wheel, then an image that holds only what runs.
FROM node:22-alpine AS page
WORKDIR /web
COPY chatbot/web/package.json chatbot/web/package-lock.json chatbot/web/.npmrc ./
RUN npm ci
COPY chatbot/web/ ./
RUN npm run build

FROM python:3.12-slim AS wheel
WORKDIR /source
RUN pip install --no-cache-dir hatchling
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY cachekit cachekit
COPY chatbot chatbot
COPY --from=page /web/dist chatbot/web/dist
RUN python -m hatchling build --target wheel --directory /wheels

FROM python:3.12-slim
COPY --from=wheel /wheels /wheels
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt \
      "$(ls /wheels/*.whl)[aws,chatbot,sandbox]" \
 && rm -r /wheels \
 && useradd --system --no-create-home chatbot
USER chatbot
ENV PYTHONUNBUFFERED=1
EXPOSE 8080
CMD ["python", "-m", "chatbot"]
