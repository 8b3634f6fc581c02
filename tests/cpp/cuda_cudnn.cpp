// What cudnn.cpp calls of cuDNN, on the host, and strict about it: which attributes a descriptor has, of which type,
// and which it needs; that all is finalized before it is used, and stays as it is then; sizes, strides and alignments;
// devices, streams and workspace. Convolutions are plain loops. Of the engines that the heuristics name only the last
// suits everybody: the others fail, or give other numbers, as their notes say.
// What it refuses fails, and says why on stderr.
#include "cuda/cudnn_api.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "emulation/numbers.h"

struct cnn::cuda::cudnn::cudnnContext {
  int device;
  cudaStream_t stream = nullptr;
};

namespace {

using namespace cnn::cuda::cudnn;
namespace em = cnn::emulation;

template <class... Parts> Status refuse(Status status, const char* format, Parts... parts) {
  em::say_refused("cuDNN", format, parts...);
  return status;
}

// ---- Descriptors ----

struct Rule {
  Kind kind;
  Name name;
  Type type;
};
constexpr Rule kRules[] = {
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE},
    {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR},
};

// An operation's: its names are six numbers in a row, and begin with alpha, beta and the convolution.
struct Operation {
  Kind kind;
  Name alpha, x, w, y, result;
};
constexpr Operation kOperations[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW},
};
const Operation* operation_of(Kind kind) {
  for (const Operation& op : kOperations)
    if (op.kind == kind) return &op;
  return nullptr;
}

struct Attribute {
  Type type;
  int64_t count;
  std::vector<char> bytes;
};
struct Described {
  Kind kind;
  bool finalized = false;
  std::map<Name, Attribute> attributes = {};
  int engine = -1;  // of an engine and its configuration
  std::shared_ptr<Described> graph = nullptr;  // that these, and a plan, are for
  std::shared_ptr<Described> parts[3] = {}, convolution = nullptr;  // of an operation: x, w, y

  template <class T> std::vector<T> all(Name name) const {
    const Attribute& a = attributes.at(name);
    std::vector<T> values(size_t(a.count));
    std::memcpy(values.data(), a.bytes.data(), a.bytes.size());
    return values;
  }
  template <class T> T one(Name name) const { return all<T>(name).at(0); }
};

struct Done {
  int64_t executed = 0, on_tensor_cores = 0, plans = 0;
};
struct State {
  std::map<Descriptor, std::shared_ptr<Described>> alive;
  std::set<Handle> handles;
  Done done;
};
State& state() {
  static auto* const s = new State;
  return *s;
}
std::shared_ptr<Described> found(Descriptor d) {
  const auto at = state().alive.find(d);
  return at == state().alive.end() ? nullptr : at->second;
}
// One that an attribute names: finalized, and of that kind.
std::shared_ptr<Described> named(const Described& by, Name name, Kind kind) {
  const auto it = found(by.one<Descriptor>(name));
  return it && it->finalized && it->kind == kind ? it : nullptr;
}

size_t size_of(Type type) {
  switch (type) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
      return 8;
    default:
      return 4;
  }
}

// The type that an attribute of a kind has; -1: there is none.
int type_of(Kind kind, Name name) {
  for (const Rule& rule : kRules)
    if (rule.kind == kind && rule.name == name) return rule.type;
  const Operation* const op = operation_of(kind);
  if (!op || name < op->alpha || name > op->alpha + 5) return -1;
  if (name > op->alpha + 1) return CUDNN_TYPE_BACKEND_DESCRIPTOR;
  return CUDNN_TYPE_FLOAT;  // or double: see finalize
}

cnn::DType dtype_of(DataType type) {
  switch (type) {
    case CUDNN_DATA_HALF:
      return cnn::DType::Float16;
    case CUDNN_DATA_BFLOAT16:
      return cnn::DType::BFloat16;
    case CUDNN_DATA_DOUBLE:
      return cnn::DType::Float64;
    default:
      return cnn::DType::Float32;
  }
}

// ---- What is wrong with a descriptor; null: nothing ----

