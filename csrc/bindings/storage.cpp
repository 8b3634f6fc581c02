#include "bindings/storage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "bindings/def_op.h"
#include "bindings/fresh.h"
#include "bindings/types.h"
#include "cnn/autograd.h"
#include "cnn/io.h"
#include "cnn/ops.h"
#include "core/process_lock.h"

namespace cnn::python {

namespace {

struct StorageObject {
  PyObject_HEAD Ref<Storage> storage;
};
PyTypeObject storage_type = blank_type();
StorageObject* as_object(PyObject* o) { return reinterpret_cast<StorageObject*>(o); }

void dealloc(PyObject* self) {
  Ref<Storage>& s = as_object(self)->storage;
  if (s) s->wrapper().store(nullptr, std::memory_order_relaxed);
  s.~Ref();
  Py_TYPE(self)->tp_free(self);
}

PyObject* new_storage(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyObject *size = nullptr, *device = Py_None;
    static const char* names[] = {"", "device", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$O:UntypedStorage", const_cast<char**>(names), &size, &device)) {
      return nullptr;
    }
    int64_t nbytes = 0;
    if (size) {
      check_type(is_int_like(size), "", "UntypedStorage() takes its size in bytes, got ", type_name_of(size));
      nbytes = to_int(size);
      check(nbytes >= 0, "", "UntypedStorage: the size must not be negative, got ", nbytes);
    }
    return wrap_storage(Storage::allocate(size_t(nbytes), device == Py_None ? kCpu : to_device(device)));
  });
}

Py_ssize_t length(PyObject* self) { return Py_ssize_t(storage_of(self)->nbytes()); }

uint8_t* byte_at(PyObject* self, Py_ssize_t i) {
  const Storage& s = *storage_of(self);
  check(s.device().is_cpu(), "", "UntypedStorage: bytes are read on the CPU only");
  const Py_ssize_t n = Py_ssize_t(s.nbytes());
  check_index(i >= -n && i < n, "", "index ", i, " out of range for storage of size ", n);
  return static_cast<uint8_t*>(s.data()) + (i < 0 ? i + n : i);
}

// The bytes [start, stop) that a slice names. RuntimeError for steps other than 1.
std::pair<Py_ssize_t, Py_ssize_t> range_of(PyObject* self, PyObject* slice) {
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(slice, &start, &stop, &step) < 0) throw PythonError();
  const Py_ssize_t n = PySlice_AdjustIndices(Py_ssize_t(storage_of(self)->nbytes()), &start, &stop, step);
  check(step == 1, "", "Trying to slice with a step of ", step, ", but only a step of 1 is supported");
  check(storage_of(self)->device().is_cpu(), "", "UntypedStorage: bytes are read on the CPU only");
  return {start, n};
}

// A part of the memory, which it keeps alive and where it is.
PyObject* part_of(PyObject* self, Py_ssize_t start, Py_ssize_t nbytes) {
  const Ref<Storage>& s = storage_of(self);
  auto* const whole = new StorageExport(s);
  auto part = make_ref<Storage>(
      static_cast<uint8_t*>(s->data()) + start, size_t(nbytes), s->device(),
      [](void* context, void*, size_t) { delete static_cast<StorageExport*>(context); }, whole);
  if (s->is_shared()) part->set_shared();
  return wrap_storage(std::move(part));
}

PyObject* get_item(PyObject* self, PyObject* key) {
  return guard([&] {
    if (PySlice_Check(key)) {
      const auto [start, n] = range_of(self, key);
      return part_of(self, start, n);
    }
    check_type(is_int_like(key), "", "can't index a torch.UntypedStorage with ", type_name_of(key));
    return PyLong_FromLong(*byte_at(self, to_int(key)));
  });
}
int set_item(PyObject* self, PyObject* key, PyObject* value) {
  return guard_status([&] {
    check_type(value && (is_int_like(key) || PySlice_Check(key)) && is_int_like(value), "",
               "UntypedStorage: indices and bytes are ints");
    const int64_t byte = to_int(value);
    check_value(byte >= 0 && byte < 256, "", "UntypedStorage: a byte is in [0, 255], got ", byte);
    if (PySlice_Check(key)) {
      const auto [start, n] = range_of(self, key);
      if (n > 0) std::memset(static_cast<uint8_t*>(storage_of(self)->data()) + start, int(byte), size_t(n));
    } else {
      *byte_at(self, to_int(key)) = uint8_t(byte);
    }
    storage_of(self)->count_write();
  });
}

