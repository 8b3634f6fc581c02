#include "cpu/loops/fill_tables.h"
#include "cpu/loops/rows.h"
#include "kernels/scan.h"

namespace cnn::cpu::inline CNN_ISA {

void fill_rows_scan(Tables& t) {
#define CNN_ADD(name, types) add_rows<kernels::name, kernels::RowTypes::types>(t.rows);
  CNN_ROWS_SCAN(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::inline CNN_ISA
