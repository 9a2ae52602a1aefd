// The N-API addon: unpacks arguments, calls the C interface, wraps results; no arithmetic. Its only caller is
// src/backend/native.
#include <cstring>
#include <new>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "handles.h"
#include "work.h"

namespace incache_addon {
namespace {

std::string text(const Napi::CallbackInfo &info, size_t place) {
  if (!info[place].IsString()) raise(info.Env(), INCACHE_BAD_ARGUMENT, "argument " + std::to_string(place) + " is not a string");
  return info[place].As<Napi::String>();
}

uint64_t count(const Napi::CallbackInfo &info, size_t place) {
  const double value = info[place].IsNumber() ? info[place].As<Napi::Number>().DoubleValue() : -1;
  if (!(value >= 0 && value <= 9007199254740991.0))
    raise(info.Env(), INCACHE_BAD_ARGUMENT, "argument " + std::to_string(place) + " is not a count");
  return static_cast<uint64_t>(value);
}

incache_type type(const Napi::CallbackInfo &info, size_t place) {
  const std::string name = text(info, place);
  if (name == "f32") return INCACHE_F32;
  if (name == "i32") return INCACHE_I32;
  if (name == "bf16") return INCACHE_BF16;
  if (name == "f16") return INCACHE_F16;
  if (name == "e4m3") return INCACHE_E4M3;
  raise(info.Env(), INCACHE_BAD_ARGUMENT, "argument " + std::to_string(place) + " is '" + name + "'; expected f32, i32, bf16, f16 or e4m3");
}

int64_t bytesOf(incache_type type) { return type == INCACHE_E4M3 ? 1 : type == INCACHE_BF16 || type == INCACHE_F16 ? 2 : 4; }

// The memory of a Float32Array or Int32Array, shared or not. It is valid until the script runs again, which may transfer the array or
// shrink a resizable one. A detached array has no elements and is refused by its size.
struct Elements {
  void *data;
  incache_type type;
  uint64_t count;
};

// A copy for work on another thread.
std::shared_ptr<char[]> copyOf(Napi::Env env, const Elements &elements) {
  const size_t bytes = elements.count * static_cast<uint64_t>(bytesOf(elements.type));
  std::shared_ptr<char[]> copy(new (std::nothrow) char[bytes]);
  if (!copy)
    raise(env, Failure{INCACHE_OUT_OF_MEMORY, "the process is out of memory: asked for " + std::to_string(bytes) + " bytes", {sizeof(incache_memory_error), "", bytes, 0, 0}});
  std::memcpy(copy.get(), elements.data, bytes);
  return copy;
}

// The values of a script's array. Its length is read once, because a getter among the values may change the array.
std::vector<Napi::Value> values(const Napi::CallbackInfo &info, size_t place, uint64_t most) {
  const std::string what = "argument " + std::to_string(place);
  if (!info[place].IsArray()) raise(info.Env(), INCACHE_BAD_ARGUMENT, what + " is not an array");
  const auto array = info[place].As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > most)
    raise(info.Env(), INCACHE_BAD_ARGUMENT, what + " has " + std::to_string(length) + " values; expected at most " + std::to_string(most));
  std::vector<Napi::Value> taken;
  for (uint32_t i = 0; i < length; i++) taken.push_back(array.Get(i));
  return taken;
}
template <class T>
Elements elementsOf(const Napi::Value &value, incache_type type) {
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  return {const_cast<T *>(array.Data()), type, array.ElementLength()};
}
// The values of a weight: a Float32Array, or the bits of 16-bit numbers whose type is in the next argument.
Elements weightElements(const Napi::CallbackInfo &info, size_t place) {
  const Napi::Value value = info[place];
  const incache_type kind = info.Length() > place + 1 ? type(info, place + 1) : INCACHE_F32;
  const bool isHalf = kind == INCACHE_BF16 || kind == INCACHE_F16;
  const napi_typedarray_type wanted = isHalf ? napi_uint16_array : napi_float32_array;
  if (isHalf || kind == INCACHE_F32)
    if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == wanted)
      return isHalf ? elementsOf<uint16_t>(value, kind) : elementsOf<float>(value, kind);
  raise(info.Env(), INCACHE_BAD_ARGUMENT,
        "argument " + std::to_string(place) + " is not a Float32Array, nor a Uint16Array with the type bf16 or f16 behind it");
}
Elements elements(const Napi::CallbackInfo &info, size_t place) {
  const Napi::Value value = info[place];
  if (value.IsTypedArray()) {
    const napi_typedarray_type kind = value.As<Napi::TypedArray>().TypedArrayType();
    if (kind == napi_float32_array) return elementsOf<float>(value, INCACHE_F32);
    if (kind == napi_int32_array) return elementsOf<int32_t>(value, INCACHE_I32);
  }
  raise(info.Env(), INCACHE_BAD_ARGUMENT, "argument " + std::to_string(place) + " is neither a Float32Array nor an Int32Array");
}

