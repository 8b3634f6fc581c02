// Writes a pickle of plain values and tensors, in protocol 2, with the instructions that Python's pickler would write.
// Equal texts are one object. Storages stand beside the pickle, which refers to them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cnn/tensor.h"
#include "io/pickle.h"

namespace cnn::pickle {

class CNN_API Pickler {
 public:
  Pickler();

  void none() { op(Op::None); }
  void boolean(bool v) { op(v ? Op::NewTrue : Op::NewFalse); }
  void integer(int64_t v);
  void number(double v);
  void text(std::string_view v);  // UTF-8 of at most 4 GiB
  void tensor(const Tensor& x, bool parameter = false);

  // Containers are made empty and filled then, dicts with keys and values in turn, a tuple has its items before it.
  void empty_list() { op(Op::EmptyList); }
  void empty_dict() { op(Op::EmptyDict); }
  void empty_ordered_dict();
  void begin_tuple(size_t size);
  void end_tuple(size_t size);  // of one item or more
  // `write(i)` writes item i, for i = 0 to n.
  template <class F>
  void append(size_t n, F write) {
    batches(n, Op::Append, Op::Appends, write);
  }
  template <class F>
  void set_items(size_t n, F write) {
    batches(n, Op::SetItem, Op::SetItems, write);
  }
  void set_attributes() { op(Op::Build); }  // of the object below the dict on top

  // The memo: the number by which the object on top can be mentioned again.
  uint32_t remember();
  void recall(uint32_t index);

  void stop() { op(Op::Stop); }
  const std::string& code() const { return code_; }
  // In the order of their keys "0", "1", ...; kept where they are while they wait to be written.
  const std::vector<Ref<Storage>>& storages() const { return storages_; }
  // Are all tensors over one storage of one dtype, as loading needs it?
  bool one_dtype_each() const { return one_dtype_each_; }

 private:
  struct Known {
    size_t key;
    DType dtype;
  };
  void op(Op o) { code_ += char(o); }
  void bytes(uint64_t v, int n) { code_.append(reinterpret_cast<const char*>(&v), size_t(n)); }
  void global(std::string_view name);
  void dims(const Dims& d);
  void hooks();
  void storage(const Tensor& x);
  void rebuild_tensor(const Tensor& x, bool requires_grad);
  template <class F>
  void batches(size_t n, Op one, Op many, F& write) {
    for (size_t i = 0; i < n;) {
      const size_t end = i + 1000 < n ? i + 1000 : n;
      const bool alone = end - i == 1;
      if (!alone) op(Op::Mark);
      while (i < end) write(i++);
      op(alone ? one : many);
    }
  }

  std::string code_;
  uint32_t remembered_ = 0;
  std::unordered_map<std::string, uint32_t> texts_, globals_;
  std::unordered_map<const Storage*, Known> known_;
  std::vector<Ref<Storage>> storages_;
  std::vector<std::unique_ptr<StorageExport>> exports_;
  bool one_dtype_each_ = true;
};

}  // namespace cnn::pickle