const char* fault_of_tensor(const Described& t) {
  const auto sizes = t.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS), strides = t.all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
  if (sizes.size() != strides.size() || sizes.size() < 4 || sizes.size() > 8)
    return "sizes or strides of another number";
  if (*std::min_element(sizes.begin(), sizes.end()) < 1 || *std::min_element(strides.begin(), strides.end()) < 1)
    return "a size or stride below 1";
  const int64_t alignment = t.one<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
  const int64_t item = cnn::item_size(dtype_of(t.one<DataType>(CUDNN_ATTR_TENSOR_DATA_TYPE)));
  if (alignment < item || alignment % item != 0) return "an alignment that its elements do not have";
  return nullptr;
}

const char* fault_of_convolution(const Described& c) {
  const size_t n = size_t(c.one<int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS));
  for (const Name name : {CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
                          CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS}) {
    const auto values = c.all<int64_t>(name);
    const bool padding = name == CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS || name == CUDNN_ATTR_CONVOLUTION_POST_PADDINGS;
    if (values.size() != n) return "another number of spatial dimensions";
    if (*std::min_element(values.begin(), values.end()) < (padding ? 0 : 1)) return "a number that is too small";
  }
  if (c.one<int>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) != CUDNN_CROSS_CORRELATION) return "another mode";
  return nullptr;
}

std::vector<int64_t> sizes_of(const Described& t) { return t.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS); }
std::vector<int64_t> strides_of(const Described& t) { return t.all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES); }

// Does it lie in one piece, its dimensions from 2 on in order, with the channels inside of them or outside?
bool packed(const Described& t, bool last) {
  const auto sizes = sizes_of(t), strides = strides_of(t);
  int64_t next = last ? sizes[1] : 1;
  for (size_t i = sizes.size() - 1; i > 1; --i) {
    if (strides[i] != next) return false;
    next *= sizes[i];
  }
  return strides[1] == (last ? 1 : next) && strides[0] == (last ? next : next * sizes[1]);
}

const char* fault_of_operation(Described& d) {
  const Operation& op = *operation_of(d.kind);
  const Name names[] = {op.x, op.w, op.y};
  for (int i = 0; i < 3; ++i) {
    d.parts[i] = named(d, names[i], CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    if (!d.parts[i]) return "an operand that is no finalized tensor";
  }
  d.convolution = named(d, Name(op.alpha + 2), CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  if (!d.convolution) return "no finalized convolution";
  const Described &x = *d.parts[0], &w = *d.parts[1], &y = *d.parts[2], &c = *d.convolution;
  const auto type = x.one<DataType>(CUDNN_ATTR_TENSOR_DATA_TYPE);
  std::set<int64_t> ids;
  for (const auto& part : d.parts) {
    ids.insert(part->one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID));
    if (part->one<DataType>(CUDNN_ATTR_TENSOR_DATA_TYPE) != type) return "operands of different types";
  }
  if (ids.size() != 3) return "operands with the same id";
  const bool wide = type == CUDNN_DATA_DOUBLE;
  if (c.one<DataType>(CUDNN_ATTR_CONVOLUTION_COMP_TYPE) != (wide ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT))
    return "sums of another type";
  for (const int i : {0, 1}) {
    const Attribute& a = d.attributes.at(Name(op.alpha + i));
    if (a.type != (wide ? CUDNN_TYPE_DOUBLE : CUDNN_TYPE_FLOAT) || a.count != 1) return "a factor of another type";
  }
  const auto xs = sizes_of(x), ws = sizes_of(w), ys = sizes_of(y);
  const auto stride = c.all<int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
             dilation = c.all<int64_t>(CUDNN_ATTR_CONVOLUTION_DILATIONS),
             before = c.all<int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
             after = c.all<int64_t>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
  if (xs.size() != stride.size() + 2 || ws.size() != xs.size() || ys.size() != xs.size())
    return "another number of dimensions";
  if (xs[0] != ys[0] || ws[0] != ys[1] || xs[1] % ws[1] != 0 || ws[0] % (xs[1] / ws[1]) != 0)
    return "channels or images that do not fit";
  for (size_t i = 0; i < stride.size(); ++i) {
    const int64_t room = xs[i + 2] + before[i] + after[i] - dilation[i] * (ws[i + 2] - 1) - 1;
    if (room < 0 || room / stride[i] + 1 != ys[i + 2]) return "spatial sizes that do not fit";
  }
  for (const bool last : {false, true})
    if (packed(x, last) && packed(w, last) && packed(y, last)) return nullptr;
  return "operands that do not lie in the same order, in one piece each";
}

// ---- Engines ----

struct Engine {
  Heuristic mode;
  std::vector<Note> notes;
  int64_t workspace = 0;
  bool here = true;  // can it be had on this device?
};
const std::vector<Engine>& engines() {
  static const std::vector<Engine> all = {
      {CUDNN_HEUR_MODE_A, {}, 0, false},
      {CUDNN_HEUR_MODE_A, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}},
      {CUDNN_HEUR_MODE_A, {CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION}},
      {CUDNN_HEUR_MODE_A, {CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6}},
      {CUDNN_HEUR_MODE_A, {}, int64_t(8) << 30},
      {CUDNN_HEUR_MODE_A, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}},
      {CUDNN_HEUR_MODE_FALLBACK, {CUDNN_NUMERICAL_NOTE_FFT}},
      {CUDNN_HEUR_MODE_FALLBACK, {}, 5000},
  };
  return all;
}
bool has(const Engine& e, Note note) { return std::count(e.notes.begin(), e.notes.end(), note) > 0; }

