// The records of zip files: PKWARE's APPNOTE 6.3, sections 4.3 and 4.5.3, as far as PyTorch's archives use them.
#pragma once

#include <cstdint>

namespace cnn::zip {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr uint64_t kChecksumAt = 14;  // in the local header
constexpr uint64_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
// What stands in a field whose value is in the zip64 record.
constexpr uint64_t kFull16 = 0xffff, kFull32 = 0xffffffff;
// Flags: sizes and checksum stand behind the data, not in the local header; the name is UTF-8.
constexpr uint64_t kHasDescriptor = 8, kUtf8Name = 0x800;
// Extra fields: the 64-bit values, and padding as PyTorch writes it.
constexpr uint64_t kZip64Field = 1, kPaddingField = 0x4246;

}  // namespace cnn::zip
