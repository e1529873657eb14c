# Unit tests of the layers that run on a tier's kernels, once per tier: target wasm-tests.

add_custom_target(wasm-tests)
foreach(layer kernels runtime)
  whittle_sources(tests tests/core/${layer}/*_test.cpp)
  if(NOT tests)
    continue()
  endif()
  # Compiled once: which tiers there are is known when the program runs.
  set(objects wasm_test_${layer})
  add_library(${objects} OBJECT EXCLUDE_FROM_ALL ${tests})
  target_link_libraries(${objects} PUBLIC whittle_tests whittle_${layer})
  whittle_use_precompiled(${objects} whittle_precompiled_tests)
  if(layer STREQUAL runtime)
    target_link_libraries(${objects} PUBLIC whittle_onnx)
  endif()
  foreach(tier simd128 relaxed)
    set(name test_${layer}-${tier})
    add_executable(${name} EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${objects}>)
    target_link_libraries(${name} PRIVATE ${objects} whittle_kernels_${tier})
    # -O1: these are linked far more often than run. The checks find a stack that is too small.
    target_link_options(${name} PRIVATE -O1 -sALLOW_MEMORY_GROWTH=1 -sSTACK_SIZE=1MB
      -sSTACK_OVERFLOW_CHECK=2 -sENVIRONMENT=node -sNODERAWFS=1 -sEXIT_RUNTIME=1)
    set_target_properties(${name} PROPERTIES SUFFIX .cjs)
    add_dependencies(wasm-tests ${name})
  endforeach()
endforeach()