PyObject* repr(PyObject* self) {
  return guard([&] {
    const Ref<Storage>& s = storage_of(self);
    std::string text;
    if (!s->device().is_cpu()) {
      text = "...";
    } else {
      const auto* bytes = static_cast<const uint8_t*>(s->data());
      for (size_t i = 0; i < s->nbytes(); ++i) text += (i ? "\n " : " ") + std::to_string(bytes[i]);
      if (!s->nbytes()) text = " ";
    }
    text += "\n[torch.storage.UntypedStorage(device=" + device_name(s->device()) + ") of size " +
            std::to_string(s->nbytes()) + "]";
    return PyUnicode_FromStringAndSize(text.data(), Py_ssize_t(text.size()));
  });
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  static char nothing[8];
  const Ref<Storage>& s = storage_of(self);
  if (!s->device().is_cpu()) {
    PyErr_SetString(PyExc_BufferError, "only a storage on the CPU has a buffer");
    view->obj = nullptr;
    return -1;
  }
  if (PyBuffer_FillInfo(view, self, s->data() ? s->data() : nothing, Py_ssize_t(s->nbytes()), 0, flags) < 0) return -1;
  s->begin_export();
  return 0;
}
void release_buffer(PyObject* self, Py_buffer*) { storage_of(self)->end_export(); }

PyObject* nbytes(PyObject* self, PyObject*) { return PyLong_FromSize_t(storage_of(self)->nbytes()); }
PyObject* data_ptr(PyObject* self, PyObject*) {
  storage_of(self)->expose();
  return PyLong_FromVoidPtr(storage_of(self)->data());
}
PyObject* is_shared(PyObject* self, PyObject*) { return PyBool_FromLong(storage_of(self)->is_shared()); }
PyObject* element_size(PyObject*, PyObject*) { return PyLong_FromLong(1); }
PyObject* resizable(PyObject* self, PyObject*) { return PyBool_FromLong(storage_of(self)->resizable()); }
PyObject* resize(PyObject* self, PyObject* size) {
  return guard([&] {
    check_type(is_int_like(size), "", "resize_: the size is an int, got ", type_name_of(size));
    const int64_t n = to_int(size);
    check(n >= 0, "", "resize_: the size must not be negative, got ", n);
    storage_of(self)->resize(size_t(n));
    return new_ref(self);
  });
}
PyObject* share_storage(PyObject* self, PyObject*);
PyObject* share_descriptor(PyObject* self, PyObject*);
PyObject* from_descriptor(PyObject*, PyObject* args);
PyObject* from_file(PyObject*, PyObject* args, PyObject* kwargs);
PyObject* file_name(PyObject* self, void*);
PyObject* clone_storage(PyObject* self, PyObject*) {
  return guard([&] {
    const Object t = Object::steal(wrap(cnn::clone(storage_as_tensor(self, DType::UInt8))));
    return wrap_storage(tensor_of(t.get()).storage());
  });
}
PyObject* copy_from(PyObject* self, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject* source;
    int non_blocking = 0;
    if (!PyArg_ParseTuple(args, "O|p:copy_", &source, &non_blocking)) return nullptr;
    check_type(is_storage(source), "", "copy_: expected an UntypedStorage, got ", type_name_of(source));
    check(storage_of(source)->nbytes() == storage_of(self)->nbytes(), "copy_", "size does not match, self was ",
          storage_of(self)->nbytes(), " bytes but src was ", storage_of(source)->nbytes(), " bytes");
    cnn::copy_(storage_as_tensor(self, DType::UInt8), storage_as_tensor(source, DType::UInt8), non_blocking != 0);
    return new_ref(self);
  });
}
PyObject* tolist(PyObject* self, PyObject*) { return PySequence_List(self); }
PyObject* size_of(PyObject* self, PyObject*) {
  return PyLong_FromSize_t(size_t(Py_TYPE(self)->tp_basicsize) + storage_of(self)->nbytes());
}
PyObject* get_device(PyObject* self, void*) {
  return guard([&] { return device_object(storage_of(self)->device()); });
}

