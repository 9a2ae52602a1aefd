/* Embeddings of prompts, as `incache embed` and diffusers write them: tensors of a safetensors file. */
#ifndef EMBEDDINGS_H
#define EMBEDDINGS_H

#include <stdint.h>

typedef struct embeddings {
  uint32_t prompts, tokens, width;
  float *values;    /* prompts x tokens x width */
  int32_t *lengths; /* of each prompt: its tokens that count, which come first */
} embeddings;

/* Ends the program with a sentence where the file is not what it should be. */
embeddings embeddings_read(const char *path);
void embeddings_free(embeddings *all);

#endif
