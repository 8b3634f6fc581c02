// Running sums of counts.
#pragma once

#include <cstdint>

namespace cnn::cuda {

// counts[i] becomes counts[0] + ... + counts[i - 1]; all sums below 2^32.
void exclusive_scan(uint32_t* counts, int64_t n);

}  // namespace cnn::cuda