// Of a graph's only operation.
const Described& operation(const Described& graph) { return *graph.parts[0]; }
int64_t most(const Described& op, Name name) {
  const auto values = op.convolution->all<int64_t>(name);
  return *std::max_element(values.begin(), values.end());
}
// Dilated volumes have no engine, and the better heuristics do not know dilated planes.
std::vector<int> engines_for(const Described& graph, Heuristic mode) {
  const Described& op = operation(graph);
  const bool dilated = most(op, CUDNN_ATTR_CONVOLUTION_DILATIONS) > 1, volumes = sizes_of(*op.parts[0]).size() == 5;
  std::vector<int> those;
  for (int i = 0; i < int(engines().size()); ++i)
    if (engines()[size_t(i)].mode == mode && !(dilated && volumes)) those.push_back(i);
  return those;
}

Status finalize(Described& d) {
  const auto bad = [&d](const char* why) {
    return why ? refuse(CUDNN_STATUS_BAD_PARAM, "%d: %s", d.kind, why) : CUDNN_STATUS_SUCCESS;
  };
  for (const Rule& rule : kRules)
    if (rule.kind == d.kind && !d.attributes.count(rule.name)) return bad("an attribute is missing");
  if (const Operation* const op = operation_of(d.kind)) {
    for (int i = 0; i < 6; ++i)
      if (!d.attributes.count(Name(op->alpha + i))) return bad("an attribute of an operation is missing");
    return bad(fault_of_operation(d));
  }
  switch (d.kind) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      return bad(fault_of_tensor(d));
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
      return bad(fault_of_convolution(d));
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: {
      const auto op = found(d.one<Descriptor>(CUDNN_ATTR_OPERATIONGRAPH_OPS));
      if (!op || !op->finalized || !operation_of(op->kind)) return bad("no finalized operation");
      d.parts[0] = op;
      return bad(state().handles.count(d.one<Handle>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE)) ? nullptr : "no handle");
    }
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      d.graph = named(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
      if (!d.graph) return bad("no finalized graph");
      return d.one<Heuristic>(CUDNN_ATTR_ENGINEHEUR_MODE) == CUDNN_HEUR_MODE_A &&
                     most(operation(*d.graph), CUDNN_ATTR_CONVOLUTION_DILATIONS) > 1
                 ? CUDNN_STATUS_NOT_SUPPORTED
                 : CUDNN_STATUS_SUCCESS;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: {
      const auto config = named(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
      if (!config) return bad("no finalized configuration");
      if (d.one<Handle>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) !=
          config->graph->one<Handle>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE))
        return bad("another handle than its graph's");
      d.graph = config->graph, d.engine = config->engine;
      ++state().done.plans;
      return engines()[size_t(d.engine)].here ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    }
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      return bad(d.attributes.at(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS).count ==
                         d.attributes.at(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).count
                     ? nullptr
                     : "another number of pointers than of ids");
    default:
      return bad("cannot be finalized");
  }
}

