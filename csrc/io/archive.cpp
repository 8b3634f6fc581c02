#include "io/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "cnn/check.h"
#include "io/crc32.h"
#include "io/zip.h"

namespace cnn {

using namespace zip;

namespace {

constexpr const char* kOp = "load_state_dict";

// The little-endian number in `count` bytes of a record that has been measured before.
uint64_t number(std::string_view record, uint64_t at, int count) {
  uint64_t v = 0;
  for (int i = count; i-- > 0;) v = v << 8 | uint8_t(record[at + uint64_t(i)]);
  return v;
}

// Replaces 32-bit fields that are all ones by their 64-bit values from the zip64 extra field, in which only those stand
// that did not fit, in this order.
void widen(std::string_view extra, uint64_t& size, uint64_t& packed, uint64_t* offset) {
  while (extra.size() >= 4) {
    const uint64_t id = number(extra, 0, 2), length = number(extra, 2, 2);
    std::string_view body = extra.substr(4, length);
    for (uint64_t* field : {&size, &packed, offset}) {
      if (id != kZip64Field || !field || *field != kFull32 || body.size() < 8) continue;
      *field = number(body, 0, 8);
      body.remove_prefix(8);
    }
    extra.remove_prefix(std::min<uint64_t>(4 + length, extra.size()));
  }
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const uint8_t first = uint8_t(text[i]);
    if (first >= 0x80 && (first < 0xc2 || first > 0xf4)) return false;
    const size_t more = size_t(first >= 0xc0) + (first >= 0xe0) + (first >= 0xf0);
    if (more > text.size() - i - 1) return false;
    uint32_t code = more == 0 ? first : first & (0x3fu >> more);
    for (size_t k = 1; k <= more; ++k) {
      if ((uint8_t(text[i + k]) & 0xc0) != 0x80) return false;
      code = code << 6 | (uint8_t(text[i + k]) & 0x3f);
    }
    // Forms longer than needed, halves of surrogate pairs, and what is no code point.
    if ((more == 2 && code < 0x800) || (more == 3 && code < 0x10000) || code > 0x10ffff) return false;
    if (code >= 0xd800 && code < 0xe000) return false;
    i += more + 1;
  }
  return true;
}

Archive::Archive(const std::string& path) : path_(path), file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  check(file_ >= 0, kOp, "cannot open ", path);
  try {
    struct stat status;
    check(fstat(file_, &status) == 0 && S_ISREG(status.st_mode), kOp, path, " is not a regular file");
    length_ = uint64_t(status.st_size);
    need(length_ >= 4 && number(bytes(0, 4), 0, 4) == kLocal, "it is not a zip file");
    read_directory(find_directory());
  } catch (...) {
    close(file_);
    throw;
  }
}

Archive::~Archive() { close(file_); }

void Archive::need(bool ok, const char* what) const { check(ok, kOp, path_, " is damaged, or no checkpoint: ", what); }

void Archive::read_at(uint64_t at, void* to, uint64_t size) const {
  need(at <= length_ && size <= length_ - at, "it is truncated");
  for (uint64_t done = 0; done < size;) {  // one call reads at most 2 GiB
    const ssize_t got = pread(file_, static_cast<char*>(to) + done, size - done, off_t(at + done));
    if (got < 0 && errno == EINTR) continue;
    check(got >= 0, kOp, "cannot read ", path_);
    need(got > 0, "it is truncated");
    done += uint64_t(got);
  }
}

std::string Archive::bytes(uint64_t at, uint64_t size) const {
  need(at <= length_ && size <= length_ - at, "it is truncated");  // before memory of that size is asked for
  std::string result(size, '\0');
  read_at(at, result.data(), size);
  return result;
}

Archive::Directory Archive::find_directory() const {
  // The end record is the last, but for a comment of the length that it states.
  const uint64_t tail_size = std::min(length_, kEndSize + kFull16);
  const std::string tail = bytes(length_ - tail_size, tail_size);
  uint64_t at = tail_size + 1;
  for (uint64_t i = tail_size >= kEndSize ? tail_size - kEndSize + 1 : 0; i-- > 0 && at > tail_size;)
    if (number(tail, i, 4) == kEnd && i + kEndSize + number(tail, i + 20, 2) == tail_size) at = i;
  need(at <= tail_size, "it has no central directory");
  const std::string_view end = std::string_view(tail).substr(at);
  uint64_t disks = number(end, 4, 2) | number(end, 6, 2), here = number(end, 8, 2);
  Directory place = {number(end, 16, 4), number(end, 12, 4), number(end, 10, 2)};
  uint64_t directory_end = length_ - tail_size + at;
  if (directory_end >= kLocator64Size) {
    const std::string locator = bytes(directory_end - kLocator64Size, kLocator64Size);
    if (number(locator, 0, 4) == kLocator64) {
      directory_end = number(locator, 8, 8);
      const std::string wide = bytes(directory_end, kEnd64Size);
      need(number(wide, 0, 4) == kEnd64 && number(locator, 4, 4) == 0 && number(locator, 16, 4) == 1,
           "the zip64 end record is damaged");
      const Directory narrow = place;
      place = {number(wide, 48, 8), number(wide, 40, 8), number(wide, 32, 8)};
      const auto agree = [](uint64_t small, uint64_t full, uint64_t large) {
        return small == full || small == std::min(large, full);
      };
      need(agree(narrow.count, kFull16, place.count) && agree(narrow.size, kFull32, place.size) &&
               agree(narrow.at, kFull32, place.at),
           "the two end records differ");
      disks = number(wide, 16, 4) | number(wide, 20, 4);
      here = number(wide, 24, 8);
    }
  }
  need(disks == 0 && here == place.count, "archives in several parts are not read");
  uint64_t after;
  need(!__builtin_add_overflow(place.at, place.size, &after) && after == directory_end,
       "the central directory is not where the end record says");
  return place;
}