PyMappingMethods as_mapping = {length, get_item, set_item};
PySequenceMethods as_sequence;
PyBufferProcs as_buffer = {get_buffer, release_buffer};
PyMethodDef methods[] = {
    {"nbytes", nbytes, METH_NOARGS, "Its size in bytes."},
    {"size", nbytes, METH_NOARGS, "Its size in bytes."},
    {"element_size", element_size, METH_NOARGS, "1."},
    {"data_ptr", data_ptr, METH_NOARGS, "The address of its memory."},
    {"is_shared", is_shared, METH_NOARGS, "Is the memory shared between processes?"},
    {"share_memory_", share_storage, METH_NOARGS, "Moves the memory where forked processes share it."},
    {"resizable", resizable, METH_NOARGS, "May it be resized?"},
    {"resize_", resize, METH_O, "resize_(nbytes): grows or shrinks it, keeping what fits."},
    {"clone", clone_storage, METH_NOARGS, "A copy."},
    {"copy_", copy_from, METH_VARARGS,
     "copy_(source, non_blocking=False): takes over the bytes of another of its size."},
    {"tolist", tolist, METH_NOARGS, "The bytes as a list."},
    {"from_file", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(from_file)),
     METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "from_file(filename, shared=False, nbytes=0): the bytes of a file, mapped. Writes go to the file if shared."},
    {"_share_fd_cpu_", share_descriptor, METH_NOARGS,
     "Moves the memory where other processes can map it: (file descriptor, bytes)."},
    {"_new_shared_fd_cpu", from_descriptor, METH_VARARGS | METH_STATIC,
     "_new_shared_fd_cpu(fd, nbytes): the memory behind a descriptor of another process."},
    {"__sizeof__", size_of, METH_NOARGS, "Bytes of the object and of its memory."},
    {}};
PyGetSetDef properties[] = {{"device", get_device, nullptr, "Where the memory lies.", nullptr},
                            {"filename", file_name, nullptr, "The file it maps and shares, or None.", nullptr},
                            {}};

}  // namespace

bool is_storage(PyObject* o) { return Py_TYPE(o) == &storage_type; }
const Ref<Storage>& storage_of(PyObject* o) { return as_object(o)->storage; }

PyObject* wrap_storage(Ref<Storage> storage) {
  if (auto* known = static_cast<PyObject*>(storage->wrapper().load(std::memory_order_relaxed))) return new_ref(known);
  PyObject* self = storage_type.tp_alloc(&storage_type, 0);
  if (!self) throw PythonError();
  storage->wrapper().store(self, std::memory_order_relaxed);
  new (&as_object(self)->storage) Ref<Storage>(std::move(storage));
  return self;
}

Tensor storage_as_tensor(PyObject* o, DType dtype) {
  const Ref<Storage>& s = storage_of(o);
  return Tensor(make_ref<TensorImpl>(s, Dims{int64_t(s->nbytes() / size_t(item_size(dtype)))}, Dims{1}, 0, dtype));
}

namespace {

// The bytes that a view reaches must lie in the storage.
void check_view(const char* op, const Storage& s, DType dtype, int64_t offset, const Dims& sizes, const Dims& strides) {
  check(sizes.size() == strides.size(), op, "size ", sizes, " and stride ", strides, " differ in length");
  check(offset >= 0, op, "the storage offset must not be negative, got ", offset);
  int64_t last = offset;
  for (int i = 0; i < sizes.size(); ++i) {
    check(sizes[i] >= 0 && strides[i] >= 0, op, "sizes and strides must not be negative, got ", sizes, " and ",
          strides);
  }
  if (numel_of(op, sizes) == 0) return;
  for (int i = 0; i < sizes.size(); ++i) {
    int64_t span;
    check(!__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) && !__builtin_add_overflow(last, span, &last), op,
          "size ", sizes, " with stride ", strides, " overflows");
  }
  const int64_t room = int64_t(s.nbytes()) / item_size(dtype);
  check(last < room, op, "setStorage: sizes ", sizes, ", strides ", strides, ", storage offset ", offset,
        ", and itemsize ", item_size(dtype), " requiring a storage size of ", (last + 1) * item_size(dtype),
        " are out of bounds for storage of size ", s.nbytes());
}

PyObject* rebuild_tensor(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *storage, *dtype, *size, *stride;
    long long offset;
    if (!PyArg_ParseTuple(args, "OOLOO:_rebuild_tensor", &storage, &dtype, &offset, &size, &stride)) return nullptr;
    check_type(is_storage(storage), "", "_rebuild_tensor: expected an UntypedStorage, got ", type_name_of(storage));
    check_type(is_dtype_like(dtype), "", "_rebuild_tensor: expected a dtype, got ", type_name_of(dtype));
    const Dims sizes = sequence_to_dims(size, "_rebuild_tensor", "size");
    const Dims strides = sequence_to_dims(stride, "_rebuild_tensor", "stride");
    check_view("_rebuild_tensor", *storage_of(storage), to_dtype(dtype), offset, sizes, strides);
    return wrap(Tensor(make_ref<TensorImpl>(storage_of(storage), sizes, strides, offset, to_dtype(dtype))));
  });
}

