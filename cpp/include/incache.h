/*
 * incache.h: the C interface of libincache (C11). It includes incache/sampler.h: programs need to include nothing else.
 *
 * Two ways in. The short one: a model file that `incache export` wrote is opened with `incache_model_open` and sampled
 * with `incache_sampler_*`. The long one: a device, buffers and weights; a plan from its file form
 * (`incache_plan_parse`) or from operations (`incache_plan_create`); an executable that binds them and runs.
 *
 * Errors: every function that can fail returns an `incache_status`; `incache_last_error` then tells in one sentence what
 * was wrong: the argument, its value, and what was expected. What a failed call was to fill in is left as it was.
 * INCACHE_BAD_ARGUMENT, INCACHE_OUT_OF_MEMORY and INCACHE_INTERNAL can come from each of them; other statuses are told
 * where they belong. No exception and no signal leaves the library, whatever a file holds.
 *
 * Structs: each begins with its size, so that later versions can add fields at its end. The caller sets it to the sizeof of
 * the struct, also of one that a call is to fill in; elements of an array all have the same. Fields that are left zero have
 * their defaults, and so have those that a caller's older header lacks. A size that no version of the struct had is refused.
 *
 *     incache_cost cost = {.size = sizeof cost};
 *
 * Ownership: the library copies what it is given, texts and arrays too, and keeps none of the caller's pointers; the one
 * exception is `incache_model_parse`. Texts are UTF-8 and end with 0. Those that it gives live as long as their handle.
 *
 * Threads: handles may be used from any thread. Calls that run plans, load weights or copy buffers of one device wait for
 * each other. The text of the last error belongs to the calling thread.
 *
 * Lifetimes: an executable keeps the weights and buffers that it uses, a buffer its device, a sampler its model's
 * weights: handles may be destroyed in any order. Destroying a null handle does nothing.
 */
#ifndef INCACHE_H
#define INCACHE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(_WIN32)
#define INCACHE_API __attribute__((visibility("default")))
#elif defined(_WIN32) && defined(INCACHE_BUILD_SHARED)
#define INCACHE_API __declspec(dllexport)
#else
#define INCACHE_API
#endif

/** Version of this interface: a library of another number must not be used. */
#define INCACHE_ABI_VERSION 2

typedef enum incache_status {
  INCACHE_OK = 0,
  INCACHE_BAD_ARGUMENT = 1, /**< a null handle, a wrong size, a name that is not bound */
  INCACHE_BAD_PLAN = 2,     /**< not a plan or model file, or operations that do not fit their buffers */
  INCACHE_OUT_OF_MEMORY = 3,
  INCACHE_BAD_VALUE = 4, /**< an index or a weight that an operation cannot use */
  INCACHE_ABSENT = 5,    /**< no such device here, or no such file */
  INCACHE_INTERNAL = 6,  /**< a defect of incache */
  INCACHE_CANCELLED = 7, /**< the call's incache_cancellation was cancelled before it had ended */
  INCACHE_NOT_FINITE = 8 /**< a step has made latents that are not finite numbers */
} incache_status;

/**
 * Element types. On the processor F16 is only for tensors that are given as weights. E4M3, 8 bits with a float32 scale a row, is
 * for states that linearCombination alone reads and writes.
 */
typedef enum incache_type {
  INCACHE_F32 = 0,
  INCACHE_I32 = 1,
  INCACHE_BF16 = 2,
  INCACHE_F16 = 3,
  INCACHE_E4M3 = 4
} incache_type;

typedef enum incache_role {
  INCACHE_WEIGHT = 0,
  INCACHE_INPUT = 1,
  INCACHE_OUTPUT = 2,
  INCACHE_STATE = 3,
  INCACHE_TEMPORARY = 4
} incache_role;

typedef struct incache_device incache_device;
typedef struct incache_buffer incache_buffer;
typedef struct incache_weights incache_weights;
typedef struct incache_plan incache_plan;
typedef struct incache_executable incache_executable;

/** `INCACHE_ABI_VERSION` of the library that is linked. */
INCACHE_API uint32_t incache_abi_version(void);
/** Version of the library, as "0.1.0". */
INCACHE_API const char *incache_version(void);
/** Why the last call on this thread failed; an empty string before any has. */
INCACHE_API const char *incache_last_error(void);

