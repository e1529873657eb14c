// StringConcat, StringSplit, StringNormalizer, RegexFullMatch, TfIdfVectorizer.
#include <gtest/gtest.h>

#include "core/ops/support/regex.h"
#include "core/ops/support/utf8.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

Tensor texts(const Shape& shape, std::vector<std::string> values) {
  Tensor tensor = Tensor::allocate(DType::string, shape);
  tensor.mutable_strings() = std::move(values);
  return tensor;
}

bool matches(std::string_view pattern, std::string_view text) {
  return Regex(pattern, "test").matches(text);
}

TEST(Text, RegexSyntax) {
  struct Row {
    const char* pattern;
    const char* yes;
    const char* no;
  };
  // Expectations as google-re2's FullMatch gives them.
  const Row rows[] = {
      {"a*", "aaa", "b"},
      {"a+?b", "aab", "b"},
      {"(ab|c)*d", "abcabd", "abacd"},
      {"a{2,3}", "aaa", "aaaa"},
      {"a{2}", "aa", "a"},
      {"a{,2}", "a{,2}", "aa"},
      {"[^a-c]x", "dx", "ax"},
      {"[]a]", "]", "b"},
      {"[a\\-c]+", "a-c", "b"},
      {"\\d{3}-\\D", "123-x", "12-xx"},
      {"\\w+\\s\\W", "a_1 !", "a b"},
      {"(?i)straße", "STRAßE", "strasse"},
      {"(?i:A)b", "ab", "aB"},
      {"(?s).+", "a\nb", ""},
      {".+", "ab", "a\nb"},
      {"(?m)a$\n^b", "a\nb", "a b"},
      {"^a\\b.\\bc$", "a.c", "abc"},
      {"\\Qa.b\\E", "a.b", "axb"},
      {"\\x41\\x{1F600}\\101", "A😀A", "AA"},
      {"[[:alpha:]]+[[:^digit:]]", "ab!", "ab1"},
      {"(?P<name>a)(?<other>b)", "ab", "a"},
      {"a|b|", "", "c"},
      {"..", "äß", "ä"},
      {"(a*)*b", "aaab", "aaa"},
  };
  for (const Row& row : rows) {
    EXPECT_TRUE(matches(row.pattern, row.yes)) << row.pattern;
    EXPECT_FALSE(matches(row.pattern, row.no)) << row.pattern;
  }
}

TEST(Text, RegexTakesLinearTime) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a?";
  EXPECT_TRUE(matches(pattern + std::string(50, 'a'), std::string(50, 'a')));
  EXPECT_FALSE(matches("(a|aa)+", std::string(2000, 'a') + "b"));
}

TEST(Text, RegexRefuses) {
  for (const char* pattern : {"(", ")", "a**", "*", "[a", "[b-a]", "\\", "a{2000}", "\\8", "(?z)a",
                              "[[:no:]]", "((a{999}){999}){999}", "((){1000}){1000}"}) {
    EXPECT_THROW(matches(pattern, "a"), Error) << pattern;
  }
  EXPECT_THROW(matches("\\pL", "a"), Error);
  EXPECT_THROW(matches(std::string(10000, '('), "a"), Error);
}

TEST(Text, CaseMapping) {
  EXPECT_EQ(map_code_points("Ärger ŽŸ ΣΩ Жя 9", to_lower), "ärger žŸ σω жя 9");
  EXPECT_EQ(map_code_points("ärger ž σω жя ÷", to_upper), "ÄRGER Ž ΣΩ ЖЯ ÷");
}

TEST(Text, NormalizerKeepsOneEmptyText) {
  const OpCase which{"StringNormalizer",
                     {{"stopwords", std::vector<std::string>{"The"}},
                      {"case_change_action", std::string("UPPER")}}};
  const Tensor kept = run_op1(which, {texts({3}, {"the", "cat", "THE"})});
  EXPECT_EQ(kept.strings()[0], "CAT");
  EXPECT_EQ(kept.elements(), 1);
  EXPECT_EQ(run_op1(which, {texts({1, 1}, {"the"})}).strings()[0], "");
  EXPECT_EQ(error_of(which, {texts({2, 2}, {"a", "b", "c", "d"})}), Code::SHAPE_MISMATCH);
}

TEST(Text, SplitAtWhiteSpace) {
  const auto out = run_op({"StringSplit", {{"maxsplit", int64_t{1}}}, "", 2},
                          {texts({3}, {"  a b  c ", "", "x"})});
  EXPECT_EQ(to_string(out[0].shape()), "[3,2]");
  EXPECT_EQ(out[0].strings()[1], "b  c ");
  EXPECT_EQ(to_int64s(out[1], ""), (std::vector<int64_t>{2, 0, 1}));
}

TEST(Text, TfIdfWeighs) {
  const OpCase which{"TfIdfVectorizer",
                     {{"mode", std::string("TFIDF")},
                      {"min_gram_length", int64_t{1}},
                      {"max_gram_length", int64_t{2}},
                      {"max_skip_count", int64_t{1}},
                      {"ngram_counts", std::vector<int64_t>{0, 2}},
                      {"ngram_indexes", std::vector<int64_t>{0, 1, 2}},
                      {"weights", std::vector<float>{1, 2, 10}},
                      {"pool_strings", std::vector<std::string>{"a", "b", "a", "b"}}}};
  // a b: neighbours once, and once one apart (a x b).
  expect_tensor(run_op1(which, {texts({5}, {"a", "b", "a", "x", "b"})}), {3}, {2, 4, 20});
}

}  // namespace
}  // namespace whittle::test
