// Format: PKWARE's APPNOTE 6.3, as far as PyTorch's writer uses it (stored members, zip64).
#include "io/archive.h"

#include <cstdio>

#include "cnn/check.h"

namespace cnn {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50;

uint32_t crc32(std::string_view bytes) {
  static const auto table = [] {
    struct Table {
      uint32_t row[256];
    } t;
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
      t.row[i] = c;
    }
    return t;
  }();
  uint32_t c = 0xffffffffu;
  for (const char b : bytes) c = table.row[(c ^ uint8_t(b)) & 0xff] ^ c >> 8;
  return c ^ 0xffffffffu;
}

std::string read_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  check(file != nullptr, "load_state_dict", "cannot open ", path);
  std::string bytes;
  char buffer[1 << 16];
  size_t n;
  while ((n = std::fread(buffer, 1, sizeof buffer, file)) > 0) bytes.append(buffer, n);
  const bool failed = std::ferror(file);
  std::fclose(file);
  check(!failed, "load_state_dict", "cannot read ", path);
  return bytes;
}

}  // namespace

Archive::Archive(const std::string& path) : path_(path), bytes_(read_file(path)) { read_directory(); }

uint64_t Archive::number(uint64_t at, int count) const {
  check(at <= bytes_.size() && uint64_t(count) <= bytes_.size() - at, "load_state_dict", path_, " is truncated");
  uint64_t v = 0;
  for (int i = count; i-- > 0;) v = v << 8 | uint8_t(bytes_[at + uint64_t(i)]);
  return v;
}

void Archive::read_directory() {
  // The end record is the last 22 bytes, or further up when a comment follows it.
  uint64_t end = std::string::npos;
  for (uint64_t back = 22; back <= bytes_.size() && back < 22 + 65536; ++back)
    if (number(bytes_.size() - back, 4) == kEnd) {
      end = bytes_.size() - back;
      break;
    }
  check(end != std::string::npos, "load_state_dict", path_, " is not a zip file, or is truncated");
  uint64_t count = number(end + 10, 2), at = number(end + 16, 4);
  if (count == 0xffff || at == 0xffffffff) {  // zip64: the locator stands before the end record
    check(end >= 20, "load_state_dict", path_, " is damaged");
    const uint64_t record = number(end - 20 + 8, 8);
    check(number(record, 4) == kEnd64, "load_state_dict", path_, " is damaged");
    count = number(record + 32, 8);
    at = number(record + 48, 8);
  }
  for (uint64_t i = 0; i < count; ++i) {
    check(number(at, 4) == kCentral, "load_state_dict", path_, " has a damaged directory");
    members_.push_back(read_entry(at));
    at += 46 + number(at + 28, 2) + number(at + 30, 2) + number(at + 32, 2);
  }
}

Archive::Member Archive::read_entry(uint64_t at) const {
  check(number(at + 10, 2) == 0, "load_state_dict", path_,
        " holds a compressed member; checkpoints are stored uncompressed");
  uint64_t packed = number(at + 20, 4), size = number(at + 24, 4), local = number(at + 42, 4);
  const uint64_t name_size = number(at + 28, 2), extra_size = number(at + 30, 2);
  number(at + 46 + name_size, 0);
  const uint64_t extra_end = at + 46 + name_size + extra_size;
  for (uint64_t e = at + 46 + name_size; e + 4 <= extra_end;) {
    const uint64_t id = number(e, 2), length = number(e + 2, 2);
    uint64_t field = e + 4;
    const auto wide = [&](uint64_t& v) {  // zip64 holds the values that did not fit, in this order
      if (v != 0xffffffff) return;
      v = number(field, 8);
      field += 8;
    };
    if (id == 1) wide(size), wide(packed), wide(local);
    e += 4 + length;
  }
  check(packed == size && number(local, 4) == kLocal, "load_state_dict", path_, " is damaged");
  const uint64_t data = local + 30 + number(local + 26, 2) + number(local + 28, 2);
  check(data <= bytes_.size() && size <= bytes_.size() - data, "load_state_dict", path_, " is truncated");
  std::string name = bytes_.substr(at + 46, name_size);
  check(number(local + 26, 2) == name_size && bytes_.compare(local + 30, name_size, name) == 0, "load_state_dict",
        path_, " is damaged: two names for one member");
  name.erase(0, name.find('/') + 1);
  return {std::move(name), data, size, uint32_t(number(at + 16, 4))};
}

const Archive::Member* Archive::find(std::string_view name) const {
  for (const Member& m : members_)
    if (m.name == name) return &m;
  return nullptr;
}

std::string_view Archive::read(std::string_view name) const {
  const Member* m = find(name);
  check(m != nullptr, "load_state_dict", path_, " has no member ", name);
  const std::string_view data(bytes_.data() + m->at, m->size);
  check(crc32(data) == m->crc, "load_state_dict", path_, " is damaged: the checksum of ", name, " is wrong");
  return data;
}

}  // namespace cnn
