// Layouts of a storage's values that kernels keep from call to call: a weight that serves call after call, without
// gradients, is laid out once. A layout stands for values that nobody has written to since; memory that others can
// reach has none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cnn/export.h"

namespace cnn {

class Storage;
struct LaidOut;  // memory, counted by reference

struct LayoutKey {
  const void* kind;  // the address of something that is of this kind of layout alone
  const void* from;  // the first value
  int64_t shape[8];  // whatever else decides
  bool operator==(const LayoutKey&) const = default;
};

// What has been kept under this key, or null. `stamp` says whether the layout that is now made of the values shall be
// kept: not 0 the second time that it is asked for.
CNN_API LaidOut* find_layout(Storage& keeper, const LayoutKey& key, uint64_t* stamp);
CNN_API LaidOut* new_layout(size_t nbytes);
CNN_API void* layout_memory(const LaidOut* layout);
// Unless the values have changed since the stamp was given.
CNN_API void keep_layout(Storage& keeper, const LayoutKey& key, uint64_t stamp, LaidOut* layout);
CNN_API void release_layout(LaidOut* layout);
// Should each use make the layout anew and compare? With the guarded allocator.
CNN_API bool checks_layouts();
// RuntimeError if they differ: somebody has written without counting.
CNN_API void check_layout(const LaidOut* kept, const LaidOut* made);

CNN_API void drop_layouts();  // all that are kept, of every storage

}  // namespace cnn
