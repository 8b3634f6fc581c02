#include "bindings/tensor_gc.h"

#include "autograd/meta.h"
#include "bindings/function.h"
#include "bindings/hooks.h"

namespace cnn::python {

// A reference may be counted only when nobody but this wrapper can reach what holds it: the impl, its node and the hook
// each have one owner. While Python holds the GIL, no C++ thread can then come by another one.
int visit_python_parts(const Tensor& t, const TensorHooks* hooks, visitproc visit, void* arg) {
  TensorImpl* impl = t.impl_or_null();
  if (!impl || impl->owns_wrapper || impl->use_count() != 1 || impl->base || !impl->autograd) return 0;
  const Node* node = impl->autograd->grad_fn.get();
  if (node && node->use_count() != 1) return 0;
  if (node) Py_VISIT(context_of(*node));
  for (size_t i = 0; hooks && i < hooks->entries.size(); ++i) {
    const TensorHooks::Entry& e = hooks->entries[i];
    if (e.node == node && e.hook->use_count() == 2) Py_VISIT(e.callable->get());
  }
  return 0;
}

void clear_python_parts(TensorHooks* hooks) {
  if (!hooks) return;
  for (const TensorHooks::Entry& e : std::vector(hooks->entries)) {  // a copy: letting go may run Python code
    e.hook->remove();
    e.callable->drop();
  }
}

}  // namespace cnn::python
