// Memory with a layout of values: what has been kept from an earlier call, or what is filled now.
#pragma once

#include "core/layouts.h"
#include "kernels/hd.h"

namespace cnn::cpu::inline CNN_ISA {

template <class T> class KeptLayout {
 public:
  // A keeper that is null keeps nothing.
  KeptLayout(Storage* keeper, const LayoutKey& key) : keeper_(keeper), key_(key) {
    if (keeper) layout_ = find_layout(*keeper, key, &stamp_);
  }
  ~KeptLayout() { release_layout(layout_); }
  KeptLayout(const KeptLayout&) = delete;
  KeptLayout& operator=(const KeptLayout&) = delete;

  // Is it there, or will it be kept once it is filled?
  bool lasts() const { return layout_ || stamp_; }
  operator T*() const { return static_cast<T*>(layout_memory(layout_)); }

  // Room for n values, which `fill` writes where they have not been kept.
  template <class Fill> void fill(int64_t n, const Fill& fill) {
    if (layout_) {
      if (checks_layouts()) [[unlikely]] {
        KeptLayout again(nullptr, key_);
        again.fill(n, fill);
        check_layout(layout_, again.layout_);
      }
      return;
    }
    layout_ = new_layout(size_t(n) * sizeof(T));
    fill(static_cast<T*>(*this));
    if (stamp_) keep_layout(*keeper_, key_, stamp_, layout_);
  }

 private:
  Storage* keeper_;
  LayoutKey key_;
  LaidOut* layout_ = nullptr;
  uint64_t stamp_ = 0;
};

}  // namespace cnn::cpu::CNN_ISA
