// Convolution by cuDNN, where the program asks for it: by its graph API, whose engines say what they do to numbers.
// Taken is the first of those its heuristics name that sums in the same order each time, and in float32 at least.
// Tensor cores round the factors of float32: they need the permission for TF32.
#include "cuda/cudnn_api.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cuda/conv_kernels.h"
#include "cuda/graphs.h"
#include "cuda/heavy_entries.h"
#include "cuda/index_limit.h"
#include "cuda/memory.h"
#include "cuda/sum_type.h"

namespace cnn::cuda {
namespace cudnn {
namespace {

struct Opened {
  Library library{};
  std::string fault;  // why there is none
};

Opened open_library() {
  Opened opened;
  void* const file = dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (!file) {
    opened.fault = dlerror();
    return opened;
  }
  const auto find = [&](auto& function, const char* name) {
    void* const found = dlsym(file, name);
    if (!found) opened.fault = std::string(kFile) + " has no " + name;
    std::memcpy(&function, &found, sizeof found);
  };
#define CNN_FIND(name) find(opened.library.name, #name)
  CNN_FIND(cudnnGetVersion);
  CNN_FIND(cudnnGetErrorString);
  CNN_FIND(cudnnGetLastErrorString);
  CNN_FIND(cudnnCreate);
  CNN_FIND(cudnnSetStream);
  CNN_FIND(cudnnBackendCreateDescriptor);
  CNN_FIND(cudnnBackendDestroyDescriptor);
  CNN_FIND(cudnnBackendSetAttribute);
  CNN_FIND(cudnnBackendGetAttribute);
  CNN_FIND(cudnnBackendFinalize);
  CNN_FIND(cudnnBackendExecute);
#undef CNN_FIND
  return opened;
}

const Opened& opened() {
  static const auto* const it = new Opened(open_library());
  return *it;
}

bool asked_for() {
  static const bool asked = [] {
    const char* const wish = std::getenv("CNN_CUDNN");
    return wish && std::strcmp(wish, "1") == 0;
  }();
  return asked;
}

// Null where the program does not ask for it. RuntimeError where it does, and there is none.
const Library* library() {
  if (!asked_for()) return nullptr;
  check(opened().fault.empty(), "", "CNN_CUDNN=1 asks for cuDNN 9, which cannot be used: ", opened().fault,
        ". Install it (pip install nvidia-cudnn-cu13), or do without CNN_CUDNN.");
  return &opened().library;
}

constexpr int64_t kMostWorkspace = int64_t(1) << 30;
constexpr int64_t kMostEngines = 32;  // that the heuristics are asked for
constexpr size_t kMaxPlans = 4096;

[[noreturn]] void raise(Status status, const char* what) {
  char message[512] = "";
  opened().library.cudnnGetLastErrorString(message, sizeof message);
  fail(ErrorKind::Runtime, "", "cuDNN error: ", opened().library.cudnnGetErrorString(status), " (", what, ") ",
       message);
}
void check_cudnn(Status status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS) raise(status, what);
}

template <class T> constexpr Type type_of() {
  if constexpr (std::is_same_v<T, int64_t>) return CUDNN_TYPE_INT64;
  else if constexpr (std::is_same_v<T, float>) return CUDNN_TYPE_FLOAT;
  else if constexpr (std::is_same_v<T, double>) return CUDNN_TYPE_DOUBLE;
  else if constexpr (std::is_same_v<T, Handle>) return CUDNN_TYPE_HANDLE;
  else if constexpr (std::is_same_v<T, DataType>) return CUDNN_TYPE_DATA_TYPE;
  else if constexpr (std::is_same_v<T, Mode>) return CUDNN_TYPE_CONVOLUTION_MODE;
  else if constexpr (std::is_same_v<T, Heuristic>) return CUDNN_TYPE_HEUR_MODE;
  else if constexpr (std::is_same_v<T, Note>) return CUDNN_TYPE_NUMERICAL_NOTE;
  else return CUDNN_TYPE_VOID_PTR;
}

// A descriptor of ours: its attributes are set, then it is finalized.
class Described {
 public:
  explicit Described(Kind kind) {
    check_cudnn(opened().library.cudnnBackendCreateDescriptor(kind, &it_), "a descriptor");
  }
  Described(Described&& other) noexcept : it_(std::exchange(other.it_, nullptr)) {}
  ~Described() {
    if (it_) opened().library.cudnnBackendDestroyDescriptor(it_);
  }
  Descriptor get() const { return it_; }

