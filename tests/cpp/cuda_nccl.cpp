// NCCL's calls on the host, between processes, and strict about them: pointers, counts, types, streams, what stands in
// a group, and that all ranks call the same. Work is done in the order of the emulation's streams. A collective is work
// that shows its input to the others, and work that reads theirs once all have come; sending ends when the message has
// been taken, as nothing of NCCL promises more. Ranks meet in shared memory named by the unique id.
// What it refuses fails, and says why on stderr; what ranks disagree on is an asynchronous error, and the stream stands
// still until the communicator is aborted.
#include <fcntl.h>
#include <nccl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "cnn/dtype.h"

namespace {

namespace em = cnn::emulation;

constexpr int kMaxRanks = 4;
constexpr uint32_t kMostOps = 64;  // of a group
constexpr size_t kRoom = size_t(64) << 20;  // bytes of a rank's input
constexpr size_t kMailRoom = size_t(16) << 20;

enum class Kind : int32_t { AllReduce, Reduce, ReduceScatter, Broadcast, AllGather, Send, Recv };
constexpr const char* kNames[] = {"ncclAllReduce", "ncclReduce", "ncclReduceScatter", "ncclBroadcast",
                                  "ncclAllGather", "ncclSend",   "ncclRecv"};

// What ranks must agree on.
struct Call {
  Kind kind;
  int32_t type, op, root;
  uint64_t count;
  bool operator==(const Call&) const = default;
};
struct Board {  // of a rank
  std::atomic<uint64_t> shown, read;  // groups of collectives: put here; done, so that there is room again
  uint32_t calls;
  Call list[kMostOps];
  char data[kRoom];
};
struct Mail {  // from one rank to another
  std::atomic<uint64_t> sent, taken;
  uint32_t calls;
  Call list[kMostOps];
  char data[kMailRoom];
};
struct Shared {
  std::atomic<int> joined, devices[kMaxRanks];
  Board boards[kMaxRanks];
  Mail mail[kMaxRanks][kMaxRanks];
};

}  // namespace

struct ncclComm {
  int device, rank, size;
  Shared* shared;
  cudaStream_t stream = nullptr;
  std::atomic<uint64_t> begun{0};  // groups of collectives
  std::atomic<bool> aborted{false};
  std::atomic<int> error{ncclSuccess};
};

namespace {

struct Op {
  Call call;
  const void* from;
  void* to;
  int peer;
};
struct Group {
  ncclComm* comm;
  std::vector<Op> ops;
};

thread_local int depth = 0;
thread_local std::vector<Group> groups;
thread_local std::string last_error;

std::set<ncclComm*>& alive() {
  static auto* const s = new std::set<ncclComm*>;
  return *s;
}

__attribute__((format(printf, 2, 3))) ncclResult_t refuse(ncclResult_t result, const char* format, ...) {
  char text[256];
  va_list parts;
  va_start(parts, format);
  std::vsnprintf(text, sizeof text, format, parts);
  va_end(parts);
  std::fprintf(stderr, "NCCL, emulated: %s\n", text);
  last_error = text;
  return result;
}
void disagree(ncclComm* comm, const char* what) {
  std::fprintf(stderr, "NCCL, emulated: rank %d: %s\n", comm->rank, what);
  comm->error = ncclInvalidUsage;
}

size_t size_of(int type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclFloat16:
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    default:
      return 8;
  }
}
size_t bytes(const Call& c) { return size_t(c.count) * size_of(c.type); }
size_t input(const Call& c, int ranks) { return bytes(c) * (c.kind == Kind::ReduceScatter ? size_t(ranks) : 1); }
size_t output(const Call& c, int ranks) { return bytes(c) * (c.kind == Kind::AllGather ? size_t(ranks) : 1); }
size_t aligned(size_t n) { return (n + 15) / 16 * 16; }
bool is_message(Kind k) { return k == Kind::Send || k == Kind::Recv; }

// ---- Sums ----

template <class T> T joined(T a, T b, int op) {
  if constexpr (std::is_floating_point_v<T> || std::is_integral_v<T>) {
    if (op == ncclProd) return T(a * b);
    if (op == ncclMax) return std::max(a, b);
    if (op == ncclMin) return std::min(a, b);
    return T(a + b);
  } else {  // 16 bits: rounded at each step, as they are on their way around
    return T(joined(float(a), float(b), op));
  }
}