// {name: tensor}, read as programs without Python read it.
PyObject* read_state_dict(PyObject*, PyObject* path) {
  return guard([&]() -> PyObject* {
    PyObject* bytes = nullptr;
    if (!PyUnicode_FSConverter(path, &bytes)) return nullptr;
    const Object held = Object::steal(bytes);
    const StateDict state = load_state_dict(PyBytes_AS_STRING(bytes));
    Object result = Object::steal(PyDict_New());
    for (const auto& [key, tensor] : state)
      expect_ok(PyDict_SetItem(result.get(), text(key).get(), Object::steal(wrap(tensor)).get()));
    return result.release();
  });
}

PyMethodDef functions[] = {
    {"_load_state_dict", read_state_dict, METH_O,
     "_load_state_dict(path): the state dict in a file, read by the core."},
    {"_rebuild_tensor", rebuild_tensor, METH_VARARGS,
     "_rebuild_tensor(storage, dtype, storage_offset, size, stride): a tensor over the storage."},
    {}};

PyObject* untyped_storage(PyObject* self, PyObject* const*, Py_ssize_t, PyObject*) {
  return wrap_storage(tensor_of(self).storage());
}

void check_same_kind(const TensorImpl& t, const Tensor& source) {
  check(source.dtype() == t.dtype && source.device() == t.device, "set_", "expected a tensor of ", t.dtype, " on ",
        t.device, ", got ", source.dtype(), " on ", source.device());
}

// set_(): nothing; set_(tensor), set_(tensor or storage, offset, size, stride): shows other memory.
PyObject* set(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  TensorImpl& t = *tensor_of(self).impl();
  check(!t.requires_grad || !grad_enabled(), "set_", "a leaf that requires grad may not be changed in place");
  check_type(!kwnames, "set_", "takes its arguments by position");
  check_type(n != 2 && n <= 4, "set_", "expected (), (source) or (source, storage_offset, size, stride=None), got ", n,
             " arguments");
  const uint32_t version = t.version();
  if (n == 0) {
    t.storage = Storage::allocate(0, t.device);
    t.set_geometry({0}, {1}, 0);
  } else if (is_tensor(args[0]) && n == 1) {
    const Tensor& source = tensor_of(args[0]);
    check_same_kind(t, source);
    t.storage = source.storage();
    t.set_geometry(source.shape(), source.strides(), source.offset());
  } else {
    check_type(is_tensor(args[0]) || is_storage(args[0]), "set_", "expected a tensor or a storage, got ",
               type_name_of(args[0]));
    if (is_tensor(args[0])) check_same_kind(t, tensor_of(args[0]));
    const Ref<Storage> s = is_tensor(args[0]) ? tensor_of(args[0]).storage() : storage_of(args[0]);
    check(s->device() == t.device, "set_", "the storage lies on ", s->device(), ", the tensor on ", t.device);
    const int64_t offset = n > 1 ? to_int(args[1]) : 0;
    const Dims sizes =
        n > 2 ? sequence_to_dims(args[2], "set_", "size") : Dims{int64_t(s->nbytes()) / item_size(t.dtype)};
    const Dims strides = n > 3 ? sequence_to_dims(args[3], "set_", "stride") : contiguous_strides(sizes);
    check_view("set_", *s, t.dtype, offset, sizes, strides);
    t.storage = s;
    t.set_geometry(sizes, strides, offset);
  }
  // The version goes on from that of the old memory, not from the new one's, which may happen to be the same.
  if (!t.own_version) t.own_version = make_ref<VersionCounter>();
  t.own_version->value = version + 1;
  return new_ref(self);
}

// ---- Memory behind files: what other processes can map ----

struct File {
  int descriptor = -1;  // kept open while the memory lives; -1: there is none
  std::string name;     // of a file that is written to
};
// By the address of the mapping. Never destroyed: storages may outlive static objects.
auto& files = *new std::unordered_map<void*, File>;
std::mutex& files_lock() { return process_lock<File>(); }

File file_of(const Storage& s) {
  const std::lock_guard lock(files_lock());
  const auto found = files.find(s.data());
  return found == files.end() ? File{} : found->second;
}

