// The memory of the GPUs, pinned memory, streams and copies, in the emulation.
#include <cstring>
#include <string>
#include <vector>

#include "cnn/check.h"
#include "cuda/memory.h"
#include "cuda/streams.h"
#include "expect.h"

using namespace cnn;

namespace {

void test_memory() {
  const Device gpu{DeviceType::Cuda, 0};
  cuda::select(0);
  void* const p = cuda::allocate(1000, gpu);
  void* const q = cuda::allocate(1000, gpu);
  EXPECT(p != q);
  EXPECT(cuda::memory(0).all.allocated_bytes.current == 2048);
  EXPECT(cuda::memory(0).all.requested_bytes.current == 2000);
  std::vector<int> x(250), y(250);
  for (int i = 0; i < 250; ++i) x[size_t(i)] = i * i;
  cuda::copy_bytes(p, gpu, x.data(), kCpu, 1000, false);
  cuda::copy_on_device(q, p, 1000);
  cuda::copy_bytes(y.data(), kCpu, q, gpu, 1000, false);
  EXPECT(y == x);  // there and back
  cuda::release(nullptr, p, 1000);
  EXPECT(cuda::allocate(1001, gpu) == p);  // the smallest block that is large enough
  cuda::release(nullptr, p, 1001);
  cuda::release(nullptr, q, 1000);
  EXPECT(cuda::memory(0).all.allocated_bytes.current == 0);
  EXPECT(cuda::memory(0).all.segments.current == 1);  // parts are joined again
  EXPECT(cuda::memory(0).all.inactive_split.current == 0);
}

// A large segment is split, its parts are used again and joined.
void test_splitting() {
  const Device gpu{DeviceType::Cuda, 0};
  cuda::empty_cache();
  constexpr size_t kMiB = size_t(1) << 20;
  char* const a = static_cast<char*>(cuda::allocate(40 * kMiB, gpu));
  cuda::release(nullptr, a, 0);
  std::vector<void*> parts;
  for (int i = 0; i < 20; ++i) parts.push_back(cuda::allocate(2 * kMiB, gpu));
  EXPECT(parts[0] == a && parts[19] == a + 38 * kMiB);
  EXPECT(cuda::memory(0).large.segments.current == 1);
  for (int i = 0; i < 20; i += 2) cuda::release(nullptr, parts[size_t(i)], 0);
  EXPECT(cuda::memory(0).large.inactive_split.current == 10);
  EXPECT(cuda::memory(0).large.inactive_split_bytes.current == int64_t(20 * kMiB));
  EXPECT(cuda::blocks(0).size() == 20);
  for (int i = 1; i < 20; i += 2) cuda::release(nullptr, parts[size_t(i)], 0);
  EXPECT(cuda::allocate(40 * kMiB, gpu) == a);
  cuda::release(nullptr, a, 0);
  EXPECT(cuda::memory(0).large.reserved_bytes.current == int64_t(40 * kMiB));
  cuda::empty_cache();
  EXPECT(cuda::memory(0).all.reserved_bytes.current == 0);
}

// Cached segments make room before anybody is refused, and no more of them than are needed.
void test_out_of_memory() {
  const Device gpu{DeviceType::Cuda, 0};
  constexpr size_t kMiB = size_t(1) << 20;
  void* const kept[] = {cuda::allocate(32 * kMiB, gpu), cuda::allocate(64 * kMiB, gpu), cuda::allocate(16 * kMiB, gpu)};
  emulation::memory().limit = emulation::memory().taken;
  for (void* const p : {kept[0], kept[1]}) cuda::release(nullptr, p, 0);
  void* const p = cuda::allocate(30 * kMiB, gpu);  // fits into a kept block
  cuda::release(nullptr, p, 0);
  bool refused = false;
  try {
    cuda::allocate(97 * kMiB, gpu);
  } catch (const Error& e) {
    refused =
        e.kind() == ErrorKind::OutOfMemory &&
        std::string(e.what()).find("Tried to allocate 97.00 MiB. GPU 0 has a total capacity") != std::string::npos;
  }
  EXPECT(refused);
  EXPECT(cuda::memory(0).out_of_memory == 1 && cuda::memory(0).retries == 1);
  void* const all = cuda::allocate(96 * kMiB, gpu);
  EXPECT(all != nullptr);
  cuda::release(nullptr, all, 0);
  cuda::release(nullptr, kept[2], 0);
  cuda::set_memory_limit(0, 0.5);
  const size_t half = emulation::memory().limit / 2;
  void* const most = cuda::allocate(half / kMiB / 2 * 2 * kMiB, gpu);
  refused = false;
  try {
    cuda::allocate(half, gpu);
  } catch (const Error&) {
    refused = true;
  }
  EXPECT(refused);
  cuda::set_memory_limit(0, 1);
  cuda::release(nullptr, most, 0);
  emulation::memory().limit = emulation::Memory::kTotal;
}

// A block belongs to its stream: another one gets it only when both have come that far.
void test_streams() {
  const Device gpu{DeviceType::Cuda, 0};
  cuda::empty_cache();
  void* const side = cuda::new_stream(0);
  void* const a = cuda::allocate(1000, gpu);
  cuda::set_stream(side);
  void* const b = cuda::allocate(1000, gpu);
  EXPECT(a != b);
  EXPECT(cuda::memory(0).small.segments.current == 2);
  cuda::keep_for_stream(a, side);
  cuda::set_stream(nullptr);
  cuda::release(nullptr, a, 0);
  EXPECT(cuda::memory(0).all.allocations.current == 1);
  cuda::release(nullptr, b, 0);  // on the default stream: that one has to come here, too
  cuda::synchronize_stream(side);
  EXPECT(cuda::stream_is_done(side));
  EXPECT(cuda::allocate(1000, gpu) == a);
  EXPECT(cuda::memory(0).all.active.current == 1);
  cuda::release(nullptr, a, 0);

  void* const event = cuda::new_event(true, false);
  void* const later = cuda::new_event(true, false);
  cuda::record_event(event, nullptr);
  cuda::wait_event(side, event);
  cuda::record_event(later, side);
  cuda::synchronize_event(later);
  EXPECT(cuda::event_is_done(event) && cuda::elapsed_ms(event, later) >= 0);
  cuda::delete_event(event);
  cuda::delete_event(later);
}

void test_pinned() {
  const Device gpu{DeviceType::Cuda, 0};
  char* const p = static_cast<char*>(cuda::allocate_pinned(3000));
  EXPECT(cuda::is_pinned(p) && cuda::is_pinned(p + 2999) && !cuda::is_pinned(p + 4096));
  EXPECT(cuda::pinned_memory().active_bytes.current == 4096);
  void* const x = cuda::allocate(3000, gpu);
  std::memset(p, 7, 3000);
  cuda::copy_bytes(x, gpu, p, kCpu, 3000, true);
  cuda::free_pinned(nullptr, p, 3000);
  char* const q = static_cast<char*>(cuda::allocate_pinned(4096));
  std::memset(q, 0, 4096);  // if it is p, the copy has been made
  cuda::copy_bytes(q, kCpu, x, gpu, 3000, true);
  cuda::synchronize_stream(nullptr);
  EXPECT(q[0] == 7 && q[2999] == 7 && q[3000] == 0);
  cuda::free_pinned(nullptr, q, 4096);
  cuda::release(nullptr, x, 0);
  cuda::empty_pinned_cache();
  EXPECT(cuda::pinned_memory().bytes.current == 0);
}

}  // namespace

int main() {
  cuda::set_caching(true);
  test_memory();
  test_splitting();
  test_out_of_memory();
  test_streams();
  test_pinned();
  return report();
}
