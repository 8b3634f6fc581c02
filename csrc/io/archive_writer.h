// Writes the zip files that checkpoints are: members without compression, on boundaries of 64 bytes, so that they can
// be mapped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/replacement.h"

namespace cnn {

class ArchiveWriter {
 public:
  static constexpr uint64_t kAlignment = 64;

  // What changes in memory while it is written is torn, but its checksum is right. Names begin with `folder`, "archive"
  // for instance.
  ArchiveWriter(Replacement& file, std::string folder) : file_(file), folder_(std::move(folder) + '/') {}
  void add(std::string_view name, std::string_view data);
  void finish();  // the serialization id and the directory

 private:
  void write(std::string_view bytes);
  uint32_t write_with_checksum(std::string_view bytes);
  void change(uint64_t at, std::string_view bytes);
  void flush();

  Replacement& file_;
  const std::string folder_;
  std::string buffer_;  // what is not yet written
  uint64_t position_ = 0, count_ = 0;
  std::string directory_;
  uint32_t checksums_ = 0;  // over the members' checksums
};

}  // namespace cnn