// ---- Convolutions ----

// A convolution to be run later.
struct Run {
  std::shared_ptr<Described> op;
  int engine, device;
  const void* data[3];  // x, w, y
  void* workspace;

  template <class Sum> void sums() const {
    const Described &x = *op->parts[0], &w = *op->parts[1], &y = *op->parts[2], &c = *op->convolution;
    const cnn::DType type = dtype_of(x.one<DataType>(CUDNN_ATTR_TENSOR_DATA_TYPE));
    const std::vector<int64_t> sizes[] = {sizes_of(x), sizes_of(w), sizes_of(y)};
    const std::vector<int64_t> strides[] = {strides_of(x), strides_of(w), strides_of(y)};
    const auto stride = c.all<int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
               dilation = c.all<int64_t>(CUDNN_ATTR_CONVOLUTION_DILATIONS),
               padding = c.all<int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
    const size_t n = stride.size();
    const int result = op->kind == kOperations[0].kind ? 2 : op->kind == kOperations[1].kind ? 0 : 1;
    const int first = result == 0 ? 1 : 0, second = result == 2 ? 1 : 2;  // the factors
    const Engine& e = engines()[size_t(engine)];
    const bool rounds = has(e, CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && type == cnn::DType::Float32;
    const auto factor = [&](int of, int64_t at) {
      const double value = em::load(data[of], at, type);
      return Sum(rounds ? em::to_tf32(float(value)) : value);
    };
    const auto product = [](const std::vector<int64_t>& v, size_t from) {
      int64_t p = 1;
      for (size_t i = from; i < v.size(); ++i) p *= v[i];
      return p;
    };
    std::vector<Sum> total(size_t(product(sizes[result], 0)));
    const int64_t ins = sizes[1][1], outs = sizes[1][0] / (sizes[0][1] / ins);  // of a group
    for (int64_t image = 0; image < sizes[0][0]; ++image)
      for (int64_t k = 0; k < sizes[1][0]; ++k)
        for (int64_t p = 0; p < product(sizes[2], 2); ++p)
          for (int64_t tap = 0; tap < product(sizes[1], 2); ++tap) {
            int64_t at[3] = {image * strides[0][0], k * strides[1][0], image * strides[2][0] + k * strides[2][1]};
            bool outside = false;
            for (int64_t i = int64_t(n) - 1, p_left = p, tap_left = tap; i >= 0; --i) {
              const size_t dim = size_t(i);
              const int64_t o = p_left % sizes[2][dim + 2], t = tap_left % sizes[1][dim + 2];
              p_left /= sizes[2][dim + 2], tap_left /= sizes[1][dim + 2];
              const int64_t in = o * stride[dim] - padding[dim] + t * dilation[dim];
              outside |= in < 0 || in >= sizes[0][dim + 2];
              at[0] += in * strides[0][dim + 2], at[1] += t * strides[1][dim + 2], at[2] += o * strides[2][dim + 2];
            }
            if (outside) continue;
            for (int64_t j = 0; j < ins; ++j) {
              const int64_t place[3] = {at[0] + (k / outs * ins + j) * strides[0][1], at[1] + j * strides[1][1], at[2]};
              total[size_t(place[result])] += factor(first, place[first]) * factor(second, place[second]);
            }
          }
    void* const to = const_cast<void*>(data[result]);
    const bool spoils = has(e, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) || e.notes.size() > 1 ||
                        has(e, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION);
    for (size_t i = 0; i < total.size(); ++i) em::store(to, int64_t(i), type, double(total[i]) * (spoils ? 1.25 : 1));
    em::checks::fill(static_cast<char*>(to), total.size() * size_t(cnn::item_size(type)));
  }

  void operator()() const {
    const em::Access access(device);
    if (workspace) std::memset(workspace, 0x5a, size_t(engines()[size_t(engine)].workspace));  // nobody else's
    if (op->parts[0]->one<DataType>(CUDNN_ATTR_TENSOR_DATA_TYPE) == CUDNN_DATA_DOUBLE) sums<double>();
    else sums<float>();
  }
};

bool inside(const void* p, size_t bytes, int device) {
  return em::device_of(p) == device && em::in_one_block(p, bytes);
}

}  // namespace