template <class T>
void dispose(const Napi::CallbackInfo &info) {
  release(info.Env(), heldIn<T>(info.Env(), info[0], "argument 0"));
}

// (threads, weights, name = cpu) -> device
Napi::Value openDevice(const Napi::CallbackInfo &info) {
  incache_device *device = nullptr;
  const incache_device_options options = {sizeof options, static_cast<uint32_t>(std::min<uint64_t>(count(info, 0), UINT32_MAX)), type(info, 1)};
  const std::string name = info.Length() > 2 ? text(info, 2) : "cpu";
  check(info.Env(), incache_device_open(name.c_str(), &options, &device));
  return wrap(info.Env(), device);
}
// (name) -> what the device is, without opening it
Napi::Value describeDevice(const Napi::CallbackInfo &info) {
  incache_device_info facts = {sizeof facts, "", 0};
  check(info.Env(), incache_device_describe(text(info, 0).c_str(), &facts));
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("description", facts.description);
  result.Set("memory", static_cast<double>(facts.memory));
  return result;
}
Napi::Value deviceThreads(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), incache_device_threads(handle<incache_device>(info, 0).get()));
}
Napi::Value deviceInstructionSet(const Napi::CallbackInfo &info) {
  return Napi::String::New(info.Env(), incache_device_instruction_set(handle<incache_device>(info, 0).get()));
}
Napi::Value deviceMemory(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(incache_device_memory(handle<incache_device>(info, 0).get())));
}
// (device, type, rounds) -> floating-point operations
Napi::Value devicePeak(const Napi::CallbackInfo &info) {
  double operations = 0;
  check(info.Env(), incache_device_peak(handle<incache_device>(info, 0).get(), type(info, 1), count(info, 2), &operations));
  return Napi::Number::New(info.Env(), operations);
}

// (device, rows, columns, type) -> buffer
Napi::Value createBuffer(const Napi::CallbackInfo &info) {
  incache_buffer *buffer = nullptr;
  const uint64_t rows = count(info, 1), columns = count(info, 2);
  const incache_type kind = type(info, 3);
  check(info.Env(), incache_buffer_create(handle<incache_device>(info, 0).get(), rows, columns, kind, &buffer));
  return wrap(info.Env(), buffer, static_cast<int64_t>(rows * columns) * bytesOf(kind));
}
void writeBuffer(const Napi::CallbackInfo &info) {
  const Elements from = elements(info, 1);
  check(info.Env(), incache_buffer_write(handle<incache_buffer>(info, 0).get(), from.data, from.type, from.count));
}
void readBuffer(const Napi::CallbackInfo &info) {
  const Elements to = elements(info, 1);
  check(info.Env(), incache_buffer_read(handle<incache_buffer>(info, 0).get(), to.data, to.type, to.count));
}

Napi::Value parsePlan(const Napi::CallbackInfo &info) {
  incache_plan *plan = nullptr;
  const std::string json = text(info, 0);
  check(info.Env(), incache_plan_parse(json.data(), json.size(), &plan));
  return wrap(info.Env(), plan);
}

Napi::Value createWeights(const Napi::CallbackInfo &info) {
  incache_weights *weights = nullptr;
  check(info.Env(), incache_weights_create(handle<incache_device>(info, 0).get(), &weights));
  return wrap(info.Env(), weights);
}
Napi::Value weightsBytes(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(incache_weights_bytes(handle<incache_weights>(info, 0).get())));
}
// Tells the collector what has been loaded or released by now.
void countWeights(const Napi::CallbackInfo &info) {
  auto &held = heldIn<incache_weights>(info.Env(), info[0], "argument 0");
  setBytes(info.Env(), held, static_cast<int64_t>(incache_weights_bytes(held.handle.get())));
}
// (weights, plan, from) -> place of the next buffer whose weight is to be loaded
Napi::Value missingWeight(const Napi::CallbackInfo &info) {
  uint64_t place = 0;
  countWeights(info);
  check(info.Env(), incache_weights_missing(handle<incache_weights>(info, 0).get(), handle<incache_plan>(info, 1).get(), count(info, 2), &place));
  return Napi::Number::New(info.Env(), static_cast<double>(place));
}
// (weights, plan, place, values, type = f32) -> promise. The values are copied first.
Napi::Value loadWeight(const Napi::CallbackInfo &info) {
  const auto weights = handle<incache_weights>(info, 0);
  const auto plan = handle<incache_plan>(info, 1);
  const uint64_t place = count(info, 2);
  const Elements given = weightElements(info, 3);
  const std::shared_ptr<char[]> copy = copyOf(info.Env(), given);
  const auto load = [weights, plan, place, copy, type = given.type, count = given.count] {
    return incache_weights_load(weights.get(), plan.get(), place, copy.get(), type, count);
  };
  return runAsync(info.Env(), load);
}
void releaseWeights(const Napi::CallbackInfo &info) {
  check(info.Env(), incache_weights_release(handle<incache_weights>(info, 0).get(), text(info, 1).c_str()));
  countWeights(info);
}