// Of all ranks, in their order; a mean multiplies floats first, as NCCL does, and divides sums of integers.
template <class T> void reduce(const Shared& s, int ranks, const Call& c, size_t from, void* to) {
  constexpr bool kInteger = std::is_integral_v<T>;
  const bool mean = c.op == ncclAvg;
  for (uint64_t i = 0; i < c.count; ++i) {
    const auto value = [&](int r) {
      T x;
      std::memcpy(&x, s.boards[r].data + from + i * sizeof(T), sizeof x);
      if constexpr (!kInteger)
        if (mean) x = joined(x, T(1.0f / float(ranks)), ncclProd);
      return x;
    };
    T total = value(0);
    for (int r = 1; r < ranks; ++r) total = joined(total, value(r), c.op);
    if constexpr (kInteger)
      if (mean) total = T(total / T(ranks));
    std::memcpy(static_cast<char*>(to) + i * sizeof(T), &total, sizeof total);
  }
}
void reduce(const Shared& s, int ranks, const Call& c, size_t from, void* to) {
  switch (c.type) {
    case ncclInt8:
      return reduce<int8_t>(s, ranks, c, from, to);
    case ncclUint8:
      return reduce<uint8_t>(s, ranks, c, from, to);
    case ncclInt32:
      return reduce<int32_t>(s, ranks, c, from, to);
    case ncclUint32:
      return reduce<uint32_t>(s, ranks, c, from, to);
    case ncclInt64:
      return reduce<int64_t>(s, ranks, c, from, to);
    case ncclUint64:
      return reduce<uint64_t>(s, ranks, c, from, to);
    case ncclFloat16:
      return reduce<cnn::Half>(s, ranks, c, from, to);
    case ncclFloat32:
      return reduce<float>(s, ranks, c, from, to);
    case ncclFloat64:
      return reduce<double>(s, ranks, c, from, to);
    default:
      return reduce<cnn::BFloat16>(s, ranks, c, from, to);
  }
}

// ---- Work of streams ----

void show(ncclComm* comm, const std::vector<Op>& ops) {
  const em::Access access(comm->device);
  Board& own = comm->shared->boards[comm->rank];
  size_t at = 0;
  own.calls = uint32_t(ops.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    const Call& c = own.list[i] = ops[i].call;
    const bool gives = c.kind != Kind::Broadcast || c.root == comm->rank;
    if (gives) std::memcpy(own.data + at, ops[i].from, input(c, comm->size));
    at += aligned(input(c, comm->size));
  }
  own.shown = ++comm->begun;
}

void collect(ncclComm* comm, const std::vector<Op>& ops) {
  const em::Access access(comm->device);
  Shared& s = *comm->shared;
  const int ranks = comm->size;
  bool same = true;
  for (int r = 0; r < ranks; ++r) {
    const Board& b = s.boards[r];
    same &= b.calls == ops.size();
    for (size_t i = 0; same && i < ops.size(); ++i) same = b.list[i] == ops[i].call;
  }
  if (!same) disagree(comm, "the ranks have called different collectives");
  size_t at = 0;
  for (const Op& op : ops) {
    if (!same) break;
    const Call& c = op.call;
    const bool takes = c.kind != Kind::Reduce || c.root == comm->rank;
    if (c.kind == Kind::Broadcast) {
      std::memcpy(op.to, s.boards[c.root].data + at, bytes(c));
    } else if (c.kind == Kind::AllGather) {
      for (int r = 0; r < ranks; ++r)
        std::memcpy(static_cast<char*>(op.to) + size_t(r) * bytes(c), s.boards[r].data + at, bytes(c));
    } else if (takes) {
      const bool part = c.kind == Kind::ReduceScatter;
      reduce(s, ranks, c, at + (part ? size_t(comm->rank) * bytes(c) : 0), op.to);
    }
    if (takes) em::checks::fill(op.to, output(c, ranks));
    at += aligned(input(c, ranks));
  }
  s.boards[comm->rank].read = comm->begun.load();
}

