// Attention: by its kernel, which keeps no scores, or composed of other ops where that must have a gradient of its own.
#include "cnn/ops/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "autograd/autocast.h"
#include "autograd/recorder.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"
#include "ops/attention_choice.h"
#include "ops/heavy.h"
#include "ops/map.h"

namespace cnn {
namespace {

struct Options {
  bool causal = false;
  bool tf32 = false;  // the gradient follows the forward pass, whatever has been allowed since
  double scale = 1;
  Tensor mask;  // bool or of the dtype of the scores' numbers, broadcastable to them; undefined: none
  Tensor noise;  // of the scores' shape, or undefined
};

constexpr const char* kOp = "scaled_dot_product_attention";
constexpr double kInfinity = __builtin_inf();

// The scores with the mask in them.
Tensor masked(const Tensor& scores, const Options& o) {
  Tensor s = scores;
  const Device device = scores.device();
  const Tensor hidden = scalar_tensor(Scalar(-kInfinity), scores.dtype(), device);
  if (o.causal) {
    const int64_t rows = s.size(-2), cols = s.size(-1);
    s = where(tril(ones({rows, cols}, DType::Bool, device)), s, hidden);
  }
  if (!o.mask.defined()) return s;
  return o.mask.dtype() == DType::Bool ? where(o.mask, s, hidden) : s + o.mask;
}

// Softmax of the rows; zeros where a row is -inf throughout.
Tensor safe_softmax(const Tensor& s) {
  const Tensor none = all(eq(s, wrapped_number(-kInfinity)), Dims{-1}, true);
  const Tensor zero = scalar_tensor(Scalar(0.0), s.dtype(), s.device());
  return where(none, zero, softmax(where(none, zero, s), -1));
}

Tensor composed(const Tensor& q, const Tensor& k, const Tensor& v, const Options& o) {
  if (is_reduced(q.dtype())) {
    const DType t = DType::Float32;
    return to_dtype(composed(to_dtype(q, t), to_dtype(k, t), to_dtype(v, t), o), q.dtype());
  }
  Tensor keys = k, values = v;
  if (q.dim() > 2 && k.size(-3) != q.size(-3) && k.size(-3) != 1) {
    const Tensor group = full({}, Scalar(q.size(-3) / k.size(-3)));
    keys = repeat_interleave(k, group, q.dim() - 3), values = repeat_interleave(v, group, q.dim() - 3);
  }
  const Tensor s = masked(matmul(q, transpose(keys, -2, -1)) * Scalar(o.scale), o);
  const Tensor p = o.mask.defined() ? safe_softmax(s) : softmax(s, -1);
  return matmul(o.noise.defined() ? p * o.noise : p, values);
}

// --- by the kernel: operands of four dimensions, the last one dense -------------------------------------------------

// Whether the device's kernel takes these 16-bit floats as they are; others are computed in float32.
bool in_halves(const Tensor& q, const Tensor& k, const Tensor& v) {
  const HeavyTable* const kernels = backend(q.device()).heavy;
  if (!kernels) return false;
  AttentionArgs a;
  a.dtype = q.dtype();
  a.rows = q.size(-2), a.cols = k.size(-2), a.width = q.size(-1), a.value_width = v.size(-1);
  return kernels->attention_in_halves(a);
}

// A new tensor with the dimensions of x in the same order in memory, without gaps; in C order where x repeats itself.
Tensor empty_as(const Tensor& x) {
  const int n = x.dim();
  for (int d = 0; d < n; ++d)
    if (x.strides()[d] == 0 && x.shape()[d] > 1) return empty(x.shape(), x.dtype(), x.device());
  return empty_like(x, x.dtype());
}

bool has_dense_rows(const Tensor& x) { return x.strides()[3] == 1 || x.shape()[3] == 1; }
Tensor with_dense_rows(const Tensor& x) { return has_dense_rows(x) ? x : contiguous(x); }

AttentionPlanes planes(const Tensor& x) { return {x.raw(), x.strides()[0], x.strides()[1], x.strides()[2]}; }

AttentionArgs args_of(const Tensor& q, const Tensor& k, const Tensor& v, const Options& o) {
  AttentionArgs a;
  a.dtype = q.dtype();
  a.batch = q.shape()[0], a.heads = q.shape()[1], a.rows = q.shape()[2], a.width = q.shape()[3];
  a.kv_heads = k.shape()[1], a.cols = k.shape()[2], a.value_width = v.shape()[3];
  a.scale = o.scale;
  a.causal = o.causal;
  a.tf32 = o.tf32;
  a.q = planes(q), a.k = planes(k), a.v = planes(v);
  if (o.mask.defined()) {
    const Dims& strides = o.mask.strides();
    a.mask = o.mask.raw();
    a.mask_is_bool = o.mask.dtype() == DType::Bool;
    a.mask_batch = strides[0], a.mask_head = strides[1], a.mask_row = strides[2], a.mask_col = strides[3];
  }
  if (o.noise.defined()) a.noise = o.noise.raw();
  return a;
}

struct Results {
  Tensor out, lse;
};

Results forward(const Tensor& q, const Tensor& k, const Tensor& v, const Options& o) {
  Recorded range("_scaled_dot_product_flash_attention_for_cpu", q, k, v);
  const bool like_q = q.shape()[3] == v.shape()[3] && !o.noise.defined() && has_dense_rows(q);
  const Results r = {
      like_q ? empty_as(q) : empty({q.shape()[0], q.shape()[1], q.shape()[2], v.shape()[3]}, q.dtype(), q.device()),
      empty({2, q.shape()[0], q.shape()[1], q.shape()[2]}, compute_dtype(q.dtype()), q.device())};
  const Tensor dq = with_dense_rows(q), dk = with_dense_rows(k), dv = with_dense_rows(v);
  AttentionArgs a = args_of(dq, dk, dv, o);
  a.out = planes(r.out);
  a.lse = r.lse.raw();
  run_heavy(kOp, q.device(), &HeavyTable::attention_forward, a);
  range.results(r.out, r.lse);
  return r;
}

void backward(const Tensor& q, const Tensor& k, const Tensor& v, const Results& r, const Options& o, const Tensor& dy,
              Grads& g) {
  NoGrad guard;
  const DType t = kernel_dtype(&HeavyTable::attention_backward, q.dtype(), q.device());
  if (t != q.dtype()) {
    backward(to_dtype(q, t), to_dtype(k, t), to_dtype(v, t), {to_dtype(r.out, t), r.lse}, o, to_dtype(g.out(), t), g);
    for (int i = 0; i < 3; ++i) g[i] = to_dtype(g[i], q.dtype());
    return;
  }
  const Tensor rows_q = with_dense_rows(q), rows_k = with_dense_rows(k), rows_v = with_dense_rows(v);
  const Tensor dq = empty_as(rows_q), dk = empty_as(rows_k), dv = empty_as(rows_v);
  g[0] = dq, g[1] = dk, g[2] = dv;
  const Tensor d_out = with_dense_rows(dy), out = with_dense_rows(r.out);
  AttentionArgs a = args_of(rows_q, rows_k, rows_v, o);
  a.out = planes(out);
  a.lse = r.lse.raw();
  a.d_out = planes(d_out);
  a.dq = planes(dq), a.dk = planes(dk), a.dv = planes(dv);
  run_heavy(kOp, q.device(), &HeavyTable::attention_backward, a);
}

void composed_backward(const Tensor* given, const Options& o, Grads& g) {
  Tensor in[3];
  Tensors wanted;
  for (int i = 0; i < 3; ++i) {
    in[i] = expand(given[i], given[i].shape());  // an alias of its own: one tensor may stand in two places
    if (g.wants(i)) wanted.push_back(in[i]);
  }
  const Tensors found = grad({composed(in[0], in[1], in[2], o)}, wanted, {g.out()}, true, true, true);
  for (int i = 0, n = 0; i < 3; ++i)
    if (g.wants(i)) g[i] = found[size_t(n++)];
}

Tensor fused(const Tensor& q, const Tensor& k, const Tensor& v, const Options& o) {
  Grad recorder({q, k, v});
  Results r;
  {
    NoGrad guard;
    r = forward(q, k, v, o);
  }
  if (!recorder) return r.out;
  const Saved sq = recorder.save(q), sk = recorder.save(k), sv = recorder.save(v),
              mask = recorder.save_if(true, o.mask), out = recorder.save_output(r.out);
  return recorder.record("ScaledDotProductFlashAttentionForCpuBackward0", r.out,
                         [=, lse = r.lse, options = Options{o.causal, o.tf32, o.scale, {}, o.noise}](Grads& g) {
                           const Tensor in[] = {sq.get(g), sk.get(g), sv.get(g)};
                           Options o = options;
                           if (mask.defined()) o.mask = mask.get(g);
                           if (grad_enabled()) return composed_backward(in, o, g);
                           const Recorded range("_scaled_dot_product_flash_attention_for_cpu_backward", g.out(), in[0],
                                                in[1], in[2]);
                           backward(in[0], in[1], in[2], {out.get(g), lse}, o, g.out(), g);
                         });
}

// --- arguments ------------------------------------------------------------------------------------------------------

void check_operands(const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& mask,
                    double dropout_p, bool causal) {
  check(q.dtype() == k.dtype() && q.dtype() == v.dtype(), "",
        "Expected query, key, and value to have the same dtype, but got query.dtype: ", dtype_type_name(q.dtype()),
        " key.dtype: ", dtype_type_name(k.dtype()), " and value.dtype: ", dtype_type_name(v.dtype()), " instead.");
  check(q.device() == k.device() && q.device() == v.device(), "",
        "Expected query, key, and value to have the same device type, but got query.device: ", q.device(),
        " key.device: ", k.device(), " and value.device: ", v.device(), " instead.");
  check(q.dim() >= 2 && k.dim() >= 2 && v.dim() >= 2, "",
        "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ", int64_t(q.dim()),
        " key.dim: ", int64_t(k.dim()), " and value.dim: ", int64_t(v.dim()), " instead.");
  if (!is_floating(q.dtype())) not_implemented(kOp, q.dtype());
  check(!mask || !causal, "_scaled_dot_product_attention", "Explicit attn_mask should not be set when is_causal=True");
  check(!mask || mask->dtype() == DType::Bool || mask->dtype() == q.dtype() || mask->dtype() == DType::Float32, "",
        "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: ",
        mask ? dtype_type_name(mask->dtype()) : "", " and  query.dtype: ", dtype_type_name(q.dtype()), " instead.");
  check(!mask || mask->device() == q.device(), "", "Expected attn_mask on ", q.device(), ", but it is on ",
        mask ? mask->device() : q.device());
  check(dropout_p >= 0 && dropout_p <= 1, "", "dropout probability has to be between 0 and 1, but got ", dropout_p);
  check(q.size(-1) == k.size(-1), "scaled_dot_product_attention", "query of shape ", q.shape(), " and key of shape ",
        k.shape(), " must have equal last dimensions");
  check(k.size(-2) == v.size(-2), "scaled_dot_product_attention", "key of shape ", k.shape(), " and value of shape ",
        v.shape(), " must have as many rows");
}

Dims leading(const Tensor& x, int drop) { return Dims(x.shape().data(), std::max(0, x.dim() - drop)); }

Dims joined(const Dims& lead, std::initializer_list<int64_t> rest) {
  Dims d = lead;
  for (int64_t n : rest) d.push_back(n);
  return d;
}

// x as [batch, heads, rows, width]; `heads` dimensions of `lead` before the last two.
Tensor four_d(const Tensor& x) {
  if (x.dim() == 4) return x;
  if (x.dim() == 2) return unsqueeze(unsqueeze(x, 0), 0);
  if (x.dim() == 3) return unsqueeze(x, 0);
  int64_t batch = 1;
  for (int d = 0; d < x.dim() - 3; ++d) batch *= x.shape()[d];
  return reshape(x, {batch, x.size(-3), x.size(-2), x.size(-1)});
}

}  // namespace

namespace {

std::atomic<uint32_t> allowed_backends{kAllAttentionBackends};

// PyTorch's conditions for the one fused kernel that a CPU has.
bool flash_fits(const Tensor& q, const Tensor& k, const Tensor& v, double dropout_p, bool grouped) {
  if (q.dim() != 4 || k.dim() != 4 || v.dim() != 4 || dropout_p > 0) return false;
  if (q.size(0) != k.size(0) || q.size(0) != v.size(0)) return false;
  if (!grouped && (q.size(1) != k.size(1) || q.size(1) != v.size(1))) return false;
  if (q.size(-1) != k.size(-1) || q.size(-1) != v.size(-1)) return false;
  if (q.size(-2) == 0 || k.size(-2) == 0) return false;
  return q.stride(-1) == 1 && k.stride(-1) == 1 && v.stride(-1) == 1;
}

void check_allowed(const Tensor& q, const Tensor& k, const Tensor& v, double dropout_p, bool grouped) {
  const uint32_t allowed = allowed_backends.load(std::memory_order_relaxed);
  if (allowed & 1u << int(AttentionBackend::Math)) [[likely]]
    return;
  check(allowed & 1u << int(AttentionBackend::Flash) && flash_fits(q, k, v, dropout_p, grouped), "",
        "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the "
        "math kernel and the fused kernels.");
}

}  // namespace

uint32_t attention_backends() { return allowed_backends; }
void set_attention_backends(uint32_t bits) { allowed_backends = bits; }

Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const std::optional<Tensor>& attn_mask, double dropout_p, bool is_causal,
                                    std::optional<double> scale, bool enable_gqa) {
  if (const Autocast cast{"scaled_dot_product_attention", query}) [[unlikely]]
    return cast(scaled_dot_product_attention, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa);
  check_operands(query, key, value, attn_mask, dropout_p, is_causal);
  check_allowed(query, key, value, dropout_p, enable_gqa);
  const DType t = query.dtype(), scores_type = compute_dtype(t);
  if (is_reduced(t) && !in_halves(query, key, value)) {
    const auto wide = [](const Tensor& x) { return is_floating(x.dtype()) ? to_dtype(x, DType::Float32) : x; };
    return to_dtype(scaled_dot_product_attention(wide(query), wide(key), wide(value),
                                                 attn_mask ? std::optional<Tensor>(wide(*attn_mask)) : attn_mask,
                                                 dropout_p, is_causal, scale, enable_gqa),
                    t);
  }
  const char* const op = kOp;
  const int64_t rows = query.size(-2), cols = key.size(-2), width = query.size(-1);
  const bool grouped = enable_gqa && query.dim() >= 3 && key.dim() >= 3 && value.dim() >= 3;
  int64_t kv_heads = 0;
  if (grouped) {
    kv_heads = key.size(-3);
    check(kv_heads == value.size(-3) && kv_heads > 0 && query.size(-3) % kv_heads == 0, "",
          "Number of heads in key and value must divide the number of heads in query, got ", query.size(-3),
          " of query, ", key.size(-3), " of key and ", value.size(-3), " of value");
  }
  // Leading dimensions broadcast; with groups, all of them but the heads.
  const int drop = grouped ? 3 : 2;
  const Dims lead =
      broadcast_shapes(op, broadcast_shapes(op, leading(query, drop), leading(key, drop)), leading(value, drop));
  const Dims q_lead = grouped ? joined(lead, {query.size(-3)}) : lead;
  const Dims kv_lead = grouped ? joined(lead, {kv_heads}) : lead;
  const auto expanded = [](const Tensor& x, const Dims& to) {
    const Dims shape = joined(to, {x.size(-2), x.size(-1)});
    return x.shape() == shape ? x : expand(x, shape);
  };
  const Tensor q = expanded(query, q_lead), k = expanded(key, kv_lead), v = expanded(value, kv_lead);

  Options o;
  o.causal = is_causal;
  o.tf32 = float32_matmul_precision() != MatmulPrecision::Highest;
  o.scale = scale.value_or(width > 0 ? 1 / std::sqrt(double(width)) : 1);
  const Dims scores = joined(q_lead, {rows, cols});
  if (attn_mask) {
    check(broadcast_shapes(op, attn_mask->shape(), scores) == scores, op, "attn_mask of shape ", attn_mask->shape(),
          " does not broadcast to ", scores);
    o.mask = attn_mask->dtype() == DType::Bool ? *attn_mask : to_dtype(*attn_mask, scores_type);
  }
  if (dropout_p > 0) o.noise = dropout(ones(scores, scores_type, query.device()), dropout_p, true);
  const bool mask_has_gradient = o.mask.defined() && grad_enabled() && o.mask.requires_grad();
  if (mask_has_gradient || q.numel() == 0 || k.numel() == 0 || v.numel() == 0) return composed(q, k, v, o);
  if (o.mask.defined()) o.mask = four_d(expand(o.mask, scores));
  if (o.noise.defined()) o.noise = four_d(o.noise);
  const Tensor out = fused(four_d(q), four_d(k), four_d(v), o);
  return q.dim() == 4 ? out : reshape(out, joined(q_lead, {rows, v.size(-1)}));
}

}  // namespace cnn