void unmap(void*, void* data, size_t n) {
  {
    const std::lock_guard lock(files_lock());
    if (const auto found = files.find(data); found != files.end()) {
      if (found->second.descriptor >= 0) close(found->second.descriptor);
      files.erase(found);
    }
  }
  munmap(data, n ? n : 1);
}

// The storage of a mapping, which takes over the descriptor.
Ref<Storage> mapped(void* pages, size_t nbytes, File file) {
  {
    const std::lock_guard lock(files_lock());
    files[pages] = std::move(file);
  }
  return make_ref<Storage>(pages, nbytes, kCpu, unmap, nullptr);
}

// A file in memory of that size; -1 where there is none to be had, or few are left for the program's own files.
int memory_file(size_t nbytes) {
  const int fd = memfd_create("cnn", MFD_CLOEXEC);
  if (fd < 0) return -1;
  rlimit limit{};
  const bool many = getrlimit(RLIMIT_NOFILE, &limit) == 0 && rlim_t(fd) > limit.rlim_cur / 2;
  if (!many && ftruncate(fd, off_t(nbytes)) == 0) return fd;
  close(fd);
  return -1;
}

// Moves the memory into pages that other processes share: forked ones as they are, others by a file descriptor.
void share_memory(const Ref<Storage>& s) {
  if (s->is_shared() || !s->device().is_cpu()) return;
  check(s->resizable() || s->nbytes() == 0, "share_memory_",
        "this memory belongs to another library; clone() the tensor");
  const size_t nbytes = s->nbytes() ? s->nbytes() : 1;
  const int fd = memory_file(nbytes);
  void* pages = mmap(nullptr, nbytes, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
  if (pages == MAP_FAILED) {
    if (fd >= 0) close(fd);
    fail(ErrorKind::OutOfMemory, "share_memory_", "no shared memory of ", s->nbytes(), " bytes");
  }
  if (s->nbytes()) std::memcpy(pages, s->data(), s->nbytes());
  const Ref<Storage> shared = mapped(pages, s->nbytes(), File{fd, {}});
  s->swap_memory(*shared);  // the old memory goes with `shared`
  s->set_shared();
}
PyObject* share_tensor(PyObject* self, PyObject* const*, Py_ssize_t, PyObject*) {
  share_memory(tensor_of(self).storage());
  return new_ref(self);
}

PyObject* share_storage(PyObject* self, PyObject*) {
  return guard([&] {
    share_memory(storage_of(self));
    return new_ref(self);
  });
}

PyObject* share_descriptor(PyObject* self, PyObject*) {
  return guard([&] {
    const Ref<Storage>& s = storage_of(self);
    share_memory(s);
    const int fd = file_of(*s).descriptor;
    check(fd >= 0, "_share_fd_cpu_", "this memory has no file descriptor: too many files are open, or it maps a file");
    return Py_BuildValue("in", fd, Py_ssize_t(s->nbytes()));
  });
}

PyObject* from_descriptor(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    int fd;
    Py_ssize_t nbytes;
    if (!PyArg_ParseTuple(args, "in:_new_shared_fd_cpu", &fd, &nbytes)) return nullptr;
    struct stat about;
    check(fstat(fd, &about) == 0 && nbytes >= 0 && about.st_size >= nbytes, "_new_shared_fd_cpu", "descriptor ", fd,
          " does not hold ", int64_t(nbytes), " bytes");
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    void* pages = mmap(nullptr, nbytes ? size_t(nbytes) : 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (pages == MAP_FAILED && own >= 0) close(own);
    check(pages != MAP_FAILED, "_new_shared_fd_cpu", "unable to map ", int64_t(nbytes), " bytes");
    Ref<Storage> storage = mapped(pages, size_t(nbytes), File{own, {}});
    storage->set_shared();
    return wrap_storage(std::move(storage));
  });
}