void put_in_mail(ncclComm* comm, const std::vector<Op>& ops) {
  const em::Access access(comm->device);
  for (int peer = 0; peer < comm->size; ++peer) {
    Mail& m = comm->shared->mail[comm->rank][peer];
    size_t at = 0;
    uint32_t calls = 0;
    for (const Op& op : ops) {
      if (op.call.kind != Kind::Send || op.peer != peer) continue;
      m.list[calls++] = op.call;
      std::memcpy(m.data + at, op.from, bytes(op.call));
      at += aligned(bytes(op.call));
    }
    m.calls = calls;
    if (calls) ++m.sent;
  }
}
void take_mail(ncclComm* comm, const std::vector<Op>& ops) {
  const em::Access access(comm->device);
  for (int peer = 0; peer < comm->size; ++peer) {
    Mail& m = comm->shared->mail[peer][comm->rank];
    size_t at = 0;
    uint32_t calls = 0;
    bool same = true;
    for (const Op& op : ops) {
      if (op.call.kind != Kind::Recv || op.peer != peer) continue;
      const Call* const sent = calls < m.calls ? &m.list[calls] : nullptr;
      same &= sent && sent->count == op.call.count && sent->type == op.call.type;
      if (!same) break;
      std::memcpy(op.to, m.data + at, bytes(op.call));
      em::checks::fill(op.to, bytes(op.call));
      at += aligned(bytes(op.call));
      ++calls;
    }
    if (calls == 0 && same) continue;
    if (!same || calls != m.calls) disagree(comm, "messages that do not fit what is received");
    m.taken = m.sent.load();
  }
}
bool all_taken(const ncclComm* comm) {
  for (int peer = 0; peer < comm->size; ++peer) {
    const Mail& m = comm->shared->mail[comm->rank][peer];
    if (m.taken != m.sent) return false;
  }
  return true;
}
bool all_sent(const ncclComm* comm, const std::vector<Op>& ops) {
  for (const Op& op : ops) {
    if (op.call.kind != Kind::Recv) continue;
    const Mail& m = comm->shared->mail[op.peer][comm->rank];
    if (m.sent == m.taken) return false;
  }
  return true;
}

void add(ncclComm* comm, const std::function<void()>& run, const std::function<bool()>& ready) {
  em::queue().add(
      comm->stream, [=] { comm->aborted ? void() : run(); },
      [=] { return comm->aborted || (comm->error == ncclSuccess && ready()); });
}

ncclResult_t issue(const Group& group) {
  ncclComm* const comm = group.comm;
  const auto ops = std::make_shared<const std::vector<Op>>(group.ops);
  if (ops->size() > kMostOps) return refuse(ncclInvalidUsage, "a group of %zu calls", ops->size());
  const size_t messages =
      size_t(std::count_if(ops->begin(), ops->end(), [](const Op& op) { return is_message(op.call.kind); }));
  if (messages != 0 && messages != ops->size()) return refuse(ncclInvalidUsage, "messages and collectives in a group");
  size_t room = 0;
  for (const Op& op : *ops) room += aligned(input(op.call, comm->size));
  if (room > (messages ? kMailRoom : kRoom)) return refuse(ncclInternalError, "more data than the emulation holds");
  const em::Access lock;
  const int before = em::current_device();
  em::current_device() = comm->device;
  em::counts().launches += !em::queue().stream(comm->stream).capture;
  if (messages) {
    add(comm, [=] { put_in_mail(comm, *ops); }, [=] { return all_taken(comm); });
    add(comm, [=] { take_mail(comm, *ops); }, [=] { return all_sent(comm, *ops); });
    add(comm, [] {}, [=] { return all_taken(comm); });
  } else {
    const auto all = [comm](std::atomic<uint64_t> Board::* what) {
      for (int r = 0; r < comm->size; ++r)
        if (comm->shared->boards[r].*what < comm->begun) return false;
      return true;
    };
    add(comm, [=] { show(comm, *ops); }, [=] { return all(&Board::read); });
    add(comm, [=] { collect(comm, *ops); }, [=] { return all(&Board::shown); });
    add(comm, [] {}, [] { return true; });
  }
  em::current_device() = before;
  return ncclSuccess;
}