typedef struct incache_memory_error {
  size_t size;
  char device[32];  /**< "cpu" or "cuda:0"; empty where it was the process that had no memory left */
  uint64_t asked;   /**< bytes; 0 where they are not known */
  uint64_t in_use;  /**< bytes of the device that were in use */
  uint64_t limit;   /**< the most that could have been in use; 0 where that is not known */
} incache_memory_error;

/** The numbers of the last error of this thread when its status was INCACHE_OUT_OF_MEMORY, otherwise all zero. */
INCACHE_API incache_status incache_last_memory_error(incache_memory_error *error);

/* ---- Runs that can be watched and ended --------------------------------------------------------------------------- */

/**
 * Ends a run or a step early, from any thread. It is given to the calls that it is to end, which may be many, at once or
 * one after the other. Once cancelled it stays so: calls that are under way, and all later ones, end with
 * INCACHE_CANCELLED. Create another one to go on.
 */
typedef struct incache_cancellation incache_cancellation;

INCACHE_API incache_status incache_cancellation_create(incache_cancellation **cancellation);
/** Not before every call that it was given to has returned. */
INCACHE_API void incache_cancellation_destroy(incache_cancellation *cancellation);
/** Returns at once; the calls end soon after. Of a null handle it does nothing. */
INCACHE_API void incache_cancellation_cancel(incache_cancellation *cancellation);

/** How a call that computes is watched and ended; calls take NULL for neither. */
typedef struct incache_run_options {
  size_t size;
  /**
   * NULL, or what ends the call with INCACHE_CANCELLED: on the processor within a fraction of the operation under way, on a
   * GPU only before operations have been enqueued. What was to be written then holds anything, caches in states too.
   */
  const incache_cancellation *cancellation;
  /**
   * NULL, or called on the calling thread whenever an operation has ended (on a GPU: when all of a plan have been enqueued):
   * `done` of the `total` operations of the call. It returns 0 to go on; anything else ends the call with
   * INCACHE_CANCELLED. The device is held meanwhile: of this library it may call incache_cancellation_cancel alone. It
   * must not throw.
   */
  int (*progress)(void *user, uint64_t done, uint64_t total);
  void *user; /**< what `progress` is given */
} incache_run_options;

/* ---- Devices ---------------------------------------------------------------------------------------------------- */

typedef struct incache_device_options {
  size_t size;
  /**
   * 0: one for each processor that the process may use (affinity, and on Linux the quota of its control groups), or fewer where the
   * system gives no more. Any other number is given or refused with INCACHE_BAD_ARGUMENT. On a GPU they only prepare weights.
   */
  uint32_t threads;
  /**
   * INCACHE_F32, or INCACHE_BF16: the weights of linears and factors are kept, and their inputs multiplied, as bfloat16,
   * summed in float32. Half the memory everywhere; several times the arithmetic rate where the processor has AMX, twice on
   * those whose AVX-512 BF16 is fast. On a GPU INCACHE_BF16 is the fast mode, by tensor cores; so is INCACHE_F16, which only a GPU has: finer steps, but nothing
   * beyond 65,504. INCACHE_F32 is for comparison there.
   */
  incache_type weights;
} incache_device_options;

/**
 * Opens a device. name: "cpu"; "cuda", the first GPU, or "cuda:1" for the second and so on; NULL for the fastest one
 * present, which is "cuda" if it can be opened and "cpu" if not. options: NULL for the defaults, all of them zero.
 * INCACHE_ABSENT: there is no such device; the last error has the reason.
 *
 * A GPU is reached through a plugin, libincache_cuda.so, that is opened when it is first asked for: the one that the
 * environment variable INCACHE_CUDA_LIBRARY names, else the one in the folder of this library. The plugin must be of the
 * same version, the GPU of compute capability 8.0 or more.
 * INCACHE_ISA (amx, avx512bf16, avx512, avx2, portable) holds the kernels of the processor to a lesser instruction set.
 */
INCACHE_API incache_status incache_device_open(const char *name, const incache_device_options *options,
                                               incache_device **device);
/** Gives the handle back; the device itself goes with the last buffer, weights, executable or sampler of it. */
INCACHE_API void incache_device_close(incache_device *device);

typedef struct incache_device_info {
  size_t size;
  char description[256]; /**< for people: "CPU, avx512bf16", or the name of the GPU */
  uint64_t memory;       /**< bytes of it in all; 0 for the processor */
} incache_device_info;

