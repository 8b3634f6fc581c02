// The two ways to start a run: backward() and grad().
#include "autograd/engine.h"
#include "autograd/meta.h"
#include "autograd/recorder.h"
#include "cnn/ops/create.h"

namespace cnn {
namespace {

void seed(GraphRun& run, const Tensors& roots, const Tensors& gradients) {
  check(gradients.empty() || gradients.size() >= roots.size(), "", "got ", roots.size(), " tensors and ",
        gradients.size(), " gradients");
  const auto gradient_of = [&](size_t i) { return gradients.empty() ? Tensor() : gradients[i]; };
  for (size_t i = 0; i < roots.size(); ++i) {
    const Tensor& root = roots[i];
    if (const Tensor given = gradient_of(i); given.defined())
      check(given.shape() == root.shape(), "", "Mismatch in shape: grad_output[", i, "] has a shape of torch.Size(",
            given.shape(), ") and output[", i, "] has a shape of torch.Size(", root.shape(), ").");
    else if (root.requires_grad())
      check(root.numel() == 1, "", "grad can be implicitly created only for scalar outputs");
    check(root.requires_grad(), "", "element ", i, " of tensors does not require grad and does not have a grad_fn");
  }
  for (size_t i = 0; i < roots.size(); ++i) {
    const Edge edge = gradient_edge(roots[i]);
    if (!edge.node) continue;  // a view made without gradient of a tensor that has one
    Tensor given = gradient_of(i);
    if (!given.defined()) {
      const Recorded range("ones_like", roots[i]);
      given = ones_like(roots[i]);
    }
    run.add_root(edge, std::move(given), i);
  }
}

}  // namespace

void backward(const Tensors& roots, const Tensors& gradients, bool retain_graph, bool create_graph,
              const Tensors& inputs, bool accumulate_all) {
  check(accumulate_all || !inputs.empty(), "", "`inputs` argument to `backward()` cannot be empty.");
  ModeGuard mode(kNoGrad, !create_graph);
  GraphRun run(retain_graph || create_graph);
  for (const Tensor& x : inputs) {
    retain_grad(x);
    if (const Edge edge = gradient_edge(x); edge.node) run.stop_at(edge);
  }
  seed(run, roots, gradients);
  run.execute();
}

Tensors grad(const Tensors& outputs, const Tensors& inputs, const Tensors& gradients, bool retain_graph,
             bool create_graph, bool allow_unused) {
  check(!inputs.empty(), "", "`inputs` argument to `grad()` cannot be empty.");
  Tensors result(inputs.size());
  ModeGuard mode(kNoGrad, !create_graph);
  GraphRun run(retain_graph || create_graph);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Edge edge = gradient_edge(inputs[i]);
    check(bool(edge.node), "", "One of the differentiated Tensors does not require grad");
    run.capture(edge, &result[i]);
  }
  seed(run, outputs, gradients);
  run.execute();
  for (size_t i = 0; i < inputs.size() && !allow_unused; ++i)
    check(result[i].defined(), "", "The differentiated Tensor at index ", i,
          " appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.");
  return result;
}

}  // namespace cnn
