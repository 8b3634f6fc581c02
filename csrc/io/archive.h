// The zip files that checkpoints are: members stored without compression, each with its CRC-32.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cnn {

class Archive {
 public:
  explicit Archive(const std::string& path);  // reads the file; RuntimeError unless it is such a zip file

  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // The bytes of a member, checked against its CRC. Names are without the leading folder.
  std::string_view read(std::string_view name) const;

 private:
  struct Member {
    std::string name;
    uint64_t at, size;  // of the data
    uint32_t crc;
  };
  const Member* find(std::string_view name) const;
  uint64_t number(uint64_t at, int bytes) const;
  void read_directory();
  Member read_entry(uint64_t at) const;

  std::string path_;
  std::string bytes_;
  std::vector<Member> members_;
};

}  // namespace cnn