/** What the device of this name is, without opening it. Fails as opening it would where it is not present. */
INCACHE_API incache_status incache_device_describe(const char *name, incache_device_info *info);
/** Threads that its runs take, the caller's among them; 0 of a null handle. */
INCACHE_API uint32_t incache_device_threads(const incache_device *device);
/**
 * "amx" (with bfloat16 weights), "avx512bf16", "avx512", "avx2" or "portable"; of a GPU its architecture, as
 * "sm_90". It lives as long as the device.
 */
INCACHE_API const char *incache_device_instruction_set(const incache_device *device);
/** Bytes in use for weights, buffers and temporaries together, which the plans of a device share; 0 of a null handle. */
INCACHE_API uint64_t incache_device_memory(const incache_device *device);
/**
 * For benchmarks: `rounds` rounds of multiply-adds of the type (INCACHE_F32 or INCACHE_BF16) on registers alone, on the
 * calling thread. operations: how many floating-point operations they were. The limit that products are held against.
 * Only of the processor.
 */
INCACHE_API incache_status incache_device_peak(const incache_device *device, incache_type type, uint64_t rounds,
                                               double *operations);

/* ---- Buffers ---------------------------------------------------------------------------------------------------- */

/**
 * A dense, row-major rows x columns buffer of zeros. type: INCACHE_F32, INCACHE_I32, INCACHE_BF16, INCACHE_E4M3; INCACHE_F16 on
 * a GPU.
 */
INCACHE_API incache_status incache_buffer_create(incache_device *device, uint64_t rows, uint64_t columns,
                                                 incache_type type, incache_buffer **buffer);
/** The memory stays as long as an executable is bound to it. */
INCACHE_API void incache_buffer_destroy(incache_buffer *buffer);
/**
 * Copies all rows * columns elements, from the caller or to it, when runs asked for before have ended. type: what `data` holds, the buffer's own type, or INCACHE_F32 for a buffer of
 * 16-bit numbers (rounded to the nearest, ties to even; widened). For one of INCACHE_E4M3 it is INCACHE_F32.
 */
INCACHE_API incache_status incache_buffer_write(incache_buffer *buffer, const void *data, incache_type type,
                                                uint64_t elements);
INCACHE_API incache_status incache_buffer_read(incache_buffer *buffer, void *data, incache_type type, uint64_t elements);

/* ---- Plans ------------------------------------------------------------------------------------------------------ */

/** A buffer of a plan; its place in the plan's table is what operands name. */
typedef struct incache_buffer_info {
  size_t size;
  const char *name; /**< one that no other buffer of the plan has; what is asked of a plan lives as long as the plan */
  incache_role role;
  incache_type type;
  uint64_t rows;
  uint64_t columns;
} incache_buffer_info;

/** What an operation reads or writes under a name: rows x columns of a buffer, from (row, column) on. */
typedef struct incache_operand {
  size_t size;
  const char *name; /**< as docs/plans.md has it: "x", "out"; in a list with its place there: "factors[0].down" */
  uint64_t buffer;  /**< place in the table of buffers */
  uint64_t row, rows, column, columns;
  uint64_t batches;      /**< of as many rows each, which divide `rows`; 0 for one */
  uint64_t batch_stride; /**< rows from where one begins to where the next does */
} incache_operand;

/** A number or a choice that an operation is given under a name. */
typedef struct incache_attribute {
  size_t size;
  const char *name; /**< as docs/plans.md has it: "heads", "epilogue"; in a list "terms[0].coefficient" */
  const char *text; /**< a choice by its name, as "gelu"; NULL where `number` counts */
  double number;
} incache_attribute;

/** An operation by its name, with its operands and attributes in any order. docs/plans.md lists all, and what they do. */
typedef struct incache_op {
  size_t size;
  const char *op;    /**< as "linear" */
  const char *layer; /**< for messages; NULL for none */
  const incache_operand *operands;
  uint64_t operand_count;
  const incache_attribute *attributes;
  uint64_t attribute_count;
} incache_op;

/**
 * Makes and checks a plan of a table of buffers and operations, which run in this order. name: for messages; may be NULL.
 * INCACHE_BAD_PLAN: no such operation; an operand or attribute that it does not have, that it lacks, that is given twice or
 * has a wrong type or size; operands that overlap, and values that are read before they are written. The sentence is the
 * one that the same plan as text would have.
 */
