#include "embeddings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* Where a tensor of the file lies: eight bytes with the length of a JSON header, the header, the data. */
typedef struct place {
  unsigned prompts, tokens, width;
  unsigned long long first, end;
} place;

/* The header is what one library writes, so it is searched and not parsed. */
static place find(const char *path, const char *header, const char *name, const char *type) {
  char key[64], kind[32];
  snprintf(key, sizeof key, "\"%s\":", name);
  snprintf(kind, sizeof kind, "\"dtype\":\"%s\"", type);
  const char *tensor = strstr(header, key);
  if (!tensor) fail(path, "expected embeddings of incache embed: a tensor is missing");
  const char *end = strchr(tensor, '}'), *dtype = strstr(tensor, kind), *shape = strstr(tensor, "\"shape\":");
  const char *offsets = strstr(tensor, "\"data_offsets\":");
  place found = {0, 0, 1, 0, 0};
  if (!end || !dtype || dtype > end || !shape || !offsets) fail(path, "expected prompt_embeds of F32 and a mask of U8");
  if (sscanf(shape, "\"shape\":[%u,%u,%u", &found.prompts, &found.tokens, &found.width) < 2 ||
      sscanf(offsets, "\"data_offsets\":[%llu,%llu", &found.first, &found.end) != 2)
    fail(path, "a tensor has no shape or no place");
  return found;
}

static void *read_at(FILE *file, const char *path, unsigned long long from, size_t bytes) {
  void *data = allocate(bytes + 1);
  if (fseek(file, (long)from, SEEK_SET) != 0 || fread(data, 1, bytes, file) != bytes) fail(path, "it ends too early");
  ((char *)data)[bytes] = 0;
  return data;
}

embeddings embeddings_read(const char *path) {
  FILE *file = fopen(path, "rb");
  uint64_t length = 0;
  if (!file || fread(&length, sizeof length, 1, file) != 1 || length > 1000000) fail(path, "expected a file of embeddings");
  char *header = read_at(file, path, sizeof length, (size_t)length);
  const place values = find(path, header, "prompt_embeds", "F32"), mask = find(path, header, "prompt_attention_mask", "U8");
  const size_t rows = (size_t)values.prompts * values.tokens;
  if (values.end - values.first != rows * values.width * sizeof(float) || mask.end - mask.first != rows)
    fail(path, "its tensors have other sizes than their shapes");
  embeddings all = {values.prompts, values.tokens, values.width, NULL, NULL};
  all.values = read_at(file, path, sizeof length + length + values.first, rows * values.width * sizeof(float));
  all.lengths = allocate(all.prompts * sizeof *all.lengths);
  uint8_t *kept = read_at(file, path, sizeof length + length + mask.first, rows);
  for (uint32_t prompt = 0; prompt < all.prompts; prompt++) {
    all.lengths[prompt] = 0;
    for (uint32_t token = 0; token < all.tokens; token++) all.lengths[prompt] += kept[prompt * all.tokens + token] != 0;
  }
  free(kept);
  free(header);
  fclose(file);
  return all;
}

void embeddings_free(embeddings *all) {
  free(all->values);
  free(all->lengths);
}
