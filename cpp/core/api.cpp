// The C interface: unwraps handles, turns exceptions into a status and a sentence.
#include <cstdio>
#include <new>

#include "given.h"
#include "plan_create.h"
#include "sampler.h"

using namespace incache;

struct incache_device {
  std::shared_ptr<Device> device;
};
struct incache_buffer {
  Buffer buffer;
};
struct incache_weights {
  Weights weights;
};
struct incache_plan {
  Plan plan;
};
struct incache_executable {
  Executable executable;
};
struct incache_model {
  std::shared_ptr<const Model> model;
};
struct incache_cancellation {
  Cancellation cancellation;
};
struct incache_sampler {
  std::shared_ptr<const Model> model;
  mutable std::mutex mutex;
  Sampler sampler;
};

namespace {

thread_local std::string lastError;
thread_local incache_memory_error lastMemoryError;

incache_status fail(incache_status status, const char *text, const incache_memory_error &memory = {}) noexcept {
  lastMemoryError = memory;
  try {
    lastError = text;
  } catch (...) {
    lastError.clear();
  }
  return status;
}

// A pointer that a function needs; `name` is what the error calls it if the pointer is null.
struct Needed {
  const char *name;
  const void *value;
};

template <class Body>
incache_status guarded(std::initializer_list<Needed> needed, Body body) noexcept {
  try {
    for (const auto &[name, value] : needed) requireGiven(name, value);
    body();
    return INCACHE_OK;
  } catch (const OutOfMemory &error) {
    incache_memory_error memory{sizeof memory, "", error.asked, error.inUse, error.limit};
    std::snprintf(memory.device, sizeof memory.device, "%s", error.device.c_str());
    return fail(error.status, error.what(), memory);
  } catch (const Error &error) {
    return fail(error.status, error.what());
  } catch (const std::bad_alloc &) {
    return fail(INCACHE_OUT_OF_MEMORY, "the process is out of memory");
  } catch (const std::exception &error) {
    return fail(INCACHE_INTERNAL, error.what());
  } catch (...) {
    return fail(INCACHE_INTERNAL, "an unknown exception");
  }
}

void requirePlace(uint64_t place, uint64_t count, const char *what) {
  if (place >= count)
    throw Error(INCACHE_BAD_ARGUMENT, "place is " + std::to_string(place) + "; expected one below " + std::to_string(count) + ", the number of " + what);
}

// The library uses signed sizes. A size beyond their range is cut to one that the library then refuses as too large.
int64_t side(uint64_t value) { return static_cast<int64_t>(std::min<uint64_t>(value, uint64_t{1} << 40)); }

SampleSettings settingsOf(const Model &model, const incache_sample_options *options) {
  const incache_sample_options own = taken(options, "options");
  return {takeInputs(model, taken(own.inputs, own.input_count, "options.inputs")), own.seed, own.first_image};
}

RunControl controlOf(const incache_run_options *options) {
  if (!options) return {};
  const incache_run_options own = taken(options, "options");
  return {own.cancellation ? &own.cancellation->cancellation : nullptr, own.progress, own.user};
}

}  // namespace