// The device, which goes on while the host does something else.
void start_device() {
  static std::once_flag once;
  std::call_once(once, [] {
    std::thread([] {
      for (;;) {
        bool more;
        {
          const em::Access lock;
          more = em::queue().some(em::options().deferred ? 1 : 16);
        }
        usleep(more && !em::options().deferred ? 1 : 200);
      }
    }).detach();
  });
}

// ---- What is given ----

ncclResult_t check_memory(const ncclComm* comm, const char* name, const void* p, size_t n) {
  if (n == 0) return ncclSuccess;
  if (em::device_of(p) != comm->device || !em::in_one_block(p, n))
    return refuse(ncclInvalidArgument, "%s: memory that is not %zu bytes of a block of cuda:%d", name, n, comm->device);
  return ncclSuccess;
}

ncclResult_t enter(const Op& op, ncclComm* comm, cudaStream_t stream) {
  const em::Access lock;
  const Call& c = op.call;
  const char* const name = kNames[int(c.kind)];
  if (!alive().count(comm)) return refuse(ncclInvalidArgument, "%s: a communicator that is none", name);
  if (c.type < 0 || c.type >= ncclNumTypes) return refuse(ncclInvalidArgument, "%s: type %d", name, c.type);
  if (c.op < 0 || c.op >= ncclNumOps) return refuse(ncclInvalidArgument, "%s: reduction %d", name, c.op);
  if (c.root < 0 || c.root >= comm->size) return refuse(ncclInvalidArgument, "%s: root %d", name, c.root);
  if (op.peer < 0 || op.peer >= comm->size) return refuse(ncclInvalidArgument, "%s: peer %d", name, op.peer);
  if (!em::queue().streams().count(stream) || stream->device != comm->device)
    return refuse(ncclInvalidArgument, "%s: no stream of cuda:%d but its default one", name, comm->device);
  if (comm->stream && comm->stream != stream)
    return refuse(ncclInvalidUsage, "%s: a communicator on two streams", name);
  const bool reads = c.kind != Kind::Recv && (c.kind != Kind::Broadcast || c.root == comm->rank);
  const bool writes = c.kind != Kind::Send && (c.kind != Kind::Reduce || c.root == comm->rank);
  const size_t in = reads ? input(c, comm->size) : 0, out = writes ? output(c, comm->size) : 0;
  for (const auto& [p, n] : {std::pair<const void*, size_t>(op.from, in), std::pair<const void*, size_t>(op.to, out)})
    if (const ncclResult_t result = check_memory(comm, name, p, n); result != ncclSuccess) return result;
  if (in && out) {
    // In its place, or somewhere else altogether.
    const auto* const from = static_cast<const char*>(op.from);
    const auto* const to = static_cast<const char*>(op.to);
    const size_t own = size_t(comm->rank) * bytes(c);
    const bool in_place = c.kind == Kind::AllGather       ? from == to + own
                          : c.kind == Kind::ReduceScatter ? to == from + own
                                                          : from == to;
    if (!in_place && from < to + out && to < from + in)
      return refuse(ncclInvalidUsage, "%s: an input that lies across the output", name);
  }
  comm->stream = stream;
  if (depth == 0) return issue({comm, {op}});
  for (Group& g : groups)
    if (g.comm == comm) {
      g.ops.push_back(op);
      return ncclSuccess;
    }
  groups.push_back({comm, {op}});
  return ncclSuccess;
}

std::string name_of(const ncclUniqueId& id) {
  std::string name = "/cnn-nccl-";
  for (int i = 8; i < 24; ++i) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", unsigned(uint8_t(id.internal[i])));
    name += hex;
  }
  return name;
}

}  // namespace

