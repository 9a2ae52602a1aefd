/* Draws a batch of images for each seed with one sampler: draw <model file> <folder> <seed>... Ctrl-C ends it at once. */
#include <incache.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "handles.hpp"

static volatile std::sig_atomic_t interrupted = 0;

static uint64_t seed_of(const std::string &text) {
  uint64_t seed = 0;
  const char *end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, seed);
  if (error != std::errc() || rest != end) throw std::invalid_argument("the seed is '" + text + "'; expected a whole number");
  return seed;
}

/* One class after the other, from 0 on. */
static std::vector<int32_t> labels_of(const incache_model *model, uint32_t images) {
  auto input = sized<incache_input_info>();
  require(incache_model_input(model, 0, &input));
  if (input.name != std::string("labels")) throw std::invalid_argument("expected a model of classes; examples/embed-c takes texts");
  std::vector<int32_t> labels(images);
  for (uint32_t i = 0; i < images; i++) labels[i] = static_cast<int32_t>(i) % input.most;
  return labels;
}

static void write(std::filesystem::path path, const uint8_t *bytes, const incache_model_info &info) {
  const bool is_grey = info.picture_channels == 1;
  std::ofstream file(path.replace_extension(is_grey ? "pgm" : "ppm"), std::ios::binary);
  file << (is_grey ? "P5\n" : "P6\n") << info.picture_width << ' ' << info.picture_height << "\n255\n";
  file.write(reinterpret_cast<const char *>(bytes), std::streamsize{info.picture_height} * info.picture_width * info.picture_channels);
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

static void draw(const std::string &file, const std::filesystem::path &folder, const std::vector<uint64_t> &seeds) {
  const auto model = make(incache_model_destroy, [&](auto **made) { return incache_model_open(file.c_str(), made); });
  auto info = sized<incache_model_info>();
  require(incache_model_describe(model.get(), &info));
  if (info.picture_channels == 0) throw std::invalid_argument(file + " gives no pictures; export it with its autoencoder");
  const std::vector<int32_t> labels = labels_of(model.get(), info.images);
  auto input = sized<incache_input>();
  input.name = "labels", input.type = INCACHE_I32, input.data = labels.data(), input.elements = labels.size();
  auto options = sized<incache_sample_options>();
  options.inputs = &input, options.input_count = 1;
  const auto device = make(incache_device_close, [&](auto **made) { return incache_device_open(nullptr, nullptr, made); });
  const auto sampler = make(incache_sampler_destroy, [&](auto **made) {
    return incache_sampler_create(device.get(), model.get(), &options, made);
  });
  auto run = sized<incache_run_options>();
  run.progress = [](void *, uint64_t, uint64_t) -> int { return interrupted; };

  const size_t bytes = size_t{info.picture_height} * info.picture_width * info.picture_channels;
  std::vector<uint8_t> pictures(info.images * bytes);
  std::filesystem::create_directories(folder);
  for (const uint64_t seed : seeds) {
    options.seed = seed;
    require(incache_sampler_restart(sampler.get(), &options));
    for (uint32_t remaining = info.steps; remaining > 0;) require(incache_sampler_step(sampler.get(), &run, &remaining));
    require(incache_sampler_images(sampler.get(), &run, pictures.data(), pictures.size()));
    const std::string name = std::to_string(seed) + "-";
    for (uint32_t i = 0; i < info.images; i++) write(folder / (name + std::to_string(i)), &pictures[i * bytes], info);
  }
}

int main(int count, char **arguments) {
  try {
    std::vector<uint64_t> seeds;
    for (int i = 3; i < count; i++) seeds.push_back(seed_of(arguments[i]));
    if (seeds.empty()) throw std::invalid_argument("usage: draw <model file> <folder> <seed>...");
    std::signal(SIGINT, [](int) { interrupted = 1; });
    draw(arguments[1], arguments[2], seeds);
    return 0;
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
