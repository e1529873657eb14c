#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/ops/interpret.h"
#include "core/passes/pass.h"
#include "tests/support/tolerance.h"

namespace whittle::test {

/** Both graphs give the same outputs, of the same names, for `feeds`. */
inline void expect_same_outputs(const Graph& before, const Graph& after,
                                const std::map<std::string, Tensor>& feeds) {
  SerialPool pool;
  const auto expected = interpret(before, all_ops(), feeds, pool);
  const auto actual = interpret(after, all_ops(), feeds, pool);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    SCOPED_TRACE(before.value(before.outputs[i]).name);
    EXPECT_EQ(before.value(before.outputs[i]).name, after.value(after.outputs[i]).name);
    ASSERT_EQ(actual[i].dtype(), expected[i].dtype());
    ASSERT_EQ(actual[i].shape(), expected[i].shape());
    if (actual[i].dtype() == DType::string) continue;
    const auto a = to_floats(actual[i], "actual");
    const auto b = to_floats(expected[i], "expected");
    expect_all(a.data(), b.data(), a.size(), kRewritten);
  }
}

inline PassContext pass_context() {
  static SerialPool pool;
  return PassContext{all_ops(), pool};
}

}  // namespace whittle::test
