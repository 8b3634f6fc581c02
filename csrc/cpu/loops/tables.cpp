#include "cpu/loops/tables.h"

#include "cpu/loops/fill_tables.h"

#define CNN_JOIN2(a, b) a##b
#define CNN_JOIN(a, b) CNN_JOIN2(a, b)

namespace cnn::cpu {

inline namespace CNN_ISA {
void fill_special(Tables& t);
}

// The one name by which the host finds this build: fill_tables_avx2(tables).
void CNN_JOIN(fill_tables_, CNN_ISA)(Tables& t) {
  fill_arithmetic(t);
  fill_unary(t);
  fill_binary(t);
  fill_compare(t);
  fill_activation(t);
  fill_select(t);
  fill_special(t);
  fill_casts(t);
  fill_moves(t);
  fill_create(t);
  fill_optim(t);
  fill_index(t);
  fill_loss(t);
  fill_reduce(t);
  fill_rows_norm(t);
  fill_rows_rank(t);
  fill_rows_scan(t);
}

}  // namespace cnn::cpu
