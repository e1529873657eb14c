#pragma once

// Files and real models for tests. Header only: just the tests that use it link the reader.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "core/onnx/reader.h"

namespace whittle::test {

/** A copy of `text` as a file in memory. */
inline Bytes as_bytes(std::string_view text) {
  Bytes bytes{std::shared_ptr<std::byte[]>(new std::byte[text.size()]), text.size()};
  if (!text.empty()) std::memcpy(bytes.data.get(), text.data(), text.size());
  return bytes;
}

/** A copy: reading a model consumes its buffer. */
inline Bytes copy_of(const Bytes& bytes) {
  return as_bytes({reinterpret_cast<const char*>(bytes.data.get()), bytes.size});
}

/** A file's bytes; fails the test when it cannot be read. */
inline Bytes read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  return as_bytes(content);
}

/** The folder of real models (environment variable WHITTLE_ASSETS), or "" when it is not set. */
inline std::string assets_folder() {
  const char* folder = std::getenv("WHITTLE_ASSETS");
  return folder == nullptr ? "" : folder;
}

/** Every .onnx file below it, sorted; prints "skipped: no assets" when there is none. */
inline std::vector<std::string> asset_models() {
  std::vector<std::string> models;
  const std::string folder = assets_folder();
  if (!folder.empty() && std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".onnx") models.push_back(entry.path().string());
    }
  }
  if (models.empty()) std::cout << "skipped: no assets (WHITTLE_ASSETS is not set)\n";
  std::sort(models.begin(), models.end());
  return models;
}

/** Reads a model from a file; messages name the file alone. */
inline Model read_file(const std::string& path) {
  ReadOptions options;
  options.file_name = std::filesystem::path(path).filename().string();
  return read_model(read_bytes(path), options);
}

}  // namespace whittle::test
