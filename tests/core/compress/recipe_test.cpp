#include "core/compress/recipe.h"

#include <gtest/gtest.h>

#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::recipe_of;

/** Code, place and message of what parsing throws, as users see it. */
std::string refusal(const json& recipe) {
  try {
    parse_recipe(recipe, all_techniques());
  } catch (const Error& error) {
    return std::string(code_name(error.code)) + " " + error.where + ": " + error.message;
  }
  return "accepted";
}

std::string refusal_for(const json& recipe, const Model& model) {
  try {
    check_recipe(parse_recipe(recipe, all_techniques()), model);
  } catch (const Error& error) {
    return std::string(code_name(error.code)) + " " + error.where + ": " + error.message;
  }
  return "accepted";
}

TEST(Recipe, RefusesWhatItDoesNotKnowAndSaysWhatIsNear) {
  EXPECT_EQ(refusal(recipe_of({{{"technique", "quantise-static"}}})),
            "UNKNOWN_TECHNIQUE steps[0].technique: Expected a known technique for "
            "steps[0].technique but received \"quantise-static\". Did you mean "
            "\"quantize-static\"?");
  EXPECT_EQ(refusal(recipe_of({{{"technique", "fp16"}}, {{"technique", "svd"}, {"energie", 0.9}}})),
            "INVALID_OPTION steps[1].energie: Expected a known option for steps[1] but received "
            "\"energie\". Did you mean \"energy\"?");
  EXPECT_EQ(refusal({{"whittle", 1}, {"stepps", json::array()}}),
            "INVALID_RECIPE stepps: Expected a known key for the recipe but received \"stepps\". "
            "Did you mean \"steps\"?");
}

TEST(Recipe, RefusesValuesOutOfRangeAndOfTheWrongType) {
  EXPECT_EQ(refusal(recipe_of({{{"technique", "svd"}, {"energy", 1.5}}})),
            "INVALID_OPTION steps[0].energy: Expected a number from 0 to 1 for steps[0].energy but "
            "received 1.5");
  EXPECT_EQ(refusal(recipe_of({{{"technique", "svd"}, {"rank", 2.5}}})),
            "INVALID_OPTION steps[0].rank: Expected an integer of at least 1 for steps[0].rank but "
            "received 2.5");
  EXPECT_EQ(refusal(recipe_of({{{"technique", "quantize-static"}, {"activations", "u16"}}})),
            "INVALID_OPTION steps[0].activations: Expected one of \"u8\", \"s8\" for "
            "steps[0].activations but received \"u16\"");
  EXPECT_EQ(refusal(recipe_of({{{"technique", "fp16"}, {"graph", "yes"}}})),
            "INVALID_OPTION steps[0].graph: Expected true or false for steps[0].graph but received "
            "\"yes\"");
  EXPECT_EQ(refusal({{"whittle", 2}, {"steps", {{{"technique", "fp16"}}}}}),
            "INVALID_RECIPE whittle: Expected the recipe version 1 for whittle but received 2");
  EXPECT_EQ(refusal({{"whittle", 1}, {"steps", json::array()}}),
            "INVALID_RECIPE steps: Expected an array of at least one step for steps but received "
            "[]");
  EXPECT_EQ(
      refusal(
          {{"whittle", 1}, {"gate", {{"minAgreement", 97}}}, {"steps", {{{"technique", "fp16"}}}}}),
      "INVALID_RECIPE gate.minAgreement: Expected a number from 0 to 1 for gate.minAgreement "
      "but received 97");
}

TEST(Recipe, RefusesStepsThatDoNotFitTogether) {
  EXPECT_EQ(refusal(recipe_of({{{"technique", "quantize-weights"}}, {{"technique", "svd"}}})),
            "INVALID_RECIPE steps[1]: Expected svd before quantize-weights for steps[1] but "
            "received it after (steps[0]): it cannot work on what quantize-weights makes");
}

