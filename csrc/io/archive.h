// The zip files that checkpoints are: members stored without compression, each with its CRC-32.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace cnn {

// A member is believed only if its local header, the central directory, its checksum and the space it takes all agree,
// as the reader in Python demands. Whatever disagrees raises a RuntimeError.
class Archive {
 public:
  explicit Archive(const std::string& path);  // reads the directory
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  // Names are without the leading folder.
  bool contains(std::string_view name) const { return members_.find(name) != members_.end(); }
  uint64_t size(std::string_view name) const { return find(name).size; }
  std::string read(std::string_view name) const;
  void read_into(std::string_view name, void* to) const;  // size(name) bytes

 private:
  struct Member {
    uint64_t size, header;  // of the data; where the local header is
    uint64_t limit;         // where the next member, or the directory, begins
    uint32_t crc;
    uint16_t flags;
  };
  struct Directory {
    uint64_t at, size, count;
  };
  const Member& find(std::string_view name) const;
  void need(bool ok, const char* what) const;
  void read_at(uint64_t at, void* to, uint64_t size) const;
  std::string bytes(uint64_t at, uint64_t size) const;
  Directory find_directory() const;
  void read_directory(const Directory& place);
  void set_limits(uint64_t end);
  uint64_t data_of(const Member& member, std::string_view name) const;

  std::string path_;
  int file_ = -1;
  uint64_t length_ = 0;
  std::string folder_;  // of all members, with its slash
  std::map<std::string, Member, std::less<>> members_;
};

// Is it UTF-8, as the names of members and tensors have to be?
bool is_utf8(std::string_view text);

}  // namespace cnn