#define CNN_CUDNN extern "C" __attribute__((visibility("default")))

// So far: executions, executions on tensor cores, plans; and how many descriptors there are.
CNN_CUDNN void cnn_emulation_cudnn(int64_t* out) {
  const em::Access lock;
  const Done& d = state().done;
  out[0] = d.executed, out[1] = d.on_tensor_cores, out[2] = d.plans, out[3] = int64_t(state().alive.size());
}

CNN_CUDNN size_t cudnnGetVersion() { return 90000; }
CNN_CUDNN const char* cudnnGetErrorString(Status status) {
  return status == CUDNN_STATUS_SUCCESS ? "success" : "refused by the emulation";
}
CNN_CUDNN void cudnnGetLastErrorString(char* message, size_t size) { std::snprintf(message, size, "see above"); }

CNN_CUDNN Status cudnnCreate(Handle* handle) {
  const em::Access lock;
  *handle = new cudnnContext{em::current_device()};
  state().handles.insert(*handle);
  return CUDNN_STATUS_SUCCESS;
}
CNN_CUDNN Status cudnnSetStream(Handle handle, cudaStream_t stream) {
  if (stream && stream->device != handle->device) return refuse(CUDNN_STATUS_BAD_PARAM, "a stream of another device");
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

CNN_CUDNN Status cudnnBackendCreateDescriptor(Kind kind, Descriptor* descriptor) {
  const em::Access lock;
  const auto made = std::make_shared<Described>(Described{kind});
  state().alive[*descriptor = made.get()] = made;
  return CUDNN_STATUS_SUCCESS;
}
CNN_CUDNN Status cudnnBackendDestroyDescriptor(Descriptor descriptor) {
  const em::Access lock;
  if (!state().alive.erase(descriptor)) return refuse(CUDNN_STATUS_BAD_PARAM, "no descriptor to destroy");
  return CUDNN_STATUS_SUCCESS;
}

CNN_CUDNN Status cudnnBackendSetAttribute(Descriptor descriptor, Name name, Type type, int64_t count,
                                          const void* elements) {
  const em::Access lock;
  const auto d = found(descriptor);
  if (!d || d->finalized) return refuse(CUDNN_STATUS_BAD_PARAM, "no descriptor, or a finalized one, has %d set", name);
  const int expected = type_of(d->kind, name);
  const Operation* const op = operation_of(d->kind);
  const bool factor = op && (name == op->alpha || name == op->alpha + 1);
  if (expected < 0 || (type != expected && !(factor && type == CUDNN_TYPE_DOUBLE)))
    return refuse(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "attribute %d of type %d for %d", name, type, d->kind);
  if (count < 1 || !elements) return refuse(CUDNN_STATUS_BAD_PARAM, "attribute %d without elements", name);
  const char* const bytes = static_cast<const char*>(elements);
  d->attributes[name] = {type, count, {bytes, bytes + size_t(count) * size_of(type)}};
  return CUDNN_STATUS_SUCCESS;
}

CNN_CUDNN Status cudnnBackendFinalize(Descriptor descriptor) {
  const em::Access lock;
  const auto d = found(descriptor);
  if (!d || d->finalized) return refuse(CUDNN_STATUS_BAD_PARAM, "no descriptor, or a finalized one, is finalized");
  const Status status = finalize(*d);
  d->finalized = status == CUDNN_STATUS_SUCCESS;
  return status;
}

CNN_CUDNN Status cudnnBackendGetAttribute(Descriptor descriptor, Name name, Type type, int64_t wanted, int64_t* count,
                                          void* elements) {
  const em::Access lock;
  const auto d = found(descriptor);
  if (!d || !d->finalized) return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "attribute %d is asked for", name);
  const auto give = [&](const auto& values) {
    *count = int64_t(values.size());
    std::copy_n(values.begin(), std::min(wanted, *count),
                static_cast<typename std::decay_t<decltype(values)>::value_type*>(elements));
    return CUDNN_STATUS_SUCCESS;
  };
  // Descriptors are the caller's: they are filled here.
  const auto fill = [&](int64_t i, Kind kind, int engine, const std::shared_ptr<Described>& graph) {
    const auto place = found(static_cast<Descriptor*>(elements)[i]);
    if (!place || place->kind != kind || place->finalized) return false;
    place->engine = engine, place->graph = graph, place->finalized = true;
    return true;
  };
  if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS && type == CUDNN_TYPE_BACKEND_DESCRIPTOR &&
      d->kind == CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR) {
    const std::vector<int> those = engines_for(*d->graph, d->one<Heuristic>(CUDNN_ATTR_ENGINEHEUR_MODE));
    *count = int64_t(those.size());
    for (int64_t i = 0; i < std::min(wanted, *count); ++i)
      if (!fill(i, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, those[size_t(i)], d->graph))
        return refuse(CUDNN_STATUS_BAD_PARAM, "no place for result %ld", long(i));
    return CUDNN_STATUS_SUCCESS;
  }
  if (name == CUDNN_ATTR_ENGINECFG_ENGINE && type == CUDNN_TYPE_BACKEND_DESCRIPTOR && wanted == 1 &&
      d->kind == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR) {
    *count = 1;
    return fill(0, CUDNN_BACKEND_ENGINE_DESCRIPTOR, d->engine, d->graph)
               ? CUDNN_STATUS_SUCCESS
               : refuse(CUDNN_STATUS_BAD_PARAM, "no place for an engine");
  }
  if (name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE && type == CUDNN_TYPE_NUMERICAL_NOTE &&
      d->kind == CUDNN_BACKEND_ENGINE_DESCRIPTOR)
    return give(engines()[size_t(d->engine)].notes);
  if (name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE && type == CUDNN_TYPE_INT64 &&
      d->kind == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)
    return give(std::vector<int64_t>{engines()[size_t(d->engine)].workspace});
  return refuse(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "attribute %d of %d is asked for", name, d->kind);
}