void Archive::read_directory(const Directory& place) {
  const std::string directory = bytes(place.at, place.size);
  std::string_view rest = directory;
  for (uint64_t i = 0; i < place.count; ++i) {
    need(rest.size() >= kCentralSize && number(rest, 0, 4) == kCentral, "the central directory is damaged");
    const uint64_t name_size = number(rest, 28, 2), extra_size = number(rest, 30, 2),
                   comment_size = number(rest, 32, 2);
    const uint64_t entry_size = kCentralSize + name_size + extra_size + comment_size;
    need(rest.size() >= entry_size && number(rest, 34, 2) == 0, "the central directory is damaged");
    const uint64_t flags = number(rest, 8, 2), method = number(rest, 10, 2);
    uint64_t packed = number(rest, 20, 4), size = number(rest, 24, 4), header = number(rest, 42, 4);
    widen(rest.substr(kCentralSize + name_size, extra_size), size, packed, &header);
    need(method == 0 && packed == size && !(flags & ~(kHasDescriptor | kUtf8Name)),
         "a member is compressed or encrypted; checkpoints are stored as they are");
    const std::string_view name = rest.substr(kCentralSize, name_size);
    const size_t slash = name.find('/');
    need(is_utf8(name) && slash != std::string_view::npos, "the name of a member is no path");
    if (i == 0) folder_ = name.substr(0, slash + 1);
    need(name.substr(0, slash + 1) == folder_, "its members do not share one folder");
    const Member member = {size, header, 0, uint32_t(number(rest, 16, 4)), uint16_t(flags)};
    need(members_.emplace(name.substr(slash + 1), member).second, "there are two members of one name");
    rest.remove_prefix(entry_size);
  }
  need(rest.empty(), "the central directory is damaged");
  set_limits(place.at);
}

// A member may not reach into the next one: a small file could otherwise unfold into a large one.
void Archive::set_limits(uint64_t end) {
  std::vector<std::pair<Member*, uint64_t>> all;  // with the size of the name
  for (auto& [name, member] : members_) all.push_back({&member, folder_.size() + name.size()});
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first->header > b.first->header; });
  for (const auto& [member, name_size] : all) {
    const uint64_t least = kLocalSize + name_size;
    need(member->header <= end && least <= end - member->header && member->size <= end - member->header - least,
         "a member overlaps what follows it");
    member->limit = end;
    end = member->header;
  }
}

const Archive::Member& Archive::find(std::string_view name) const {
  const auto found = members_.find(name);
  check(found != members_.end(), kOp, path_, " has no member ", name);
  return found->second;
}

// Where the data starts, after checking the local header against the directory.
uint64_t Archive::data_of(const Member& member, std::string_view name) const {
  const std::string header = bytes(member.header, kLocalSize);
  const uint64_t flags = number(header, 6, 2), method = number(header, 8, 2), crc = number(header, 14, 4);
  uint64_t packed = number(header, 18, 4), size = number(header, 22, 4);
  const uint64_t name_size = number(header, 26, 2), extra_size = number(header, 28, 2);
  const std::string rest = bytes(member.header + kLocalSize, name_size + extra_size);
  need(number(header, 0, 4) == kLocal && name_size == folder_.size() + name.size() && rest.starts_with(folder_) &&
           std::string_view(rest).substr(folder_.size(), name.size()) == name,
       "the header of a member has another name than the directory");
  widen(std::string_view(rest).substr(name_size), size, packed, nullptr);
  const bool told = crc == member.crc && packed == member.size && size == member.size;
  const bool left_out = flags & kHasDescriptor && crc == 0 && packed == 0 && size == 0;
  need(method == 0 && flags == member.flags && (told || left_out), "the header of a member contradicts the directory");
  const uint64_t data = member.header + kLocalSize + name_size + extra_size;
  need(data <= member.limit && member.size <= member.limit - data, "a member overlaps what follows it");
  return data;
}

void Archive::read_into(std::string_view name, void* to) const {
  const Member& member = find(name);
  read_at(data_of(member, name), to, member.size);
  check(crc32(to, member.size) == member.crc, kOp, path_, " is damaged: the checksum of ", name, " is wrong");
}

std::string Archive::read(std::string_view name) const {
  const Member& member = find(name);
  std::string result = bytes(data_of(member, name), member.size);
  check(crc32(result.data(), result.size()) == member.crc, kOp, path_, " is damaged: the checksum of ", name,
        " is wrong");
  return result;
}

}  // namespace cnn
