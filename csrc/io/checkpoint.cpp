// Reads the pickle of a state dict: a stack machine over plain values, that calls nothing. What torch.save names as
// functions (rebuild a tensor, make an OrderedDict) is recognised by name.
#include <cstring>
#include <memory>
#include <unordered_map>

#include "cnn/io.h"
#include "io/archive.h"

namespace cnn {
namespace {

struct Value;
using Item = std::shared_ptr<Value>;

struct Value {
  enum class Kind { None, Bool, Int, Float, Text, Global, List, Dict, Storage, Tensor, Mark };
  Kind kind = Kind::None;
  int64_t number = 0;
  double real = 0;
  std::string text;
  std::vector<Item> items;  // of a dict: keys and values in turn
  Ref<Storage> storage;
  DType dtype = DType::Float32;
  Tensor tensor;
};
using Kind = Value::Kind;

Item make(Kind kind) {
  auto v = std::make_shared<Value>();
  v->kind = kind;
  return v;
}

constexpr const char* kOp = "load_state_dict";

DType dtype_of_storage(const std::string& name) {
  static const std::pair<const char*, DType> names[] = {
      {"FloatStorage", DType::Float32},     {"DoubleStorage", DType::Float64}, {"HalfStorage", DType::Float16},
      {"BFloat16Storage", DType::BFloat16}, {"LongStorage", DType::Int64},     {"IntStorage", DType::Int32},
      {"ShortStorage", DType::Int16},       {"CharStorage", DType::Int8},      {"ByteStorage", DType::UInt8},
      {"BoolStorage", DType::Bool}};
  for (const auto& [known, dtype] : names)
    if (name == std::string("torch.") + known) return dtype;
  fail(ErrorKind::Runtime, kOp, "a storage of type ", name, " is not supported");
}

class Reader {
 public:
  Reader(const Archive& archive, const std::string& path)
      : archive_(archive), path_(path), code_(archive.read("data.pkl")) {}
  Item run();

