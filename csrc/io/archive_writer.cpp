#include "io/archive_writer.h"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "io/crc32.h"
#include "io/zip.h"

namespace cnn {

using namespace zip;

namespace {

constexpr size_t kBuffer = size_t(1) << 18;

// A record is a string that grows by little-endian numbers.
struct Record {
  std::string bytes;
  Record& number(uint64_t v, int size) {
    static_assert(std::endian::native == std::endian::little);
    bytes.append(reinterpret_cast<const char*>(&v), size_t(size));
    return *this;
  }
  Record& zeros(size_t n) {
    bytes.append(n, '\0');
    return *this;
  }
};

}  // namespace

void ArchiveWriter::flush() {
  file_.write(buffer_);
  buffer_.clear();
}

void ArchiveWriter::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBuffer) flush();
  buffer_ += bytes;
  position_ += bytes.size();
}

// Of what was written, which the bytes may no longer be.
uint32_t ArchiveWriter::write_with_checksum(std::string_view bytes) {
  uint32_t crc = 0;
  while (!bytes.empty()) {
    if (buffer_.size() == kBuffer) flush();
    const size_t before = buffer_.size(), n = std::min(bytes.size(), kBuffer - before);
    write(bytes.substr(0, n));
    crc = crc32(buffer_.data() + before, n, crc);
    bytes.remove_prefix(n);
  }
  return crc;
}

void ArchiveWriter::change(uint64_t at, std::string_view bytes) {
  const uint64_t flushed = position_ - buffer_.size();
  if (at < flushed) flush(), file_.change(at, bytes);
  else buffer_.replace(at - flushed, bytes.size(), bytes);
}

void ArchiveWriter::add(std::string_view name, std::string_view data) {
  const std::string full = folder_ + std::string(name);
  // A pipe takes the checksum first, a file in the end.
  uint32_t crc = file_.can_change() ? 0 : crc32(data.data(), data.size());
  const uint64_t offset = position_, size = data.size(), small = std::min(size, kFull32);
  Record sizes64;
  if (size >= kFull32) sizes64.number(size, 8).number(size, 8);
  const auto extra_field = [](const std::string& values) {
    Record r;
    if (!values.empty()) r.number(kZip64Field, 2).number(values.size(), 2).bytes += values;
    return r;
  };
  // What a local header and a directory's entry have in common.
  const auto describe = [&](Record& r, const Record& extra) {
    r.number(0, 2).number(kUtf8Name, 2).zeros(6).number(crc, 4).number(small, 4).number(small, 4);
    r.number(full.size(), 2).number(extra.bytes.size(), 2);
  };

  Record extra = extra_field(sizes64.bytes);
  const uint64_t start = offset + kLocalSize + full.size() + extra.bytes.size() + 4;
  const uint64_t padding = (kAlignment - start % kAlignment) % kAlignment;
  extra.number(kPaddingField, 2).number(padding, 2).bytes.append(padding, 'Z');
  Record local;
  local.number(kLocal, 4);
  describe(local, extra);
  write(local.bytes);
  write(full);
  write(extra.bytes);
  const uint32_t written = write_with_checksum(data);
  if (file_.can_change()) {
    crc = written;
    change(offset + kChecksumAt, Record().number(crc, 4).bytes);
  }

  if (offset >= kFull32) sizes64.number(offset, 8);
  const Record central_extra = extra_field(sizes64.bytes);
  Record central;
  central.number(kCentral, 4).zeros(2);
  describe(central, central_extra);
  central.zeros(10).number(std::min(offset, kFull32), 4);
  directory_ += central.bytes + full + central_extra.bytes;
  checksums_ = crc32(Record().number(crc, 4).bytes.data(), 4, checksums_);
  ++count_;
}

void ArchiveWriter::finish() {
  char id[41];
  std::snprintf(id, sizeof id, "%020u%020u", crc32(directory_.data(), directory_.size()), checksums_);
  add(".data/serialization_id", id);
  const uint64_t size = directory_.size(), at = position_, few = std::min(count_, kFull16);
  Record end;
  end.number(kEnd64, 4).number(kEnd64Size - 12, 8).number(0x031e, 2).number(45, 2).zeros(8);
  end.number(count_, 8).number(count_, 8).number(size, 8).number(at, 8);
  end.number(kLocator64, 4).zeros(4).number(at + size, 8).number(1, 4);
  end.number(kEnd, 4).zeros(4).number(few, 2).number(few, 2);
  end.number(std::min(size, kFull32), 4).number(std::min(at, kFull32), 4).zeros(2);
  write(directory_);
  write(end.bytes);
  flush();
}

}  // namespace cnn
