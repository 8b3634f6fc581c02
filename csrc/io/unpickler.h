// Reads a pickle: a stack machine over plain values, that calls nothing. What globals, calls and references to storages
// mean is for the class that derives from it. Whatever Python's reader of weights refuses raises a RuntimeError.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "io/pickle.h"

namespace cnn::pickle {

enum class Kind : uint8_t { None, Bool, Int, Float, Text, Global, Tuple, List, Dict, OrderedDict, Storage, Tensor };

// Values live in the reader until the end and name each other by address: they may be nested as deep as the file likes.
struct Value {
  Kind kind = Kind::None;
  int64_t number = 0;  // of a storage or tensor: its place in the reader's list
  std::string_view text;  // in the pickle; of a global: module, line break, name
  std::vector<const Value*> items;  // of a dict: keys and values in turn
  bool is_dict() const { return kind == Kind::Dict || kind == Kind::OrderedDict; }
  bool is_sequence() const { return kind == Kind::Tuple || kind == Kind::List; }
};

class Unpickler {
 public:
  // `path` is for the texts of errors.
  Unpickler(std::string code, const std::string& path)
      : path_(path), pickle_(std::move(code)), code_(pickle_), allowance_(code_.size()) {}
  Unpickler(const Unpickler&) = delete;
  virtual ~Unpickler() = default;

 protected:
  const Value& run();  // what the pickle makes

  virtual void check_global(std::string_view name) = 0;  // raises unless it may be named
  virtual void refer(const Value& id) = 0;  // pushes what a reference stands for
  virtual void call(const Value& function, const Value& args) = 0;  // pushes the result

  [[noreturn]] void damaged(const char* what) const;
  void need(bool ok, const char* what) const {
    if (!ok) [[unlikely]]
      damaged(what);
  }
  // A few bytes can mention one long list again and again: all that is copied is no more than the pickle holds.
  void spend(size_t n) {
    need(n <= allowance_ && n < (1u << 31), "the pickle unfolds into more than it holds");
    allowance_ -= n;
  }
  Value& push(Kind kind);
  void push_number(Kind kind, int64_t v) { push(kind).number = v; }

  const std::string& path_;

 private:
  // The pickle's bytes.
  std::string_view take(uint64_t n);
  uint64_t number(int bytes);
  std::string_view line();

  // The stack, of which only what lies above the last mark is in reach.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Value* top() const;
  Value* pop();
  std::vector<const Value*> pop_to_mark();

  // The instructions.
  void step(Op op);
  void begin_frame();
  void check_protocol();
  void push_float();
  void push_global(std::string_view name);
  void push_line_global();
  void push_stack_global();
  void push_long(int bytes);
  void push_text(std::string_view v);
  void push_tuple();
  void push_tuple(size_t n);
  void append();
  void append_all();
  void set_item();
  void set_items(const std::vector<const Value*>& flat);
  void build();
  void refer_to_top();
  void call_top();
  void remember(uint64_t index);
  void recall(uint64_t index);

  const std::string pickle_;
  const std::string_view code_;
  size_t at_ = 0, frame_end_ = 0, allowance_;
  std::deque<Value> values_;
  std::deque<std::string> names_;  // of globals whose parts stand apart in the pickle
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;
  std::vector<Value*> memo_;
  size_t remembered_ = 0;
};

}  // namespace cnn::pickle