  template <class T> Described& set(Name name, const T& value) { return set(name, type_of<T>(), 1, &value); }
  Described& set(Name name, const Described& other) { return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.it_); }
  template <class T> Described& set(Name name, const std::vector<T>& values) {
    return set(name, type_of<T>(), int64_t(values.size()), values.data());
  }
  Described& finalize(const char* what) {
    check_cudnn(try_to_finalize(), what);
    return *this;
  }
  Status try_to_finalize() { return opened().library.cudnnBackendFinalize(it_); }

  // How many there are; `elements` receives up to `wanted`.
  int64_t get(Name name, Type type, int64_t wanted, void* elements) const {
    int64_t count = 0;
    check_cudnn(opened().library.cudnnBackendGetAttribute(it_, name, type, wanted, &count, elements), "an attribute");
    return std::min(count, wanted);
  }

 private:
  Described& set(Name name, Type type, int64_t count, const void* elements) {
    check_cudnn(opened().library.cudnnBackendSetAttribute(it_, name, type, count, elements), "an attribute");
    return *this;
  }
  Descriptor it_ = nullptr;
};

enum Operand : int64_t { X = 1, W, Y };  // their ids; gradients have those of what they belong to

// What is computed, as cuDNN is told: x [batch, channels, in...], w [out_channels, channels / groups, kernel...] and
// y [batch, out_channels, out...], all planes or all pixels.
struct Problem {
  ConvPass pass;
  const ConvArgs& a;
  const void *x, *w, *y;  // or their gradients

  // Leading spatial dimensions that are not told: two stay.
  int skip() const { return a.in[0] == 1 && a.kernel[0] == 1 && a.out[0] == 1 && a.padding[0] == 0; }
  std::vector<int64_t> spatial(const int64_t (&values)[3]) const { return {values + skip(), values + 3}; }
  std::vector<int64_t> sizes(Operand of) const {
    std::vector<int64_t> sizes = spatial(of == X ? a.in : of == W ? a.kernel : a.out);
    const int64_t outer = of == W ? a.out_channels : a.batch;
    const int64_t inner = of == X ? a.channels : of == W ? a.channels / a.groups : a.out_channels;
    sizes.insert(sizes.begin(), {outer, inner});
    return sizes;
  }
  std::vector<int64_t> strides(const std::vector<int64_t>& sizes) const {
    std::vector<int64_t> strides(sizes.size());
    int64_t stride = a.channels_last ? sizes[1] : 1;
    for (size_t dim = sizes.size() - 1; dim > 1; --dim) {
      strides[dim] = stride;
      stride *= sizes[dim];
    }
    strides[1] = a.channels_last ? 1 : stride;
    strides[0] = a.channels_last ? stride : stride * sizes[1];
    return strides;
  }
  const void* data(Operand of) const { return of == X ? x : of == W ? w : y; }
  int64_t alignment(Operand of) const {
    const uint64_t bits = reinterpret_cast<uintptr_t>(data(of)) | 16;
    return int64_t(bits & -bits);
  }

  using Key = std::array<int64_t, 29>;
  Key key() const {
    Key key = {selected(),
               int64_t(pass),
               int64_t(a.dtype),
               a.tf32,
               a.winograd,
               a.channels_last,
               a.batch,
               a.channels,
               a.out_channels,
               a.groups,
               alignment(X) << 16 | alignment(W) << 8 | alignment(Y)};
    auto to = key.begin() + 11;
    for (const auto* values : {&a.in, &a.out, &a.kernel, &a.stride, &a.padding, &a.dilation})
      to = std::copy(std::begin(*values), std::end(*values), to);
    return key;
  }
};

DataType data_type(DType t) {
  switch (t) {
    case DType::Float16:
      return CUDNN_DATA_HALF;
    case DType::BFloat16:
      return CUDNN_DATA_BFLOAT16;
    case DType::Float64:
      return CUDNN_DATA_DOUBLE;
    default:
      return CUDNN_DATA_FLOAT;
  }
}

Described tensor(const Problem& p, Operand of) {
  const std::vector<int64_t> sizes = p.sizes(of);
  Described t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, int64_t(of)).set(CUDNN_ATTR_TENSOR_DATA_TYPE, data_type(p.a.dtype));
  t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, p.alignment(of));
  t.set(CUDNN_ATTR_TENSOR_DIMENSIONS, sizes).set(CUDNN_ATTR_TENSOR_STRIDES, p.strides(sizes));
  t.finalize("a tensor");
  return t;
}