INCACHE_API incache_status incache_plan_create(const char *name, const incache_buffer_info *buffers,
                                               uint64_t buffer_count, const incache_op *ops, uint64_t op_count,
                                               incache_plan **plan);
/**
 * Parses and checks a plan: `length` bytes of JSON (format incache-plan, version 1), which need no terminator.
 * INCACHE_BAD_PLAN: it is none; the sentence names the operation and the operand.
 */
INCACHE_API incache_status incache_plan_parse(const char *text, uint64_t length, incache_plan **plan);
/** Executables made of it stay as they are. */
INCACHE_API void incache_plan_destroy(incache_plan *plan);

typedef struct incache_cost {
  size_t size;
  double macs;          /**< multiply-accumulates of matrix products */
  double bytes;         /**< read and written when every operand moves once */
  uint64_t arena_bytes; /**< what the plan's temporaries take */
} incache_cost;

/** How many buffers the plan has; 0 of a null handle. */
INCACHE_API uint64_t incache_plan_buffers(const incache_plan *plan);
/** The buffer at `place`, below incache_plan_buffers. */
INCACHE_API incache_status incache_plan_buffer(const incache_plan *plan, uint64_t place, incache_buffer_info *info);
/** What one run of the plan costs. */
INCACHE_API incache_status incache_plan_cost(const incache_plan *plan, incache_cost *cost);

/* ---- Weights ---------------------------------------------------------------------------------------------------- */

/** Weights on a device, packed for its kernels; shared by all executables made with them. */
INCACHE_API incache_status incache_weights_create(incache_device *device, incache_weights **weights);
/** Executables that use them keep theirs. */
INCACHE_API void incache_weights_destroy(incache_weights *weights);
/** Bytes of the device that they take; 0 of a null handle. */
INCACHE_API uint64_t incache_weights_bytes(const incache_weights *weights);
/**
 * The place of the first buffer of the plan, from place `from` on, whose weight has yet to be loaded for the plan;
 * `incache_plan_buffers(plan)` when there is none.
 */
INCACHE_API incache_status incache_weights_missing(const incache_weights *weights, const incache_plan *plan,
                                                   uint64_t from, uint64_t *place);
/**
 * Packs the weight of buffer `place` in every form that the plan needs, on all threads. data: rows * columns elements of
 * type INCACHE_F32, INCACHE_BF16 or INCACHE_F16, which are not needed afterwards. INCACHE_BAD_VALUE: one is no
 * finite number.
 */
INCACHE_API incache_status incache_weights_load(incache_weights *weights, const incache_plan *plan, uint64_t place,
                                                const void *data, incache_type type, uint64_t elements);
/** Forgets every weight whose name starts with `prefix`; executables that use them keep theirs. */
INCACHE_API incache_status incache_weights_release(incache_weights *weights, const char *prefix);

/* ---- Executables ------------------------------------------------------------------------------------------------ */

/** The buffer that an input, output or state buffer of the plan is bound to. */
typedef struct incache_binding {
  size_t size;
  const char *name;
  incache_buffer *buffer;
} incache_binding;

/** Binds a plan to a device. Every weight must have been loaded, every input, output and state be bound. */
INCACHE_API incache_status incache_executable_create(incache_device *device, const incache_plan *plan,
                                                     const incache_weights *weights, const incache_binding *bindings,
                                                     uint64_t count, incache_executable **executable);
/**
 * Runs every operation once, in order. On the processor it returns when they have ended. On a GPU it returns when they have
 * been enqueued: incache_executable_wait and incache_buffer_read wait for them, and fail with INCACHE_INTERNAL when one
 * has failed. options: may be NULL. INCACHE_BAD_VALUE: an index or a length among the inputs is out of range.
 */
INCACHE_API incache_status incache_executable_run(incache_executable *executable, const incache_run_options *options);
/** Returns when the runs asked for so far have ended; on the processor at once. */
INCACHE_API incache_status incache_executable_wait(incache_executable *executable);
/** Not while a call runs it. */
INCACHE_API void incache_executable_destroy(incache_executable *executable);

#ifdef __cplusplus
}
#endif

#include "incache/sampler.h"
#endif