ncclResult_t ncclGetVersion(int* version) {
  *version = 23203;
  return ncclSuccess;
}
const char* ncclGetErrorString(ncclResult_t result) {
  static constexpr const char* kTexts[] = {"no error",       "unhandled cuda error", "unhandled system error",
                                           "internal error", "invalid argument",     "invalid usage"};
  return result >= 0 && result < 6 ? kTexts[result] : "unknown result code";
}
const char* ncclGetLastError(ncclComm_t) { return last_error.c_str(); }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  std::memset(id, 0, sizeof *id);
  std::memcpy(id->internal, "emulated", 8);
  return getrandom(id->internal + 8, 16, 0) == 16 ? ncclSuccess : ncclSystemError;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  if (std::memcmp(id.internal, "emulated", 8) != 0) return refuse(ncclInvalidArgument, "a unique id that is none");
  if (ranks < 1 || ranks > kMaxRanks || rank < 0 || rank >= ranks)
    return refuse(ncclInvalidArgument, "rank %d of %d", rank, ranks);
  const std::string name = name_of(id);
  const int file = shm_open(name.c_str(), O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, off_t(sizeof(Shared))) != 0) return refuse(ncclSystemError, "no shared memory");
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
  close(file);
  if (memory == MAP_FAILED) return refuse(ncclSystemError, "no address space");
  Shared* const shared = static_cast<Shared*>(memory);  // zeros
  if (shared->devices[rank].exchange(em::current_device() + 1) != 0)
    return refuse(ncclInvalidUsage, "two processes are rank %d", rank);
  ++shared->joined;
  for (int waited = 0; shared->joined < ranks; ++waited, usleep(100))
    if (waited > 300'000) {
      shm_unlink(name.c_str());
      return refuse(ncclSystemError, "%d of %d ranks have come", shared->joined.load(), ranks);
    }
  shm_unlink(name.c_str());
  for (int r = 0; r < ranks; ++r)
    if (r != rank && shared->devices[r] == em::current_device() + 1)
      return refuse(ncclInvalidUsage, "Duplicate GPU detected : rank %d and rank %d both on cuda:%d", rank, r,
                    em::current_device());
  start_device();
  const em::Access lock;
  *comm = new ncclComm{em::current_device(), rank, ranks, shared};
  alive().insert(*comm);
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  const em::Access lock;
  if (!alive().count(comm)) return refuse(ncclInvalidArgument, "ncclCommDestroy: a communicator that is none");
  if (comm->stream) em::queue().finish(comm->stream);
  alive().erase(comm);
  return ncclSuccess;
}
// May be called while another thread waits for the device.
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  const em::Access lock;
  if (!alive().erase(comm)) return refuse(ncclInvalidArgument, "ncclCommAbort: a communicator that is none");
  comm->aborted = true;
  return ncclSuccess;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  const em::Access lock;
  if (!alive().count(comm)) return refuse(ncclInvalidArgument, "ncclCommGetAsyncError: a communicator that is none");
  *error = ncclResult_t(comm->error.load());
  return ncclSuccess;
}

ncclResult_t ncclGroupStart() {
  ++depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (depth == 0) return refuse(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
  if (--depth > 0) return ncclSuccess;
  const std::vector<Group> all = std::exchange(groups, {});
  for (const Group& g : all)
    if (const ncclResult_t result = issue(g); result != ncclSuccess) return result;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  return enter({{Kind::AllReduce, type, op, 0, count}, from, to, 0}, comm, stream);
}
ncclResult_t ncclReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op, int root,
                        ncclComm_t comm, cudaStream_t stream) {
  return enter({{Kind::Reduce, type, op, root, count}, from, to, 0}, comm, stream);
}
ncclResult_t ncclReduceScatter(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                               ncclComm_t comm, cudaStream_t stream) {
  return enter({{Kind::ReduceScatter, type, op, 0, count}, from, to, 0}, comm, stream);
}
ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root, ncclComm_t comm,
                           cudaStream_t stream) {
  return enter({{Kind::Broadcast, type, 0, root, count}, from, to, 0}, comm, stream);
}
ncclResult_t ncclAllGather(const void* from, void* to, size_t count, ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  return enter({{Kind::AllGather, type, 0, 0, count}, from, to, 0}, comm, stream);
}
ncclResult_t ncclSend(const void* from, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return enter({{Kind::Send, type, 0, 0, count}, from, nullptr, peer}, comm, stream);
}
ncclResult_t ncclRecv(void* to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  return enter({{Kind::Recv, type, 0, 0, count}, nullptr, to, peer}, comm, stream);
}
