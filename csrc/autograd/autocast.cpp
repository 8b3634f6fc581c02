// The lists of autocast, its state, and its cache of cast weights.
#include "autograd/autocast.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "cnn/ops/copy.h"
#include "core/process_lock.h"

namespace cnn {
namespace {

// ---- The lists: PyTorch's, by PyTorch's names, with the ops that cnn does not have ----

struct Lists {
  std::string_view lower, float32, float32_result, promote, banned;
};

constexpr Lists kCpuLists = {
    .lower =
        "_addmm_activation _convolution _native_multi_head_attention addbmm addmm baddbmm bmm conv1d conv2d conv3d "
        "conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d linalg_vecdot linear matmul mkldnn_rnn_layer mm "
        "prelu scaled_dot_product_attention",
    .float32 =
        "_grid_sampler_2d_cpu_fallback _lu_with_info adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d "
        "binary_cross_entropy binary_cross_entropy_with_logits cdist cholesky cholesky_inverse cholesky_solve "
        "cosine_embedding_loss cross_entropy_loss ctc_loss fake_quantize_per_tensor_affine fft_fft fft_fft2 fft_fftn "
        "fft_hfft fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn "
        "fractional_max_pool2d fractional_max_pool3d geqrf grid_sampler grid_sampler_2d grid_sampler_3d "
        "hinge_embedding_loss huber_loss inverse kl_div l1_loss linalg_cholesky linalg_cholesky_ex linalg_cond "
        "linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh linalg_householder_product linalg_inv linalg_inv_ex "
        "linalg_lstsq linalg_matrix_rank linalg_qr linalg_solve linalg_svd linalg_svdvals linalg_tensorinv "
        "linalg_tensorsolve lu_solve margin_ranking_loss max_pool3d max_unpool2d max_unpool3d mse_loss "
        "multi_margin_loss multilabel_margin_loss multilabel_margin_loss_forward nanquantile nll_loss nll_loss2d orgqr "
        "ormqr pinverse poisson_nll_loss polar prod qr quantile reflection_pad1d reflection_pad2d replication_pad1d "
        "replication_pad2d replication_pad3d smooth_l1_loss soft_margin_loss stft svd trace triangular_solve "
        "triplet_margin_loss view_as_complex",
    .float32_result = "",
    .promote = "cat index_copy stack",
    .banned = "",
};

constexpr Lists kCudaLists = {
    .lower =
        "_convolution _cudnn_rnn _scaled_dot_product_flash_attention _thnn_fused_gru_cell _thnn_fused_lstm_cell addbmm "
        "addmm addmv addr baddbmm bmm chain_matmul conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d "
        "conv_transpose3d convolution cudnn_convolution cudnn_convolution_transpose einsum gru_cell linalg_multi_dot "
        "linalg_vecdot linear lstm_cell matmul mm mv prelu rnn_relu_cell rnn_tanh_cell scaled_dot_product_attention",
    .float32 =
        "_upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d "
        "_upsample_nearest_exact3d acos asin binary_cross_entropy_with_logits cdist cosh cosine_embedding_loss "
        "cosine_similarity dist erfinv exp expm1 frobenius_norm group_norm hinge_embedding_loss huber_loss kl_div "
        "l1_loss layer_norm log log10 log1p log2 logsumexp margin_ranking_loss mse_loss multi_margin_loss "
        "multilabel_margin_loss native_layer_norm nll_loss nll_loss2d nuclear_norm pdist poisson_nll_loss pow "
        "reciprocal renorm rms_norm rsqrt sinh smooth_l1_loss soft_margin_loss softplus tan triplet_margin_loss "
        "upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d "
        "upsample_nearest3d upsample_trilinear3d",
    .float32_result = "cumprod cumsum linalg_matrix_norm linalg_vector_norm log_softmax norm prod softmax sum",
    .promote = "addcdiv addcmul atan2 bilinear cross dot grid_sampler index_put scatter_add tensordot vdot",
    .banned = "binary_cross_entropy",
};

using Table = std::unordered_map<std::string_view, CastPolicies>;

void enter(Table& table, CastPolicy CastPolicies::* device, std::string_view names, CastPolicy policy) {
  while (!names.empty()) {
    const size_t end = std::min(names.find(' '), names.size());
    table[names.substr(0, end)].*device = policy;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
}

Table make_table() {
  Table table;
  for (const auto& [device, lists] :
       {std::pair(&CastPolicies::cpu, &kCpuLists), std::pair(&CastPolicies::cuda, &kCudaLists)}) {
    enter(table, device, lists->lower, CastPolicy::Lower);
    enter(table, device, lists->float32, CastPolicy::Float32);
    enter(table, device, lists->float32_result, CastPolicy::Float32Result);
    enter(table, device, lists->promote, CastPolicy::Promote);
    enter(table, device, lists->banned, CastPolicy::Banned);
  }
  return table;
}

const Table& table() {
  static const Table& made = *new Table(make_table());
  return made;
}

// ---- The thread's state: whether it is on is a bit of the mode word ----

thread_local constinit DType lower_on_cpu = DType::BFloat16, lower_on_cuda = DType::Float16;
thread_local constinit bool cache_enabled = true;
thread_local constinit int nesting = 0;

uint32_t bit_of(DeviceType device) {
  check(device != DeviceType::Meta, "", "there is no autocast for device type ", device_type_name(device));
  return device == DeviceType::Cpu ? kAutocastCpu : kAutocastCuda;
}

DType& lower_on(DeviceType device) {
  bit_of(device);
  return device == DeviceType::Cpu ? lower_on_cpu : lower_on_cuda;
}

bool is_lower(DType t) { return t == DType::BFloat16 || t == DType::Float16; }

// ---- Cast weights ----

struct CachedCast {
  Tensor weight;  // held, so that its address is nobody else's
  Tensor values;  // its memory when it was cast: `.data` may have become other memory since
  Tensor cast;
  uint32_t version, modes;
};
using Cache = std::unordered_map<const TensorImpl*, CachedCast>;

std::mutex& cache_lock() { return process_lock<Cache>(); }
Cache& cache() {
  static Cache& made = *new Cache;
  return made;
}

uint32_t recording_modes() { return mode_word & (kNoGrad | kInference); }

bool is_still_cast(const CachedCast& c, const Tensor& x, DType t) {
  const Tensor& v = c.values;
  return c.version == x.impl()->version() && v.storage() == x.storage() && v.offset() == x.offset() &&
         v.shape() == x.shape() && v.strides() == x.strides() && c.modes == recording_modes() && c.cast.dtype() == t;
}

bool is_weight(const Tensor& x) {
  return x.dtype() == DType::Float32 && !x.is_view() && x.requires_grad() && x.is_leaf();
}

Tensor cast_of_weight(const Tensor& x, DType t) {
  {
    const std::lock_guard guard(cache_lock());
    const auto found = cache().find(x.impl());
    if (found != cache().end() && is_still_cast(found->second, x, t)) return found->second.cast;
  }
  CachedCast made = {x, detached_alias(x, true), Tensor(), x.impl()->version(), recording_modes()};
  const Tensor cast = made.cast = to_dtype(x, t);
  const std::lock_guard guard(cache_lock());
  std::swap(cache()[x.impl()], made);  // what stood there is let go of after the lock
  return cast;
}

bool is_eligible(const Tensor& x) {
  return x.defined() && is_floating(x.dtype()) && x.dtype() != DType::Float64 && !x.impl()->wrapped_number;
}

}  // namespace

const CastPolicies* cast_policies(std::string_view op) {
  const auto found = table().find(op);
  return found == table().end() ? nullptr : &found->second;
}

std::vector<std::string_view> cast_op_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, policies] : table()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

const CastPolicies* Autocast::find(const char* op, const Tensor& x) {
  if (!x.defined()) return nullptr;
  const CastPolicies* found = cast_policies(op);
  if (!found) return nullptr;
  const Device device = x.device();
  const bool cast = (device.is_cpu() && mode_word & kAutocastCpu && found->cpu != CastPolicy::None) ||
                    (device.is_cuda() && mode_word & kAutocastCuda && found->cuda != CastPolicy::None);
  return cast ? found : nullptr;
}

CastPolicy Casting::policy_for(const Tensor& x) const {
  if (!is_eligible(x)) return CastPolicy::None;
  const Device device = x.device();
  if (device.is_cpu() && enabled_ & kAutocastCpu) return policies_.cpu;
  if (device.is_cuda() && enabled_ & kAutocastCuda) return policies_.cuda;
  return CastPolicy::None;
}

void Casting::see(const Tensor& x) {
  const CastPolicy policy = policy_for(x);
  if (std::exchange(first_, false)) float32_result_ = policy == CastPolicy::Float32Result;
  check(policies_.cuda != CastPolicy::Banned || !(enabled_ & kAutocastCuda) || !x.defined() || !x.device().is_cuda(),
        "",
        "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\nMany models use a "
        "sigmoid layer right before the binary cross entropy layer.\nIn this case, combine the two layers using "
        "torch.nn.functional.binary_cross_entropy_with_logits\nor torch.nn.BCEWithLogitsLoss.  "
        "binary_cross_entropy_with_logits and BCEWithLogits are\nsafe to autocast.");
  if (policy != CastPolicy::Promote) return;
  const DType t = x.dtype(), lower = autocast_dtype(x.device().type);
  if (!widest_) widest_ = lower;
  if (t == DType::Float32 || *widest_ == DType::Float32) {
    widest_ = DType::Float32;
    return;
  }
  check(t == lower, "", "Unexpected floating ScalarType in at::autocast::prioritize");
}

Tensor Casting::cast(const Tensor& x) const {
  DType t;
  switch (policy_for(x)) {
    case CastPolicy::Lower:
      t = autocast_dtype(x.device().type);
      break;
    case CastPolicy::Float32:
      t = DType::Float32;
      break;
    case CastPolicy::Promote:
      t = *widest_;
      break;
    default:
      return x;
  }
  if (x.dtype() == t) return x;
  if (cache_enabled && t == autocast_dtype(x.device().type) && is_weight(x)) return cast_of_weight(x, t);
  return to_dtype(x, t);
}

Tensors Casting::cast(const Tensors& list) const {
  Tensors out;
  out.reserve(list.size());
  for (const Tensor& x : list) out.push_back(cast(x));
  return out;
}

// ---- State ----

bool autocast_enabled(DeviceType device) { return mode_word & bit_of(device); }
void set_autocast_enabled(DeviceType device, bool on) {
  const uint32_t bit = bit_of(device);
  set_modes(bit, on ? bit : 0);
}
DType autocast_dtype(DeviceType device) { return lower_on(device); }
void set_autocast_dtype(DeviceType device, DType dtype) { lower_on(device) = dtype; }
bool autocast_cache_enabled() { return cache_enabled; }
void set_autocast_cache_enabled(bool on) { cache_enabled = on; }
int increment_autocast_nesting() { return ++nesting; }
int decrement_autocast_nesting() { return --nesting; }

AutocastState AutocastState::of_thread() { return {lower_on_cpu, lower_on_cuda, autocast_cache_enabled()}; }
void AutocastState::enter() const {
  lower_on_cpu = cpu;
  lower_on_cuda = cuda;
  set_autocast_cache_enabled(cache_enabled);
}

void clear_autocast_cache() {
  Cache old;  // the tensors go after the lock: their end may run Python code
  const std::lock_guard guard(cache_lock());
  std::swap(cache(), old);
}

AutocastGuard::AutocastGuard(DeviceType device, std::optional<DType> dtype, bool enabled, std::optional<bool> cache_on)
    : device_(device),
      dtype_before_(autocast_dtype(device)),
      enabled_before_(autocast_enabled(device)),
      cache_before_(cache_enabled) {
  const DType lower = dtype.value_or(dtype_before_);
  if (enabled && !is_lower(lower)) {
    warn(std::string("In autocast, but the target dtype ") + dtype_name(lower) +
         " is not supported. Disabling autocast.");
    enabled = false;
  }
  set_autocast_enabled(device, enabled);
  set_autocast_dtype(device, lower);
  increment_autocast_nesting();
  if (cache_on) set_autocast_cache_enabled(*cache_on);
}

AutocastGuard::~AutocastGuard() {
  if (decrement_autocast_nesting() == 0) clear_autocast_cache();
  set_autocast_enabled(device_, enabled_before_);
  set_autocast_dtype(device_, dtype_before_);
  set_autocast_cache_enabled(cache_before_);
}

}  // namespace cnn
