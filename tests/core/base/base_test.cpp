#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "core/base/checked.h"
#include "core/base/progress.h"
#include "core/base/random.h"
#include "core/base/thread_pool.h"

namespace whittle::test {
namespace {

TEST(Error, CarriesCodeMessageAndPlace) {
  try {
    fail(Code::INVALID_OPTION, "rank", "Expected a rank in [1,", 8, "] for rank but received ",
         9.5);
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::INVALID_OPTION);
    EXPECT_EQ(error.where, "rank");
    EXPECT_STREQ(error.what(), "Expected a rank in [1,8] for rank but received 9.5");
  }
}

TEST(Error, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  int count = 0;
#define WHITTLE_ERROR(code, meaning)               \
  names.insert(code_name(Code::code));             \
  EXPECT_EQ(code_name(Code::code), #code);         \
  EXPECT_FALSE(std::string_view(meaning).empty()); \
  ++count;
#include "core/base/error_codes.inc"
#undef WHITTLE_ERROR
  EXPECT_EQ(names.size(), static_cast<size_t>(count));
}

TEST(Checked, SizesThatDoNotFitAreRefused) {
  EXPECT_EQ(checked_mul(int64_t{1} << 31, 4, "x"), int64_t{1} << 33);
  EXPECT_EQ(checked_add(3, 4, "x"), 7);
  EXPECT_EQ(checked_mul(0, int64_t{1} << 62, "x"), 0);
  EXPECT_THROW(checked_mul(int64_t{1} << 62, 2, "x"), Error);
  EXPECT_THROW(checked_mul(-1, 2, "x"), Error);
  EXPECT_THROW(checked_add(INT64_MAX, 1, "x"), Error);
  EXPECT_THROW(checked_add(1, -1, "x"), Error);
}

TEST(Random, IsTheReferenceStreamOfPcg32) {
  // pcg32-demo of the reference implementation: seed 42, stream 54.
  Random random(42, 54);
  for (const uint32_t expected :
       {0xa15c02b7u, 0x7b47f409u, 0xba1d3330u, 0x83d2f293u, 0xbfa4784bu, 0xcbed606eu}) {
    EXPECT_EQ(random.next(), expected);
  }
}

TEST(Random, StaysInItsRanges) {
  Random random(1);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    EXPECT_LT(random.below(7), 7u);
    const float u = random.uniform(-2, 3);
    EXPECT_GE(u, -2.0f);
    EXPECT_LE(u, 3.0f);
    sum += random.normal();
  }
  EXPECT_LT(std::abs(sum / 10000), 0.05) << "five standard errors of the mean";
}

TEST(Progress, CancelFlagThrowsOncePolled) {
  CancelFlag flag;
  flag.poll();
  flag.cancel();
  try {
    flag.poll();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::CANCELLED);
  }
}

TEST(SerialPool, RunsEveryTaskOnceInOrder) {
  SerialPool pool;
  std::vector<int64_t> seen;
  pool.run(5, [&](int64_t task, int thread) {
    EXPECT_EQ(thread, 0);
    seen.push_back(task);
  });
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_THROW(pool.run(1, [](int64_t, int) { throw Error(Code::INTERNAL, "x"); }), Error);
}

}  // namespace
}  // namespace whittle::test