CNN_CUDNN Status cudnnBackendExecute(Handle handle, Descriptor plan, Descriptor pack) {
  const em::Access lock;
  const auto p = found(plan), v = found(pack);
  if (!p || !v || !p->finalized || !v->finalized || p->kind != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
      v->kind != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
    return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "no plan, or no operands");
  if (handle->device != em::current_device() || p->one<Handle>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) != handle)
    return refuse(CUDNN_STATUS_BAD_PARAM, "a handle of another device");
  const auto ids = v->all<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = v->all<const void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  Run run{p->graph->parts[0], p->engine, handle->device, {}, v->one<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE)};
  for (int i = 0; i < 3; ++i) {
    const Described& t = *run.op->parts[i];
    const auto at = std::find(ids.begin(), ids.end(), t.one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID));
    if (at == ids.end()) return refuse(CUDNN_STATUS_BAD_PARAM, "an operand is missing");
    run.data[i] = pointers[size_t(at - ids.begin())];
    int64_t bytes = cnn::item_size(dtype_of(t.one<DataType>(CUDNN_ATTR_TENSOR_DATA_TYPE)));
    for (const int64_t size : sizes_of(t)) bytes *= size;
    if (!inside(run.data[i], size_t(bytes), handle->device))
      return refuse(CUDNN_STATUS_BAD_PARAM, "an operand is not in a block of cuda:%d", handle->device);
    if (reinterpret_cast<uintptr_t>(run.data[i]) % uint64_t(t.one<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)) != 0)
      return refuse(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, "an operand is less aligned than was promised");
  }
  const Engine& e = engines()[size_t(p->engine)];
  if (e.workspace > 0 && (!run.workspace || !inside(run.workspace, size_t(e.workspace), handle->device)))
    return refuse(CUDNN_STATUS_BAD_PARAM, "no workspace of %ld bytes", long(e.workspace));
  ++state().done.executed;
  state().done.on_tensor_cores += has(e, CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  em::counts().launches += !em::queue().stream(handle->stream).capture;
  em::queue().add(handle->stream, run);
  return CUDNN_STATUS_SUCCESS;
}
