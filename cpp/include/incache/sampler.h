/* Models and samplers: the part of incache.h for files that `incache export` wrote. */
#ifndef INCACHE_SAMPLER_H
#define INCACHE_SAMPLER_H

#include "../incache.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct incache_model incache_model;
typedef struct incache_sampler incache_sampler;

/** What a model file holds: a network, its cache policy and a sampler, for a fixed number of images. */
typedef struct incache_model_info {
  size_t size;
  const char *name;         /**< lives as long as the model */
  uint32_t images;          /**< of a batch */
  uint32_t channels, height, width;
  uint32_t steps;
  double guidance_scale;
  double macs;              /**< of a whole batch, pictures apart */
  /** Of a picture; all 0 where there is none, because the latents have not its channels and the file has no decoder. */
  uint32_t picture_channels, picture_height, picture_width;
  double picture_macs;      /**< of the pictures of a batch; 0 where the latents are the pictures */
} incache_model_info;

/** What a model is conditioned on, besides the timestep: labels, or the embeddings of a text and their lengths. */
typedef struct incache_input_info {
  size_t size;
  const char *name;  /**< as "labels"; lives as long as the model */
  incache_type type; /**< INCACHE_I32 or INCACHE_F32 */
  /**
   * A batch takes groups x rows x columns values. A group is of an image. Where there is one more than images, the last is
   * what guidance leads away from, as of an empty or a negative prompt; without it the file has that.
   */
  uint32_t groups, rows, columns;
  int32_t least, most;  /**< of INCACHE_I32: the range of the values, both included */
  uint32_t most_groups; /**< where it is more than `groups`, a last group may be given in place of the file's; then of every input */
  uint32_t optional;    /**< 1 where the file has the values of all groups, so that it may be left out */
} incache_input_info;

/**
 * Opens a file that `incache export` wrote. Its tensors are read when a sampler needs them. INCACHE_ABSENT: there is no such
 * file. INCACHE_BAD_PLAN: it is no model file, a damaged one, or of a version that this library does not read.
 */
INCACHE_API incache_status incache_model_open(const char *path, incache_model **model);
/** The same of bytes in memory, which must outlive the model and its samplers. */
INCACHE_API incache_status incache_model_parse(const void *bytes, uint64_t length, incache_model **model);
/** Samplers of it stay as they are. */
INCACHE_API void incache_model_destroy(incache_model *model);
/** What the file holds; look at it before a sampler is made of a file from a stranger. */
INCACHE_API incache_status incache_model_describe(const incache_model *model, incache_model_info *info);
/** How many inputs the model takes; 0 of a null handle. */
INCACHE_API uint64_t incache_model_inputs(const incache_model *model);
/** The input at `place`, below incache_model_inputs. */
INCACHE_API incache_status incache_model_input(const incache_model *model, uint64_t place, incache_input_info *info);

/** The values of an input of the model, by its name. */
typedef struct incache_input {
  size_t size;
  const char *name;  /**< as "labels" */
  incache_type type; /**< of `data`; that of the input */
  const void *data;  /**< int32_t or float, group by group, row by row */
  uint64_t elements; /**< groups (or most_groups) * rows * columns of the input; of labels one an image */
} incache_input;

typedef struct incache_sample_options {
  size_t size;
  const incache_input *inputs; /**< each input of the model once, in any order; those that are optional may be absent */
  uint64_t input_count;
  uint64_t seed;          /**< below 2^53 */
  uint64_t first_image;   /**< place of the first image in the seed's sequence of images; the last image's is below 2^32 */
} incache_sample_options;

/**
 * Prepares a batch. The same seed, inputs and file give what the command line gives for them. INCACHE_BAD_ARGUMENT: an input
 * that is missing or unknown, or of another type or size. INCACHE_BAD_VALUE: a value of one is out of its range.
 */
INCACHE_API incache_status incache_sampler_create(incache_device *device, const incache_model *model,
                                                  const incache_sample_options *options, incache_sampler **sampler);
/** Not while a call uses it. */
INCACHE_API void incache_sampler_destroy(incache_sampler *sampler);
/** Starts another batch with the weights, plans and memory of this one. Fails as incache_sampler_create does. */
INCACHE_API incache_status incache_sampler_restart(incache_sampler *sampler, const incache_sample_options *options);
/**
 * Takes the next denoising step. options: may be NULL. remaining (may be NULL): steps still to take. After the last one it is
 * an error. INCACHE_NOT_FINITE: the latents are infinite or not numbers; the error names the step and the image. After a step
 * that failed or was cancelled only a restart goes on.
 */
INCACHE_API incache_status incache_sampler_step(incache_sampler *sampler, const incache_run_options *options,
                                                uint32_t *remaining);
/** Copies the latents so far, in [-1, 1] at the end: images x channels x height x width float32, which `elements` counts. */
INCACHE_API incache_status incache_sampler_latents(const incache_sampler *sampler, float *latents, uint64_t elements);
/**
 * What the latents so far look like, decoded one image after another: images x picture_height x picture_width x
 * picture_channels bytes, 0 to 255, row by row from the top; of 3 channels red, green, blue. options: may be NULL. The latents
 * of a model of 1 or 3 channels without a decoder are the picture. The decoder's weights and memory are taken at the first
 * call and kept with the sampler. A call that failed, for want of memory too, may be repeated: the latents stay.
 * INCACHE_BAD_ARGUMENT: the model gives no pictures. INCACHE_NOT_FINITE: a picture has values that are no numbers.
 */
INCACHE_API incache_status incache_sampler_images(incache_sampler *sampler, const incache_run_options *options,
                                                  uint8_t *images, uint64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
