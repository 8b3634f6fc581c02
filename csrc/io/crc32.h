// The checksum of zip files.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cnn/export.h"

namespace cnn {

// Of `size` bytes; `before` is the checksum of what stands in front of them.
CNN_API uint32_t crc32(const void* data, size_t size, uint32_t before = 0);

}  // namespace cnn