PyObject* from_file(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyObject* path;
    int shared = 0;
    Py_ssize_t wanted = 0;
    static const char* names[] = {"filename", "shared", "nbytes", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&|pn:from_file", const_cast<char**>(names), PyUnicode_FSConverter,
                                     &path, &shared, &wanted)) {
      return nullptr;
    }
    const Object held = Object::steal(path);
    const std::string name = PyBytes_AS_STRING(path);
    check(wanted >= 0, "", "from_file: the size must not be negative, got ", int64_t(wanted));
    if (wanted == 0) return wrap_storage(Storage::allocate(0, kCpu));  // as PyTorch, which looks at no file then
    const int fd = open(name.c_str(), (shared ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0600);
    check(fd >= 0, "", "unable to open file <", name, "> in ", shared ? "read-write" : "read-only",
          " mode: ", std::strerror(errno), " (", errno, ")");
    struct Closing {
      int fd;
      ~Closing() { close(fd); }
    } const closing{fd};
    struct stat about;
    check(fstat(fd, &about) == 0, "", "unable to stat the file <", name, ">: ", std::strerror(errno));
    const auto nbytes = size_t(wanted);
    if (nbytes > size_t(about.st_size)) {
      check(shared, "", "file <", name, "> size <", int64_t(about.st_size),
            "> is smaller than the required mapping size <", int64_t(nbytes), ">");
      check(ftruncate(fd, off_t(nbytes)) == 0, "", "unable to stretch file <", name,
            "> to the right size: ", std::strerror(errno));
    }
    void* pages = mmap(nullptr, nbytes, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    check(pages != MAP_FAILED, "", "unable to mmap ", int64_t(nbytes), " bytes from file <", name,
          ">: ", std::strerror(errno), " (", errno, ")");
    Ref<Storage> storage = mapped(pages, nbytes, File{-1, shared ? name : std::string()});
    if (shared) storage->set_shared();
    return wrap_storage(std::move(storage));
  });
}

PyObject* file_name(PyObject* self, void*) {
  return guard([&]() -> PyObject* {
    const std::string name = file_of(*storage_of(self)).name;
    return name.empty() ? none() : PyUnicode_DecodeFSDefault(name.c_str());
  });
}

}  // namespace

void bind_storage(PyObject* module) {
  as_sequence.sq_length = length;
  as_sequence.sq_item = [](PyObject* self, Py_ssize_t i) {
    return guard([&] { return PyLong_FromLong(*byte_at(self, i)); });
  };
  Py_SET_TYPE(&storage_type, &printed_meta);
  storage_type.tp_name = "cnn.storage.UntypedStorage";
  storage_type.tp_basicsize = sizeof(StorageObject);
  storage_type.tp_flags = Py_TPFLAGS_DEFAULT;
  storage_type.tp_doc = "UntypedStorage(nbytes=0, *, device='cpu'): the memory that tensors view.";
  storage_type.tp_new = new_storage;
  storage_type.tp_dealloc = dealloc;
  storage_type.tp_repr = repr;
  storage_type.tp_as_mapping = &as_mapping;
  storage_type.tp_as_sequence = &as_sequence;
  storage_type.tp_as_buffer = &as_buffer;
  storage_type.tp_methods = methods;
  storage_type.tp_getset = properties;
  expect_ok(PyType_Ready(&storage_type));
  storage_type.tp_flags &= ~Py_TPFLAGS_IMMUTABLETYPE;  // Python adds methods, and programs may
  expect_ok(PyModule_AddObjectRef(module, "UntypedStorage", reinterpret_cast<PyObject*>(&storage_type)));
  expect_ok(PyModule_AddFunctions(module, functions));
}

void bind_storage_methods(Registry& ops) {
  ops.def_method("untyped_storage", untyped_storage, "The memory that the tensor views.");
  ops.def_method("share_memory_", share_tensor, "Moves the memory where forked processes share it.");
  ops.def_method("set_", set, "set_(source, storage_offset=0, size=None, stride=None): shows other memory.");
  ops.def_op<[](const Tensor& x, const Dims& size, std::optional<MemoryFormat> format) {
    const int64_t held = int64_t(x.storage()->nbytes()) / item_size(x.dtype()) - x.offset();
    return fresh(cnn::resize_(x, size, format.value_or(MemoryFormat::Contiguous)), held);
  }>("resize_(Tensor self, Dims size, *, MemoryFormat? memory_format=None) -> Tensor",
     "Gives the tensor another size; new elements are uninitialised.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Tensor& other, std::optional<MemoryFormat> format) {
    MemoryFormat f = format.value_or(MemoryFormat::Contiguous);
    if (f == MemoryFormat::Preserve) f = memory_format_of(other);
    return cnn::resize_(x, other.shape(), f);
  }>("resize_as_(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor",
     "Gives the tensor the size of another.");
  ops.def_op<[](const Tensor& x) { return x.storage()->is_shared(); }>(
      "is_shared(Tensor self) -> bool", "Is the memory shared between processes?", kMethodOnly);
}

}  // namespace cnn::python