extern "C" {

uint32_t incache_abi_version(void) { return INCACHE_ABI_VERSION; }
const char *incache_version(void) { return INCACHE_VERSION; }
const char *incache_last_error(void) { return lastError.c_str(); }
incache_status incache_last_memory_error(incache_memory_error *error) {
  return guarded({}, [&] { give(error, lastMemoryError, "error"); });
}

incache_status incache_cancellation_create(incache_cancellation **cancellation) {
  return guarded({{"cancellation", cancellation}}, [&] {
    *cancellation = new incache_cancellation;
  });
}
void incache_cancellation_destroy(incache_cancellation *cancellation) { delete cancellation; }
void incache_cancellation_cancel(incache_cancellation *cancellation) {
  if (cancellation) cancellation->cancellation.cancel();
}

incache_status incache_device_open(const char *name, const incache_device_options *options, incache_device **device) {
  return guarded({{"device", device}}, [&] {
    *device = new incache_device{std::make_shared<Device>(name, options ? taken(options, "options") : incache_device_options{})};
  });
}
void incache_device_close(incache_device *device) { delete device; }
incache_status incache_device_describe(const char *name, incache_device_info *info) {
  return guarded({{"name", name}, {"info", info}}, [&] {
    const DeviceFacts facts = Device::describe(name);
    incache_device_info own{0, "", facts.memory};
    std::snprintf(own.description, sizeof own.description, "%s", facts.description.c_str());
    give(info, own, "info");
  });
}
uint32_t incache_device_threads(const incache_device *device) {
  return device ? static_cast<uint32_t>(device->device->host.pool.threads()) : 0;
}
const char *incache_device_instruction_set(const incache_device *device) { return device ? device->device->engine->instructionSet() : ""; }
uint64_t incache_device_memory(const incache_device *device) { return device ? device->device->engine->memory() : 0; }
incache_status incache_device_peak(const incache_device *device, incache_type type, uint64_t rounds, double *operations) {
  return guarded({{"device", device}, {"operations", operations}}, [&] {
    if (type != INCACHE_F32 && type != INCACHE_BF16)
      throw Error(INCACHE_BAD_ARGUMENT, "type is " + std::to_string(type) + "; expected INCACHE_F32 or INCACHE_BF16");
    *operations = device->device->engine->peak(side(rounds), type);
  });
}

incache_status incache_buffer_create(incache_device *device, uint64_t rows, uint64_t columns, incache_type type, incache_buffer **buffer) {
  return guarded({{"device", device}, {"buffer", buffer}}, [&] {
    *buffer = new incache_buffer{Buffer::create(device->device, side(rows), side(columns), type)};
  });
}
void incache_buffer_destroy(incache_buffer *buffer) { delete buffer; }
incache_status incache_buffer_write(incache_buffer *buffer, const void *data, incache_type type, uint64_t elements) {
  return guarded({{"buffer", buffer}, {"data", data}}, [&] {
    buffer->buffer.write(data, type, elements);
  });
}
incache_status incache_buffer_read(incache_buffer *buffer, void *data, incache_type type, uint64_t elements) {
  return guarded({{"buffer", buffer}, {"data", data}}, [&] {
    buffer->buffer.read(data, type, elements);
  });
}

incache_status incache_plan_create(const char *name, const incache_buffer_info *buffers, uint64_t buffer_count, const incache_op *ops,
                                   uint64_t op_count, incache_plan **plan) {
  return guarded({{"plan", plan}}, [&] {
    *plan = new incache_plan{createPlan(name, buffers, buffer_count, ops, op_count)};
  });
}
incache_status incache_plan_parse(const char *text, uint64_t length, incache_plan **plan) {
  return guarded({{"text", text}, {"plan", plan}}, [&] {
    *plan = new incache_plan{parsePlan(text, length)};
  });
}
void incache_plan_destroy(incache_plan *plan) { delete plan; }
uint64_t incache_plan_buffers(const incache_plan *plan) { return plan ? plan->plan.buffers.size() : 0; }
incache_status incache_plan_buffer(const incache_plan *plan, uint64_t place, incache_buffer_info *info) {
  return guarded({{"plan", plan}}, [&] {
    requirePlace(place, plan->plan.buffers.size(), "buffers");
    const PlanBuffer &buffer = plan->plan.buffers[place];
    give(info, {0, buffer.name.c_str(), buffer.role, buffer.type, static_cast<uint64_t>(buffer.rows), static_cast<uint64_t>(buffer.columns)}, "info");
  });
}
incache_status incache_plan_cost(const incache_plan *plan, incache_cost *cost) {
  return guarded({{"plan", plan}}, [&] {
    give(cost, {0, planMacs(plan->plan), planBytes(plan->plan), static_cast<uint64_t>(layoutTemporaries(plan->plan).bytes)}, "cost");
  });
}

incache_status incache_weights_create(incache_device *device, incache_weights **weights) {
  return guarded({{"device", device}, {"weights", weights}}, [&] {
    *weights = new incache_weights{Weights(device->device)};
  });
}
void incache_weights_destroy(incache_weights *weights) { delete weights; }
uint64_t incache_weights_bytes(const incache_weights *weights) { return weights ? weights->weights.bytes() : 0; }
incache_status incache_weights_missing(const incache_weights *weights, const incache_plan *plan, uint64_t from, uint64_t *place) {
  return guarded({{"weights", weights}, {"plan", plan}, {"place", place}}, [&] {
    *place = weights->weights.missing(plan->plan, from);
  });
}
incache_status incache_weights_load(incache_weights *weights, const incache_plan *plan, uint64_t place, const void *data, incache_type type,
                                    uint64_t elements) {
  return guarded({{"weights", weights}, {"plan", plan}, {"data", data}}, [&] {
    requirePlace(place, plan->plan.buffers.size(), "buffers");
    weights->weights.load(plan->plan, place, {data, type, elements});
  });
}
incache_status incache_weights_release(incache_weights *weights, const char *prefix) {
  return guarded({{"weights", weights}, {"prefix", prefix}}, [&] {
    weights->weights.release(prefix);
  });
}

incache_status incache_executable_create(incache_device *device, const incache_plan *plan, const incache_weights *weights,
                                         const incache_binding *bindings, uint64_t count, incache_executable **executable) {
  return guarded({{"device", device}, {"plan", plan}, {"weights", weights}, {"executable", executable}}, [&] {
    if (weights->weights.device() != device->device) throw Error(INCACHE_BAD_ARGUMENT, "the weights belong to another device");
    std::map<std::string, const Buffer *> bound;
    for (const incache_binding &binding : taken(bindings, count, "bindings")) {
      requireGiven("a binding's name", binding.name);
      requireGiven("a binding's buffer", binding.buffer);
      bound[binding.name] = &binding.buffer->buffer;
    }
    *executable = new incache_executable{{device->device, plan->plan, weights->weights, bound}};
  });
}
incache_status incache_executable_run(incache_executable *executable, const incache_run_options *options) {
  return guarded({{"executable", executable}}, [&] {
    RunControl control = controlOf(options);
    control.expect(executable->executable.operations());
    executable->executable.run(control);
  });
}
incache_status incache_executable_wait(incache_executable *executable) {
  return guarded({{"executable", executable}}, [&] {
    executable->executable.wait();
  });
}
void incache_executable_destroy(incache_executable *executable) { delete executable; }

incache_status incache_model_open(const char *path, incache_model **model) {
  return guarded({{"path", path}, {"model", model}}, [&] {
    *model = new incache_model{std::make_shared<const Model>(openFile(path))};
  });
}
incache_status incache_model_parse(const void *bytes, uint64_t length, incache_model **model) {
  return guarded({{"bytes", bytes}, {"model", model}}, [&] {
    *model = new incache_model{std::make_shared<const Model>(viewMemory(bytes, length))};
  });
}
void incache_model_destroy(incache_model *model) { delete model; }
incache_status incache_model_describe(const incache_model *model, incache_model_info *info) {
  return guarded({{"model", model}}, [&] {
    const Model &m = *model->model;
    const auto small = [](auto value) { return static_cast<uint32_t>(value); };
    const PictureSize picture = m.picture();
    give(info,
         {0, m.name.c_str(), small(m.images), small(m.channels), small(m.height), small(m.width), small(m.steps.size()), m.guidanceScale, m.macs(),
          small(picture.channels), small(picture.height), small(picture.width), m.pictureMacs()},
         "info");
  });
}
uint64_t incache_model_inputs(const incache_model *model) { return model ? model->model->inputs.size() : 0; }
incache_status incache_model_input(const incache_model *model, uint64_t place, incache_input_info *info) {
  return guarded({{"model", model}}, [&] {
    requirePlace(place, model->model->inputs.size(), "inputs");
    const ModelInput &input = model->model->inputs[place];
    const auto small = [](int64_t value) { return static_cast<uint32_t>(value); };
    give(info,
         {0, input.name.c_str(), input.type, small(model->model->groups(input)), small(input.rows), small(input.columns),
          static_cast<int32_t>(input.least), static_cast<int32_t>(input.most), small(model->model->mostGroups()), input.values.empty() ? 0u : 1u},
         "info");
  });
}

incache_status incache_sampler_create(incache_device *device, const incache_model *model, const incache_sample_options *options,
                                      incache_sampler **sampler) {
  return guarded({{"device", device}, {"model", model}, {"sampler", sampler}}, [&] {
    *sampler = new incache_sampler{model->model, {}, {device->device, model->model, settingsOf(*model->model, options)}};
  });
}
void incache_sampler_destroy(incache_sampler *sampler) { delete sampler; }
incache_status incache_sampler_restart(incache_sampler *sampler, const incache_sample_options *options) {
  return guarded({{"sampler", sampler}}, [&] {
    std::lock_guard lock(sampler->mutex);
    sampler->sampler.restart(settingsOf(*sampler->model, options));
  });
}
incache_status incache_sampler_step(incache_sampler *sampler, const incache_run_options *options, uint32_t *remaining) {
  return guarded({{"sampler", sampler}}, [&] {
    RunControl control = controlOf(options);
    std::lock_guard lock(sampler->mutex);
    const size_t left = sampler->sampler.step(control);
    if (remaining) *remaining = static_cast<uint32_t>(left);
  });
}
incache_status incache_sampler_latents(const incache_sampler *sampler, float *latents, uint64_t elements) {
  return guarded({{"sampler", sampler}, {"latents", latents}}, [&] {
    std::lock_guard lock(sampler->mutex);
    const std::vector<float> &values = sampler->sampler.latents();
    if (elements != values.size())
      throw Error(INCACHE_BAD_ARGUMENT, "elements is " + std::to_string(elements) + "; expected " + std::to_string(values.size()));
    std::copy(values.begin(), values.end(), latents);
  });
}

incache_status incache_sampler_images(incache_sampler *sampler, const incache_run_options *options, uint8_t *images, uint64_t bytes) {
  return guarded({{"sampler", sampler}, {"images", images}}, [&] {
    const uint64_t expected = static_cast<uint64_t>(sampler->model->images * sampler->model->picture().bytes());
    if (expected > 0 && bytes != expected)
      throw Error(INCACHE_BAD_ARGUMENT, "bytes is " + std::to_string(bytes) + "; expected " + std::to_string(expected));
    RunControl control = controlOf(options);
    std::lock_guard lock(sampler->mutex);
    const std::vector<uint8_t> pictures = sampler->sampler.pictures(control);
    std::copy(pictures.begin(), pictures.end(), images);
  });
}

}  // extern "C"