TEST(Recipe, RefusesLayerRulesThatCannotHold) {
  EXPECT_EQ(refusal(recipe_of({{{"technique", "tucker"}, {"layers", {{{"op", "Gemm"}}}}}})),
            "INVALID_RECIPE steps[0].layers[0].op: Expected an operator that tucker works on for "
            "steps[0].layers[0].op but received \"Gemm\". It works on Conv");
  EXPECT_EQ(
      refusal(recipe_of({{{"technique", "svd"}, {"layers", {{{"name", "a"}, {"energy", 7}}}}}})),
      "INVALID_OPTION steps[0].layers[0].energy: Expected a number from 0 to 1 for "
      "steps[0].layers[0].energy but received 7");
  const auto model = test::two_layers();
  EXPECT_EQ(
      refusal_for(recipe_of({{{"technique", "svd"}, {"layers", {{{"name", "fc3"}}}}}}), *model),
      "NO_SUCH_LAYER steps[0].layers[0]: Expected a layer of the model for "
      "steps[0].layers[0] but received name \"fc3\", which matches nothing. Did you mean "
      "\"fc1\" or \"fc2\"?");
}

TEST(Recipe, TakesTheExampleOfTheDocuments) {
  const json recipe = json::parse(R"({ "whittle": 1, "seed": 7, "target": "ort-web",
    "input": { "image": { "preset": "imagenet", "size": [224, 224] } },
    "gate": { "minAgreement": 0.97 },
    "steps": [
      { "technique": "svd", "energy": 0.98, "layers": [{ "op": "Gemm" }] },
      { "technique": "quantize-static", "activations": "u8",
        "layers": [{ "name": "*" }, { "name": "/head/*", "skip": true }] } ] })");
  const Recipe parsed = parse_recipe(recipe, all_techniques());
  EXPECT_EQ(parsed.seed, 7u);
  EXPECT_EQ(parsed.target, "ort-web");
  EXPECT_EQ(parsed.gate.min_agreement, 0.97);
  ASSERT_EQ(parsed.steps.size(), 2u);
  EXPECT_EQ(parsed.steps[0].options.number("energy"), 0.98);
  EXPECT_TRUE(parsed.steps[1].rules[1].skip);
  EXPECT_EQ(parsed.data_passes(), 1);
}

TEST(Recipe, EveryPresetIsAValidRecipe) {
  const auto model = test::two_layers();
  for (const std::string& preset : preset_names()) {
    for (bool data : {false, true}) {
      const Recipe recipe = parse_recipe(preset_recipe(preset, *model, data), all_techniques());
      check_recipe(recipe, *model);
      if (!data) EXPECT_EQ(recipe.data_passes(), 0) << preset;
    }
  }
  EXPECT_THROW(preset_recipe("small", *model, false), Error);
}

TEST(Recipe, RefusesToQuantizeTwice) {
  const auto model = test::two_layers();
  const auto once = test::compress(model, recipe_of({{{"technique", "quantize-weights"}}}));
  EXPECT_EQ(refusal_for(recipe_of({{{"technique", "quantize-dynamic"}}}), once.model),
            "ALREADY_QUANTIZED steps[0]: Expected a float model for steps[0] but received one that "
            "is quantized already. quantize-dynamic would only lose accuracy: start from the float "
            "file");
}

TEST(Recipe, SaysWhichStepMissesItsData) {
  const auto model = test::two_layers();
  try {
    CompressJob job(model, recipe_of({{{"technique", "quantize-static"}}}), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::CALIBRATION_REQUIRED);
    EXPECT_EQ(error.where, "steps[0]");
  }
}

TEST(Explain, SaysWhatARecipeWouldDoWithoutDoingIt) {
  const auto model = test::two_layers();
  const json plan = explain(*model, recipe_of({{{"technique", "quantize-weights"}}}));
  EXPECT_EQ(plan["steps"][0]["layers"].size(), 2u);
  EXPECT_EQ(plan["steps"][0]["layers"][0]["weights"], 48 * 32);
  EXPECT_EQ(plan["bytes"].get<int64_t>() - plan["estimatedBytes"].get<int64_t>(),
            3 * (48 * 32 + 48 * 10));
  EXPECT_EQ(explain(*model, "fastest")["needsData"], true);
}

TEST(Schema, DescribesEveryTechniqueAndOption) {
  const json schema = technique_schema();
  EXPECT_GE(schema.size(), 7u);
  for (const json& technique : schema) {
    EXPECT_FALSE(technique["summary"].get<std::string>().empty());
    for (const json& option : technique["options"]) {
      EXPECT_FALSE(option["doc"].get<std::string>().empty()) << option;
    }
  }
}

}  // namespace
}  // namespace whittle