Described convolution(const Problem& p) {
  const std::vector<int64_t> padding = p.spatial(p.a.padding);
  Described c(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  c.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, data_type(sum_type(p.a.dtype)));
  c.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  c.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t(padding.size()));
  c.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, p.spatial(p.a.dilation));
  c.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, p.spatial(p.a.stride));
  c.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, padding).set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, padding);
  c.finalize("a convolution");
  return c;
}

// The attributes of a pass's operation: alpha, beta and the convolution come first.
struct Operation {
  Kind kind;
  Name alpha, x, w, y;
};
constexpr Operation kOperations[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY},
};

template <class Number>
Described operation(const Problem& p, const Described& c, const Described& x, const Described& w, const Described& y) {
  const Operation& names = kOperations[int(p.pass)];
  Described op(names.kind);
  op.set(names.alpha, Number(1)).set(Name(names.alpha + 1), Number(0)).set(Name(names.alpha + 2), c);
  op.set(names.x, x).set(names.w, w).set(names.y, y).finalize("an operation");
  return op;
}

bool suits(const Problem& p, Note note) {
  const bool exact = p.a.dtype == DType::Float32 && !p.a.tf32;
  switch (note) {
    case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
    case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
    case CUDNN_NUMERICAL_NOTE_FFT:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
      return false;
    case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
    case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
      return !exact;
    case CUDNN_NUMERICAL_NOTE_WINOGRAD:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
      return p.a.winograd;
    default:
      return true;
  }
}
bool suits(const Problem& p, const Described& config) {
  const Described engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);  // the library fills it
  Descriptor place = engine.get();
  config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &place);
  Note notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  const int64_t n = engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, std::size(notes), notes);
  return std::all_of(notes, notes + n, [&p](Note note) { return suits(p, note); });
}

struct Plan {
  Described plan;
  int64_t workspace;
  std::vector<Described> parts;  // that it was made of
};

Handle handle_of(int device) {
  static Handle handles[kMaxDevices] = {};
  if (!handles[device]) check_cudnn(library()->cudnnCreate(&handles[device]), "starting");
  return handles[device];
}

// Null where no engine suits.
std::unique_ptr<Plan> make_plan(const Problem& p) {
  std::vector<Described> parts;
  for (const Operand of : {X, W, Y}) parts.push_back(tensor(p, of));
  parts.push_back(convolution(p));
  parts.push_back(
      (p.a.dtype == DType::Float64 ? operation<double> : operation<float>)(p, parts[3], parts[0], parts[1], parts[2]));
  const Handle handle = handle_of(selected());
  Described graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle).set(CUDNN_ATTR_OPERATIONGRAPH_OPS, parts[4]);
  graph.finalize("a graph");
  for (const Heuristic mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    Described heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph).set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
    if (heuristics.try_to_finalize() != CUDNN_STATUS_SUCCESS) continue;  // they know nothing of such a graph
    std::vector<Described> configs;
    std::vector<Descriptor> places;
    for (int64_t i = 0; i < kMostEngines; ++i)
      places.push_back(configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
    const int64_t n =
        heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, kMostEngines, places.data());
    for (int64_t i = 0; i < n; ++i) {
      Described& config = configs[size_t(i)];
      if (!suits(p, config)) continue;
      Described plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle).set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
      if (plan.try_to_finalize() != CUDNN_STATUS_SUCCESS) continue;  // not on this device
      int64_t workspace = 0;
      plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &workspace);
      if (workspace > kMostWorkspace) continue;
      parts.push_back(std::move(graph));
      parts.push_back(std::move(config));
      return std::make_unique<Plan>(Plan{std::move(plan), workspace, std::move(parts)});
    }
  }
  return nullptr;
}

