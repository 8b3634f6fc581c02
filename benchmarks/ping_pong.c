/* How long a word takes from one core to another and back; built and called by machine.py. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum { BATCHES = 24, TRIPS = 500 };

struct exchange {
  _Alignas(128) atomic_int ball; /* even: the first core's turn */
  _Alignas(128) int cores[2];
  _Atomic int ready;
  int pinned[2];
  double best;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void pin(struct exchange* e, int player) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(e->cores[player], &set);
  e->pinned[player] = pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
  atomic_fetch_add(&e->ready, 1);
  while (atomic_load(&e->ready) < 2) sched_yield();
}

static void await(struct exchange* e, int ball) {
  while (atomic_load_explicit(&e->ball, memory_order_acquire) != ball) {
  }
}

static void first(struct exchange* e) {
  pin(e, 0);
  for (int batch = 0, ball = 0; batch < BATCHES; ++batch) {
    double start = now();
    for (int trip = 0; trip < TRIPS; ++trip, ball += 2) {
      atomic_store_explicit(&e->ball, ball + 1, memory_order_release);
      await(e, ball + 2);
    }
    double each = (now() - start) / TRIPS;
    if (batch == 0 || each < e->best) e->best = each; /* others take the core away now and then */
  }
}

static void* second(void* shared) {
  struct exchange* e = shared;
  pin(e, 1);
  for (int ball = 0; ball < 2 * BATCHES * TRIPS; ball += 2) {
    await(e, ball + 1);
    atomic_store_explicit(&e->ball, ball + 2, memory_order_release);
  }
  return 0;
}

/* Nanoseconds of the best batch; -1 when the threads could not be made or placed. */
double round_trip_ns(int one, int other) {
  struct exchange e = {.cores = {one, other}};
  pthread_t helper;
  cpu_set_t before;
  if (pthread_getaffinity_np(pthread_self(), sizeof before, &before)) return -1;
  if (pthread_create(&helper, 0, second, &e)) return -1;
  first(&e);
  pthread_join(helper, 0);
  pthread_setaffinity_np(pthread_self(), sizeof before, &before);
  return e.pinned[0] && e.pinned[1] ? e.best : -1;
}
