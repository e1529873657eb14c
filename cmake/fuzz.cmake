# Fuzz targets: each tests/fuzz/<name>.cpp defines LLVMFuzzerTestOneInput and becomes fuzz_<name>.
# Under clang libFuzzer drives it; under g++ tests/fuzz/support/mutator_main.cpp does, with a seeded
# mutator and the same options. Target fuzz-targets builds them.

set(fuzzed_layers base tensor graph onnx)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # What -fsanitize=fuzzer-no-link adds: the fuzzer sees which branches an input reached.
  foreach(layer IN LISTS fuzzed_layers)
    target_compile_options(whittle_${layer} PRIVATE
      -fsanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table)
  endforeach()
endif()

whittle_sources(targets tests/fuzz/*.cpp)
list(FILTER targets EXCLUDE REGEX "/tests/fuzz/support/")
add_custom_target(fuzz-targets)
foreach(file IN LISTS targets)
  get_filename_component(name ${file} NAME_WE)
  add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${file})
  target_link_libraries(fuzz_${name} PRIVATE whittle_onnx)
  add_dependencies(fuzz-targets fuzz_${name})
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/support/mutator_main.cpp)
  endif()
endforeach()