 private:
  [[noreturn]] void damaged(const char* what) const {
    fail(ErrorKind::Runtime, kOp, path_, " does not hold a state dict: ", what);
  }
  void need(bool ok, const char* what) const {
    if (!ok) damaged(what);
  }
  std::string_view take(uint64_t n) {
    need(n <= code_.size() - at_, "the pickle ends early");
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
  std::string line() {
    const size_t end = code_.find('\n', at_);
    need(end != std::string_view::npos, "the pickle ends early");
    const std::string text(code_.substr(at_, end - at_));
    at_ = end + 1;
    return text;
  }
  Item pop() {
    need(!stack_.empty(), "the pickle takes from an empty stack");
    Item v = stack_.back();
    stack_.pop_back();
    return v;
  }
  std::vector<Item> pop_to_mark() {
    std::vector<Item> items;
    while (true) {
      Item v = pop();
      if (v->kind == Kind::Mark) break;
      items.insert(items.begin(), v);
    }
    return items;
  }
  Item& top(Kind kind) {
    need(!stack_.empty() && stack_.back()->kind == kind, "unexpected object");
    return stack_.back();
  }
  void push(Item v) { stack_.push_back(std::move(v)); }
  void push_int(int64_t v) {
    push(make(Kind::Int));
    stack_.back()->number = v;
  }
  void push_text(std::string_view v, Kind kind = Kind::Text) {
    push(make(kind));
    stack_.back()->text = v;
  }
  void push_list(std::vector<Item> items) {
    push(make(Kind::List));
    stack_.back()->items = std::move(items);
  }
  bool step(uint8_t op);  // false at the end
  Item load_storage(const Value& id);
  Item call(const Value& function, const Value& args);
  Dims dims(const Value& v) const;

  const Archive& archive_;
  const std::string& path_;
  std::string_view code_;
  size_t at_ = 0;
  std::vector<Item> stack_;
  std::unordered_map<uint64_t, Item> memo_;
  std::unordered_map<std::string, Ref<Storage>> storages_;
};

Item Reader::run() {
  while (step(uint8_t(number(1)))) {
  }
  return pop();
}

bool Reader::step(uint8_t op) {
  switch (op) {
    case 0x80:
      number(1);
      break;                                  // PROTO
    case 0x95:
      number(8);
      break;                                  // FRAME
    case '.':
      return false;                                       // STOP
    case '(':
      push(make(Kind::Mark));
      break;
    case '0':
      pop();
      break;
    case 'N':
      push(make(Kind::None));
      break;
    case 0x88:
    case 0x89:                                         // NEWTRUE, NEWFALSE
      push(make(Kind::Bool));
      stack_.back()->number = op == 0x88;
      break;
    case 'K':
      push_int(int64_t(number(1)));
      break;
    case 'M':
      push_int(int64_t(number(2)));
      break;
    case 'J':
      push_int(int32_t(number(4)));
      break;
    case 0x8a: {                                                  // LONG1
      const int n = int(number(1));
      need(n <= 8, "an integer of more than 64 bits");
      uint64_t v = number(n);
      if (n > 0 && n < 8 && v >> (8 * n - 1)) v |= ~uint64_t(0) << (8 * n);
      push_int(int64_t(v));
      break;
    }
    case 'G': {                                                   // BINFLOAT, big-endian
      uint64_t bits = 0;
      for (const char b : take(8)) bits = bits << 8 | uint8_t(b);
      push(make(Kind::Float));
      std::memcpy(&stack_.back()->real, &bits, 8);
      break;
    }
    case 'X':
      push_text(take(number(4)));
      break;                  // BINUNICODE
    case 0x8c:
      push_text(take(number(1)));
      break;                 // SHORT_BINUNICODE
    case 'c': {                                                   // GLOBAL
      const std::string module = line();
      push_text(module + "." + line(), Kind::Global);
      break;
    }
    case 0x93: {                                                  // STACK_GLOBAL
      const Item name = pop(), module = pop();
      push_text(module->text + "." + name->text, Kind::Global);
      break;
    }
    case ']':
    case ')':
      push_list({});
      break;
    case '}':
      push(make(Kind::Dict));
      break;
    case 't':
      push_list(pop_to_mark());
      break;
    case 0x85:
      push_list({pop()});
      break;
    case 0x86: {
      const Item b = pop(), a = pop();
      push_list({a, b});
      break;
    }
    case 0x87: {
      const Item c = pop(), b = pop(), a = pop();
      push_list({a, b, c});
      break;
    }
    case 'a': {
      const Item v = pop();
      top(Kind::List)->items.push_back(v);
      break;
    }
    case 'e': {
      const auto items = pop_to_mark();
      auto& list = top(Kind::List)->items;
      list.insert(list.end(), items.begin(), items.end());
      break;
    }
    case 's': {
      const Item v = pop(), k = pop();
      auto& dict = top(Kind::Dict)->items;
      dict.push_back(k);
      dict.push_back(v);
      break;
    }
    case 'u': {
      const auto items = pop_to_mark();
      need(items.size() % 2 == 0, "a key without a value");
      auto& dict = top(Kind::Dict)->items;
      dict.insert(dict.end(), items.begin(), items.end());
      break;
    }
    case 'b':
      pop();
      break;                                       // BUILD: attributes such as _metadata
    case 'q':
    case 'r': {
      need(!stack_.empty(), "the pickle remembers nothing");
      memo_[number(op == 'q' ? 1 : 4)] = stack_.back();
      break;
    }
    case 0x94: {                                                  // MEMOIZE
      need(!stack_.empty(), "the pickle remembers nothing");
      const uint64_t n = memo_.size();
      memo_[n] = stack_.back();
      break;
    }
    case 'h':
    case 'j': {
      const auto found = memo_.find(number(op == 'h' ? 1 : 4));
      need(found != memo_.end(), "the pickle recalls what it did not remember");
      push(found->second);
      break;
    }
    case 'Q': {                                                   // BINPERSID
      const Item id = pop();
      push(load_storage(*id));
      break;
    }
    case 'R': {
      const Item args = pop(), function = pop();
      push(call(*function, *args));
      break;
    }
    default:
      damaged("an instruction that state dicts do not need");
  }
  return true;
}

// ("storage", type, key, location, number of elements)
Item Reader::load_storage(const Value& id) {
  need(id.kind == Kind::List && id.items.size() == 5 && id.items[0]->text == "storage", "unexpected persistent id");
  const DType dtype = dtype_of_storage(id.items[1]->text);
  const std::string& key = id.items[2]->text;
  Ref<Storage>& storage = storages_[key];
  if (!storage) {
    const std::string_view bytes = archive_.read("data/" + key);
    need(id.items[4]->number >= 0 && uint64_t(id.items[4]->number) * uint64_t(item_size(dtype)) == bytes.size(),
         "a storage of another size than stated");
    storage = Storage::allocate(bytes.size(), kCpu);
    if (!bytes.empty()) std::memcpy(storage->data(), bytes.data(), bytes.size());
  }
  Item v = make(Kind::Storage);
  v->storage = storage;
  v->dtype = dtype;
  return v;
}

Dims Reader::dims(const Value& v) const {
  need(v.kind == Kind::List, "sizes that are no tuple");
  Dims d;
  for (const Item& i : v.items) {
    need(i->kind == Kind::Int && i->number >= 0, "a size that is no number");
    d.push_back(i->number);
  }
  return d;
}

Item Reader::call(const Value& function, const Value& args) {
  need(function.kind == Kind::Global && args.kind == Kind::List, "a call of something else than a function");
  if (function.text == "collections.OrderedDict") return make(Kind::Dict);
  Item v = make(Kind::Tensor);
  if (function.text == "torch._utils._rebuild_tensor_v2") {
    need(args.items.size() >= 4 && args.items[0]->kind == Kind::Storage, "a tensor without a storage");
    const Value& storage = *args.items[0];
    const Dims sizes = dims(*args.items[2]), strides = dims(*args.items[3]);
    need(sizes.size() == strides.size(), "sizes and strides of different length");
    const int64_t offset = args.items[1]->number;
    const int64_t have = int64_t(storage.storage->nbytes()) / item_size(storage.dtype);
    int64_t last = offset;
    bool none = numel_of(kOp, sizes) == 0;
    for (int i = 0; i < sizes.size() && !none; ++i) {
      int64_t span;
      need(!__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) && !__builtin_add_overflow(last, span, &last),
           "a tensor that leaves its storage");
    }
    need(offset >= 0 && (none || last < have), "a tensor that leaves its storage");
    v->tensor = Tensor(make_ref<TensorImpl>(storage.storage, sizes, strides, offset, storage.dtype));
    return v;
  }
  if (function.text == "torch._utils._rebuild_parameter") {
    need(!args.items.empty() && args.items[0]->kind == Kind::Tensor, "a parameter without a tensor");
    v->tensor = args.items[0]->tensor;
    return v;
  }
  fail(ErrorKind::Runtime, kOp, path_, " calls ", function.text,
       ", which a state dict does not need; save "
       "model.state_dict() instead of the model");
}

}  // namespace

StateDict load_state_dict(const std::string& path) {
  const Archive archive(path);
  check(!archive.contains("byteorder") || archive.read("byteorder") == "little", kOp, path, " is big-endian");
  const Item root = Reader(archive, path).run();
  check(root->kind == Kind::Dict, kOp, path, " holds no dict");
  StateDict state;
  for (size_t i = 0; i + 1 < root->items.size(); i += 2) {
    check(root->items[i]->kind == Kind::Text && root->items[i + 1]->kind == Kind::Tensor, kOp, path,
          " holds something else than tensors by name");
    state.emplace_back(root->items[i]->text, root->items[i + 1]->tensor);
  }
  return state;
}

const Tensor& find(const StateDict& state, const std::string& name) {
  for (const auto& [known, tensor] : state)
    if (known == name) return tensor;
  fail(ErrorKind::Runtime, "find", "the state dict has no tensor named ", name);
}

}  // namespace cnn
