// Reads the pickle of a state dict: a stack machine over plain values, that calls nothing. What torch.save names as
// functions (rebuild a tensor, make an OrderedDict) is recognised by name. What the reader in Python refuses, this one
// refuses too.
#include <algorithm>
#include <deque>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <unordered_map>

#include "cnn/io.h"
#include "io/archive.h"

namespace cnn {
namespace {

constexpr const char* kOp = "load_state_dict";
constexpr std::string_view kRebuildTensor = "torch._utils\n_rebuild_tensor_v2",
                           kRebuildParameter = "torch._utils\n_rebuild_parameter",
                           kOrderedDict = "collections\nOrderedDict";

enum class Kind : uint8_t { None, Bool, Int, Float, Text, Global, Tuple, List, Dict, OrderedDict, Storage, Tensor };

// Values live in the reader until the end and name each other by address: they may be nested as deep as the file likes.
struct Value {
  Kind kind = Kind::None;
  int64_t number = 0;  // of a storage or tensor: its place in the reader's list
  std::string_view text;  // in the pickle; of a global: module, line break, name
  std::vector<const Value*> items;  // of a dict: keys and values in turn
};

struct Memory {
  Ref<Storage> storage;
  DType dtype;
  int64_t count;
};

std::optional<DType> dtype_of_storage(std::string_view global) {
  static constexpr std::pair<std::string_view, DType> names[] = {
      {"FloatStorage", DType::Float32},     {"DoubleStorage", DType::Float64}, {"HalfStorage", DType::Float16},
      {"BFloat16Storage", DType::BFloat16}, {"LongStorage", DType::Int64},     {"IntStorage", DType::Int32},
      {"ShortStorage", DType::Int16},       {"CharStorage", DType::Int8},      {"ByteStorage", DType::UInt8},
      {"BoolStorage", DType::Bool}};
  constexpr std::string_view module = "torch\n";
  if (!global.starts_with(module)) return std::nullopt;
  for (const auto& [known, dtype] : names)
    if (global.substr(module.size()) == known) return dtype;
  return std::nullopt;
}

class Reader {
 public:
  Reader(const Archive& archive, const std::string& path)
      : archive_(archive), path_(path), pickle_(archive.read("data.pkl")), code_(pickle_) {}
  StateDict read();

 private:
  [[noreturn]] void damaged(const char* what) const {
    fail(ErrorKind::Runtime, kOp, path_, " does not hold a state dict: ", what);
  }
  void need(bool ok, const char* what) const {
    if (!ok) [[unlikely]]
      damaged(what);
  }

  // The pickle's bytes.
  std::string_view take(uint64_t n) {
    need(n <= code_.size() - at_ && (at_ >= frame_end_ || n <= frame_end_ - at_), "the pickle ends early");
    const std::string_view bytes = code_.substr(at_, n);
    at_ += n;
    return bytes;
  }
  uint64_t number(int n) {
    uint64_t v = 0;
    const std::string_view b = take(uint64_t(n));
    for (int i = n; i-- > 0;) v = v << 8 | uint8_t(b[size_t(i)]);
    return v;
  }
  std::string_view line() {
    const size_t end = code_.find('\n', at_);
    need(end != std::string_view::npos, "the pickle ends early");
    const size_t n = end - at_;
    return take(n + 1).substr(0, n);
  }
  void begin_frame() {
    const uint64_t size = number(8);
    need(at_ >= frame_end_, "a frame within a frame");
    frame_end_ = at_ + std::min<uint64_t>(size, code_.size() - at_);
  }

