# A module for some operators only: chosen/whittle-<tier>.{mjs,wasm}, out of the objects of the whole
# runtime and of tables that name less.
#
#   cmake --preset wasm -DWHITTLE_OPERATORS="Conv;Clip;Gemm" && cmake --build --preset wasm \
#     --target whittle-simd128-chosen
#
# WHITTLE_OPERATORS are names, with the domain before "::" for other than ai.onnx; `whittle
# build-runtime --for model.onnx` fills it in.

set(WHITTLE_OPERATORS "" CACHE STRING "Operators of the modules whittle-<tier>-chosen")
if(NOT WHITTLE_OPERATORS)
  return()
endif()

# What the passes and lowerings put in the place of others.
set(chosen ${WHITTLE_OPERATORS} Identity Constant Reshape Transpose Cast Add Mul)
foreach(pair "BatchNormalization:Sub" "BatchNormalization:Div" "FusedMatMul:MatMul"
    "Upsample:Resize" "FusedConv:Conv" "FusedGemm:Gemm")
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 given)
  list(GET pair 1 made)
  if(given IN_LIST chosen OR "com.microsoft::${given}" IN_LIST chosen)
    list(APPEND chosen ${made})
  endif()
endforeach()
list(REMOVE_DUPLICATES chosen)

# What the lists call QUANTIZED.
set(chosen_quantized "QLinear.*|Quantize.*|DequantizeLinear|DynamicQuantize.*|ConvInteger|MatMulInteger.*|QGemm")
set(chosen_folder ${CMAKE_CURRENT_BINARY_DIR}/generated/chosen)

# chosen_files(<variable> <file>...): those that name a chosen operator in quotes.
function(chosen_files variable)
  set(found "")
  foreach(file IN LISTS ARGN)
    file(READ ${file} text)
    foreach(operator IN LISTS chosen)
      string(REGEX REPLACE "^.*::" "" name ${operator})
      string(FIND "${text}" "\"${name}\"" at)
      if(at GREATER -1)
        list(APPEND found ${file})
        break()
      endif()
    endforeach()
  endforeach()
  set(${variable} ${found} PARENT_SCOPE)
endfunction()

# chosen_list(<output> <input>): the entries whose pattern, the last text of each, matches a chosen
# operator, and those whose pattern is empty.
function(chosen_list output input)
  file(READ ${input} text)
  string(REGEX MATCHALL "WHITTLE_[A-Z]+\\([^()]*\\)" entries "${text}")
  set(lines "")
  foreach(entry IN LISTS entries)
    string(REGEX MATCH "\"([^\"]*)\"\\)$" unused "${entry}")
    string(REPLACE "QUANTIZED" "${chosen_quantized}" pattern "${CMAKE_MATCH_1}")
    set(wanted FALSE)
    if(pattern STREQUAL "")
      set(wanted TRUE)
    endif()
    foreach(operator IN LISTS chosen)
      string(REGEX REPLACE "^.*::" "" name ${operator})
      if(name MATCHES "^(${pattern})$")
        set(wanted TRUE)
      endif()
    endforeach()
    if(wanted)
      string(APPEND lines "${entry}\n")
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${output} CONTENT "${lines}" @ONLY)
endfunction()

chosen_files(chosen_operators ${operators})
chosen_files(chosen_rules ${rules})
list(APPEND chosen_rules ${CMAKE_SOURCE_DIR}/core/onnx/canonicalize/introduced.cpp
  ${CMAKE_SOURCE_DIR}/core/onnx/canonicalize/legacy_broadcast.cpp)
list(REMOVE_DUPLICATES chosen_rules)
whittle_table(${chosen_folder}/ops.cpp core/ops/op.h register_all_ops OpTable register_
  ${chosen_operators})
whittle_table(${chosen_folder}/rules.cpp core/onnx/canonicalize.h register_all_canonicalize_rules
  CanonicalizeTable register_canonicalize_ ${chosen_rules})
chosen_list(${chosen_folder}/step_list.inc core/runtime/steps/step_list.inc)
chosen_list(${chosen_folder}/lowering_list.inc core/runtime/lower/lowering_list.inc)

# These define what the archives define too; being named first, they are taken, and what nothing
# names any more stays out of the module.
add_library(whittle_chosen OBJECT EXCLUDE_FROM_ALL ${chosen_folder}/ops.cpp
  ${chosen_folder}/rules.cpp ${CMAKE_SOURCE_DIR}/core/runtime/steps/step_builders.cpp
  ${CMAKE_SOURCE_DIR}/core/runtime/lower/lower.cpp)
target_link_libraries(whittle_chosen PUBLIC whittle_runtime whittle_onnx)
target_compile_definitions(whittle_chosen PRIVATE
  WHITTLE_STEP_LIST="${chosen_folder}/step_list.inc"
  WHITTLE_LOWERING_LIST="${chosen_folder}/lowering_list.inc")

foreach(tier simd128 relaxed)
  set(name whittle-${tier}-chosen)
  add_executable(${name} EXCLUDE_FROM_ALL $<TARGET_OBJECTS:whittle_chosen>
    $<TARGET_OBJECTS:whittle_bindings_runtime> $<TARGET_OBJECTS:whittle_bindings_serial>)
  target_link_libraries(${name} PRIVATE whittle_bindings_runtime whittle_kernels_${tier})
  target_link_options(${name} PRIVATE ${WHITTLE_WASM_LINK} -sEXPORT_NAME=createWhittle)
  set_target_properties(${name} PROPERTIES SUFFIX .mjs OUTPUT_NAME whittle-${tier}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/chosen)
endforeach()
