// Marks for NVIDIA's profilers, and their switch.
#pragma once

#include <cstdint>

namespace cnn::cuda {

void mark(const char* text);
int push_range(const char* text);  // how deep it is
int pop_range();
uint64_t start_range(const char* text);
void end_range(uint64_t range);
void profile(bool on);

}  // namespace cnn::cuda