std::mutex one_at_a_time;  // a handle has one stream

// Null where no engine suits. Plans stay: graphs may run their kernels as long as the process lives.
const Plan* plan_of(const Problem& p) {
  static auto* const plans = new std::map<Problem::Key, std::unique_ptr<Plan>>;
  const Problem::Key key = p.key();
  const auto found = plans->find(key);
  if (found != plans->end()) return found->second.get();
  if (plans->size() >= kMaxPlans) return nullptr;
  const BesideCaptures beside;
  return plans->emplace(key, make_plan(p)).first->second.get();
}

void execute(const Plan& plan, const Problem& p) {
  const Scratch workspace(size_t(plan.workspace));
  const Handle handle = handle_of(selected());
  Described pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::vector<int64_t>{X, W, Y});
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::vector<const void*>{p.x, p.w, p.y});
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, static_cast<const void*>(workspace.data())).finalize("operands");
  check_cudnn(library()->cudnnSetStream(handle, kStream), "its stream");
  check_cudnn(library()->cudnnBackendExecute(handle, plan.plan.get(), pack.get()), "convolution");
}

// Of a result that lies where it belongs, in one piece.
void finish(const ConvArgs& a, void* data, int64_t channels, int64_t plane) {
  FinishRows f;
  f.from = f.to = data, f.from_type = a.dtype;
  f.from_pitch = f.to_pitch = f.n = a.channels_last ? channels : plane;
  f.rows = a.batch * (a.channels_last ? plane : channels);
  f.channels = channels, f.by_column = a.channels_last;
  f.scale = a.scale, f.bias = a.bias, f.low = a.low, f.high = a.high;
  finish_rows(a.dtype, f);
}

}  // namespace
}  // namespace cudnn

int64_t cudnn_version() {
  using namespace cudnn;
  return asked_for() && opened().fault.empty() ? int64_t(opened().library.cudnnGetVersion()) : 0;
}

bool conv_by_cudnn(ConvPass pass, const ConvArgs& a) {
  using namespace cudnn;
  if (!a.library || !library()) return false;
  const int64_t taps = elements(a.kernel), in = a.channels / a.groups;
  const int64_t sizes[] = {a.batch * a.channels * elements(a.in), a.batch * a.out_channels * elements(a.out),
                           a.out_channels * in * taps};
  for (const int64_t size : sizes)
    if (size == 0 || size > kMaxOver) return false;

  const bool turns = a.channels_last != a.w_channels_last && taps > 1 && in > 1;
  const Scratch turned(turns ? size_t(sizes[2] * item_size(a.dtype)) : 0);
  const void* const w = pass == ConvPass::Weight ? a.dw : a.w;
  const Problem p = {pass, a, pass == ConvPass::Input ? a.dx : a.x, turns ? turned.data() : w,
                     pass == ConvPass::Forward ? a.y : a.dy};
  const std::lock_guard lock(one_at_a_time);
  const Plan* const plan = plan_of(p);
  if (!plan) return false;
  // Weights have their taps innermost in planes, their channels in pixels.
  if (pass == ConvPass::Weight) {
    execute(*plan, p);
    const int64_t rows = a.channels_last ? taps : in;
    if (turns) turn(a.dtype, p.w, a.dtype, a.dw, a.out_channels, rows, in * taps / rows);
    return true;
  }
  const int64_t rows = a.channels_last ? in : taps;
  if (turns) turn(a.dtype, a.w, a.dtype, turned.data(), a.out_channels, rows, in * taps / rows);
  execute(*plan, p);
  const bool bounded = a.low > -__builtin_inf() || a.high < __builtin_inf();
  if (pass == ConvPass::Input && a.bias) finish(a, a.dx, a.channels, elements(a.in));
  if (pass == ConvPass::Forward && (a.scale || a.bias || bounded)) finish(a, a.y, a.out_channels, elements(a.out));
  return true;
}

}  // namespace cnn::cuda