// (device, plan, weights, names, buffers) -> executable
Napi::Value createExecutable(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto device = handle<incache_device>(info, 0);
  const auto plan = handle<incache_plan>(info, 1);
  const auto weights = handle<incache_weights>(info, 2);
  // A script's array may claim any length; the number of the plan's buffers is bounded.
  const uint64_t most = incache_plan_buffers(plan.get());
  const std::vector<Napi::Value> names = values(info, 3, most), buffers = values(info, 4, most);
  if (names.size() != buffers.size())
    raise(env, INCACHE_BAD_ARGUMENT, std::to_string(names.size()) + " names and " + std::to_string(buffers.size()) + " buffers; expected as many of both");
  std::vector<std::string> kept(names.size());
  std::vector<Shared<incache_buffer>> held(names.size());
  std::vector<incache_binding> bindings(names.size());
  for (size_t i = 0; i < names.size(); i++) {
    if (!names[i].IsString()) raise(env, INCACHE_BAD_ARGUMENT, "name " + std::to_string(i) + " is not a string");
    kept[i] = names[i].As<Napi::String>();
    held[i] = handleIn<incache_buffer>(env, buffers[i], "buffer " + std::to_string(i));
    bindings[i] = {sizeof bindings[i], kept[i].c_str(), held[i].get()};
  }
  incache_executable *executable = nullptr;
  check(env, incache_executable_create(device.get(), plan.get(), weights.get(), bindings.data(), bindings.size(), &executable));
  incache_cost cost = {sizeof cost, 0, 0, 0};
  incache_plan_cost(plan.get(), &cost);
  return wrap(env, executable, static_cast<int64_t>(cost.arena_bytes));
}
Napi::Value createCancellation(const Napi::CallbackInfo &info) {
  incache_cancellation *cancellation = nullptr;
  check(info.Env(), incache_cancellation_create(&cancellation));
  return wrap(info.Env(), cancellation);
}
void cancel(const Napi::CallbackInfo &info) { incache_cancellation_cancel(handle<incache_cancellation>(info, 0).get()); }
// (executable, cancellation = none) -> promise
Napi::Value runExecutable(const Napi::CallbackInfo &info) {
  const auto executable = handle<incache_executable>(info, 0);
  const auto cancellation = info[1].IsUndefined() ? nullptr : handle<incache_cancellation>(info, 1);
  // Waits for a GPU here, not where the script reads a buffer.
  const auto runToEnd = [=] {
    const incache_run_options options = {sizeof options, cancellation.get(), nullptr, nullptr};
    const incache_status status = incache_executable_run(executable.get(), &options);
    return status == INCACHE_OK ? incache_executable_wait(executable.get()) : status;
  };
  return runAsync(info.Env(), runToEnd);
}

// Weights pass through large arrays of the script and copies of them. After a large array is freed, the C library raises the size
// below which it keeps freed memory, and would keep some tens of megabytes.
void returnLargeArrays() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  returnLargeArrays();
  const auto add = [&](const char *name, auto function) { exports.Set(name, Napi::Function::New(env, function, name)); };
  exports.Set("abiVersion", Napi::Number::New(env, incache_abi_version()));
  add("openDevice", openDevice);
  add("describeDevice", describeDevice);
  add("closeDevice", dispose<incache_device>);
  add("deviceThreads", deviceThreads);
  add("deviceInstructionSet", deviceInstructionSet);
  add("deviceMemory", deviceMemory);
  add("devicePeak", devicePeak);
  add("createBuffer", createBuffer);
  add("destroyBuffer", dispose<incache_buffer>);
  add("writeBuffer", writeBuffer);
  add("readBuffer", readBuffer);
  add("parsePlan", parsePlan);
  add("destroyPlan", dispose<incache_plan>);
  add("createWeights", createWeights);
  add("destroyWeights", dispose<incache_weights>);
  add("weightsBytes", weightsBytes);
  add("missingWeight", missingWeight);
  add("loadWeight", loadWeight);
  add("releaseWeights", releaseWeights);
  add("createExecutable", createExecutable);
  add("destroyExecutable", dispose<incache_executable>);
  add("runExecutable", runExecutable);
  add("createCancellation", createCancellation);
  add("cancel", cancel);
  return exports;
}

}  // namespace
}  // namespace incache_addon

static Napi::Object initialiseAddon(Napi::Env env, Napi::Object exports) { return incache_addon::initialise(env, exports); }
NODE_API_MODULE(incache, initialiseAddon)
