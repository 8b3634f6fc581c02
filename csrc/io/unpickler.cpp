#include "io/unpickler.h"

#include <algorithm>

#include "cnn/check.h"
#include "io/archive.h"

namespace cnn::pickle {
namespace {

constexpr std::string_view kStorages[kComputingDTypes] = {
    "torch\nByteStorage",  "torch\nCharStorage",  "torch\nShortStorage", "torch\nIntStorage",
    "torch\nLongStorage",  "torch\nBoolStorage",  "torch\nHalfStorage",  "torch\nBFloat16Storage",
    "torch\nFloatStorage", "torch\nDoubleStorage"};

constexpr std::string_view kBytes = "torch.storage\nUntypedStorage";
constexpr std::string_view kGlobals[kDTypes] = {"torch\nuint8",           "torch\nint8",
                                                "torch\nint16",           "torch\nint32",
                                                "torch\nint64",           "torch\nbool",
                                                "torch\nfloat16",         "torch\nbfloat16",
                                                "torch\nfloat32",         "torch\nfloat64",
                                                "torch\nfloat8_e4m3fn",   "torch\nfloat8_e5m2",
                                                "torch\nfloat8_e4m3fnuz", "torch\nfloat8_e5m2fnuz",
                                                "torch\nfloat8_e8m0fnu",  "torch\nuint16",
                                                "torch\nuint32",          "torch\nuint64"};

}  // namespace

std::string_view storage_of_dtype(DType dtype) { return is_stored(dtype) ? kBytes : kStorages[int(dtype)]; }

std::optional<DType> dtype_of_storage(std::string_view global) {
  if (global == kBytes) return DType::UInt8;
  for (int i = 0; i < kComputingDTypes; ++i)
    if (global == kStorages[i]) return DType(i);
  return std::nullopt;
}

std::string_view global_of_dtype(DType dtype) { return kGlobals[int(dtype)]; }

std::optional<DType> dtype_of_global(std::string_view global) {
  for (int i = 0; i < kDTypes; ++i)
    if (global == kGlobals[i]) return DType(i);
  return std::nullopt;
}

const Value& Unpickler::run() {
  for (Op op; (op = Op(number(1))) != Op::Stop;) step(op);
  return *pop();
}

void Unpickler::step(Op op) {
  // clang-format off
  switch (op) {
    case Op::Proto: return check_protocol();
    case Op::Frame: return begin_frame();
    case Op::Mark: return marks_.push_back(stack_.size());
    case Op::Pop: return void(pop());
    case Op::None: return void(push(Kind::None));
    case Op::NewTrue: return push_number(Kind::Bool, true);
    case Op::NewFalse: return push_number(Kind::Bool, false);
    case Op::BinInt1: return push_number(Kind::Int, int64_t(number(1)));
    case Op::BinInt2: return push_number(Kind::Int, int64_t(number(2)));
    case Op::BinInt: return push_number(Kind::Int, int32_t(number(4)));
    case Op::Long1: return push_long(int(number(1)));
    case Op::BinFloat: return push_float();
    case Op::BinUnicode: return push_text(take(number(4)));
    case Op::ShortBinUnicode: return push_text(take(number(1)));
    case Op::Global: return push_line_global();
    case Op::StackGlobal: return push_stack_global();
    case Op::EmptyList: return void(push(Kind::List));
    case Op::EmptyTuple: return void(push(Kind::Tuple));
    case Op::EmptyDict: return void(push(Kind::Dict));
    case Op::Tuple: return push_tuple();
    case Op::Tuple1: return push_tuple(1);
    case Op::Tuple2: return push_tuple(2);
    case Op::Tuple3: return push_tuple(3);
    case Op::Append: return append();
    case Op::Appends: return append_all();
    case Op::SetItem: return set_item();
    case Op::SetItems: return set_items(pop_to_mark());
    case Op::Build: return build();
    case Op::BinPut: return remember(number(1));
    case Op::LongBinPut: return remember(number(4));
    case Op::Memoize: return remember(remembered_);
    case Op::BinGet: return recall(number(1));
    case Op::LongBinGet: return recall(number(4));
    case Op::BinPersId: return refer_to_top();
    case Op::Reduce: return call_top();
    case Op::Stop: break;  // has ended the loop
  }
  // clang-format on
  damaged("an instruction that state dicts do not need");
}

void Unpickler::damaged(const char* what) const {
  fail(ErrorKind::Runtime, "load_state_dict", path_, " does not hold a state dict: ", what);
}

// ---- Bytes ----

std::string_view Unpickler::take(uint64_t n) {
  need(n <= code_.size() - at_ && (at_ >= frame_end_ || n <= frame_end_ - at_), "the pickle ends early");
  const std::string_view bytes = code_.substr(at_, n);
  at_ += n;
  return bytes;
}

uint64_t Unpickler::number(int bytes) {
  uint64_t v = 0;
  const std::string_view b = take(uint64_t(bytes));
  for (int i = bytes; i-- > 0;) v = v << 8 | uint8_t(b[size_t(i)]);
  return v;
}

std::string_view Unpickler::line() {
  const size_t end = code_.find('\n', at_);
  need(end != std::string_view::npos, "the pickle ends early");
  const size_t n = end - at_;
  return take(n + 1).substr(0, n);
}

void Unpickler::check_protocol() { need(number(1) <= 5, "a protocol of pickle that is not known"); }

void Unpickler::begin_frame() {
  const uint64_t size = number(8);
  need(at_ >= frame_end_, "a frame within a frame");
  frame_end_ = at_ + std::min<uint64_t>(size, code_.size() - at_);
}

// ---- The stack ----

Value& Unpickler::push(Kind kind) {
  Value& v = values_.emplace_back();
  v.kind = kind;
  stack_.push_back(&v);
  return v;
}

Value* Unpickler::top() const {
  need(stack_.size() > floor(), "the pickle takes from an empty stack");
  return stack_.back();
}

Value* Unpickler::pop() {
  Value* v = top();
  stack_.pop_back();
  return v;
}

std::vector<const Value*> Unpickler::pop_to_mark() {
  need(!marks_.empty(), "the pickle takes from an empty stack");
  std::vector<const Value*> items(stack_.begin() + std::ptrdiff_t(marks_.back()), stack_.end());
  stack_.resize(marks_.back());
  marks_.pop_back();
  return items;
}

// ---- Plain values ----

void Unpickler::push_float() {
  take(8);  // no part of a tensor
  push(Kind::Float);
}

void Unpickler::push_long(int bytes) {
  need(bytes <= 8, "an integer of more than 64 bits");
  uint64_t v = number(bytes);
  if (bytes > 0 && bytes < 8 && v >> (8 * bytes - 1)) v |= ~uint64_t(0) << (8 * bytes);
  push_number(Kind::Int, int64_t(v));
}

void Unpickler::push_text(std::string_view v) {
  need(is_utf8(v), "text that is not UTF-8");
  push(Kind::Text).text = v;
}

void Unpickler::push_global(std::string_view name) {
  check_global(name);
  push(Kind::Global).text = name;
}

void Unpickler::push_line_global() {
  const size_t start = at_;
  const size_t size = line().size() + 1 + line().size();
  push_global(code_.substr(start, size));
}

void Unpickler::push_stack_global() {
  const Value *name = pop(), *module = pop();
  need(name->kind == Kind::Text && module->kind == Kind::Text, "a name that is no text");
  push_global(names_.emplace_back(std::string(module->text) + '\n' + std::string(name->text)));
}

// ---- Containers ----

void Unpickler::push_tuple() {
  auto items = pop_to_mark();
  push(Kind::Tuple).items = std::move(items);
}

void Unpickler::push_tuple(size_t n) {
  need(stack_.size() - floor() >= n, "the pickle takes from an empty stack");
  std::vector<const Value*> items(stack_.end() - std::ptrdiff_t(n), stack_.end());
  stack_.resize(stack_.size() - n);
  push(Kind::Tuple).items = std::move(items);
}

void Unpickler::append() {
  const Value* item = pop();
  need(top()->kind == Kind::List, "appending to what is no list");
  top()->items.push_back(item);
}

void Unpickler::append_all() {
  const auto items = pop_to_mark();
  need(top()->kind == Kind::List, "appending to what is no list");
  top()->items.insert(top()->items.end(), items.begin(), items.end());
}

void Unpickler::set_item() {
  const Value *value = pop(), *key = pop();
  set_items({key, value});
}

void Unpickler::set_items(const std::vector<const Value*>& flat) {
  need(top()->is_dict(), "items of what is no dict");
  need(flat.size() % 2 == 0, "a key without a value");
  top()->items.insert(top()->items.end(), flat.begin(), flat.end());
}

// Attributes of an OrderedDict, such as _metadata: not kept.
void Unpickler::build() {
  const Value* state = pop();
  need(top()->kind == Kind::OrderedDict && state->is_dict(), "attributes of something else than an OrderedDict");
}

// ---- The memo, calls, references ----

// The memo grows one by one: an index beyond the pickle's length can only be meant to take memory.
void Unpickler::remember(uint64_t index) {
  need(index < code_.size(), "the pickle remembers too much");
  if (index >= memo_.size()) memo_.resize(index + 1);
  remembered_ += !memo_[index];
  memo_[index] = top();
}

void Unpickler::recall(uint64_t index) {
  need(index < memo_.size() && memo_[index], "the pickle recalls what it did not remember");
  stack_.push_back(memo_[index]);
}

void Unpickler::refer_to_top() { refer(*pop()); }

void Unpickler::call_top() {
  const Value *args = pop(), *function = pop();
  need(function->kind == Kind::Global && args->kind == Kind::Tuple, "a call of something else than a function");
  call(*function, *args);
}

}  // namespace cnn::pickle
