// Each kernel file of an instruction set fills its part of the tables.
#pragma once

#include "cpu/loops/tables.h"

namespace cnn::cpu::inline CNN_ISA {

void fill_arithmetic(Tables& t);
void fill_unary(Tables& t);
void fill_binary(Tables& t);
void fill_compare(Tables& t);
void fill_activation(Tables& t);
void fill_select(Tables& t);
void fill_casts(Tables& t);
void fill_moves(Tables& t);
void fill_create(Tables& t);
void fill_optim(Tables& t);
void fill_index(Tables& t);
void fill_loss(Tables& t);
void fill_reduce(Tables& t);
void fill_rows_norm(Tables& t);
void fill_rows_rank(Tables& t);
void fill_rows_scan(Tables& t);

}  // namespace cnn::cpu::CNN_ISA