  // The stack, of which only what lies above the last mark is in reach.
  Value& push(Kind kind) {
    Value& v = values_.emplace_back();
    v.kind = kind;
    stack_.push_back(&v);
    return v;
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Value* top() const {
    need(stack_.size() > floor(), "the pickle takes from an empty stack");
    return stack_.back();
  }
  Value* pop() {
    Value* v = top();
    stack_.pop_back();
    return v;
  }
  std::vector<const Value*> pop_to_mark() {
    need(!marks_.empty(), "the pickle takes from an empty stack");
    std::vector<const Value*> items(stack_.begin() + std::ptrdiff_t(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void push_number(Kind kind, int64_t v) { push(kind).number = v; }
  void push_text(std::string_view v) {
    need(is_utf8(v), "text that is not UTF-8");
    push(Kind::Text).text = v;
  }
  void push_global(std::string_view module_and_name);
  void push_tuple(size_t n);
  void push_long(int n);

  // A few bytes can mention one long list again and again: all that is copied is no more than the pickle holds.
  void spend(size_t n) {
    need(n <= allowance_ && n < (1u << 31), "the pickle unfolds into more than it holds");
    allowance_ -= n;
  }

  bool step(uint8_t op);  // false at the end
  void append(const Value* item);
  void append_all(const std::vector<const Value*>& items);
  void set_items(const std::vector<const Value*>& flat);
  void build();
  void remember(uint64_t index);
  void recall(uint64_t index);
  void push_storage(const Value& id);
  void call(const Value& function, const Value& args);
  void rebuild_tensor(const std::vector<const Value*>& args);
  void check_requires_grad(const Value& requires_grad, DType dtype) const {
    need(requires_grad.kind == Kind::Bool && (!requires_grad.number || is_floating(dtype)), "a gradient of integers");
  }
  Dims dims(const Value& v);

  const Archive& archive_;
  const std::string& path_;
  const std::string pickle_;
  const std::string_view code_;
  size_t at_ = 0, frame_end_ = 0, allowance_ = code_.size();
  std::deque<Value> values_;
  std::deque<std::string> names_;  // of globals whose parts stand apart in the pickle
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;
  std::vector<Value*> memo_;
  size_t remembered_ = 0;
  std::map<std::string_view, size_t> storages_;  // by key: the place in memories_
  std::vector<Memory> memories_;
  std::vector<Tensor> tensors_;
};

bool Reader::step(uint8_t op) {
  switch (op) {
    case 0x80:  // PROTO
      need(number(1) <= 5, "a protocol of pickle that is not known");
      break;
    case 0x95:  // FRAME
      begin_frame();
      break;
    case '.':  // STOP
      return false;
    case '(':  // MARK
      marks_.push_back(stack_.size());
      break;
    case '0':  // POP
      pop();
      break;
    case 'N':
      push(Kind::None);
      break;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push_number(Kind::Bool, op == 0x88);
      break;
    case 'K':  // BININT1
      push_number(Kind::Int, int64_t(number(1)));
      break;
    case 'M':  // BININT2
      push_number(Kind::Int, int64_t(number(2)));
      break;
    case 'J':  // BININT
      push_number(Kind::Int, int32_t(number(4)));
      break;
    case 0x8a:  // LONG1
      push_long(int(number(1)));
      break;
    case 'G':  // BINFLOAT: no part of a tensor
      take(8);
      push(Kind::Float);
      break;
    case 'X':  // BINUNICODE
      push_text(take(number(4)));
      break;
    case 0x8c:  // SHORT_BINUNICODE
      push_text(take(number(1)));
      break;
    case 'c': {  // GLOBAL
      const size_t start = at_;
      const size_t size = line().size() + 1 + line().size();
      push_global(code_.substr(start, size));
      break;
    }
    case 0x93: {  // STACK_GLOBAL
      const Value *name = pop(), *module = pop();
      need(name->kind == Kind::Text && module->kind == Kind::Text, "a name that is no text");
      push_global(names_.emplace_back(std::string(module->text) + '\n' + std::string(name->text)));
      break;
    }
    case ']':
      push(Kind::List);
      break;
    case ')':
      push(Kind::Tuple);
      break;
    case '}':
      push(Kind::Dict);
      break;
    case 't': {  // TUPLE
      auto items = pop_to_mark();
      push(Kind::Tuple).items = std::move(items);
      break;
    }
    case 0x85:  // TUPLE1, TUPLE2, TUPLE3
    case 0x86:
    case 0x87:
      push_tuple(size_t(op - 0x84));
      break;
    case 'a':  // APPEND
      append(pop());
      break;
    case 'e':  // APPENDS
      append_all(pop_to_mark());
      break;
    case 's': {  // SETITEM
      const Value *value = pop(), *key = pop();
      set_items({key, value});
      break;
    }
    case 'u':  // SETITEMS
      set_items(pop_to_mark());
      break;
    case 'b':
      build();
      break;
    case 'q':  // BINPUT
      remember(number(1));
      break;
    case 'r':  // LONG_BINPUT
      remember(number(4));
      break;
    case 0x94:  // MEMOIZE
      remember(remembered_);
      break;
    case 'h':  // BINGET
      recall(number(1));
      break;
    case 'j':  // LONG_BINGET
      recall(number(4));
      break;
    case 'Q':  // BINPERSID
      push_storage(*pop());
      break;
    case 'R': {  // REDUCE
      const Value *args = pop(), *function = pop();
      call(*function, *args);
      break;
    }
    default:
      damaged("an instruction that state dicts do not need");
  }
  return true;
}

void Reader::push_global(std::string_view name) {
  static const std::set<std::string_view> known = {
      kRebuildTensor,   kRebuildParameter, kOrderedDict,     "torch\nSize",     "torch\ndevice",
      "torch\nfloat64", "torch\nfloat32",  "torch\nfloat16", "torch\nbfloat16", "torch\nint64",
      "torch\nint32",   "torch\nint16",    "torch\nint8",    "torch\nuint8",    "torch\nbool"};
  if (!known.count(name) && !dtype_of_storage(name)) {
    std::string shown(name);
    std::replace(shown.begin(), shown.end(), '\n', '.');
    fail(ErrorKind::Runtime, kOp, path_, " names ", shown,
         ", which a state dict does not need; save model.state_dict() instead of the model");
  }
  push(Kind::Global).text = name;
}

void Reader::push_tuple(size_t n) {
  need(stack_.size() - floor() >= n, "the pickle takes from an empty stack");
  std::vector<const Value*> items(stack_.end() - std::ptrdiff_t(n), stack_.end());
  stack_.resize(stack_.size() - n);
  push(Kind::Tuple).items = std::move(items);
}

void Reader::push_long(int n) {
  need(n <= 8, "an integer of more than 64 bits");
  uint64_t v = number(n);
  if (n > 0 && n < 8 && v >> (8 * n - 1)) v |= ~uint64_t(0) << (8 * n);
  push_number(Kind::Int, int64_t(v));
}

void Reader::append(const Value* item) {
  need(top()->kind == Kind::List, "appending to what is no list");
  top()->items.push_back(item);
}

void Reader::append_all(const std::vector<const Value*>& items) {
  need(top()->kind == Kind::List, "appending to what is no list");
  top()->items.insert(top()->items.end(), items.begin(), items.end());
}

void Reader::set_items(const std::vector<const Value*>& flat) {
  need(top()->kind == Kind::Dict || top()->kind == Kind::OrderedDict, "items of what is no dict");
  need(flat.size() % 2 == 0, "a key without a value");
  top()->items.insert(top()->items.end(), flat.begin(), flat.end());
}

// Attributes of an OrderedDict, such as _metadata: not kept.
void Reader::build() {
  const Value* state = pop();
  need(top()->kind == Kind::OrderedDict && (state->kind == Kind::Dict || state->kind == Kind::OrderedDict),
       "attributes of something else than an OrderedDict");
}

// The memo grows one by one: an index beyond the pickle's length can only be meant to take memory.
void Reader::remember(uint64_t index) {
  need(index < code_.size(), "the pickle remembers too much");
  if (index >= memo_.size()) memo_.resize(index + 1);
  remembered_ += !memo_[index];
  memo_[index] = top();
}

void Reader::recall(uint64_t index) {
  need(index < memo_.size() && memo_[index], "the pickle recalls what it did not remember");
  stack_.push_back(memo_[index]);
}

// ("storage", type, key, location, number of elements)
void Reader::push_storage(const Value& id) {
  need(id.kind == Kind::Tuple && id.items.size() == 5 && id.items[0]->kind == Kind::Text &&
           id.items[0]->text == "storage" && id.items[1]->kind == Kind::Global && id.items[2]->kind == Kind::Text &&
           id.items[3]->kind == Kind::Text && id.items[4]->kind == Kind::Int,
       "a reference that is not to a storage");
  const std::optional<DType> dtype = dtype_of_storage(id.items[1]->text);
  need(dtype.has_value(), "a storage of a type that is no storage's");
  need(id.items[2]->text.size() <= 100, "a storage of a name that none has");  // comparing it takes time
  const int64_t count = id.items[4]->number;
  const auto [place, fresh] = storages_.emplace(id.items[2]->text, memories_.size());
  if (fresh) {
    const std::string name = "data/" + std::string(place->first);
    const uint64_t size = archive_.size(name);
    uint64_t told;
    need(count >= 0 && !__builtin_mul_overflow(uint64_t(count), uint64_t(item_size(*dtype)), &told) && told == size,
         "a storage of another size than stated");
    Ref<Storage> storage = Storage::allocate(size, kCpu);
    archive_.read_into(name, storage->data());
    memories_.push_back({std::move(storage), *dtype, count});
  }
  const Memory& memory = memories_[place->second];
  need(memory.dtype == *dtype && memory.count == count, "a storage with two dtypes or two sizes");
  push_number(Kind::Storage, int64_t(place->second));
}

Dims Reader::dims(const Value& v) {
  need(v.kind == Kind::Tuple || v.kind == Kind::List, "sizes that are no tuple");
  spend(v.items.size());
  Dims d;
  d.resize(int(v.items.size()));
  for (int i = 0; i < d.size(); ++i) {
    const Value& n = *v.items[size_t(i)];
    need(n.kind == Kind::Int && n.number >= 0, "a size that is no natural number");
    d[i] = n.number;
  }
  return d;
}

void Reader::call(const Value& function, const Value& args) {
  need(function.kind == Kind::Global && args.kind == Kind::Tuple, "a call of something else than a function");
  if (function.text == kOrderedDict) {
    need(args.items.size() <= 1, "an OrderedDict of more than one object");
    std::vector<const Value*> flat;
    if (!args.items.empty()) {  // a list of pairs
      const Value& pairs = *args.items[0];
      need(pairs.kind == Kind::List || pairs.kind == Kind::Tuple, "an OrderedDict of something else than pairs");
      spend(pairs.items.size());
      for (const Value* pair : pairs.items) {
        need((pair->kind == Kind::List || pair->kind == Kind::Tuple) && pair->items.size() == 2,
             "an item of an OrderedDict that is no pair");
        flat.insert(flat.end(), pair->items.begin(), pair->items.end());
      }
    }
    push(Kind::OrderedDict).items = std::move(flat);
  } else if (function.text == kRebuildTensor) {
    rebuild_tensor(args.items);
  } else if (function.text == kRebuildParameter) {
    need(args.items.size() == 3 && args.items[0]->kind == Kind::Tensor, "a parameter without a tensor");
    check_requires_grad(*args.items[1], tensors_[size_t(args.items[0]->number)].dtype());
    push_number(Kind::Tensor, args.items[0]->number);
  } else {
    damaged("a call of what is no function of state dicts");
  }
}

// (storage, offset, size, stride, requires_grad, hooks) and perhaps metadata.
void Reader::rebuild_tensor(const std::vector<const Value*>& args) {
  need((args.size() == 6 || args.size() == 7) && args[0]->kind == Kind::Storage && args[1]->kind == Kind::Int,
       "a tensor without a storage");
  if (args.size() == 7) {
    const bool dict = args[6]->kind == Kind::Dict || args[6]->kind == Kind::OrderedDict;
    need(args[6]->kind == Kind::None || (dict && args[6]->items.empty()), "a conjugate or negative view");
  }
  const Memory& memory = memories_[size_t(args[0]->number)];
  check_requires_grad(*args[4], memory.dtype);
  const int64_t offset = args[1]->number;
  const Dims sizes = dims(*args[2]), strides = dims(*args[3]);
  need(sizes.size() == strides.size(), "sizes and strides of different length");
  const bool none = numel_of(kOp, sizes) == 0;
  int64_t last = offset;
  for (int i = 0; i < sizes.size() && !none; ++i) {
    int64_t span;
    need(!__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) && !__builtin_add_overflow(last, span, &last),
         "a tensor that leaves its storage");
  }
  need(offset >= 0 && offset <= memory.count && (none || last < memory.count), "a tensor that leaves its storage");
  push_number(Kind::Tensor, int64_t(tensors_.size()));
  tensors_.push_back(Tensor(make_ref<TensorImpl>(memory.storage, sizes, strides, offset, memory.dtype)));
}

StateDict Reader::read() {
  while (step(uint8_t(number(1)))) {
  }
  const Value& root = *pop();
  check(root.kind == Kind::Dict || root.kind == Kind::OrderedDict, kOp, path_, " holds no dict");
  StateDict state;
  // A name that comes again replaces the tensor, as in a dict. One text, mentioned again, is not compared again.
  std::map<std::string_view, size_t> places;
  std::unordered_map<const Value*, size_t> seen;
  for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
    const Value *name = root.items[i], *tensor = root.items[i + 1];
    check(name->kind == Kind::Text && tensor->kind == Kind::Tensor, kOp, path_,
          " holds something else than tensors by name");
    const auto [known, unseen] = seen.emplace(name, 0);
    if (unseen) known->second = places.emplace(name->text, state.size()).first->second;
    const Tensor& value = tensors_[size_t(tensor->number)];
    if (known->second == state.size()) state.emplace_back(std::string(name->text), value);
    else state[known->second].second = value;
  }
  return state;
}

// The archive's version is a number of few digits.
void check_format(const Archive& archive, const std::string& path) {
  check(!archive.contains("constants.pkl"), kOp, path, " is a TorchScript archive, which holds code");
  std::string version = archive.read("version");
  version.erase(version.find_last_not_of(" \t\n\v\f\r") + 1);
  const bool digits = version.find_first_not_of("0123456789") == std::string::npos;
  check(!version.empty() && version.size() <= 9 && digits && std::stoi(version) <= 10, kOp, path,
        " is of a format newer than this reader");
  check(!archive.contains("byteorder") || archive.read("byteorder") == "little", kOp, path, " is big-endian");
}

}  // namespace

StateDict load_state_dict(const std::string& path) {
  try {
    const Archive archive(path);
    check_format(archive, path);
    return Reader(archive, path).read();
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::OutOfMemory, kOp, "there is too little memory for ", path);
  }
}

const Tensor& find(const StateDict& state, const std::string& name) {
  for (const auto& [known, tensor] : state)
    if (known == name) return tensor;
  fail(ErrorKind::Runtime, "find", "the state dict has no tensor named ", name);
}

}  // namespace cnn
